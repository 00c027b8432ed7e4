//! Types of identifiers, and what people decided about identifiers.

use super::Expression;

#[derive(Clone, Debug)]
pub struct IdentifierType {
    pub name: String,
    /// Over one column, `value`, of text. Null means "none".
    pub normalize: Option<Expression>,
    /// What becomes of texts that stand for no value, before and behind `normalize`.
    pub placeholders: Placeholders,
    /// Patterns of normalised texts that are no identifiers at all.
    pub ignore: globset::GlobSet,
    /// No person has more of this type.
    pub at_most: Option<u32>,
    /// One linked with more identifiers of one more trusted type is shared, and links nobody.
    pub shared_after: Option<u32>,
}

/// What becomes of texts that programs write where there is no value, as identifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placeholders {
    /// They are no identifiers at all.
    Ignore,
    Keep,
}

/// A table of what people decided about identifiers.
#[derive(Clone, Debug)]
pub struct Decisions {
    /// Index into `Plan::sources`.
    pub source: usize,
    /// Columns of text, each with an identifier as `type:value`.
    pub identifiers: [usize; 2],
    /// A column of text: `same` or `different`.
    pub verdict: usize,
}
