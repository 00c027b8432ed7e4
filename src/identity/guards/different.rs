//! Decisions that say `different`: no person has both of two that someone decided to keep apart.

use super::guard::{Detail, Guard, Refusal};
use crate::identity::links::Bond;
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

    fn of_bonds(&self) -> Option<fn(Bond) -> u32> {
        Some(|bond| u32::from(bond.apart))
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
