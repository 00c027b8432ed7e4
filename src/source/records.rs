//! Where a CSV record ends: at a newline that no quotes enclose.
//!
//! As in RFC 4180, and as the cells are read later: a quote counts only where a cell begins, and two
//! quotes within a quoted cell are one.

use memchr::{memchr, memchr2};

/// How some bytes that begin with a record go on.
#[derive(Debug, PartialEq, Eq)]
pub enum Ending {
    /// The record has this many bytes, its newline included.
    At(usize),
    /// No newline yet.
    Open,
    /// No newline yet outside of quotes.
    Quoted,
}

/// Where the first record ends.
pub fn ending(bytes: &[u8]) -> Ending {
    let mut at = 0;
    loop {
        if bytes.get(at) == Some(&b'"') {
            at += 1;
            loop {
                match memchr(b'"', &bytes[at..]) {
                    None => return Ending::Quoted,
                    Some(quote) => at += quote + 1,
                }
                if bytes.get(at) != Some(&b'"') {
                    break;
                }
                at += 1;
            }
        }
        match memchr2(b',', b'\n', &bytes[at..]) {
            None => return Ending::Open,
            Some(end) if bytes[at + end] == b'\n' => return Ending::At(at + end + 1),
            Some(comma) => at += comma + 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_ends_at_the_first_newline_outside_of_quotes() {
        for (text, end) in [
            ("a,b\nc", Ending::At(4)),
            ("\n", Ending::At(1)),
            ("a,\"b\nc\",d\ne", Ending::At(10)),
            ("\"a\"\"\n\"\"\",\nx", Ending::At(10)),
            ("a\",b\nc", Ending::At(5)),
            ("\"a\"b\",c\nd", Ending::At(8)),
            ("a,b", Ending::Open),
            ("", Ending::Open),
            ("a,\"b\nc\n", Ending::Quoted),
            ("\"a\"", Ending::Open),
        ] {
            assert_eq!(ending(text.as_bytes()), end, "{text:?}");
        }
    }
}
