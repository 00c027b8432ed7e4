//! Records beside what differential consolidates, on generated statements.

use std::collections::BTreeMap;
use std::path::Path;

use differential_dataflow::AsCollection;
use proptest::prelude::*;
use timely::dataflow::operators::vec::Filter;

use super::Publisher;
use crate::flow::tests::both_ways;
use crate::flow::{Collection, Diff, Due, keyed};
use crate::property::cases;
use crate::row::IdentifierHash;
use crate::sink::record::{NamedIdentifier, Record, RecordBody, RecordKey, RecordValue};
use crate::sink::update::{OutputStatement, OutputSubject, Router};

/// An output, an identifier, and whose it is.
type Said = (u16, u8, u8);

/// What is said of it from now on, whatever else is said on the way there.
type Step = ((u16, u8), (Option<u8>, Vec<u8>));

/// Of a key nothing holds any more, or this.
type Told = (u16, u8, Option<u8>);

fn router() -> Router {
    let definition = "sources: {rows: {files: rows.ndjson, kind: events, fields: {a: text}}}
outputs: {identities: {files: identities.ndjson}}
identity: {a: {from: {rows: a}}}
";
    let plan = crate::definition::parse(definition, Path::new("a"), &|_| None);
    Router::new(&plan.unwrap_or_else(|wrong| panic!("{wrong}")), 1)
}

fn statement(router: &Router, (output, key, value): Said) -> (OutputSubject, OutputStatement) {
    let named = NamedIdentifier { kind: 0, text: format!("{key}").into() };
    let statement = OutputStatement {
        output: Some(output),
        key: RecordKey::Identifier(named),
        value: RecordValue::Identity(IdentifierHash(value.into())),
    };
    // Two keys have one subject.
    (router.subject(0, IdentifierHash(u128::from(key / 2))), statement)
}

fn told(record: Record) -> Told {
    let RecordKey::Identifier(named) = record.key else { unreachable!("of identifiers alone") };
    let value = match record.body {
        RecordBody::Is { value: RecordValue::Identity(of), .. } => Some({ of.0 } as u8),
        RecordBody::Gone { merged_into: None } => None,
        _ => unreachable!("nothing else is said of identifiers"),
    };
    (record.output, named.text.parse().expect("a number"), value)
}

/// As [`Publisher`].
fn consolidated<'scope>(said: Collection<'scope, Said>) -> Collection<'scope, Told> {
    let keys = said.clone().map(|(output, key, _)| (output, key)).consolidate();
    let gone = keys.inner.filter(|(_, _, diff)| *diff < 0).as_collection().negate();
    let values = said.consolidate().inner.filter(|(_, _, diff)| *diff > 0).as_collection();
    let values = values.map(|(output, key, value)| (output, key, Some(value)));
    values.concat(gone.map(|(output, key)| (output, key, None)))
}

fn changes(ticks: Vec<Vec<Step>>) -> Vec<Vec<(Said, Diff)>> {
    let mut there: BTreeMap<(u16, u8), u8> = BTreeMap::new();
    let mut changes = |(of, (to, between)): Step| {
        let before = there.remove(&of);
        there.extend(to.map(|to| (of, to)));
        let said = |value: u8, diff| ((of.0, of.1, value), diff);
        let mut all: Vec<_> = between.iter().map(|value| said(*value, 1)).collect();
        all.extend(before.map(|value| said(value, -1)));
        all.extend(to.map(|value| said(value, 1)));
        all.extend(between.iter().rev().map(|value| said(*value, -1)));
        all
    };
    ticks.into_iter().map(|tick| tick.into_iter().flat_map(&mut changes).collect()).collect()
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn records_are_what_consolidated_statements_tell(
        workers in 1..4usize,
        ticks in prop::collection::vec(
            prop::collection::vec(
                ((0..2u16, 0..5u8), (prop::option::of(0..3u8), prop::collection::vec(0..3u8, 0..3))),
                0..8,
            ),
            1..10,
        ),
    ) {
        let ([ours, theirs], held) = both_ways(workers, changes(ticks), |said, counts| {
            let router = router();
            let statements = said.clone().map(move |said| statement(&router, said));
            let (none, publisher) = (Due::default(), Publisher::default());
            let records = keyed(statements, None, "Publish", counts, none, publisher);
            [records.map(told), consolidated(said)]
        });
        prop_assert_eq!(ours, theirs);
        prop_assert_eq!(held, 0);
    }
}
