//! The mark of byte order with which a further member of compressed bytes may begin, as each file does of those that were
//! put one behind the other: it is no text there.

const MARK: &[u8] = "\u{feff}".as_bytes();

/// What is known of a member's first bytes.
#[derive(Default)]
pub(super) struct MemberMark {
    is_looked_for: bool,
    /// First bytes that are such a mark's, and were not handed over.
    held: Vec<u8>,
}

impl MemberMark {
    /// At a member's beginning.
    pub fn looked_for() -> Self {
        MemberMark { is_looked_for: true, held: Vec::new() }
    }

    /// Whether the next byte is to be taken by itself.
    pub fn is_looked_for(&self) -> bool {
        self.is_looked_for
    }

    /// Takes the member's next byte; none at its end.
    pub fn take(&mut self, byte: &[u8]) {
        self.held.extend_from_slice(byte);
        self.is_looked_for =
            !byte.is_empty() && self.held.len() < MARK.len() && MARK.starts_with(&self.held);
        if self.held == MARK {
            self.held.clear();
        }
    }

    /// Hands over what was taken and is no mark.
    pub fn give(&mut self, into: &mut [u8]) -> Option<usize> {
        if self.is_looked_for || self.held.is_empty() {
            return None;
        }
        let length = self.held.len().min(into.len());
        into[..length].copy_from_slice(&self.held[..length]);
        self.held.drain(..length);
        Some(length)
    }
}
