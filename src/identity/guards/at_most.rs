//! `at_most` of a type: a person has so many identifiers of it.

use super::guard::{Detail, Guard, Refusal};
use crate::plan::Plan;
use crate::row::Identifier;

/// How many identifiers of each side are told.
const OF_A_SIDE: usize = 3;

#[derive(Debug)]
struct AtMost {
    kind: u8,
    most: u32,
}

pub fn of(plan: &Plan) -> Vec<Box<dyn Guard>> {
    let types = (0..).zip(&plan.identifiers);
    let limited = types.filter_map(|(kind, of)| Some(AtMost { kind, most: of.at_most? }));
    limited.map(|guard| Box::new(guard) as Box<dyn Guard>).collect()
}

impl Guard for AtMost {
    fn name(&self) -> &'static str {
        "at_most"
    }

    fn of_identifier(&self, kind: u8) -> u32 {
        u32::from(kind == self.kind)
    }

    fn most(&self) -> u32 {
        self.most
    }

    fn fields(&self, plan: &Plan, _: &Refusal) -> Vec<(&'static str, Detail)> {
        let of = &plan.identifiers[usize::from(self.kind)];
        vec![
            ("type", Detail::Text(of.name.as_str().into())),
            ("limit", Detail::Number(self.most.into())),
        ]
    }

    fn reason(&self, plan: &Plan, _: &Refusal, sides: [&[Identifier]; 2]) -> String {
        let name = &plan.identifiers[usize::from(self.kind)].name;
        let [one, other] = sides.map(|side| texts(side, self.kind));
        let most = self.most;
        format!("a person has at most {most} of type {name}: one side has {one}, the other {other}")
    }
}

fn texts(side: &[Identifier], kind: u8) -> String {
    let of: Vec<&Identifier> = side.iter().filter(|identifier| identifier.kind == kind).collect();
    let mut texts: Vec<&str> = of.iter().take(OF_A_SIDE).map(|of| &*of.text).collect();
    let more = format!("{} more", of.len().saturating_sub(OF_A_SIDE));
    match of.len() {
        0 => return "none".to_owned(),
        count if count > OF_A_SIDE => texts.push(&more),
        _ => {}
    }
    texts.join(", ")
}
