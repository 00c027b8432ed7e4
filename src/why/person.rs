//! What makes some identifiers one person: links, the rows that carry them, and what was withheld.

use hashbrown::{HashMap, HashSet};
use serde::Serialize;

use super::history::{Place, Standing, standing};
use super::{Asking, WhyError, without_inputs};
use crate::identity::Rule;
use crate::identity::whole::{Link, Member, Withheld, name};
use crate::row::{Body, Identifier, IdentifierHash};
use crate::time::rfc3339;

/// How many of the rows that carry a link are told.
const ROWS: usize = 3;
/// How many identifiers of each side are told where those of a type are too many.
const OF_A_SIDE: usize = 3;

#[derive(Debug, Serialize)]
pub struct PersonAnswer {
    pub person: String,
    /// The id that was asked for, if it is another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub formerly: Option<String>,
    pub identifiers: Vec<IdentifierSaid>,
    pub links: Vec<LinkSaid>,
    /// Links to others that do not count.
    pub withheld: Vec<LinkSaid>,
}

#[derive(Debug, Serialize)]
pub struct IdentifierSaid {
    pub r#type: String,
    pub value: String,
    pub first_seen: String,
    pub rows: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shared: Option<String>,
}

#[derive(Debug, Serialize)]
pub struct LinkSaid {
    pub one: String,
    pub other: String,
    /// Someone decided that the two are the same person's.
    pub decided: bool,
    /// The first of them.
    pub rows: Vec<RowSaid>,
    /// How many there are.
    pub of: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub withheld: Option<WithheldSaid>,
}

#[derive(Debug, Serialize)]
pub struct WithheldSaid {
    /// `at_most`, `shared_after` or `different`.
    pub rule: &'static str,
    pub reason: String,
    /// The people whom it would make one.
    pub people: [String; 2],
}

#[derive(Clone, Debug, Serialize)]
pub struct RowSaid {
    pub source: String,
    pub position: Place,
    pub time: String,
}

impl Asking {
    pub fn person(&mut self, id: &str) -> Result<PersonAnswer, WhyError> {
        let subject = self.subject(id)?;
        let (mut links, mut withheld) = (Vec::new(), Vec::new());
        let mut told = HashSet::new();
        for member in &subject.members {
            for link in self.whole.links(member.identifier.hash) {
                if link.bond.linked && told.insert((link.one.hash, link.other.hash)) {
                    let of = if link.withheld.is_some() { &mut withheld } else { &mut links };
                    of.push(link);
                }
            }
        }
        let mut said = self.links_said([links.as_slice(), &withheld].concat())?;
        let withheld = said.split_off(links.len());
        Ok(PersonAnswer {
            person: subject.id.person_id(),
            formerly: subject.formerly,
            identifiers: subject.members.iter().map(|member| self.member_said(member)).collect(),
            links: said,
            withheld,
        })
    }

    fn member_said(&self, member: &Member) -> IdentifierSaid {
        let of = &self.plan.identifiers[usize::from(member.identifier.kind)];
        IdentifierSaid {
            r#type: of.name.clone(),
            value: member.identifier.text.to_string(),
            first_seen: rfc3339(member.first_seen),
            rows: member.rows,
            shared: member.shared.map(|_| self.shared_reason(&member.identifier)),
        }
    }

    fn shared_reason(&self, identifier: &Identifier) -> String {
        let after = self.plan.identifiers[usize::from(identifier.kind)].shared_after;
        let member = self.whole.member(identifier.hash);
        let Some((kind, count)) = member.and_then(|member| member.shared) else {
            return String::new();
        };
        format!(
            "{} is linked with {count} identifiers of type {}, more than shared_after: {} lets it",
            self.spoken(identifier),
            self.plan.identifiers[usize::from(kind)].name,
            after.unwrap_or_default(),
        )
    }

    /// Links, each with the first of the rows that carry it.
    pub fn links_said(&mut self, links: Vec<Link>) -> Result<Vec<LinkSaid>, WhyError> {
        let mut carried: HashMap<(IdentifierHash, IdentifierHash), Vec<Standing>> =
            links.iter().map(|link| ((link.one.hash, link.other.hash), Vec::new())).collect();
        let pairs: HashSet<_> = carried.keys().copied().collect();
        let carries = |body: &Body| pairs_of(body).any(|pair| pairs.contains(&pair));
        let keep = |body: &Body| carries(body).then(|| without_inputs(body));
        let (rows, reading) = standing(&self.plan, self.clock, keep)?;
        for row in rows {
            for pair in pairs_of(&row.body) {
                if let Some(rows) = carried.get_mut(&pair) {
                    rows.push(row.clone());
                }
            }
        }
        let said = links.into_iter().map(|link| {
            let mut rows = carried.remove(&(link.one.hash, link.other.hash)).unwrap_or_default();
            rows.sort_by_key(|row| (row.row.time, row.row.source, row.row.position));
            let of = rows.len();
            let rows = rows.iter().take(ROWS).map(|row| self.row_said(&reading.origins, row));
            LinkSaid {
                one: self.spoken(&link.one),
                other: self.spoken(&link.other),
                decided: link.bond.same,
                rows: rows.collect(),
                of,
                withheld: link.withheld.as_ref().map(|rule| self.withheld_said(&link, rule)),
            }
        });
        Ok(said.collect())
    }

    fn withheld_said(&mut self, link: &Link, rule: &Withheld) -> WithheldSaid {
        let sides = [&link.one, &link.other].map(|end| self.whole.person(end.hash));
        let people =
            [0, 1].map(|side| name(&sides[side]).expect("the link's end is there").person_id());
        let (rule, reason) = match rule {
            Withheld::Shared(end) => ("shared_after", self.shared_reason(end)),
            Withheld::By(Rule::AtMost(kind)) => {
                let of = &self.plan.identifiers[usize::from(*kind)];
                let [one, other] = [0, 1].map(|side| texts(&sides[side], *kind));
                let at_most = of.at_most.unwrap_or_default();
                let name = &of.name;
                let reason = format!(
                    "a person has at most {at_most} of type {name}: one side has {one}, the other \
                     {other}"
                );
                ("at_most", reason)
            }
            Withheld::By(Rule::Different) => ("different", self.different_reason(&sides)),
        };
        WithheldSaid { rule, reason, people }
    }

    /// Which decision keeps two people apart.
    fn different_reason(&mut self, sides: &[Vec<Member>; 2]) -> String {
        let others: HashSet<IdentifierHash> =
            sides[1].iter().map(|member| member.identifier.hash).collect();
        for member in &sides[0] {
            let links = self.whole.links(member.identifier.hash);
            let apart = links.iter().filter(|link| link.bond.apart);
            for Link { one, other, .. } in apart {
                if others.contains(&one.hash) || others.contains(&other.hash) {
                    let (one, other) = (self.spoken(one), self.spoken(other));
                    return format!("a decision says that {one} and {other} are different people");
                }
            }
        }
        "a decision says that the two sides are different people".to_owned()
    }
}

fn texts(side: &[Member], kind: u8) -> String {
    let of: Vec<&Member> = side.iter().filter(|member| member.identifier.kind == kind).collect();
    let mut texts: Vec<&str> =
        of.iter().take(OF_A_SIDE).map(|member| &*member.identifier.text).collect();
    let more = format!("{} more", of.len().saturating_sub(OF_A_SIDE));
    match of.len() {
        0 => return "none".to_owned(),
        count if count > OF_A_SIDE => texts.push(&more),
        _ => {}
    }
    texts.join(", ")
}

/// A row links its most trusted identifier with each of the others.
fn pairs_of(body: &Body) -> impl Iterator<Item = (IdentifierHash, IdentifierHash)> {
    let first = body.identifiers.first().map(|identifier| identifier.hash);
    body.identifiers.iter().skip(1).filter_map(move |other| Some((first?, other.hash)))
}
