//! Recency, frequency and monetary value: three ranks, and the text that they make together.

use super::derived::DerivedAttribute;
use super::object::{Object, ReadContext, SqlText};
use crate::definition::file::fields;
use crate::definition::file::yaml::{YamlKey, YamlNode};
use crate::definition::sql::ranks::{FEWEST_BINS, MOST_BINS};

const SCORES: [&str; 3] = ["recency", "frequency", "monetary"];
const DEFAULT_BINS: u16 = 5;

/// The names of the attributes that an `rfm` gives beside its own.
pub fn names(name: &str) -> [String; 3] {
    SCORES.map(|score| format!("{name}_{score}"))
}

/// The text first, then its scores.
pub fn read(
    context: &mut ReadContext,
    key: &YamlKey,
    what: &str,
    node: &YamlNode,
) -> Option<Vec<DerivedAttribute>> {
    let what = format!("'rfm' of {what}");
    let object = Object::read(context, what.clone(), node, fields::RFM)?;
    let bins = bins(context, &object)?;
    let names = names(&key.name);
    // Beyond 9 a score has several digits.
    let between = if bins > 9 { " || '-' || " } else { " || " };
    let texts =
        names.each_ref().map(|name| format!("cast(\"{}\" as text)", name.replace('"', "\"\"")));
    let text = SqlText::made(texts.join(between), node.place, what);
    let mut all = vec![DerivedAttribute { key: key.clone(), text, bins: None }];
    for (score, name) in SCORES.iter().zip(names) {
        let text = object.sql(context, score)?;
        all.push(DerivedAttribute {
            key: YamlKey { place: key.place, name },
            text,
            bins: Some(bins),
        });
    }
    Some(all)
}

/// The highest score.
pub fn bins(context: &mut ReadContext, object: &Object<'_>) -> Option<u16> {
    let Some(bins) = object.count(context, "bins") else { return Some(DEFAULT_BINS) };
    match u16::try_from(bins) {
        Ok(bins @ FEWEST_BINS..=MOST_BINS) => Some(bins),
        _ => {
            let message = format!(
                "'bins' of {}: a whole number from {FEWEST_BINS} to 1,000, as in bins: \
                 {DEFAULT_BINS}: found {bins}",
                object.what
            );
            context.complain(object.get("bins")?.place, message);
            None
        }
    }
}
