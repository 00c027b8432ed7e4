//! What does not fit, counted by rule, with examples: outputs of conflicts as people read them.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::error::ChangelogError;
use super::reader::Changelog;
use crate::console::counted;
use crate::console::shown;
use crate::identity::Detail;
use crate::plan::Publish;
use crate::sink::{Catalog, Record, RecordKey, RecordValue};

/// The line that a conflict is counted in, and how it is shown as an example.
fn line_and_example(record: &Record, catalog: &Catalog) -> Option<(String, String)> {
    let identifier = |of| catalog.identifier(of);
    let kind = |kind: u16| catalog.identifiers.name(kind);
    let source = |source: u16| catalog.sources.name(source);
    Some(match (&record.key, record.value()?) {
        (RecordKey::Withheld(ends), RecordValue::Withheld(why)) => {
            let detail = |name: &str| why.details.iter().find(|(of, _)| of == name);
            let rule = match detail("type") {
                Some((_, Detail::Text(kind))) => format!("link withheld: {} of {kind}", why.rule),
                _ => format!("link withheld: {}", why.rule),
            };
            let [one, other] = ends.each_ref().map(identifier);
            let example = match detail("decided") {
                Some((_, Detail::Texts(pair))) if *pair != [&*one, &*other] => {
                    format!("{one} – {other} ({})", pair.join(" ≠ "))
                }
                _ => format!("{one} – {other}"),
            };
            (rule, example)
        }
        (RecordKey::Shared(of), RecordValue::Shared { by, count }) => {
            let rule = format!("{} shared by {}s", kind(of.kind), kind(*by));
            (rule, format!("{} ({count})", identifier(of)))
        }
        (RecordKey::Disagreement(of), RecordValue::Disagreement(says)) => {
            let (one, other) = (source(of.source), source(of.other_source));
            let rule = format!("{one} and {other} disagree about {}", kind(of.kind));
            let [says, other_says] = says.each_ref().map(|says| says.join(", "));
            (rule, format!("{}: {says} / {other_says}", identifier(&of.identifier)))
        }
        (RecordKey::SingleSource(person), RecordValue::SingleSource(of)) => {
            (format!("known to {} alone", source(*of)), person.person_id())
        }
        _ => return None,
    })
}

/// A table of the conflicts that stand, the most frequent rule first.
pub fn report(changelogs: &[Changelog], examples: usize) -> Result<String, ChangelogError> {
    let mut standing: BTreeMap<String, (String, String)> = BTreeMap::new();
    let mut known = false;
    for changelog in changelogs {
        let Some(output) = changelog.publishing(Publish::Conflicts) else { continue };
        known |= changelog.is_named_after(Publish::Conflicts);
        changelog.scan(&mut |record, catalog| {
            if catalog.outputs.name(record.output) != output {
                return;
            }
            known = true;
            let key = catalog.key(&record.key);
            match line_and_example(record, catalog) {
                Some(told) => drop(standing.insert(key, told)),
                None => drop(standing.remove(&key)),
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
    for (rule, example) in standing.values() {
        let (count, examples_of) = by_rule.entry(shown(rule).into_owned()).or_default();
        *count += 1;
        if examples_of.len() < examples {
            examples_of.push(shown(example).into_owned());
        }
    }
    let mut rules: Vec<_> = by_rule.into_iter().collect();
    rules.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
    Ok(table(&rules))
}

fn table(rules: &[(String, (u64, Vec<String>))]) -> String {
    let all: u64 = rules.iter().map(|(_, (count, _))| count).sum();
    let mut text = counted(all, "conflict", "conflicts") + "\n";
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
