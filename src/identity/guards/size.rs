//! `at_most` of `identity` itself: a person has so many identifiers in all, so that a program that takes
//! a new cookie with every visit does not make a person of all of them.

use super::guard::{Detail, Guard, Refusal};
use crate::plan::Plan;
use crate::row::Identifier;

#[derive(Debug)]
struct Size {
    most: u32,
}

pub fn of(plan: &Plan) -> Vec<Box<dyn Guard>> {
    let limit = plan.at_most.map(|most| Box::new(Size { most }) as Box<dyn Guard>);
    limit.into_iter().collect()
}

impl Guard for Size {
    fn name(&self) -> &'static str {
        "at_most"
    }

    fn of_identifier(&self, _: u8) -> u32 {
        1
    }

    fn most(&self) -> u32 {
        self.most
    }

    /// It is of no type.
    fn fields(&self, _: &Plan, _: &Refusal) -> Vec<(&'static str, Detail)> {
        vec![("type", Detail::None), ("limit", Detail::Number(self.most.into()))]
    }

    fn reason(&self, _: &Plan, _: &Refusal, sides: [&[Identifier]; 2]) -> String {
        let [one, other] = sides.map(<[_]>::len);
        let most = self.most;
        format!("a person has at most {most} identifiers: one side has {one}, the other {other}")
    }
}
