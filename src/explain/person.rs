//! What makes some identifiers one person: links, the rows that carry them, what was withheld, and what
//! someone decided.

use hashbrown::{HashMap, HashSet};
use serde::Serialize;

use super::error::WhyError;
use super::history::{HistoryRow, standing};
use super::inquiry::{Inquiry, without_inputs};
use super::published::{PublishedSaid, compare_identifiers};
use crate::identity::SharedIdentifier;
use crate::identity::whole::{WholeLink, WholeMember, WithheldReason, name};
use crate::plan::RowPlace;
use crate::row::{Body, Identifier, IdentifierHash, Verdict};
use crate::time::rfc3339;

/// How many of the rows that carry a link are told.
const ROWS: usize = 3;

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
    /// Decisions about one of the identifiers and another one.
    pub decisions: Vec<DecisionSaid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published: Option<PublishedSaid>,
}

#[derive(Debug, Serialize)]
pub struct IdentifierSaid {
    pub r#type: String,
    pub value: String,
    /// Null where no row that carries it has a time.
    pub first_seen: Option<String>,
    /// That stand and name it, decisions too.
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
    /// The first rows that carry it; decisions are told by themselves.
    pub rows: Vec<RowSaid>,
    /// How many there are.
    pub of: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub withheld: Option<WithheldSaid>,
}

#[derive(Debug, Serialize)]
pub struct WithheldSaid {
    /// The guard's name.
    pub rule: &'static str,
    pub reason: String,
    /// The people whom it would make one.
    pub people: [String; 2],
}

/// A row that says whether two identifiers are the same person's.
#[derive(Debug, Serialize)]
pub struct DecisionSaid {
    pub one: String,
    pub other: String,
    /// `same` or `different`.
    pub verdict: &'static str,
    #[serde(flatten)]
    pub row: RowSaid,
}

#[derive(Clone, Debug, Serialize)]
pub struct RowSaid {
    pub source: String,
    pub position: RowPlace,
    /// A row of a file without `time` has its position alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
}

impl Inquiry {
    pub fn person(&mut self, id: &str) -> Result<PersonAnswer, WhyError> {
        let subject = self.subject(id)?;
        let mut all_links = Vec::new();
        let mut told = HashSet::new();
        for member in &subject.members {
            let all = self.whole.links(member.identifier.hash).into_iter();
            all_links.extend(all.filter(|link| told.insert(pair(link))));
        }
        let links: Vec<WholeLink> =
            all_links.iter().filter(|link| link.state.linked).cloned().collect();
        let (withheld, links): (Vec<_>, Vec<_>) =
            links.into_iter().partition(|link| link.withheld.is_some());
        let (mut said, decisions) =
            self.links_said([links.as_slice(), &withheld].concat(), &all_links)?;
        let withheld = said.split_off(links.len());
        let published = self.compared_with_published(&subject, |profile, differs| {
            let own = subject.members.iter().map(|member| self.spoken(&member.identifier));
            compare_identifiers(profile, own, differs);
        });
        Ok(PersonAnswer {
            person: subject.id.person_id(),
            formerly: subject.formerly,
            identifiers: subject.members.iter().map(|member| self.member_said(member)).collect(),
            links: said,
            withheld,
            decisions,
            published,
        })
    }

    fn member_said(&self, member: &WholeMember) -> IdentifierSaid {
        let of = &self.plan.identifiers[usize::from(member.identifier.kind)];
        IdentifierSaid {
            r#type: of.name.clone(),
            value: member.identifier.text.to_string(),
            first_seen: member.is_dated.then(|| rfc3339(member.first_seen)),
            rows: member.rows,
            shared: member.shared.map(|_| self.shared_reason(&member.identifier)),
        }
    }

    fn shared_reason(&self, identifier: &Identifier) -> String {
        let member = self.whole.member(identifier.hash);
        let shared = member.and_then(|member| member.shared);
        let shared = shared.map(|(by, count)| SharedIdentifier {
            identifier: identifier.clone(),
            by,
            count,
        });
        shared.map_or(String::new(), |shared| shared.reason(&self.plan))
    }

    /// Links, each with the first of the rows that carry it; and what someone decided of any of
    /// `all_links`.
    pub fn links_said(
        &mut self,
        links: Vec<WholeLink>,
        all_links: &[WholeLink],
    ) -> Result<(Vec<LinkSaid>, Vec<DecisionSaid>), WhyError> {
        let pairs: HashSet<IdentifierPair> = links.iter().chain(all_links).map(pair).collect();
        if pairs.is_empty() {
            return Ok((Vec::new(), Vec::new()));
        }
        let says = |body: &Body| pairs_of(body).any(|pair| pairs.contains(&pair));
        let keep = |body: &Body| says(body).then(|| without_inputs(body));
        let (mut rows, reading) = standing(&self.rows, keep)?;
        rows.sort_by_key(|row| (row.row.time, row.row.source, row.row.position));
        let (mut carried, mut decided) = (CarryingRows::new(), CarryingRows::new());
        for row in rows {
            let of = match row.body.verdict() {
                Verdict::Together => &mut carried,
                Verdict::Same | Verdict::Different => &mut decided,
            };
            for pair in pairs_of(&row.body).filter(|pair| pairs.contains(pair)) {
                of.entry(pair).or_default().push(row.clone());
            }
        }
        let decisions = all_links.iter().flat_map(|link| {
            let rows = decided.remove(&pair(link)).unwrap_or_default();
            let said = |row: HistoryRow| DecisionSaid {
                one: self.spoken(&link.one),
                other: self.spoken(&link.other),
                verdict: if row.body.verdict() == Verdict::Same { "same" } else { "different" },
                row: self.row_said(&reading.origins, &row),
            };
            rows.into_iter().map(said).collect::<Vec<_>>()
        });
        let decisions = decisions.collect();
        let said = links.into_iter().map(|link| {
            let rows = carried.remove(&pair(&link)).unwrap_or_default();
            let of = rows.len();
            let rows = rows.iter().take(ROWS).map(|row| self.row_said(&reading.origins, row));
            LinkSaid {
                one: self.spoken(&link.one),
                other: self.spoken(&link.other),
                decided: link.state.same,
                rows: rows.collect(),
                of,
                withheld: link.withheld.as_ref().map(|rule| self.withheld_said(&link, rule)),
            }
        });
        Ok((said.collect(), decisions))
    }

    fn withheld_said(&mut self, link: &WholeLink, rule: &WithheldReason) -> WithheldSaid {
        let sides = [&link.one, &link.other].map(|end| self.whole.person(end.hash));
        let people =
            [0, 1].map(|side| name(&sides[side]).expect("the link's end is there").person_id());
        let (rule, reason) = match rule {
            WithheldReason::Shared(end) => (SharedIdentifier::RULE, self.shared_reason(end)),
            WithheldReason::By(refusal) => {
                let guard = self.whole.guards().refusing(refusal);
                let sides = sides.map(|side| -> Vec<Identifier> {
                    side.into_iter().map(|member| member.identifier).collect()
                });
                let sides = sides.each_ref().map(Vec::as_slice);
                (guard.name(), guard.reason(&self.plan, refusal, sides))
            }
        };
        WithheldSaid { rule, reason, people }
    }

    /// The pairs that decisions keep apart, of identifiers of the two people who hold these.
    pub fn apart(&mut self, one: IdentifierHash, other: IdentifierHash) -> Vec<WholeLink> {
        let [own, others] = [one, other].map(|of| self.whole.person(of));
        let others: HashSet<IdentifierHash> =
            others.iter().map(|member| member.identifier.hash).collect();
        let links = own.iter().flat_map(|member| self.whole.links(member.identifier.hash));
        let leads_over =
            |link: &WholeLink| others.contains(&link.one.hash) || others.contains(&link.other.hash);
        links.filter(|link| link.state.must_not_link && leads_over(link)).collect()
    }
}

/// Two identifiers, the more trusted one first.
type IdentifierPair = (IdentifierHash, IdentifierHash);

type CarryingRows = HashMap<IdentifierPair, Vec<HistoryRow>>;

fn pair(link: &WholeLink) -> IdentifierPair {
    (link.one.hash, link.other.hash)
}

/// A row says something of its most trusted identifier and each of the others.
fn pairs_of(body: &Body) -> impl Iterator<Item = IdentifierPair> {
    let first = body.identifiers().next().map(|identifier| identifier.hash);
    body.identifiers().skip(1).filter_map(move |other| Some((first?, other.hash)))
}
