//! Whatever a format writes it reads back as it was.

use std::path::Path;

use arcstr::ArcStr;
use arrow::datatypes::DataType;
use proptest::prelude::*;

use super::catalog::Catalog;
use super::encoder::{EncodedMessage, Encoder, Holding, ReadBack};
use super::formats::{FORMATS, message_encoder};
use super::profile::{Item, PackedProfile, Packer};
use super::record::{
    DisagreementKey, NamedIdentifier, Record, RecordBody, RecordKey, RecordValue, RejectReason,
    RejectedInput, SegmentChange, WithheldLink,
};
use crate::definition;
use crate::identity::Detail;
use crate::plan::{Format, Publish};
use crate::row::{IdentifierHash, RawPosition};
use crate::time::Micros;

/// ProfileAttributes of every type that there is.
const DEFINITION: &str = r#"
sources:
  web: {files: web.ndjson, kind: events, fields: {email: text, device: text, text: text, integer: integer,
        number: number, decimal: "decimal(20,2)", boolean: boolean, timestamp: timestamp, date: date, list: [text]}}
  crm: {files: crm.ndjson, kind: records, key: email, fields: {email: text}}
identity:
  email: {from: {web: email, crm: email}}
  device: {from: {web: device}}
attributes:
  text: {from: web, select: max(text)}
  integer: {from: web, select: max(integer)}
  number: {from: web, select: max(number)}
  decimal: {from: web, select: sum(decimal)}
  boolean: {from: web, select: bool_or(boolean)}
  timestamp: {from: web, select: max(timestamp)}
  date: {from: web, select: max(date)}
  texts: {from: web, select: array_agg(distinct text)}
  dates: {from: web, select: array_agg(distinct date)}
  top: {from: web, select: "top(text, 3)"}
  email: {sql: "text = 'x'"}
segments:
  one: integer > 1
  "two, \"quoted\"": integer > 2
outputs:
  profiles: {files: profiles}
  segments: {files: segments}
  identities: {files: identities}
  rejects: {files: rejects}
  conflicts: {files: conflicts}
"#;

fn plan() -> crate::plan::Plan {
    let plan = definition::parse(DEFINITION, Path::new("test.yaml"), &|_| None);
    plan.unwrap_or_else(|wrong| panic!("{wrong}"))
}

/// A value of an attribute, before it is packed.
#[derive(Clone, Debug)]
enum Tree {
    Null,
    Boolean(bool),
    Integer(i64),
    Number(f64),
    Decimal(i128, i8),
    Text(String),
    Timestamp(Micros),
    Date(i32),
    List(Vec<Tree>),
    Struct(Vec<(String, Tree)>),
}

impl Tree {
    fn pack(&self, packer: &mut Packer) {
        match self {
            Tree::Null => packer.item(Item::Null),
            Tree::Boolean(value) => packer.item(Item::Boolean(*value)),
            Tree::Integer(value) => packer.item(Item::Integer(*value)),
            Tree::Number(value) => packer.item(Item::Number(*value)),
            Tree::Decimal(unscaled, scale) => {
                packer.item(Item::Decimal { unscaled: *unscaled, scale: *scale });
            }
            Tree::Text(text) => packer.item(Item::Text(text)),
            Tree::Timestamp(instant) => packer.item(Item::Timestamp(*instant)),
            Tree::Date(day) => packer.item(Item::Date(*day)),
            Tree::List(items) => {
                packer.item(Item::List(items.len()));
                items.iter().for_each(|item| item.pack(packer));
            }
            Tree::Struct(fields) => {
                packer.item(Item::Struct(fields.len()));
                for (name, value) in fields {
                    packer.text(name);
                    value.pack(packer);
                }
            }
        }
    }
}

/// Text with all that formats have to write in some other way.
fn texts() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "[a,\"\\\\\n\r\t\u{1}é😀:/% ]{0,6}", ".{0,8}"]
}

/// Instants of the years that there are.
fn instants() -> impl Strategy<Value = Micros> {
    prop_oneof![-62_135_596_800_000_000..253_402_300_799_999_999i64, Just(0), Just(1_500_000)]
}

fn values(data_type: &DataType) -> BoxedStrategy<Tree> {
    let some: BoxedStrategy<Tree> = match data_type {
        DataType::Boolean => any::<bool>().prop_map(Tree::Boolean).boxed(),
        DataType::Int64 => any::<i64>().prop_map(Tree::Integer).boxed(),
        DataType::Float64 => {
            prop_oneof![any::<f64>(), Just(f64::NAN), Just(-0.0), (-9..9i8).prop_map(f64::from)]
                .prop_map(Tree::Number)
                .boxed()
        }
        DataType::Decimal128(_, scale) => {
            let scale = *scale;
            let unscaled =
                prop_oneof![any::<i64>().prop_map(i128::from), -(10i128.pow(37))..10i128.pow(37)];
            unscaled.prop_map(move |unscaled| Tree::Decimal(unscaled, scale)).boxed()
        }
        DataType::Utf8 => texts().prop_map(Tree::Text).boxed(),
        DataType::Timestamp(..) => instants().prop_map(Tree::Timestamp).boxed(),
        DataType::Date32 => (-719_162..2_932_896i32).prop_map(Tree::Date).boxed(),
        DataType::List(field) => {
            prop::collection::vec(values(field.data_type()), 0..4).prop_map(Tree::List).boxed()
        }
        DataType::Struct(fields) => {
            let name = |name: &String| name.clone();
            let fields: Vec<_> = fields
                .iter()
                .map(|field| (Just(name(field.name())), values(field.data_type())))
                .collect();
            fields.prop_map(Tree::Struct).boxed()
        }
        other => unreachable!("the test has no {other}"),
    };
    prop_oneof![1 => Just(Tree::Null), 5 => some].boxed()
}

fn profiles(names: &Catalog, attributes: &[u16]) -> impl Strategy<Value = PackedProfile> + use<> {
    let of = |attribute: &u16| {
        (Just(*attribute), values(names.data_type(*attribute).expect("it has one")))
    };
    let attributes: Vec<_> = attributes.iter().map(of).collect();
    let identifiers = [0, 1u16].map(|kind| prop::collection::vec((Just(kind), texts()), 0..3));
    let segments = prop::collection::vec(any::<bool>(), 2);
    (identifiers, attributes, segments).prop_map(|(identifiers, attributes, segments)| {
        let mut packer = Packer::default();
        let identifiers = identifiers.concat();
        packer.length(identifiers.len());
        for (kind, text) in &identifiers {
            packer.name(*kind);
            packer.text(text);
        }
        packer.length(attributes.len());
        for (attribute, value) in &attributes {
            packer.name(*attribute);
            value.pack(&mut packer);
        }
        packer.length(segments.iter().filter(|is_in| **is_in).count());
        let segments = segments.iter().zip(0..).filter(|(is_in, _)| **is_in);
        segments.for_each(|(_, segment)| packer.name(segment));
        packer.profile()
    })
}

fn people() -> impl Strategy<Value = IdentifierHash> {
    any::<u128>().prop_map(IdentifierHash)
}

fn named() -> impl Strategy<Value = NamedIdentifier> {
    (0..2u16, texts()).prop_map(|(kind, text)| NamedIdentifier { kind, text: text.into() })
}

fn conflicts() -> impl Strategy<Value = (RecordKey, RecordValue)> {
    let list = || prop::collection::vec(texts().prop_map(ArcStr::from), 0..3);
    let detail = prop_oneof![
        Just(Detail::None),
        any::<u64>().prop_map(Detail::Number),
        texts().prop_map(|text| Detail::Text(text.into())),
        list().prop_map(Detail::Texts),
    ];
    let details = prop::collection::vec(detail, 0..3).prop_map(|details| {
        ["type", "limit", "decided"].map(ArcStr::from).into_iter().zip(details).collect()
    });
    prop_oneof![
        (named(), named(), texts(), details).prop_map(|(one, other, rule, details)| {
            let why = WithheldLink { rule: rule.into(), details };
            (RecordKey::Withheld(Box::new([one, other])), RecordValue::Withheld(Box::new(why)))
        }),
        (named(), 0..2u16, any::<u32>()).prop_map(|(identifier, by, count)| (
            RecordKey::Shared(identifier),
            RecordValue::Shared { by, count }
        )),
        (named(), 0..2u16, [0..2u16, 0..2u16], [list(), list()]).prop_map(
            |(identifier, kind, [source, other_source], says)| {
                let of = DisagreementKey { identifier, kind, source, other_source };
                (RecordKey::Disagreement(Box::new(of)), RecordValue::Disagreement(Box::new(says)))
            }
        ),
        (people(), 0..2u16).prop_map(|(of, source)| (
            RecordKey::SingleSource(of),
            RecordValue::SingleSource(source)
        )),
    ]
}

fn rejects() -> impl Strategy<Value = (RecordKey, RecordValue)> {
    let position = prop_oneof![
        (texts(), prop::option::of(any::<u64>()))
            .prop_map(|(file, line)| RawPosition::Line { file, line }),
        (texts(), any::<u32>(), any::<u64>()).prop_map(|(topic, partition, offset)| {
            RawPosition::Offset { topic, partition, offset }
        }),
        (prop::option::of(texts()), texts())
            .prop_map(|(topic, key)| RawPosition::Key { topic, key }),
    ];
    let reason = (texts(), texts(), texts()).prop_map(|(code, path, message)| RejectReason {
        code,
        path,
        message,
    });
    let rejected = (position, prop::collection::vec(reason, 0..3), texts())
        .prop_map(|(position, reasons, raw)| RejectedInput { position, reasons, raw });
    let key =
        prop_oneof![(0..2u16).prop_map(RecordKey::Source), (0..5u16).prop_map(RecordKey::Output)];
    (key, rejected).prop_map(|(key, rejected)| (key, RecordValue::Reject(Box::new(rejected))))
}

/// Records of an output that publishes this.
fn records(names: &Catalog, holding: &Holding) -> BoxedStrategy<Record> {
    let said: BoxedStrategy<(RecordKey, RecordValue)> = match holding.publish {
        Publish::Profiles => (people(), profiles(names, &holding.attributes))
            .prop_map(|(person, profile)| {
                (RecordKey::Person(person), RecordValue::Profile(profile))
            })
            .boxed(),
        Publish::Segments => (0..2u16, people(), any::<bool>())
            .prop_map(|(segment, person, entered)| {
                let change = if entered { SegmentChange::Entered } else { SegmentChange::Left };
                (RecordKey::Member { segment, person }, RecordValue::Segment(change))
            })
            .boxed(),
        Publish::Identities => (named(), people())
            .prop_map(|(named, person)| {
                (RecordKey::Identifier(named), RecordValue::Identity(person))
            })
            .boxed(),
        Publish::Rejects => rejects().boxed(),
        Publish::Conflicts => conflicts().boxed(),
    };
    let (output, publish) = (holding.output, holding.publish);
    let merged_into = prop::option::of(people());
    (said, instants(), prop::bool::weighted(0.3), merged_into)
        .prop_map(move |((key, value), at, is_gone, merged_into)| {
            let merged_into = merged_into.filter(|_| publish == Publish::Profiles);
            let body = match is_gone && publish != Publish::Rejects {
                true => RecordBody::Gone { merged_into },
                false => RecordBody::Is { value, at },
            };
            Record { output, key, body }
        })
        .boxed()
}

/// What each output of the definition holds, with some of its records.
fn holdings() -> impl Strategy<Value = (Holding, Vec<Record>)> {
    let plan = plan();
    let names = Catalog::of(&plan);
    (0..plan.outputs.len()).prop_flat_map(move |output| {
        let holding = Holding::of(&plan, &plan.outputs[output]);
        let records = prop::collection::vec(records(&names, &holding), 0..4);
        (Just(holding), records)
    })
}

/// All that an encoder reads.
fn decoded(encoder: &mut dyn Encoder, mut bytes: &[u8], names: &mut Catalog) -> Vec<Record> {
    let mut records = Vec::new();
    loop {
        let length = match encoder.decode(bytes, names).expect("it was written so") {
            ReadBack::Record(record, length) => {
                records.push(record);
                length
            }
            ReadBack::Nothing(length) => length,
            ReadBack::Unfinished => break,
        };
        bytes = &bytes[length..];
    }
    assert!(bytes.is_empty(), "{}", String::from_utf8_lossy(bytes));
    records
}

proptest! {
    #[test]
    fn every_format_reads_back_what_it_wrote((holding, records) in holdings()) {
        let names = Catalog::of(&plan());
        for (format, make) in FORMATS {
            // A definition that asks for it is refused.
            if format == Format::Csv && holding.publish == Publish::Conflicts {
                continue;
            }
            let mut bytes = Vec::new();
            let mut encoder = make(&names, &holding);
            encoder.head(&names, &mut bytes);
            records.iter().for_each(|record| encoder.encode(record, &names, &mut bytes));
            let mut learned = names.clone();
            let found = decoded(&mut *make(&names, &holding), &bytes, &mut learned);
            prop_assert_eq!(&found, &records, "{:?}: {}", format, String::from_utf8_lossy(&bytes));

            // Where it is cut off anywhere no more is read than is whole.
            for cut in 0..bytes.len() {
                let mut reader = make(&names, &holding);
                let (mut rest, mut whole) = (&bytes[..cut], 0);
                while let Ok(step) = reader.decode(rest, &mut learned) {
                    match step {
                        ReadBack::Record(record, length) => {
                            prop_assert_eq!(&record, &records[whole]);
                            (rest, whole) = (&rest[length..], whole + 1);
                        }
                        ReadBack::Nothing(length) => rest = &rest[length..],
                        ReadBack::Unfinished => break,
                    }
                }
            }
        }
    }

    #[test]
    fn messages_are_read_back_as_they_were((holding, records) in holdings()) {
        let mut names = Catalog::of(&plan());
        let mut encoder = message_encoder(&names);
        let mut message = EncodedMessage::default();
        for record in &records {
            encoder.encode(record, &names, &mut message);
            let found = encoder.decode(holding.output, &message, &mut names).expect("a record");
            prop_assert_eq!(&found, record, "{:?}", message);
        }
    }

    /// Who reads without a definition reads the same, but for numbers whose types it can't know.
    #[test]
    fn what_is_read_without_a_definition_is_written_again_as_it_was((holding, records) in holdings()) {
        let names = Catalog::of(&plan());
        let (_, make) = FORMATS[0];
        let (mut bytes, mut again) = (Vec::new(), Vec::new());
        let mut encoder = make(&names, &holding);
        records.iter().for_each(|record| encoder.encode(record, &names, &mut bytes));
        let mut learned = Catalog::default();
        let mut reader = make(&learned, &holding);
        let found = decoded(&mut *reader, &bytes, &mut learned);
        found.iter().for_each(|record| reader.encode(record, &learned, &mut again));
        prop_assert_eq!(String::from_utf8(bytes), String::from_utf8(again));
    }
}
