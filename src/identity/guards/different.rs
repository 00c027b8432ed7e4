//! Decisions that say `different`: no person has both of two that someone decided to keep apart.

use super::guard::{Detail, Guard, Refusal};
use crate::identity::links::LinkState;
use crate::plan::Plan;
use crate::row::Identifier;

#[derive(Debug)]
struct Different;

pub fn of(plan: &Plan) -> Vec<Box<dyn Guard>> {
    plan.decisions.iter().map(|_| Box::new(Different) as Box<dyn Guard>).collect()
}

/// The two whom a decision keeps apart, as they are told.
fn decided(plan: &Plan, refusal: &Refusal) -> [String; 2] {
    let pair = refusal.pair.as_deref().expect("a decision is about two");
    pair.each_ref().map(|end| plan.spoken(end))
}

impl Guard for Different {
    fn name(&self) -> &'static str {
        "different"
    }

    fn of_link_states(&self) -> Option<fn(LinkState) -> u32> {
        Some(|state| u32::from(state.must_not_link))
    }

    fn most(&self) -> u32 {
        0
    }

    fn fields(&self, plan: &Plan, refusal: &Refusal) -> Vec<(&'static str, Detail)> {
        let decided = decided(plan, refusal).map(Into::into);
        vec![("decided", Detail::Texts(decided.into()))]
    }

    fn reason(&self, plan: &Plan, refusal: &Refusal, _: [&[Identifier]; 2]) -> String {
        let [one, other] = decided(plan, refusal);
        format!("a decision says that {one} and {other} are different people")
    }
}
