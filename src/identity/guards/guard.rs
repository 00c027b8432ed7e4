//! What a guard says: how much each identifier adds to the sum of whoever has it, how large that sum may
//! be, and how the refusal of a link is told.

use std::fmt::Debug;

use arcstr::ArcStr;
use serde::{Deserialize, Serialize};

use crate::identity::links::LinkState;
use crate::plan::Plan;
use crate::row::Identifier;

/// A rule that no person may break: a sum over what the person holds that has a greatest value.
///
/// Sums add up, so that whether a cluster of identifiers breaks a guard is known without looking through
/// it. Where one does, a link is refused if the two people it would make one had too great a sum together.
pub trait Guard: Debug + Send + Sync {
    /// What it is called in definitions, outputs and answers.
    fn name(&self) -> &'static str;

    /// What an identifier of this type adds.
    fn of_identifier(&self, _kind: u8) -> u32 {
        0
    }

    /// What adds that which stands between two identifiers that one person has, if anything does.
    fn of_link_states(&self) -> Option<fn(LinkState) -> u32> {
        None
    }

    /// The greatest sum that a person may have.
    fn most(&self) -> u32;

    /// What is published of a link that it refused, beside the guard's name.
    fn fields(&self, plan: &Plan, refusal: &Refusal) -> Vec<(&'static str, Detail)>;

    /// Why it refused a link, in words: `sides` are the identifiers of the two people it would make one.
    fn reason(&self, plan: &Plan, refusal: &Refusal, sides: [&[Identifier]; 2]) -> String;
}

/// Something that is published of a refusal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Detail {
    None,
    Number(u64),
    Text(ArcStr),
    Texts(Vec<ArcStr>),
}

/// Why a link does not count.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Refusal {
    /// The first guard that it would break, as an index of [`super::Guards`].
    pub(super) guard: u16,
    /// Where what stands between two identifiers breaks it: of several such pairs the least.
    pub pair: Option<Box<[Identifier; 2]>>,
}

impl Refusal {
    pub fn new(guard: usize, pair: Option<[Identifier; 2]>) -> Self {
        Refusal { guard: guard as u16, pair: pair.map(Box::new) }
    }
}
