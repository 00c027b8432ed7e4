//! What is posted, as text: unpacked where it is gzipped.
//!
//! Whether it is, its first bytes say. What a client says of it may be wrong: one SDK sends gzipped JSON as a form, and
//! proxies unpack bodies and leave the header.

use std::borrow::Cow;
use std::io::Read;

use flate2::read::MultiGzDecoder;

use super::denial::Denial;

/// With which every gzipped body begins, and no JSON does.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Why a body can't be read.
#[derive(Debug, PartialEq, Eq)]
pub enum Unpackable {
    /// It has more bytes than this, or would have.
    TooLarge,
    /// It begins as gzip does, and is none.
    NoGzip(String),
}

impl Unpackable {
    /// The same of `what` may have `limit` bytes.
    pub fn denial(self, what: &str, limit: usize) -> Denial {
        match self {
            Unpackable::TooLarge => Denial::too_large(what, limit),
            Unpackable::NoGzip(why) => Denial::bad_body(
                format!("the body is no whole gzip: {why}"),
                "send it as it is, or gzip all of it",
            ),
        }
    }
}

/// What a body holds, at most `limit` bytes: a small body may unpack to any size.
///
/// # Errors
/// If it holds more, or is broken.
pub fn unpacked(body: &[u8], limit: usize) -> Result<Cow<'_, [u8]>, Unpackable> {
    if !body.starts_with(&GZIP) {
        return match body.len() > limit {
            true => Err(Unpackable::TooLarge),
            false => Ok(body.into()),
        };
    }
    let mut bytes = Vec::new();
    let mut decoder = MultiGzDecoder::new(body).take(limit as u64 + 1);
    decoder.read_to_end(&mut bytes).map_err(|error| Unpackable::NoGzip(error.to_string()))?;
    if bytes.len() > limit { Err(Unpackable::TooLarge) } else { Ok(bytes.into()) }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzipped(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).expect("memory");
        encoder.finish().expect("memory")
    }

    #[test]
    fn a_body_is_what_its_first_bytes_say() {
        assert_eq!(unpacked(b"{}", 2).as_deref(), Ok(&b"{}"[..]));
        assert_eq!(unpacked(b"{} ", 2), Err(Unpackable::TooLarge));
        assert_eq!(unpacked(&gzipped(b"{}"), 2).as_deref(), Ok(&b"{}"[..]));
        let twice = [gzipped(b"{}"), gzipped(b" ")].concat();
        assert_eq!(unpacked(&twice, 3).as_deref(), Ok(&b"{} "[..]));
        assert_eq!(unpacked(&gzipped(&vec![0; 1 << 20]), 1000), Err(Unpackable::TooLarge));
    }

    #[test]
    fn a_broken_gzip_is_told() {
        let whole = gzipped(b"[1, 2, 3]");
        for length in 2..whole.len() {
            assert!(
                matches!(unpacked(&whole[..length], 100), Err(Unpackable::NoGzip(_))),
                "{length}"
            );
        }
    }
}
