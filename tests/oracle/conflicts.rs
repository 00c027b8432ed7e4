//! What does not fit, by key: links withheld, identifiers shared, sources that disagree, people whom
//! one source alone knows.

use std::collections::{BTreeMap, BTreeSet};

use selfsame::internals::plan::{Kind, Plan};

use super::guards::Rule;
use super::people::{Identified, Person};
use super::quoted;
use super::rows::{Identifier, Row, Saying};

/// A conflict's key, and what is said of it, less `at` and the closing brace.
type Conflict = (String, String);

pub fn of_identity(plan: &Plan, identified: &Identified) -> Vec<Conflict> {
    let withheld = identified.withheld.iter().map(|((one, other), rule)| {
        let rule = match rule {
            Rule::AtMost(kind) => {
                let of = &plan.identifiers[*kind];
                let limit = of.at_most.unwrap_or_default();
                format!("\"at_most\",\"type\":{},\"limit\":{limit}", quoted(&of.name))
            }
            Rule::Size => {
                let limit = plan.at_most.unwrap_or_default();
                format!("\"at_most\",\"type\":null,\"limit\":{limit}")
            }
            Rule::Different((one, other)) => {
                let [one, other] = [one, other].map(|of| quoted(&name(plan, of)));
                format!("\"different\",\"decided\":[{one},{other}]")
            }
        };
        let (one, other) = (name(plan, one), name(plan, other));
        let ends = format!("\"one\":{},\"other\":{}", quoted(&one), quoted(&other));
        let value = format!("{{\"conflict\":\"withheld\",\"rule\":{rule},{ends}");
        (format!("withheld/{}/{}", part(&one), part(&other)), value)
    });
    let shared = identified.links.shared.iter().map(|(identifier, (by, count))| {
        let identifier = name(plan, identifier);
        let by = quoted(&plan.identifiers[*by].name);
        let value = format!(
            "{{\"conflict\":\"shared\",\"rule\":\"shared_after\",\"identifier\":{},\
             \"by\":{by},\"count\":{count}",
            quoted(&identifier)
        );
        (format!("shared/{}", part(&identifier)), value)
    });
    withheld.chain(shared).collect()
}

/// Where records of a source say one thing of an identifier and rows of another source another: they
/// tie it to identifiers of one type, and to none in common.
pub fn of_sources(plan: &Plan, standing: &[Row]) -> Vec<Conflict> {
    let mut said: BTreeMap<(&Identifier, usize), BTreeMap<usize, BTreeSet<&str>>> = BTreeMap::new();
    for row in standing {
        let of = row.said.as_ref().expect("it stands");
        let Some((about, others)) = of.identifiers.split_first() else { continue };
        for (kind, text) in others.iter().filter(|_| of.saying == Saying::Together) {
            said.entry((about, *kind)).or_default().entry(row.source).or_default().insert(text);
        }
    }
    let mut conflicts = Vec::new();
    for ((about, kind), by_source) in said {
        for (one, says) in &by_source {
            for (other, other_says) in &by_source {
                let records = |source: usize| plan.sources[source].kind == Kind::Records;
                // The first of two tables tells.
                let tells = records(*one) && (!records(*other) || one < other);
                if tells && says.is_disjoint(other_says) {
                    let (about, of) = (name(plan, about), &plan.identifiers[kind].name);
                    let [one, other] = [one, other].map(|source| &plan.sources[*source].name);
                    conflicts.push((
                        format!("disagreement/{}/{}/{of}/{}", part(one), part(&about), part(other)),
                        format!(
                            "{{\"conflict\":\"disagreement\",\"identifier\":{},\"type\":{},\
                             \"source\":{},\"says\":{},\"other_source\":{},\"other_says\":{}",
                            quoted(&about),
                            quoted(of),
                            quoted(one),
                            list(says),
                            quoted(other),
                            list(other_says),
                        ),
                    ));
                }
            }
        }
    }
    conflicts
}

/// That all of a person's rows are of one source, where there are several.
pub fn of_person(plan: &Plan, person: &Person, rows: &[&Row]) -> Option<Conflict> {
    let several = plan.sources.iter().filter(|source| !source.identifiers.is_empty()).count() > 1;
    let is_of_people = |row: &&&Row| !plan.sources[row.source].identifiers.is_empty();
    let sources: BTreeSet<usize> = rows.iter().filter(is_of_people).map(|row| row.source).collect();
    let only = sources.first().filter(|_| several && sources.len() == 1)?;
    let (id, source) = (&person.id, quoted(&plan.sources[*only].name));
    let value = format!("{{\"conflict\":\"single_source\",\"person\":\"{id}\",\"source\":{source}");
    Some((format!("single_source/{id}"), value))
}

fn name(plan: &Plan, (kind, text): &Identifier) -> String {
    format!("{}:{text}", plan.identifiers[*kind].name)
}

/// A part of a key, in which a separator is no separator.
fn part(text: &str) -> String {
    text.replace('%', "%25").replace('/', "%2F")
}

fn list(texts: &BTreeSet<&str>) -> String {
    let texts: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
    format!("[{}]", texts.join(","))
}
