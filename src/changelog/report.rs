//! What does not fit, counted by rule, with examples: outputs of conflicts as people read them.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Deserialize;

use super::reader::{Changelog, ChangelogError};
use crate::console::shown;
use crate::plan::Publish;

/// A conflict's value, as the sink publishes it.
#[derive(Debug, Deserialize)]
#[serde(tag = "conflict", rename_all = "snake_case")]
enum ReportedConflict {
    Withheld {
        rule: String,
        r#type: Option<String>,
        decided: Option<[String; 2]>,
        one: String,
        other: String,
    },
    Shared {
        identifier: String,
        by: String,
        count: u64,
    },
    Disagreement {
        identifier: String,
        r#type: String,
        source: String,
        says: Vec<String>,
        other_source: String,
        other_says: Vec<String>,
    },
    SingleSource {
        person: String,
        source: String,
    },
}

impl ReportedConflict {
    /// The line that it is counted in.
    fn rule(&self) -> String {
        match self {
            ReportedConflict::Withheld { rule, r#type: Some(kind), .. } => {
                format!("link withheld: {rule} of {kind}")
            }
            ReportedConflict::Withheld { rule, .. } => format!("link withheld: {rule}"),
            ReportedConflict::Shared { identifier, by, .. } => {
                let kind = identifier.split_once(':').map_or("", |(kind, _)| kind);
                format!("{kind} shared by {by}s")
            }
            ReportedConflict::Disagreement { r#type: kind, source, other_source, .. } => {
                format!("{source} and {other_source} disagree about {kind}")
            }
            ReportedConflict::SingleSource { source, .. } => format!("known to {source} alone"),
        }
    }

    fn example(&self) -> String {
        match self {
            ReportedConflict::Withheld { decided: Some([decided, upon]), one, other, .. }
                if (decided, upon) != (one, other) =>
            {
                format!("{one} – {other} ({decided} ≠ {upon})")
            }
            ReportedConflict::Withheld { one, other, .. } => format!("{one} – {other}"),
            ReportedConflict::Shared { identifier, count, .. } => format!("{identifier} ({count})"),
            ReportedConflict::Disagreement { identifier, says, other_says, .. } => {
                format!("{identifier}: {} / {}", says.join(", "), other_says.join(", "))
            }
            ReportedConflict::SingleSource { person, .. } => person.clone(),
        }
    }
}

/// A table of the conflicts that stand, the most frequent rule first.
pub fn report(changelogs: &[Changelog], examples: usize) -> Result<String, ChangelogError> {
    let mut standing: BTreeMap<String, String> = BTreeMap::new();
    let mut known = false;
    for changelog in changelogs {
        let Some(output) = changelog.publishing(Publish::Conflicts) else { continue };
        known |= changelog.is_named_after(Publish::Conflicts);
        changelog.scan(|entry| {
            if entry.output != output {
                return;
            }
            known = true;
            match entry.value {
                Some(value) => drop(standing.insert(entry.key.into_owned(), value.to_owned())),
                None => drop(standing.remove(&*entry.key)),
            }
        })?;
    }
    if !known {
        return Ok("No output holds conflicts: add one, as in \
                   outputs: {conflicts: {files: out/conflicts.ndjson}}; \
                   one of another name is found by the definition, with --spec\n"
            .to_owned());
    }
    let mut by_rule: BTreeMap<String, (u64, Vec<String>)> = BTreeMap::new();
    for value in standing.values() {
        let Ok(conflict) = serde_json::from_str::<ReportedConflict>(value) else { continue };
        let (count, examples_of) = by_rule.entry(shown(&conflict.rule()).into_owned()).or_default();
        *count += 1;
        if examples_of.len() < examples {
            examples_of.push(shown(&conflict.example()).into_owned());
        }
    }
    let mut rules: Vec<_> = by_rule.into_iter().collect();
    rules.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
    Ok(table(&rules))
}

fn table(rules: &[(String, (u64, Vec<String>))]) -> String {
    let all: u64 = rules.iter().map(|(_, (count, _))| count).sum();
    let conflicts = if all == 1 { "conflict" } else { "conflicts" };
    let mut text = format!("{all} {conflicts}\n");
    let width = rules.iter().map(|(rule, _)| rule.chars().count()).max().unwrap_or(0);
    for (rule, (count, examples)) in rules {
        let mut examples = examples.iter();
        let first = examples.next().map_or("", String::as_str);
        writeln!(text, "\n  {rule:<width$}  {count:>10}  {first}").expect("to a string");
        for example in examples {
            writeln!(text, "  {:<width$}  {:>10}  {example}", "", "").expect("to a string");
        }
    }
    text
}
