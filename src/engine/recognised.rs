//! Somebody's identifiers where they are not yet what they are known as: in raw rows, as each source writes them.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::decode::identifiers::Normaliser;
use crate::decode::raw_texts;
use crate::plan::{CsvMarks, Plan};
use crate::row::{IdentifierHash, Unwanted};

/// What texts are held to.
#[derive(Clone)]
pub struct Recognised {
    plan: Arc<Plan>,
    identifiers: BTreeSet<IdentifierHash>,
    /// By type.
    normalisers: Arc<Vec<Normaliser>>,
}

impl Recognised {
    pub fn of(plan: &Arc<Plan>, unwanted: &Unwanted) -> Self {
        let normalisers = plan.identifiers.iter().map(Normaliser::of).collect();
        let (plan, identifiers) = (Arc::clone(plan), unwanted.identifiers.clone());
        Recognised { plan, identifiers, normalisers: Arc::new(normalisers) }
    }

    /// Whether a raw row of a source, or of any, has a text that is one of the identifiers once it is normalised.
    pub fn are_in(&self, source: Option<usize>, raw: &str) -> bool {
        // The file may name sources that the definition has no more.
        let source = source.filter(|of| *of < self.plan.sources.len());
        let marks = source.map_or(CsvMarks::default(), |of| self.plan.sources[of].text.marks);
        raw_texts(raw, marks).iter().any(|text| self.is_one(source, text))
    }

    /// Those of a raw row's texts.
    pub fn texts(&self, source: usize, raw: &str) -> Vec<String> {
        let marks = self.plan.sources[source].text.marks;
        let mut texts = raw_texts(raw, marks);
        texts.retain(|text| self.is_one(Some(source), text));
        texts
    }

    /// Whether a source's text is one of the identifiers of types that it gives; in the table of decisions each has its
    /// type before it.
    pub fn is_one(&self, source: Option<usize>, text: &str) -> bool {
        let decides = self.plan.decisions.as_ref().map(|decisions| decisions.source);
        (0..).zip(&self.plan.identifiers).zip(&*self.normalisers).any(|((kind, of), normaliser)| {
            let is_given = source.is_none_or(|source| {
                self.plan.sources[source].identifiers.iter().any(|(given, _)| *given == kind)
            });
            let typed = || text.strip_prefix(of.name.as_str())?.strip_prefix(':');
            let value = match source.is_some() && source == decides {
                true => typed(),
                false => Some(text).filter(|_| is_given),
            };
            let normalised = value.and_then(|value| normaliser.normalised(value));
            normalised
                .is_some_and(|text| self.identifiers.contains(&IdentifierHash::of(&of.name, &text)))
        })
    }
}
