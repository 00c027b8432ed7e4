//! Texts that are written otherwise than in UTF-8 → UTF-8.
//!
//! What is no character of the encoding becomes a byte that is none of UTF-8 either: so its row is set aside, alone,
//! as it would be in a text of UTF-8.

use std::io::{self, BufRead, Read};

use encoding_rs::{Decoder, DecoderResult, Encoding};

use super::ahead::Ahead;
use crate::plan::TextForm;

/// A byte that no UTF-8 has.
const NO_CHARACTER: u8 = 0xff;

/// Rows of a text, as they were read, in UTF-8.
pub(super) fn rows(text: &TextForm, rows: Vec<u8>) -> Vec<u8> {
    match text.encoding.filter(|of| of.is_ascii_compatible() && *of != encoding_rs::UTF_8) {
        Some(encoding) => decoded(encoding, rows),
        None => rows,
    }
}

/// Rows of a text, in an encoding in which lines end as in ASCII.
fn decoded(encoding: &'static Encoding, rows: Vec<u8>) -> Vec<u8> {
    if rows.is_ascii() {
        return rows;
    }
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let mut text = Vec::new();
    decode(&mut decoder, &rows, true, &mut text);
    text
}

fn decode(decoder: &mut Decoder, mut bytes: &[u8], last: bool, text: &mut Vec<u8>) {
    loop {
        let room = decoder.max_utf8_buffer_length_without_replacement(bytes.len());
        let had = text.len();
        text.resize(had + room.unwrap_or(4 * bytes.len() + 16), 0);
        let (result, read, written) =
            decoder.decode_to_utf8_without_replacement(bytes, &mut text[had..], last);
        text.truncate(had + written);
        bytes = &bytes[read..];
        match result {
            DecoderResult::InputEmpty => return,
            DecoderResult::OutputFull => {}
            DecoderResult::Malformed(..) => text.push(NO_CHARACTER),
        }
    }
}

/// A text as a whole, in any encoding; a mark of byte order at its beginning says which of UTF-16 it is.
pub(super) struct Transcoded {
    bytes: Ahead,
    decoder: Decoder,
    text: Vec<u8>,
    at: usize,
    ended: bool,
}

impl Transcoded {
    pub fn new(encoding: &'static Encoding, bytes: Ahead) -> Self {
        let decoder = encoding.new_decoder();
        Transcoded { bytes, decoder, text: Vec::new(), at: 0, ended: false }
    }
}

impl Read for Transcoded {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.at == self.text.len() && !self.ended {
            (self.at, self.ended) = (0, self.bytes.fill_buf()?.is_empty());
            self.text.clear();
            let bytes = self.bytes.fill_buf()?;
            decode(&mut self.decoder, bytes, self.ended, &mut self.text);
            let read = bytes.len();
            self.bytes.consume(read);
        }
        let text = &self.text[self.at..];
        let read = text.len().min(into.len());
        into[..read].copy_from_slice(&text[..read]);
        self.at += read;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn transcoded(label: &str, bytes: Vec<u8>) -> Vec<u8> {
        let encoding = Encoding::for_label(label.as_bytes()).expect("a name");
        let mut text = Vec::new();
        Transcoded::new(encoding, Ahead::new(io::Cursor::new(bytes)))
            .read_to_end(&mut text)
            .unwrap();
        text
    }

    #[test]
    fn a_mark_says_which_way_round_and_half_a_character_spoils_its_place_alone() {
        let wide = |text: &str, little: bool| -> Vec<u8> {
            let units = text.encode_utf16();
            units
                .flat_map(|unit| if little { unit.to_le_bytes() } else { unit.to_be_bytes() })
                .collect()
        };
        for little in [true, false] {
            assert_eq!(transcoded("utf-16", wide("\u{feff}zoë\n😀", little)), "zoë\n😀".as_bytes());
        }
        let broken = [wide("a", true), vec![0x00, 0xd8], wide("\nb", true)].concat();
        assert_eq!(transcoded("utf-16le", broken), b"a\xff\nb");
    }

    proptest! {
        /// Rows that are decoded chunk by chunk are what the text is as a whole.
        #[test]
        fn rows_are_the_same_by_chunks(
            rows in prop::collection::vec("[a-z,\"äöüß€]{0,8}", 0..9), raw in prop::collection::vec(any::<u8>(), 0..40),
            which in 0usize..4,
        ) {
            let encoding = Encoding::for_label(["windows-1252", "iso-8859-15", "shift_jis", "gbk"][which].as_bytes()).unwrap();
            let mut bytes = encoding.encode(&rows.join("\n")).0.into_owned();
            bytes.push(b'\n');
            bytes.extend(raw);
            let whole = transcoded(encoding.name(), bytes.clone());
            let parts: Vec<u8> = bytes
                .split_inclusive(|byte| *byte == b'\n')
                .flat_map(|line| decoded(encoding, line.to_vec()))
                .collect();
            if !bytes.starts_with(b"\xff\xfe") && !bytes.starts_with(b"\xfe\xff") && !bytes.starts_with(b"\xef\xbb\xbf") {
                prop_assert_eq!(parts, whole);
            }
        }
    }
}
