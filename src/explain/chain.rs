//! The shortest chain of links between two identifiers: what makes them one, or what keeps them apart.

use serde::Serialize;

use super::error::WhyError;
use super::inquiry::Inquiry;
use super::person::{DecisionSaid, LinkSaid};
use super::published::PublishedSaid;
use crate::identity::whole::WithheldReason;

#[derive(Debug, Serialize)]
pub struct ChainAnswer {
    pub one: Side,
    pub other: Side,
    pub same_person: bool,
    /// From the one to the other; `None`: nothing links them.
    pub chain: Option<Vec<LinkSaid>>,
    /// What someone decided: of the links of the chain, and of those whom it keeps apart.
    pub decisions: Vec<DecisionSaid>,
}

#[derive(Debug, Serialize)]
pub struct Side {
    /// As `type:value`.
    pub identifier: String,
    pub person: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published: Option<PublishedSaid>,
}

impl Inquiry {
    pub fn chain(&mut self, one: &str, other: &str) -> Result<ChainAnswer, WhyError> {
        let subjects = [self.subject(one)?, self.subject(other)?];
        let [from, to] = [0, 1].map(|side: usize| subjects[side].identifier.hash);
        let same_person = self.whole.are_one(from, to);
        let chain = self.whole.chain(from, to, !same_person);
        let links = chain.clone().unwrap_or_default();
        let mut all_links = links.clone();
        for link in &links {
            // What was decided between two refused it.
            if matches!(&link.withheld, Some(WithheldReason::By(refusal)) if refusal.pair.is_some())
            {
                all_links.extend(self.apart(link.one.hash, link.other.hash));
            }
        }
        if !same_person {
            all_links.extend(self.apart(from, to));
        }
        let (links, decisions) = self.links_said(links, &all_links)?;
        let chain = chain.map(|_| links);
        let [one, other] = subjects.map(|subject| Side {
            published: self.compared_with_published(&subject, |_, _| {}),
            identifier: self.spoken(&subject.identifier),
            person: subject.id.person_id(),
        });
        Ok(ChainAnswer { one, other, same_person, chain, decisions })
    }
}
