//! Segments: conditions over attributes, other segments, identifiers and `now()`.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion_sql::sqlparser::dialect::GenericDialect;
use datafusion_sql::sqlparser::tokenizer::{Token, Tokenizer};

use super::attributes::{Attributes, in_order};
use super::fields;
use super::instant;
use super::plan::{Segment, Step};
use super::read::{Context, Object, sql};
use super::yaml::Value;

pub fn read(context: &mut Context, file: &Object<'_>, attributes: &mut Attributes) -> Vec<Segment> {
    let entries = file.map(context, "segments");
    let mut conditions = Vec::new();
    let mut descriptions = Vec::new();
    for (key, node) in entries {
        let what = format!("segment '{}'", key.name);
        if attributes.profile_schema.column_with_name(&key.name).is_some() {
            context.complain(key.place, format!("{what}: an attribute has that name"));
            continue;
        }
        if key.name.contains('/') {
            context.complain(key.place, format!("{what}: a '/' would be part of keys"));
            continue;
        }
        let mut description = None;
        let condition = match &node.value {
            Value::Mapping(_) => {
                let Some(object) = Object::read(context, what, node, fields::SEGMENT) else {
                    continue;
                };
                description = object.text(context, "description").map(|(text, _)| text);
                object.sql(context, "where")
            }
            _ => sql(context, what, node),
        };
        let Some(condition) = condition else { continue };
        conditions.push((key, condition));
        descriptions.push((key.name.clone(), description));
    }
    let mut segments = Vec::new();
    for (key, text) in in_order(context, "segments", conditions) {
        let schema = Arc::clone(&attributes.profile_schema);
        let Some(planned) = context.plan_scalar(&text, &schema) else { continue };
        if context.is_boolean(&text, &planned, &schema).is_none() {
            continue;
        }
        let turns = instant::turns(&planned);
        for turn in context.check(&text, turns).unwrap_or_default() {
            attributes.add_turn(context, &text, turn);
        }
        let compiled =
            context.dialect.compile(planned, &schema, Some(&DataType::Boolean), &text.text);
        let Some(expression) = context.check(&text, compiled) else { continue };
        let column = attributes.add_column(&key.name, DataType::Boolean, Step::Derived(expression));
        let description =
            descriptions.iter().find(|(name, _)| *name == key.name).and_then(|(_, d)| d.clone());
        segments.push(Segment { name: key.name.clone(), description, column });
    }
    let position = |name: &str| entries.iter().position(|(key, _)| key.name == name);
    segments.sort_by_key(|segment| position(&segment.name));
    segments
}

/// The names in an expression, functions left out.
pub fn words(text: &str) -> Vec<String> {
    let tokens = Tokenizer::new(&GenericDialect {}, text).tokenize().unwrap_or_default();
    let tokens: Vec<Token> =
        tokens.into_iter().filter(|token| !matches!(token, Token::Whitespace(_))).collect();
    let word = |(index, token): (usize, &Token)| match token {
        Token::Word(word) if tokens.get(index + 1) != Some(&Token::LParen) => {
            Some(word.value.clone())
        }
        _ => None,
    };
    tokens.iter().enumerate().filter_map(word).collect()
}
