//! Links between identifiers, counted by the rows that stand and carry them; and which sources say so.
//!
//! In differential's terms, with `rows` as what each of them says of (one end, other end):
//!
//! ```text
//! links   = rows.map(|(ends, row)| (ends, row.verdict)).distinct_total().reduce(|_, verdicts| state)
//! sources = rows.map(|(ends, row)| (ends, row.source)).distinct_total()
//! ```
//!
//! It is an operator of ours because a link remembers when it was first seen, which is a minimum and no group.
//!
//! When a link was first seen only ever falls, is kept when the link goes, and has nothing to do with
//! decisions, like an identifier's; where nothing asks for it (no `at_most`, no decisions) a link that
//! goes is forgotten.

use arcstr::ArcStr;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::sighting::seen;
use super::statement::Statement;
use crate::flow::{Diff, Emit, Keep, Keyed, KeyedState};
use crate::row::{Carried, Identifier, IdentifierHash, Mentioned, StandingRow, Verdict};
use crate::state::few::FewWithin;
use crate::state::saved::{SavedChunk, SavedEntries, put_entry, saved_entries};
use crate::state::table::Table;
use crate::time::Micros;

/// Two identifiers, in their own order: the more trusted one first.
pub(super) type Pair = (IdentifierHash, IdentifierHash);

/// What stands between two identifiers; one is held at each end, so it has no gaps.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(C, packed(4))]
pub struct LinkState {
    /// The earliest time of any valid row that ever carried the link; of a link that only decisions
    /// carry, `Micros::MAX`.
    pub first_seen: Micros,
    /// A row that stands links them, or someone decided that they are the same person's.
    pub linked: bool,
    /// Someone decided so.
    pub same: bool,
    /// Someone decided that they are different people's.
    pub must_not_link: bool,
}

impl LinkState {
    pub fn is_nothing(&self) -> bool {
        !self.linked && !self.must_not_link
    }
}

/// Two identifiers, the more trusted one first, and what stands between them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Link {
    pub one: Identifier,
    pub other: Identifier,
    pub state: LinkState,
}

impl Link {
    pub(super) fn pair(&self) -> Pair {
        (self.one.hash, self.other.hash)
    }
}

/// What rows support.
#[derive(Clone, Debug)]
pub(super) enum Supported {
    Link(Link),
    Statement(Statement),
}

/// One row's word for a link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct CarriedLink {
    pub ends: Mentioned<2>,
    pub source: u16,
    pub verdict: Verdict,
    pub seen: Micros,
    /// Whether the row stands; one that never did only says when it saw the link.
    pub stands: bool,
}

/// A row links its most trusted identifier with each of the others.
pub(super) fn carried_links(
    row: StandingRow,
    stands: bool,
) -> impl Iterator<Item = (Pair, CarriedLink)> {
    let StandingRow { source, time, body } = row;
    let mut identifiers = body.identifiers();
    let first = identifiers.next();
    let ends = identifiers.filter_map(|other| Some(body.mentioned([first?, other])));
    let links: SmallVec<[_; 2]> = ends.collect();
    links.into_iter().map(move |ends| {
        let pair = ends.each().map(|end| end.hash).into();
        (
            pair,
            CarriedLink { ends, source, verdict: body.verdict(), seen: seen(&body, time), stands },
        )
    })
}

/// The rows that stand, by what they say.
pub(super) struct Support {
    /// By source.
    rows: FewWithin<u16, i32>,
    same: i32,
    different: i32,
    first_seen: Micros,
}

impl Default for Support {
    fn default() -> Self {
        Support { rows: FewWithin::default(), same: 0, different: 0, first_seen: Micros::MAX }
    }
}

impl Support {
    fn state(&self) -> Option<LinkState> {
        let state = LinkState {
            first_seen: self.first_seen,
            linked: self.same > 0 || self.rows.values().sum::<i32>() > 0,
            same: self.same > 0,
            must_not_link: self.different > 0,
        };
        (!state.is_nothing()).then_some(state)
    }

    fn is_forgotten(&self) -> bool {
        self.rows.is_empty() && self.same == 0 && self.different == 0
    }

    /// The sources of which some row says so.
    fn sources(&self) -> Sources {
        self.rows.iter().filter(|(_, rows)| **rows > 0).map(|(source, _)| *source).collect()
    }
}

type Sources = SmallVec<[u16; 4]>;

/// What the operator is called.
pub const LINKS: &str = "Supported links";

/// How links are counted.
pub(super) struct SupportedLinks {
    /// Whether it matters when a link was first seen.
    ordered: bool,
    /// Whether it matters which sources say so.
    states: bool,
    /// When links that nothing carries any more were first seen, where that matters.
    remembered: Table<Pair, Micros>,
    /// The two ends of the link at hand.
    ends: Option<Mentioned<2>>,
}

impl SupportedLinks {
    pub fn new(ordered: bool, states: bool) -> Self {
        SupportedLinks { ordered, states, remembered: Table::default(), ends: None }
    }

    fn sources(&self, support: &Support) -> Sources {
        if self.states { support.sources() } else { Sources::new() }
    }
}

impl Keyed for SupportedLinks {
    type Key = Pair;
    type Value = CarriedLink;
    type State = Support;
    type Face = (Option<LinkState>, Sources);
    type Output = Supported;

    fn route((one, other): &Pair) -> u64 {
        (one.0 ^ other.0) as u64
    }

    fn held_beside(&self) -> usize {
        self.remembered.room()
    }

    fn face(&self, _: &Pair, support: &Support) -> Self::Face {
        (support.state(), self.sources(support))
    }

    fn apply(&mut self, pair: &Pair, support: &mut Support, link: &mut CarriedLink, diff: Diff) {
        let CarriedLink { ends, source, verdict, seen, stands } = link;
        if self.ends.is_none()
            && let Some(first_seen) = self.remembered.remove(pair)
        {
            support.first_seen = first_seen;
        }
        // Only the order of admission asks when a link was first seen.
        support.first_seen = support.first_seen.min(if self.ordered { *seen } else { 0 });
        if *stands {
            match verdict {
                Verdict::Together => {
                    support.rows.count(*source, diff as i64);
                }
                Verdict::Same => support.same += diff as i32,
                Verdict::Different => support.different += diff as i32,
            }
        }
        self.ends.get_or_insert_with(|| ends.clone());
    }

    fn flush(
        &mut self,
        pair: &Pair,
        support: &mut Support,
        (state_before, sources_before): Self::Face,
        out: &mut Emit<Supported>,
    ) -> Keep {
        let ends = self.ends.take().expect("a change names its ends");
        let named = || ends.each().map(Carried::to_identifier);
        let state = support.state();
        if state_before != state {
            for (state, diff) in [(state_before, -1), (state, 1)] {
                if let Some(state) = state {
                    let [one, other] = named();
                    out.push(Supported::Link(Link { one, other, state }), diff);
                }
            }
        }
        let sources = self.sources(support);
        let mut state = |source: u16, diff| {
            let [about, says] = named();
            out.push(Supported::Statement(Statement { about, source, says }), diff);
        };
        let ceased = sources_before.iter().filter(|source| !sources.contains(source));
        ceased.for_each(|source| state(*source, -1));
        let began = sources.iter().filter(|source| !sources_before.contains(source));
        began.for_each(|source| state(*source, 1));
        if !support.is_forgotten() {
            return Keep::Yes;
        }
        if self.ordered && support.first_seen != Micros::MAX {
            self.remembered.insert(*pair, support.first_seen);
        }
        Keep::No
    }

    fn remembered(&self) -> usize {
        self.remembered.len()
    }

    fn end_tick(&mut self, _: &Table<Pair, Support>) {
        self.remembered.give_back();
    }
}

/// What is kept of a link, as it is saved; where nothing carries it any more, when it was first seen.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct SavedLink {
    ends: Pair,
    rows: Vec<(u16, i32)>,
    same: i32,
    different: i32,
    first_seen: Micros,
}

/// Saves what is kept of links.
pub(super) fn save(state: &KeyedState<SupportedLinks>, entries: &mut SavedEntries<'_, '_>) {
    for (ends, Support { rows, same, different, first_seen }) in state.keys() {
        entries.put(&SavedLink {
            ends: *ends,
            rows: rows.iter().map(|(source, rows)| (*source, *rows)).collect(),
            same: *same,
            different: *different,
            first_seen: *first_seen,
        });
    }
    for (ends, first_seen) in state.logic.remembered.iter() {
        let (rows, same, different) = (Vec::new(), 0, 0);
        entries.put(&SavedLink { ends: *ends, rows, same, different, first_seen: *first_seen });
    }
}

/// A link that was saved, with the types and texts of its ends: of what is saved only their hashes are told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct NamedLink {
    link: SavedLink,
    kinds: [u8; 2],
    texts: [ArcStr; 2],
}

/// The chunk, with the type and text of each end. Of a link that no row carries any more nobody asks for them.
pub fn named_links(
    chunk: &[u8],
    name: impl Fn(IdentifierHash) -> Option<(u8, ArcStr)>,
) -> SavedChunk {
    let mut named = SavedChunk::new();
    for link in saved_entries::<SavedLink>(chunk) {
        let (one, other) = link.ends;
        let [(one_kind, one), (other_kind, other)] =
            [one, other].map(|end| name(end).unwrap_or_default());
        put_entry(
            &mut named,
            &NamedLink { link, kinds: [one_kind, other_kind], texts: [one, other] },
        );
    }
    named
}

impl NamedLink {
    /// Rows that come to the same.
    pub fn carried(self) -> Vec<((Pair, CarriedLink), Diff)> {
        let NamedLink { link, kinds, texts } = self;
        let SavedLink { ends, rows, same, different, first_seen } = link;
        let (hashes, [one, other]) = ([ends.0, ends.1], texts);
        let end = |of: usize, text| Identifier { hash: hashes[of], kind: kinds[of], text };
        let named = Mentioned::alone(&[end(0, one), end(1, other)]);
        let carried = |source, verdict, stands, rows: i32| {
            let (of, seen) = (named.clone(), first_seen);
            let carried = CarriedLink { ends: of, source, verdict, seen, stands };
            ((ends, carried), rows as Diff)
        };
        let together = rows.iter().map(|(source, rows)| (*source, Verdict::Together, *rows));
        let decided = [(0, Verdict::Same, same), (0, Verdict::Different, different)];
        let standing = together.chain(decided).filter(|(.., rows)| *rows != 0);
        let mut all: Vec<_> =
            standing.map(|(source, verdict, rows)| carried(source, verdict, true, rows)).collect();
        if all.is_empty() {
            all.push(carried(0, Verdict::Together, false, 1));
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_has_no_gaps() {
        assert_eq!(size_of::<(Pair, Support)>(), 64);
    }
}
