//! What a definition does, in a few lines.

use std::fmt::Write;

use super::sql::describe::describe;
use crate::console::counted;
use crate::plan::{Decisions, IdentifierType, Kind, Placeholders, Plan};
use crate::time::spoken;

/// A summary of a plan for people.
pub fn explain(plan: &Plan) -> String {
    let mut text = String::new();
    let mut line = |line: String| writeln!(text, "{line}").expect("to a string");
    line(format!("{}: all is well", plan.name));
    line("\nsources".to_owned());
    for source in &plan.sources {
        let kind = if source.kind == Kind::Events { "events" } else { "records" };
        let from = &source.connector;
        let sessions = source.sessions.map(|gap| format!(", in sessions {} apart", spoken(gap)));
        let sessions = sessions.unwrap_or_default();
        line(format!("  {:<19} {kind:<9} {from}{sessions}", source.name));
    }
    line("\nidentifiers, most trusted first".to_owned());
    for (kind, identifier) in plan.identifiers.iter().enumerate() {
        let holds = plan.sources.iter().flat_map(|source| {
            let columns = source.identifiers.iter().filter(|(of, _)| *of as usize == kind);
            columns.map(|(_, column)| {
                format!("{}.{}", source.name, source.schema.field(*column).name())
            })
        });
        let kept = match identifier.placeholders {
            Placeholders::Keep => "; placeholders are kept",
            Placeholders::Ignore => "",
        };
        let holds = holds.collect::<Vec<_>>().join(", ");
        let guards = guards(identifier);
        line(format!("  {:<19} {holds}{kept}{guards}", identifier.name));
    }
    if let Some(most) = plan.at_most {
        let identifiers = counted(most, "identifier", "identifiers");
        line(format!("  a person has at most {identifiers} in all"));
    }
    if let Some(Decisions { source, identifiers: [one, other], verdict }) = plan.decisions {
        let source = &plan.sources[source];
        let [one, other, verdict] = [one, other, verdict]
            .map(|column| format!("{}.{}", source.name, source.schema.field(column).name()));
        line(format!("  decisions           {one} and {other} are what {verdict} says"));
    }
    if plan.identifiers.iter().any(|of| of.placeholders == Placeholders::Ignore) {
        line(
            "  placeholders (an empty text, null, undefined, 0, anonymous, …) and hashes of them are no identifiers; a type \
             keeps them with placeholders: keep"
                .to_owned(),
        );
    }
    line("\nattributes".to_owned());
    for attribute in &plan.attributes {
        let note = attribute.note.as_deref().unwrap_or_default();
        let data_type = describe(&attribute.data_type);
        line(format!("  {:<19} {data_type:<15} {note}", attribute.name).trim_end().to_owned());
    }
    if !plan.segments.is_empty() {
        line("\nsegments".to_owned());
        for segment in &plan.segments {
            let description = segment.description.as_deref().unwrap_or_default();
            line(format!("  {:<19} {description}", segment.name).trim_end().to_owned());
        }
        if !plan.instants.is_empty() {
            let kinds = match plan.instants.len() {
                1 => "one kind".to_owned(),
                more => format!("{more} kinds"),
            };
            line(format!("  time alone changes them at {kinds} of instants a person"));
        }
    }
    line("\noutputs".to_owned());
    for output in &plan.outputs {
        line(format!("  {:<19} {}", output.name, output.target));
    }
    text
}

/// What keeps identifiers of a type from tying people together.
fn guards(identifier: &IdentifierType) -> String {
    let at_most = identifier.at_most.map(|most| format!("; at most {most} a person"));
    let shared_after = identifier.shared_after.map(|most| format!("; shared after {most}"));
    at_most.into_iter().chain(shared_after).collect()
}
