//! Wanted values of a row of JSON, found in one walk over its bytes.
//!
//! It takes only what is beyond doubt: objects whose keys have no escapes, and paths that meet what they expect.
//! Everything else, and all that is no JSON, it leaves alone: serde_json reads that, and tells what is wrong.

use super::super::path::{PathNode, WantedName};

/// So deep is nothing that it takes: one bit says whether a level is an object.
const DEEPEST: u32 = 64;

pub(super) struct Scan<'row> {
    row: &'row str,
    at: usize,
    depth: u32,
}

impl<'row> Scan<'row> {
    /// Notes the wanted values of a row, an object; `None` where it takes none of it, whatever it has noted.
    pub fn find(row: &'row str, root: &PathNode, values: &mut [Option<&'row str>]) -> Option<()> {
        let mut scan = Scan { row, at: 0, depth: 0 };
        scan.pass_space();
        if scan.byte()? != b'{' {
            return None;
        }
        scan.members(true, root, values)?;
        scan.pass_space();
        (scan.at == row.len()).then_some(())
    }

    fn byte(&self) -> Option<u8> {
        self.row.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &'row [u8] {
        &self.row.as_bytes()[self.at..]
    }

    fn take(&mut self) -> Option<u8> {
        let byte = self.byte()?;
        self.at += 1;
        Some(byte)
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.take()? == byte).then_some(())
    }

    fn pass_space(&mut self) {
        while let Some(b' ' | b'\n' | b'\t' | b'\r') = self.byte() {
            self.at += 1;
        }
    }

    /// An object, or a list, that begins here.
    fn members(
        &mut self,
        is_object: bool,
        node: &PathNode,
        values: &mut [Option<&'row str>],
    ) -> Option<()> {
        let end = if is_object { b'}' } else { b']' };
        self.go_down()?;
        if self.ends(end) {
            return Some(());
        }
        // In a list, the item's number. In an object, the place behind the key that was found last: rows of a source
        // tend to have their keys in one order.
        let mut next = 0;
        loop {
            self.pass_space();
            let wanted = if is_object {
                let place = self.key(&node.children, next)?;
                next = place.map_or(next, |place| place + 1);
                place.map(|place| &node.children[place].1)
            } else {
                next += 1;
                let item = node.items.iter().find(|(number, _)| number + 1 == next);
                item.map(|(_, node)| node)
            };
            match wanted {
                Some(node) => self.value(node, values)?,
                None => self.skip()?,
            }
            if !self.goes_on(end)? {
                return Some(());
            }
        }
    }

    fn go_down(&mut self) -> Option<()> {
        self.at += 1;
        self.depth += 1;
        (self.depth < DEEPEST).then_some(())
    }

    /// Whether an object or a list that has just begun has nothing in it.
    fn ends(&mut self, end: u8) -> bool {
        self.pass_space();
        let ends = self.byte() == Some(end);
        if ends {
            self.at += 1;
            self.depth -= 1;
        }
        ends
    }

    /// Whether something follows on a member of an object or an item of a list.
    fn goes_on(&mut self, end: u8) -> Option<bool> {
        self.pass_space();
        match self.take()? {
            b',' => Some(true),
            byte if byte == end => {
                self.depth -= 1;
                Some(false)
            }
            _ => None,
        }
    }

    /// A value that is wanted, or leads on to such.
    fn value(&mut self, node: &PathNode, values: &mut [Option<&'row str>]) -> Option<()> {
        let start = self.at;
        if node.is_leaf() {
            self.skip()?;
        } else {
            // Where a key comes twice the last counts.
            node.below.iter().for_each(|field| values[*field] = None);
            let (of_objects, of_lists) = (!node.children.is_empty(), !node.items.is_empty());
            match self.byte()? {
                b'{' if of_objects && !of_lists => self.members(true, node, values)?,
                b'[' if of_lists && !of_objects => self.members(false, node, values)?,
                b'n' => self.word(b"null")?,
                _ => return None,
            }
        }
        let value = self.row.get(start..self.at)?;
        node.fields.iter().for_each(|field| values[*field] = Some(value));
        Some(())
    }

    /// A key, and on to its value: its place among the wanted ones, if it is one.
    fn key(&mut self, wanted: &[(WantedName, PathNode)], next: usize) -> Option<Option<usize>> {
        self.expect(b'"')?;
        let written = wanted.get(next).and_then(|(name, _)| name.written.as_deref());
        let place = match written.filter(|written| self.rest().starts_with(written)) {
            Some(written) => {
                self.at += written.len();
                Some(next)
            }
            None => {
                let start = self.at;
                if self.pass_text()? == b'\\' {
                    return None;
                }
                let key = &self.row.as_bytes()[start..self.at - 1];
                wanted.iter().position(|(wanted, _)| wanted.name.as_bytes() == key)
            }
        };
        self.pass_space();
        self.expect(b':')?;
        self.pass_space();
        Some(place)
    }

    /// Goes on behind the next quote, or the next backslash: which of the two it was.
    fn pass_text(&mut self) -> Option<u8> {
        let length = special(self.rest())?;
        self.at += length;
        self.take().filter(|byte| *byte >= b' ')
    }

    /// The rest of a text, behind its first quote.
    fn text(&mut self) -> Option<()> {
        while self.pass_text()? == b'\\' {
            match self.take()? {
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {}
                b'u' => {
                    let digits = self.rest().get(..4)?;
                    digits.iter().all(u8::is_ascii_hexdigit).then_some(())?;
                    self.at += 4;
                }
                _ => return None,
            }
        }
        Some(())
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        self.rest().starts_with(word).then_some(())?;
        self.at += word.len();
        Some(())
    }

    fn number(&mut self) -> Option<()> {
        if self.byte() == Some(b'-') {
            self.at += 1;
        }
        match self.take()? {
            b'0' => {}
            b'1'..=b'9' => self.pass_digits(),
            _ => return None,
        }
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.byte() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.byte() {
                self.at += 1;
            }
            self.digits()?;
        }
        Some(())
    }

    /// One digit at least.
    fn digits(&mut self) -> Option<()> {
        self.take()?.is_ascii_digit().then_some(())?;
        self.pass_digits();
        Some(())
    }

    fn pass_digits(&mut self) {
        while self.byte().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
    }

    /// Goes on behind a value, whatever is in it.
    fn skip(&mut self) -> Option<()> {
        // The levels that are open within it, the innermost one last: whether it is an object.
        let (mut objects, outer) = (0u64, self.depth);
        loop {
            match self.byte()? {
                b'"' => {
                    self.at += 1;
                    self.text()?;
                }
                b'-' | b'0'..=b'9' => self.number()?,
                b't' => self.word(b"true")?,
                b'f' => self.word(b"false")?,
                b'n' => self.word(b"null")?,
                open @ (b'{' | b'[') => {
                    let is_object = open == b'{';
                    self.go_down()?;
                    if !self.ends(if is_object { b'}' } else { b']' }) {
                        objects = objects << 1 | u64::from(is_object);
                        self.begin_member(is_object)?;
                        continue;
                    }
                }
                _ => return None,
            }
            // Behind a value: up, as far as something ends, and on to the next one.
            loop {
                if self.depth == outer {
                    return Some(());
                }
                let is_object = objects & 1 == 1;
                if self.goes_on(if is_object { b'}' } else { b']' })? {
                    self.begin_member(is_object)?;
                    break;
                }
                objects >>= 1;
            }
        }
    }

    /// Goes on to the value of a member of an object, or to an item of a list.
    fn begin_member(&mut self, is_object: bool) -> Option<()> {
        self.pass_space();
        if is_object {
            self.expect(b'"')?;
            self.text()?;
            self.pass_space();
            self.expect(b':')?;
            self.pass_space();
        }
        Some(())
    }
}

/// Where the first byte is that ends a text, begins an escape, or must not be in a text.
fn special(bytes: &[u8]) -> Option<usize> {
    const EACH: u64 = u64::MAX / 255;
    const HIGHEST: u64 = EACH << 7;
    let mut at = 0;
    for chunk in bytes.chunks_exact(8) {
        let word = u64::from_le_bytes(chunk.try_into().expect("8 bytes"));
        // The highest bit of a byte is set where it is zero; above the first such, bits may be set by a borrow.
        let zero = |word: u64| word.wrapping_sub(EACH) & !word & HIGHEST;
        let control = word.wrapping_sub(EACH * 0x20) & !word & HIGHEST;
        let quote = zero(word ^ (EACH * u64::from(b'"')));
        let backslash = zero(word ^ (EACH * u64::from(b'\\')));
        let found = control | quote | backslash;
        if found != 0 {
            return Some(at + found.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    let is_special = |byte: &u8| *byte == b'"' || *byte == b'\\' || *byte < b' ';
    Some(at + bytes[at..].iter().position(is_special)?)
}
