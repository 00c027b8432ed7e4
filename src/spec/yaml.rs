//! YAML as a tree in which everything knows its place.
//!
//! Scalars keep their text, so that a decimal keeps its digits and `no` is a country.

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle};

use super::diagnostic::{Diagnostic, Place};

#[derive(Clone, Debug)]
pub struct Node {
    pub place: Place,
    pub value: Value,
}

#[derive(Clone, Debug)]
pub enum Value {
    /// `inline`: the text stands in the file as it is, in one line, from this column on.
    Scalar {
        text: String,
        quoted: bool,
        inline: Option<usize>,
    },
    Sequence(Vec<Node>),
    /// Keys in the order of the file, each once.
    Mapping(Vec<(Key, Node)>),
}

#[derive(Clone, Debug)]
pub struct Key {
    pub place: Place,
    pub name: String,
}

impl Node {
    /// What it is, as users call it.
    pub fn kind(&self) -> &'static str {
        match &self.value {
            Value::Scalar { text, quoted: false, .. } if is_null(text) => "nothing",
            Value::Scalar { .. } => "a text",
            Value::Sequence(_) => "a list",
            Value::Mapping(_) => "a mapping",
        }
    }

    pub fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar { text, quoted: false, .. } if is_null(text))
    }
}

fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// Reads the one document of a text, with `${NAME}` and `${NAME:-default}` in scalars replaced.
pub fn read(
    text: &str,
    environment: &dyn Fn(&str) -> Option<String>,
    found: &mut Vec<Diagnostic>,
) -> Option<Node> {
    let mut reader = Reader { environment, found, anchors: HashMap::new() };
    let mut parser = Parser::new_from_str(text);
    let mut document = None;
    loop {
        let (event, span) = match parser.next()? {
            Ok(event) => event,
            Err(error) => {
                let message = format!("this is no YAML: {}", error.info());
                reader.complain(place(error.marker()), message);
                return None;
            }
        };
        match event {
            Event::StreamEnd => return document,
            Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing => {}
            event if document.is_none() => {
                document = Some(reader.node(&mut parser, event, span.start)?);
            }
            _ => {
                reader.complain(
                    place(&span.start),
                    "a second document: a definition file holds one".to_owned(),
                );
                return None;
            }
        }
    }
}

fn place(marker: &Marker) -> Place {
    Place { line: marker.line(), column: marker.col() + 1 }
}

struct Reader<'a> {
    environment: &'a dyn Fn(&str) -> Option<String>,
    found: &'a mut Vec<Diagnostic>,
    anchors: HashMap<usize, Node>,
}

impl Reader<'_> {
    fn complain(&mut self, place: Place, message: String) {
        self.found.push(Diagnostic { place, message });
    }

    fn next<'i>(
        &mut self,
        parser: &mut Parser<'i, saphyr_parser::StrInput<'i>>,
    ) -> Option<(Event<'i>, Marker)> {
        match parser.next()? {
            Ok((event, span)) => Some((event, span.start)),
            Err(error) => {
                let message = format!("this is no YAML: {}", error.info());
                self.complain(place(error.marker()), message);
                None
            }
        }
    }

    fn node<'i>(
        &mut self,
        parser: &mut Parser<'i, saphyr_parser::StrInput<'i>>,
        event: Event<'i>,
        start: Marker,
    ) -> Option<Node> {
        let place = place(&start);
        let (value, anchor) = match event {
            Event::Alias(anchor) => {
                let node = self.anchors.get(&anchor)?.clone();
                return Some(Node { place, ..node });
            }
            Event::Scalar(text, style, anchor, _) => {
                let offset = match style {
                    ScalarStyle::Plain => Some(0),
                    ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => Some(1),
                    _ => None,
                };
                let inline = offset.filter(|_| !text.contains(['\n', '\'', '\\', '$']));
                let inline = inline.map(|offset| place.column + offset);
                let quoted = style != ScalarStyle::Plain;
                let text = self.interpolate(&text, place);
                (Value::Scalar { text, quoted, inline }, anchor)
            }
            Event::SequenceStart(anchor, _) => {
                let mut items = Vec::new();
                loop {
                    match self.next(parser)? {
                        (Event::SequenceEnd, _) => break,
                        (event, start) => items.push(self.node(parser, event, start)?),
                    }
                }
                (Value::Sequence(items), anchor)
            }
            Event::MappingStart(anchor, _) => (Value::Mapping(self.mapping(parser)?), anchor),
            _ => return None,
        };
        let node = Node { place, value };
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Some(node)
    }

    fn mapping<'i>(
        &mut self,
        parser: &mut Parser<'i, saphyr_parser::StrInput<'i>>,
    ) -> Option<Vec<(Key, Node)>> {
        let mut entries: Vec<(Key, Node)> = Vec::new();
        loop {
            let (event, start) = match self.next(parser)? {
                (Event::MappingEnd, _) => return Some(entries),
                next => next,
            };
            let key_place = place(&start);
            let key = self.node(parser, event, start)?;
            let (event, start) = self.next(parser)?;
            let value = self.node(parser, event, start)?;
            let Value::Scalar { text: name, .. } = key.value else {
                self.complain(key_place, format!("a name is a text, found {}", key.kind()));
                continue;
            };
            if let Some((_, before)) = entries.last_mut()
                && value.is_null()
                && rejoin(before, &name)
            {
                continue;
            }
            if entries.iter().any(|(key, _)| key.name == name) {
                self.complain(key_place, format!("'{name}' stands here twice: leave one"));
                continue;
            }
            entries.push((Key { place: key_place, name }, value));
        }
    }

    fn interpolate(&mut self, text: &str, place: Place) -> String {
        let mut result = String::new();
        let mut rest = text;
        while let Some(start) = rest.find("${") {
            let Some(length) = rest[start..].find('}') else { break };
            result.push_str(&rest[..start]);
            let inside = &rest[start + 2..start + length];
            let (name, default) = match inside.split_once(":-") {
                Some((name, default)) => (name, Some(default)),
                None => (inside, None),
            };
            // As in a shell, an empty variable takes the default too.
            let value = (self.environment)(name).filter(|value| !value.is_empty());
            match (value, default) {
                (Some(value), _) => result.push_str(&value),
                (None, Some(default)) => result.push_str(default),
                (None, None) => self.complain(
                    place,
                    format!(
                        "the environment has no '{name}': set it, or give a default as in \
                         ${{{name}:-value}}"
                    ),
                ),
            }
            rest = &rest[start + length + 1..];
        }
        result + rest
    }
}

/// A comma within parentheses belongs to the SQL, though to YAML it ends a value in `{…}`: what
/// follows then stands as a name without a value, and is put back.
fn rejoin(before: &mut Node, rest: &str) -> bool {
    let Value::Scalar { text, quoted: false, .. } = &mut before.value else { return false };
    let open = text.matches('(').count() > text.matches(')').count();
    if open {
        text.push_str(", ");
        text.push_str(rest);
    }
    open
}
