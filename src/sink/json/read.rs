//! Records read back from JSON.
//!
//! A value says by its fields what it is of; only a tombstone has to be known by its key.

use std::borrow::Cow;

use arcstr::ArcStr;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::values::{Name, Pairs, pack_json};
use crate::identity::Detail;
use crate::plan::Publish;
use crate::row::{IdentifierHash, RawPosition};
use crate::sink::catalog::{Catalog, parted};
use crate::sink::encoder::Unreadable;
use crate::sink::profile::{PackedProfile, Packer};
use crate::sink::record::{
    DisagreementKey, NamedIdentifier, Record, RecordBody, RecordKey, RecordValue, RejectReason,
    RejectedInput, SegmentChange, WithheldLink,
};
use crate::time::{Micros, read_rfc3339};

impl From<serde_json::Error> for Unreadable {
    fn from(error: serde_json::Error) -> Self {
        Unreadable(error.to_string())
    }
}

/// A file's line.
#[derive(Deserialize)]
pub struct JsonLine<'a> {
    #[serde(borrow)]
    output: Cow<'a, str>,
    #[serde(borrow)]
    key: Cow<'a, str>,
    #[serde(borrow)]
    value: Option<&'a RawValue>,
    #[serde(default)]
    merged_into: Option<String>,
}

impl<'a> JsonLine<'a> {
    pub fn parse(line: &'a str) -> Result<Self, Unreadable> {
        Ok(serde_json::from_str(line)?)
    }

    pub fn record(&self, names: &mut Catalog) -> Result<Record, Unreadable> {
        let output = names.outputs.learn(&self.output);
        let value = self.value.map(RawValue::get);
        record(output, &self.key, value, self.merged_into.as_deref(), names)
    }
}

/// A record by its parts.
pub fn record(
    output: u16,
    key: &str,
    value: Option<&str>,
    merged_into: Option<&str>,
    names: &mut Catalog,
) -> Result<Record, Unreadable> {
    let Some(value) = value else {
        let key = key_of_tombstone(key, names.publishes(output), names)?;
        let merged_into = merged_into.map(person).transpose()?;
        return Ok(Record { output, key, body: RecordBody::Gone { merged_into } });
    };
    let fields = ValueFields(serde_json::from_str(value)?);
    let at = instant(&fields.text("at")?)?;
    let (key, value) = fields.value(names)?;
    Ok(Record { output, key, body: RecordBody::Is { value, at } })
}

/// The fields of a value.
struct ValueFields<'a>(Pairs<'a>);

impl ValueFields<'_> {
    fn find(&self, name: &str) -> Option<&str> {
        let Pairs(pairs) = &self.0;
        pairs.iter().find(|(of, _)| of == name).map(|(_, value)| value.get())
    }

    fn get<'b, T: Deserialize<'b>>(&'b self, name: &str) -> Result<T, Unreadable> {
        let value = self.find(name).ok_or_else(|| Unreadable(format!("it has no '{name}'")))?;
        serde_json::from_str(value).map_err(|error| Unreadable(format!("its '{name}': {error}")))
    }

    fn text(&self, name: &str) -> Result<Cow<'_, str>, Unreadable> {
        let Name(text) = self.get(name)?;
        Ok(text)
    }

    fn person(&self) -> Result<IdentifierHash, Unreadable> {
        person(&self.text("person")?)
    }

    fn value(&self, names: &mut Catalog) -> Result<(RecordKey, RecordValue), Unreadable> {
        if self.find("conflict").is_some() {
            return self.conflict(names);
        }
        if self.find("attributes").is_some() {
            return Ok((
                RecordKey::Person(self.person()?),
                RecordValue::Profile(self.profile(names)?),
            ));
        }
        if self.find("change").is_some() {
            let change = match &*self.text("change")? {
                "entered" => SegmentChange::Entered,
                "left" => SegmentChange::Left,
                other => return Err(Unreadable(format!("there is no change '{other}'"))),
            };
            let segment = names.segments.learn(&self.text("segment")?);
            let key = RecordKey::Member { segment, person: self.person()? };
            return Ok((key, RecordValue::Segment(change)));
        }
        if let Some(reasons) = self.find("reasons") {
            let key = match self.find("source") {
                Some(_) => RecordKey::Source(names.sources.learn(&self.text("source")?)),
                None => RecordKey::Output(names.outputs.learn(&self.text("output")?)),
            };
            let position = read_position(self.find("position").unwrap_or("null"))?;
            let (reasons, raw) = (read_reasons(reasons)?, self.get("raw")?);
            return Ok((
                key,
                RecordValue::Reject(Box::new(RejectedInput { position, reasons, raw })),
            ));
        }
        let kind = names.identifiers.learn(&self.text("type")?);
        let identifier = NamedIdentifier { kind, text: (&*self.text("value")?).into() };
        Ok((RecordKey::Identifier(identifier), RecordValue::Identity(self.person()?)))
    }

    fn profile(&self, names: &mut Catalog) -> Result<PackedProfile, Unreadable> {
        let mut identifiers: Vec<(u16, Vec<Cow<'_, str>>)> = Vec::new();
        let Pairs(kinds) = self.get("identifiers")?;
        for (kind, texts) in &kinds {
            identifiers.push((names.identifiers.learn(kind), serde_json::from_str(texts.get())?));
        }
        let mut packer = Packer::default();
        packer.length(identifiers.iter().map(|(_, texts)| texts.len()).sum());
        for (kind, texts) in &identifiers {
            for text in texts {
                packer.name(*kind);
                packer.text(text);
            }
        }
        let Pairs(attributes) = self.get("attributes")?;
        packer.length(attributes.len());
        for (name, value) in &attributes {
            let attribute = names.attributes.learn(name);
            packer.name(attribute);
            pack_json(value.get(), names.data_type(attribute), &mut packer)?;
        }
        let segments: Vec<Cow<'_, str>> = self.get("segments")?;
        packer.length(segments.len());
        for segment in &segments {
            packer.name(names.segments.learn(segment));
        }
        Ok(packer.profile())
    }

    fn conflict(&self, names: &mut Catalog) -> Result<(RecordKey, RecordValue), Unreadable> {
        Ok(match &*self.text("conflict")? {
            "withheld" => {
                let ends = [self.text("one")?, self.text("other")?];
                let ends = [named(&ends[0], names)?, named(&ends[1], names)?];
                let why = WithheldLink { rule: self.get("rule")?, details: self.details()? };
                (RecordKey::Withheld(Box::new(ends)), RecordValue::Withheld(Box::new(why)))
            }
            "shared" => {
                let by = names.identifiers.learn(&self.text("by")?);
                let identifier = named(&self.text("identifier")?, names)?;
                (
                    RecordKey::Shared(identifier),
                    RecordValue::Shared { by, count: self.get("count")? },
                )
            }
            "disagreement" => {
                let of = DisagreementKey {
                    identifier: named(&self.text("identifier")?, names)?,
                    kind: names.identifiers.learn(&self.text("type")?),
                    source: names.sources.learn(&self.text("source")?),
                    other_source: names.sources.learn(&self.text("other_source")?),
                };
                let says = [self.get("says")?, self.get("other_says")?];
                (RecordKey::Disagreement(Box::new(of)), RecordValue::Disagreement(Box::new(says)))
            }
            "single_source" => {
                let source = names.sources.learn(&self.text("source")?);
                (RecordKey::SingleSource(self.person()?), RecordValue::SingleSource(source))
            }
            other => return Err(Unreadable(format!("there is no conflict '{other}'"))),
        })
    }

    /// What a guard told: all that every withheld link does not have.
    fn details(&self) -> Result<Vec<(ArcStr, Detail)>, Unreadable> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum ReadDetail {
            None(()),
            Number(u64),
            Text(ArcStr),
            Texts(Vec<ArcStr>),
        }
        let detail = |(name, value): &(Cow<'_, str>, &RawValue)| {
            let detail = match parsed(value.get())? {
                ReadDetail::None(()) => Detail::None,
                ReadDetail::Number(number) => Detail::Number(number),
                ReadDetail::Text(text) => Detail::Text(text),
                ReadDetail::Texts(texts) => Detail::Texts(texts),
            };
            Ok((ArcStr::from(&**name), detail))
        };
        let Pairs(pairs) = &self.0;
        let own = ["conflict", "rule", "one", "other", "at"];
        pairs.iter().filter(|(name, _)| !own.contains(&&**name)).map(detail).collect()
    }
}

fn key_of_tombstone(
    text: &str,
    publish: Option<Publish>,
    names: &mut Catalog,
) -> Result<RecordKey, Unreadable> {
    let may_be = |wanted| publish.is_none_or(|publish| publish == wanted);
    if may_be(Publish::Profiles)
        && let Ok(person) = person(text)
    {
        return Ok(RecordKey::Person(person));
    }
    if may_be(Publish::Conflicts) {
        let parts: Vec<String> = parted(text).collect();
        match &parts.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["withheld", one, other] => {
                let ends = [named(one, names)?, named(other, names)?];
                return Ok(RecordKey::Withheld(Box::new(ends)));
            }
            ["shared", identifier] => return Ok(RecordKey::Shared(named(identifier, names)?)),
            ["disagreement", source, identifier, kind, other_source] => {
                let of = DisagreementKey {
                    identifier: named(identifier, names)?,
                    kind: names.identifiers.learn(kind),
                    source: names.sources.learn(source),
                    other_source: names.sources.learn(other_source),
                };
                return Ok(RecordKey::Disagreement(Box::new(of)));
            }
            ["single_source", of] => return Ok(RecordKey::SingleSource(person(of)?)),
            _ => {}
        }
    }
    if may_be(Publish::Segments)
        && let Some((segment, of)) = text.rsplit_once('/')
        && let Ok(person) = person(of)
    {
        return Ok(RecordKey::Member { segment: names.segments.learn(segment), person });
    }
    if may_be(Publish::Identities) && text.contains(':') {
        return Ok(RecordKey::Identifier(named(text, names)?));
    }
    Err(Unreadable(format!("'{text}' is no key of an output")))
}

pub fn person(id: &str) -> Result<IdentifierHash, Unreadable> {
    let hash = IdentifierHash::of_person_id(id);
    hash.ok_or_else(|| Unreadable(format!("'{id}' is no person's id: p_ and 32 hex digits")))
}

/// `type:value`: there is no colon in the name of a type.
fn named(identifier: &str, names: &mut Catalog) -> Result<NamedIdentifier, Unreadable> {
    let parts = identifier.split_once(':');
    let (kind, text) =
        parts.ok_or_else(|| Unreadable(format!("'{identifier}' is no identifier: type:value")))?;
    Ok(NamedIdentifier { kind: names.identifiers.learn(kind), text: text.into() })
}

pub fn instant(text: &str) -> Result<Micros, Unreadable> {
    read_rfc3339(text).map_err(|_| Unreadable(format!("'{text}' is no instant")))
}

fn parsed<T: DeserializeOwned>(json: &str) -> Result<T, Unreadable> {
    Ok(serde_json::from_str(json)?)
}

pub fn read_reasons(json: &str) -> Result<Vec<RejectReason>, Unreadable> {
    parsed(json)
}

pub fn read_position(json: &str) -> Result<RawPosition, Unreadable> {
    #[derive(Deserialize)]
    struct PositionFields {
        file: Option<String>,
        line: Option<u64>,
        topic: Option<String>,
        partition: Option<u32>,
        offset: Option<u64>,
        key: Option<String>,
    }
    match parsed(json)? {
        PositionFields { file: Some(file), line, .. } => Ok(RawPosition::Line { file, line }),
        PositionFields { topic, key: Some(key), .. } => Ok(RawPosition::Key { topic, key }),
        PositionFields {
            topic: Some(topic),
            partition: Some(partition),
            offset: Some(offset),
            ..
        } => Ok(RawPosition::Offset { topic, partition, offset }),
        _ => Err(Unreadable(format!("{json} is no position"))),
    }
}
