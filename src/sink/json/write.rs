//! The values of records as JSON objects.

use std::fmt::Write;

use super::text::{write_text, write_texts, write_value};
use crate::identity::Detail;
use crate::row::{IdentifierHash, RawPosition};
use crate::sink::catalog::{Catalog, NameList};
use crate::sink::profile::PackedProfile;
use crate::sink::record::{RecordKey, RecordValue, RejectedInput, SegmentChange, WithheldLink};
use crate::time::{Micros, write_rfc3339};

/// Writes values. What comes again and again is made ready once.
pub struct Writer {
    identifiers: Quoted,
    attributes: Quoted,
    segments: Quoted,
    /// The instant of the last record, and how it is written.
    at: (Micros, String),
}

/// Catalog as JSON texts, by number. Catalog that were learned later are quoted as they come.
struct Quoted(Vec<String>);

impl Quoted {
    fn new(list: &NameList) -> Self {
        let quoted = |name: &str| {
            let mut json = String::new();
            write_text(name, &mut json);
            json
        };
        Quoted(list.iter().map(quoted).collect())
    }

    fn write(&self, list: &NameList, number: u16, json: &mut String) {
        match self.0.get(usize::from(number)) {
            Some(quoted) => json.push_str(quoted),
            None => write_text(list.name(number), json),
        }
    }
}

impl Writer {
    pub fn new(names: &Catalog) -> Self {
        Writer {
            identifiers: Quoted::new(&names.identifiers),
            attributes: Quoted::new(&names.attributes),
            segments: Quoted::new(&names.segments),
            at: (0, rfc3339(0)),
        }
    }

    /// Writes what holds of a key from an instant on.
    pub fn write(
        &mut self,
        key: &RecordKey,
        value: &RecordValue,
        at: Micros,
        names: &Catalog,
        json: &mut String,
    ) {
        match value {
            RecordValue::Profile(profile) => self.profile(key, profile, names, json),
            RecordValue::Segment(change) => {
                let RecordKey::Member { segment, .. } = key else { unreachable!("{key:?}") };
                json.push_str("{\"segment\":");
                self.segments.write(&names.segments, *segment, json);
                person_field(",\"person\":\"", key.person(), json);
                json.push_str(match change {
                    SegmentChange::Entered => ",\"change\":\"entered\"",
                    SegmentChange::Left => ",\"change\":\"left\"",
                });
            }
            RecordValue::Identity(person) => {
                let RecordKey::Identifier(identifier) = key else { unreachable!("{key:?}") };
                json.push_str("{\"type\":");
                self.identifiers.write(&names.identifiers, identifier.kind, json);
                field(json, "value", &identifier.text);
                person_field(",\"person\":\"", Some(*person), json);
            }
            RecordValue::Withheld(why) => withheld(key, why, names, json),
            RecordValue::Shared { by, count } => {
                let RecordKey::Shared(identifier) = key else { unreachable!("{key:?}") };
                json.push_str("{\"conflict\":\"shared\",\"rule\":\"shared_after\"");
                field(json, "identifier", &names.identifier(identifier));
                field(json, "by", names.identifiers.name(*by));
                write!(json, ",\"count\":{count}").expect("to a string");
            }
            RecordValue::Disagreement(says) => {
                let RecordKey::Disagreement(of) = key else { unreachable!("{key:?}") };
                json.push_str("{\"conflict\":\"disagreement\"");
                field(json, "identifier", &names.identifier(&of.identifier));
                field(json, "type", names.identifiers.name(of.kind));
                field(json, "source", names.sources.name(of.source));
                json.push_str(",\"says\":");
                write_texts(says[0].iter().map(|text| &**text), json);
                field(json, "other_source", names.sources.name(of.other_source));
                json.push_str(",\"other_says\":");
                write_texts(says[1].iter().map(|text| &**text), json);
            }
            RecordValue::SingleSource(source) => {
                json.push_str("{\"conflict\":\"single_source\"");
                person_field(",\"person\":\"", key.person(), json);
                field(json, "source", names.sources.name(*source));
            }
            RecordValue::Reject(reject) => {
                match key {
                    RecordKey::Output(output) => {
                        json.push_str("{\"output\":");
                        write_text(names.outputs.name(*output), json);
                    }
                    RecordKey::Source(source) => {
                        json.push_str("{\"source\":");
                        write_text(names.sources.name(*source), json);
                    }
                    _ => unreachable!("{key:?}"),
                }
                write_reject(reject, json);
            }
        }
        json.push_str(",\"at\":\"");
        json.push_str(self.instant(at));
        json.push_str("\"}");
    }

    fn profile(
        &self,
        key: &RecordKey,
        profile: &PackedProfile,
        names: &Catalog,
        json: &mut String,
    ) {
        person_field("{\"person\":\"", key.person(), json);
        json.push_str(",\"identifiers\":{");
        let mut kind = None;
        for (of, text) in profile.identifiers() {
            if kind != Some(of) {
                json.push_str(if kind.is_some() { "]," } else { "" });
                self.identifiers.write(&names.identifiers, of, json);
                json.push_str(":[");
                kind = Some(of);
            } else {
                json.push(',');
            }
            write_text(text, json);
        }
        json.push_str(if kind.is_some() { "]" } else { "" });
        json.push_str("},\"attributes\":{");
        let (mut attributes, mut separator) = (profile.attributes(), "");
        while let Some((attribute, bytes)) = attributes.next() {
            json.push_str(separator);
            separator = ",";
            self.attributes.write(&names.attributes, attribute, json);
            json.push(':');
            write_value(bytes, json);
        }
        json.push_str("},\"segments\":[");
        for (place, segment) in profile.segments().enumerate() {
            json.push_str(if place > 0 { "," } else { "" });
            self.segments.write(&names.segments, segment, json);
        }
        json.push(']');
    }

    /// A tick's records are of one instant.
    pub fn instant(&mut self, at: Micros) -> &str {
        if self.at.0 != at {
            self.at = (at, rfc3339(at));
        }
        &self.at.1
    }
}

fn rfc3339(at: Micros) -> String {
    let mut text = String::new();
    write_rfc3339(at, &mut text);
    text
}

fn withheld(key: &RecordKey, why: &WithheldLink, names: &Catalog, json: &mut String) {
    let RecordKey::Withheld(ends) = key else { unreachable!("{key:?}") };
    json.push_str("{\"conflict\":\"withheld\"");
    field(json, "rule", &why.rule);
    for (name, detail) in &why.details {
        json.push(',');
        write_text(name, json);
        json.push(':');
        match detail {
            Detail::None => json.push_str("null"),
            Detail::Number(number) => write!(json, "{number}").expect("to a string"),
            Detail::Text(text) => write_text(text, json),
            Detail::Texts(texts) => write_texts(texts.iter().map(|text| &**text), json),
        }
    }
    field(json, "one", &names.identifier(&ends[0]));
    field(json, "other", &names.identifier(&ends[1]));
}

fn write_reject(reject: &RejectedInput, json: &mut String) {
    json.push_str(",\"position\":");
    write_position(&reject.position, json);
    json.push_str(",\"reasons\":");
    write_reasons(reject, json);
    field(json, "raw", &reject.raw);
}

pub fn write_reasons(reject: &RejectedInput, json: &mut String) {
    json.push('[');
    for (place, reason) in reject.reasons.iter().enumerate() {
        json.push_str(if place > 0 { ",{\"code\":" } else { "{\"code\":" });
        write_text(&reason.code, json);
        field(json, "path", &reason.path);
        field(json, "message", &reason.message);
        json.push('}');
    }
    json.push(']');
}

pub fn write_position(position: &RawPosition, json: &mut String) {
    match position {
        RawPosition::Line { file, line } => {
            json.push_str("{\"file\":");
            write_text(file, json);
            if let Some(line) = line {
                write!(json, ",\"line\":{line}").expect("to a string");
            }
        }
        RawPosition::Offset { topic, partition, offset } => {
            write!(json, "{{\"offset\":{offset},\"partition\":{partition},\"topic\":")
                .expect("to a string");
            write_text(topic, json);
        }
        RawPosition::Key { topic, key } => {
            json.push('{');
            if let Some(topic) = topic {
                json.push_str("\"topic\":");
                write_text(topic, json);
                json.push(',');
            }
            json.push_str("\"key\":");
            write_text(key, json);
        }
    }
    json.push('}');
}

fn person_field(before: &str, person: Option<IdentifierHash>, json: &mut String) {
    json.push_str(before);
    person.expect("it is about a person").write_person_id(json);
    json.push('"');
}

fn field(json: &mut String, name: &str, text: &str) {
    json.push_str(",\"");
    json.push_str(name);
    json.push_str("\":");
    write_text(text, json);
}
