//! Texts that are not written as they are read: compressed, in UTF-16, or as one list of JSON. What a file's bytes
//! are is told by the bytes, never by its name.
//!
//! A text that has to be unfolded is read from its first byte on, and a file with such a text does not grow: it is
//! known by its length and all of its bytes; a columnar file by its length, its beginning and its end.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use encoding_rs::Encoding;

use super::ahead::Ahead;
use super::codec::Codec;
use super::encoding::Transcoded;
use super::foreign;
use super::list::{ListLines, is_list, is_short_list};
use super::packed::{LOOKED_AT, Unpacked, cut_off};
use super::text::TextEnd;
use super::trail::Trail;
use crate::plan::{Format, Source};

/// A text, as far as it is known how it is written.
pub(super) enum Unfolding {
    /// As it is read, or in an encoding in which lines end as in ASCII.
    Plain(Ahead),
    Unfolded(Ahead),
    /// Too few bytes have been written.
    Undecided,
}

/// Looks at how a text begins. `end` says whether more may be appended to it.
pub(super) fn unfolded(
    source: &Source,
    bytes: impl Read + Send + 'static,
    end: TextEnd,
) -> io::Result<Unfolding> {
    unfolded_as(source.format, source.text.encoding, bytes, end)
}

/// A file's text as its rows are read of it, whatever it is compressed with.
pub fn text_of(
    path: &Path,
    format: Format,
    encoding: Option<&'static Encoding>,
) -> io::Result<impl Read> {
    match unfolded_as(format, encoding, File::open(path)?, TextEnd::Final)? {
        Unfolding::Plain(text) | Unfolding::Unfolded(text) => Ok(text),
        Unfolding::Undecided => unreachable!("the end is final"),
    }
}

fn unfolded_as(
    format: Format,
    encoding: Option<&'static Encoding>,
    bytes: impl Read + Send + 'static,
    end: TextEnd,
) -> io::Result<Unfolding> {
    let mut text = Ahead::new(bytes);
    let mut is_folded = false;
    let codec = text.look(Codec::of)?;
    if codec.is_none() {
        let all = text.peek(LOOKED_AT)?;
        if let Some(begun) = Codec::begun(all) {
            let why = cut_off(begun, all.len() as u64);
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
    }
    if codec.is_none() && end == TextEnd::Open {
        return Ok(Unfolding::Undecided);
    }
    if codec.flatten().is_some() {
        text = Ahead::new(Unpacked::new(text));
        is_folded = true;
    }
    if let Some(encoding) = encoding.filter(|of| !of.is_ascii_compatible()) {
        // Without a mark of byte order it is read as it is said, which may be the wrong way round.
        let is = foreign::wide(text.peek(foreign::LOOKED_AT)?);
        if let Some(is) = is.filter(|is| Encoding::for_label(is.as_bytes()) != Some(encoding))
            && !foreign::is_marked(text.peek(2)?)
        {
            let why = format!("it is UTF-16 without a mark of byte order: say `encoding: {is}`");
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        text = Ahead::new(Transcoded::new(encoding, text));
        is_folded = true;
    }
    if format == Format::Json {
        let list = match text.look(is_list)? {
            Some(list) => list,
            None if end == TextEnd::Open && !is_folded => return Ok(Unfolding::Undecided),
            None => is_short_list(text.peek(usize::MAX >> 1)?),
        };
        if list {
            text = Ahead::new(ListLines::new(text));
            is_folded = true;
        }
    }
    Ok(if is_folded { Unfolding::Unfolded(text) } else { Unfolding::Plain(text) })
}

/// Has a file's text unfolded where it has to be; `false` if too few bytes of it have been written. Where others write
/// to it (`follows`), it is read to its end first, so that none of it counts before all of it is there.
pub(super) fn unfold(
    source: &Source,
    trail: &mut Trail,
    end: TextEnd,
    follows: bool,
) -> io::Result<bool> {
    match unfolded(source, trail.reread()?, end)? {
        Unfolding::Undecided => return Ok(false),
        Unfolding::Plain(_) => {}
        Unfolding::Unfolded(mut text) if follows => {
            io::copy(&mut text, &mut io::sink())?;
            if let Unfolding::Unfolded(text) = unfolded(source, trail.reread()?, TextEnd::Final)? {
                trail.unfold(text);
            }
        }
        Unfolding::Unfolded(text) => trail.unfold(text),
    }
    Ok(true)
}
