//! In what one definition differs from another, entry by entry.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::Plan;
use super::stated::Stated;

/// Parts of a definition whose entries have names, and what one of each is called.
const SECTIONS: [(&str, &str); 5] = [
    ("sources", "source"),
    ("identity", "identifier"),
    ("attributes", "attribute"),
    ("segments", "segment"),
    ("outputs", "output"),
];

/// What becomes of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    Added,
    Removed,
    Changed,
    /// It says the same, of something that does not.
    Recomputed,
}

/// An entry that another definition has otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DefinitionChange {
    /// `source`, `identifier`, `attribute`, `segment`, `output`, or `setting`.
    pub of: String,
    pub name: String,
    #[serde(rename = "change")]
    pub kind: ChangeKind,
}

/// All of them, in the order of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DefinitionChanges(pub Vec<DefinitionChange>);

/// What a definition says of each entry.
type Entries<'a> = BTreeMap<(&'a str, &'a str), Vec<&'a Stated>>;

impl DefinitionChanges {
    /// What changes when `new` takes the place of `old`.
    pub fn between(old: &Plan, new: &Plan) -> Self {
        let (before, after) = (entries(&old.stated), entries(&new.stated));
        let mut kinds: BTreeMap<(&str, &str), ChangeKind> = BTreeMap::new();
        for (entry, says) in &after {
            let kind = match before.get(entry) {
                None => ChangeKind::Added,
                Some(said) if !is_same(said, says) => ChangeKind::Changed,
                Some(_) => continue,
            };
            kinds.insert(*entry, kind);
        }
        let gone = before.keys().filter(|entry| !after.contains_key(*entry));
        kinds.extend(gone.map(|entry| (*entry, ChangeKind::Removed)));
        for entry in moved(old, new) {
            kinds.entry(entry).or_insert(ChangeKind::Changed);
        }
        follow(&after, &mut kinds);
        let all = old.stated.iter().chain(&new.stated).map(entry);
        let mut told = BTreeSet::new();
        let all = all.filter(|entry| told.insert(*entry));
        let change = |(section, name): (&str, &str)| {
            let kind = *kinds.get(&(section, name))?;
            let known = SECTIONS.iter().find(|(of, _)| *of == section);
            let of = known.map_or("setting", |(_, one)| one).to_owned();
            Some(DefinitionChange { of, name: name.to_owned(), kind })
        };
        let mut changes: Vec<DefinitionChange> = all.filter_map(change).collect();
        if changes.is_empty() && old.stated != new.stated {
            let (of, name) = ("setting".to_owned(), "order of entries".to_owned());
            changes.push(DefinitionChange { of, name, kind: ChangeKind::Changed });
        }
        DefinitionChanges(changes)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn entry(stated: &Stated) -> (&str, &str) {
    let first = stated.path.first().map_or("", String::as_str);
    match SECTIONS.iter().any(|(section, _)| *section == first) {
        true => (first, stated.path.get(1).map_or("", String::as_str)),
        false => ("", first),
    }
}

fn entries(stated: &[Stated]) -> Entries<'_> {
    let mut entries = Entries::new();
    for of in stated {
        entries.entry(entry(of)).or_default().push(of);
    }
    entries
}

fn is_same(one: &[&Stated], other: &[&Stated]) -> bool {
    let says = |of: &&Stated| (of.path.clone(), of.value.clone());
    one.len() == other.len() && one.iter().map(says).eq(other.iter().map(says))
}

/// Sources and outputs that lie elsewhere.
fn moved<'a>(old: &'a Plan, new: &'a Plan) -> Vec<(&'a str, &'a str)> {
    let sources = new.sources.iter().filter(|source| {
        let before = old.sources.iter().find(|of| of.name == source.name);
        before.is_some_and(|of| of.connector.to_string() != source.connector.to_string())
    });
    let outputs = new.outputs.iter().filter(|output| {
        let before = old.outputs.iter().find(|of| of.name == output.name);
        before.is_some_and(|of| of.target != output.target)
    });
    let sources = sources.map(|of| ("sources", of.name.as_str()));
    sources.chain(outputs.map(|of| ("outputs", of.name.as_str()))).collect()
}

/// Attributes and segments that speak of what is another, however far.
fn follow<'a>(after: &Entries<'a>, kinds: &mut BTreeMap<(&'a str, &'a str), ChangeKind>) {
    loop {
        let names = ["sources", "attributes", "segments"];
        let others: BTreeSet<&str> =
            kinds.keys().filter(|(of, _)| names.contains(of)).map(|(_, name)| *name).collect();
        let speaks = |says: &[&Stated]| {
            let mut shown = says.iter().filter_map(|of| of.shown.as_deref());
            shown.any(|text| words(text).any(|word| others.contains(word)))
        };
        let following = after.iter().filter(|(entry, says)| {
            let is_made = matches!(entry.0, "attributes" | "segments");
            is_made && !kinds.contains_key(*entry) && speaks(says)
        });
        let following: Vec<(&str, &str)> = following.map(|(entry, _)| *entry).collect();
        if following.is_empty() {
            return;
        }
        kinds.extend(following.into_iter().map(|entry| (entry, ChangeKind::Recomputed)));
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character: char| !(character.is_alphanumeric() || character == '_'))
}

impl fmt::Display for DefinitionChanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return writeln!(f, "  nothing");
        }
        for DefinitionChange { of, name, kind } in &self.0 {
            let kind = match kind {
                ChangeKind::Added => "added",
                ChangeKind::Removed => "removed",
                ChangeKind::Changed => "changed",
                ChangeKind::Recomputed => "recomputed, since what it is made of changes",
            };
            writeln!(f, "  {of} {name}: {kind}")?;
        }
        Ok(())
    }
}
