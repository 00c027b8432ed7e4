//! YAML as a tree in which everything knows its place.
//!
//! Scalars keep their text, so that a decimal keeps its digits and `no` is a country.

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, Tag};

use super::diagnostic::{self, Diagnostic, Place};
use super::parentheses::ShownFile;
use super::{no_yaml, origin, unquoted};

#[derive(Clone, Debug)]
pub struct YamlNode {
    pub place: Place,
    pub value: YamlValue,
}

#[derive(Clone, Debug)]
pub enum YamlValue {
    Scalar {
        text: String,
        quoted: bool,
        /// Where each of the text's characters stands in the file.
        places: Vec<Place>,
    },
    /// Nothing, where its line goes on with this, which YAML takes for no text.
    Nothing(char),
    /// A text of which a mistake has been noted: a variable that the environment does not have, or a tag in its place.
    Unset,
    Sequence(Vec<YamlNode>),
    /// Keys in the order of the file, each once.
    Mapping(Vec<(YamlKey, YamlNode)>),
}

#[derive(Clone, Debug)]
pub struct YamlKey {
    pub place: Place,
    pub name: String,
}

impl YamlNode {
    /// What it is, as users call it.
    pub fn kind(&self) -> &'static str {
        match &self.value {
            YamlValue::Scalar { text, quoted: false, .. } if is_null(text) => "nothing",
            YamlValue::Nothing(_) => "nothing",
            YamlValue::Scalar { .. } | YamlValue::Unset => "a text",
            YamlValue::Sequence(_) => "a list",
            YamlValue::Mapping(_) => "a mapping",
        }
    }

    /// The same where something else is expected, and why it is that.
    pub fn found(&self) -> String {
        let kind = self.kind();
        let why = match self.value {
            YamlValue::Nothing('#') => "a '#' behind a space begins a comment",
            YamlValue::Nothing('|' | '>') => {
                "'|' and '>' begin a text of several lines, of which there is none"
            }
            YamlValue::Nothing(_) => "a ',' in {…} and […] ends what stands before it",
            _ => return kind.to_owned(),
        };
        format!("{kind}: to YAML {why}, and a text that begins with it stands in quotes")
    }

    /// Whether it is a mapping without entries, or nothing.
    pub fn is_empty(&self) -> bool {
        match &self.value {
            YamlValue::Mapping(entries) => entries.is_empty(),
            _ => self.is_null(),
        }
    }

    pub fn is_null(&self) -> bool {
        match &self.value {
            YamlValue::Scalar { text, quoted: false, .. } => is_null(text),
            YamlValue::Nothing(_) => true,
            _ => false,
        }
    }
}

fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// Deeper than any definition, and no danger to the stack.
const DEEPEST: usize = 64;
/// More values than any definition has; aliases of aliases would make billions of a few lines.
const MOST: usize = 200_000;

/// Reads the one document of a text, with `${NAME}` and `${NAME:-default}` in scalars replaced.
pub fn read(
    text: &str,
    environment: &dyn Fn(&str) -> Option<String>,
    found: &mut Vec<Diagnostic>,
) -> Option<YamlNode> {
    let shown = ShownFile::of(text);
    let written = shown.written(&shown.text);
    let lines = diagnostic::lines(&written).map(|line| line.chars().collect()).collect();
    let anchors = HashMap::new();
    let mut parser = Parser::new_from_str(&shown.text);
    let shown = &shown;
    let (depth, values, is_map) = (0, 0, false);
    let mut reader =
        YamlReader { shown, lines, environment, found, anchors, depth, values, is_map };
    let mut document = None;
    loop {
        let (event, span) = reader.next(&mut parser)?;
        match event {
            Event::StreamEnd => return document,
            Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing => {}
            event if document.is_none() => {
                document = Some(reader.node(&mut parser, event, span)?);
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

type Events<'i> = Parser<'i, saphyr_parser::StrInput<'i>>;

/// An anchored value, and how many values it is made of.
struct Anchor {
    node: YamlNode,
    values: usize,
}

struct YamlReader<'a> {
    shown: &'a ShownFile,
    lines: Vec<Vec<char>>,
    environment: &'a dyn Fn(&str) -> Option<String>,
    found: &'a mut Vec<Diagnostic>,
    anchors: HashMap<usize, Anchor>,
    depth: usize,
    values: usize,
    /// Whether the next value is a `map`: of what texts mean the empty one may be told, too.
    is_map: bool,
}

impl YamlReader<'_> {
    fn complain(&mut self, place: Place, message: String) {
        self.found.push(Diagnostic { place, message });
    }

    fn next<'i>(&mut self, parser: &mut Events<'i>) -> Option<(Event<'i>, Span)> {
        match parser.next()? {
            Ok(next) => Some(next),
            Err(error) => {
                let place = place(error.marker());
                let shown = diagnostic::lines(&self.shown.text).map(|line| line.chars().collect());
                let shown: Vec<Vec<char>> = shown.collect();
                let at_fault = || {
                    let unquoted = unquoted::at_fault(&self.lines, &shown, place);
                    unquoted.or_else(|| {
                        let Diagnostic { place, message } = no_yaml::without_colon(&shown, place)?;
                        Some(Diagnostic { place, message: self.shown.written(&message) })
                    })
                };
                let found = if self.is_variable(place) {
                    let message = "in {…} and […] a text with ${NAME} in it stands between quotes, as in \
                                   \"${NAME}\": YAML takes its braces for its own";
                    Diagnostic { place, message: message.to_owned() }
                } else if let Some(found) = at_fault() {
                    found
                } else {
                    Diagnostic { place, message: no_yaml::explained(error.info()) }
                };
                self.found.push(found);
                None
            }
        }
    }

    /// Whether the brace of a `${` stands there.
    fn is_variable(&self, place: Place) -> bool {
        let before = self.lines.get(place.line - 1).and_then(|line| line.get(..place.column));
        before.is_some_and(|before| before.ends_with(&['$', '{']))
    }

    fn node<'i>(
        &mut self,
        parser: &mut Events<'i>,
        event: Event<'i>,
        span: Span,
    ) -> Option<YamlNode> {
        let place = place(&span.start);
        let before = self.values;
        self.values += 1;
        let (value, anchor) = match event {
            Event::Alias(anchor) => return self.alias(anchor, place),
            Event::Scalar(text, style, anchor, tag) => {
                let noted = self.found.len();
                self.untagged(tag.as_deref(), place, "str");
                let is_tag_alone = self.found.len() > noted && text.is_empty();
                let text = self.shown.written(&text);
                let places = origin::places(&self.lines, span, style, &text);
                let quoted = style != ScalarStyle::Plain;
                let found = self.found.len();
                let (text, places) = self.interpolate(&text, places);
                match self.found.len() == found && !is_tag_alone {
                    true => (YamlValue::Scalar { text, quoted, places }, anchor),
                    false => (YamlValue::Unset, anchor),
                }
            }
            _ if self.depth >= DEEPEST => {
                self.complain(place, format!("nested deeper than {DEEPEST} levels"));
                return None;
            }
            Event::SequenceStart(anchor, tag) => {
                self.untagged(tag.as_deref(), place, "seq");
                self.depth += 1;
                let items = self.sequence(parser)?;
                self.depth -= 1;
                (YamlValue::Sequence(items), anchor)
            }
            Event::MappingStart(anchor, tag) => {
                self.untagged(tag.as_deref(), place, "map");
                self.depth += 1;
                let entries = self.mapping(parser)?;
                self.depth -= 1;
                (YamlValue::Mapping(entries), anchor)
            }
            _ => return None,
        };
        let node = YamlNode { place, value };
        if anchor > 0 {
            let values = self.values - before;
            self.anchors.insert(anchor, Anchor { node: node.clone(), values });
        }
        Some(node)
    }

    /// A tag would make something else of a value, as of `!include x`: but for YAML's own of what the value is
    /// anyway, it is told, so that nobody believes that it does.
    fn untagged(&mut self, tag: Option<&Tag>, place: Place, own: &str) {
        let Some(tag) = tag else { return };
        let of_yaml = tag.is_yaml_core_schema();
        if !(of_yaml && tag.suffix == own) {
            let tag = if of_yaml { format!("!!{}", tag.suffix) } else { tag.to_string() };
            let not = if of_yaml { "" } else { ", and 'not' negates a condition, as in not x" };
            let wrong = format!(
                "a tag such as '{tag}' means nothing here: leave it out; a text that begins with '!' stands in quotes{not}"
            );
            self.complain(place, wrong);
        }
    }

    fn alias(&mut self, anchor: usize, place: Place) -> Option<YamlNode> {
        let Some(Anchor { node, values }) = self.anchors.get(&anchor) else {
            self.complain(place, "an alias within what it stands for".to_owned());
            return None;
        };
        self.values += values;
        if self.values > MOST {
            self.complain(place, format!("aliases make more than {MOST} values of this file"));
            return None;
        }
        Some(YamlNode { place, ..node.clone() })
    }

    fn sequence<'i>(&mut self, parser: &mut Events<'i>) -> Option<Vec<YamlNode>> {
        let mut items = Vec::new();
        loop {
            match self.next(parser)? {
                (Event::SequenceEnd, _) => return Some(items),
                (event, span) => items.push(self.node(parser, event, span)?),
            }
        }
    }

    fn mapping<'i>(&mut self, parser: &mut Events<'i>) -> Option<Vec<(YamlKey, YamlNode)>> {
        let may_be_empty = std::mem::take(&mut self.is_map);
        let mut entries: Vec<(YamlKey, YamlNode)> = Vec::new();
        loop {
            let (event, span) = match self.next(parser)? {
                (Event::MappingEnd, _) => return Some(entries),
                next => next,
            };
            let key_place = place(&span.start);
            let key = self.node(parser, event, span)?;
            let (event, span) = self.next(parser)?;
            self.is_map = matches!(&key.value, YamlValue::Scalar { text, .. } if text == "map");
            let value = self.node(parser, event, span)?;
            self.is_map = false;
            let (name, quoted, places) = match key.value {
                YamlValue::Scalar { text, quoted, places } => (text, quoted, places),
                YamlValue::Unset => continue,
                _ => {
                    self.complain(key_place, format!("a name is a text, found {}", key.kind()));
                    continue;
                }
            };
            let value = match (&value.value, self.instead(places.last())) {
                (YamlValue::Scalar { text, quoted, .. }, Some((instead, place)))
                    if text.is_empty() && *quoted == "|>".contains(instead) =>
                {
                    YamlNode { place, value: YamlValue::Nothing(instead) }
                }
                _ => value,
            };
            if name.is_empty() && !(quoted && may_be_empty) {
                self.complain(key_place, "a name that is empty".to_owned());
                continue;
            }
            if name == "<<" {
                let wrong = "'<<' merges nothing here: write out what it stands for, or let an alias stand for \
                             a whole value, as in fields: *common";
                self.complain(key_place, wrong.to_owned());
                continue;
            }
            if entries.iter().any(|(key, _)| key.name == name) {
                self.complain(key_place, format!("'{name}' stands here twice: leave one"));
                continue;
            }
            entries.push((YamlKey { place: key_place, name }, value));
        }
    }

    /// What stands on the line of a name where its value would, if YAML takes it for no text. `name`: its last character.
    fn instead(&self, name: Option<&Place>) -> Option<(char, Place)> {
        let Place { line, column } = *name?;
        let behind = self.lines.get(line.checked_sub(1)?)?.get(column..)?;
        let is_blank = |of: &char| of.is_whitespace() || "'\"".contains(*of);
        let colon = behind.iter().position(|of| !is_blank(of)).filter(|at| behind[*at] == ':')?;
        let at = colon + 1 + behind[colon + 1..].iter().position(|of| !of.is_whitespace())?;
        let place = Place { line, column: column + at + 1 };
        "#,|>".contains(behind[at]).then_some((behind[at], place))
    }

    /// Replaces `${NAME}`: all that comes of it stands where it stood.
    fn interpolate(&mut self, text: &str, places: Vec<Place>) -> (String, Vec<Place>) {
        if !text.contains("${") {
            return (text.to_owned(), places);
        }
        let (mut result, mut result_places) = (String::new(), Vec::new());
        let (mut rest, mut rest_places) = (text, &places[..]);
        let mut push = |text: &str, places: &mut dyn Iterator<Item = Place>| {
            result.push_str(text);
            result_places.extend(places.take(text.chars().count()));
        };
        while let Some(start) = rest.find("${") {
            let before = &rest[..start];
            let place = rest_places[before.chars().count()];
            let Some(length) = rest[start..].find('}') else {
                let message = "'${' is not closed: write ${NAME} or ${NAME:-value}";
                self.complain(place, message.to_owned());
                break;
            };
            push(before, &mut rest_places.iter().copied());
            let value = self.variable(&rest[start + 2..start + length], place);
            push(&value, &mut std::iter::repeat(place));
            let taken = rest[..start + length + 1].chars().count();
            (rest, rest_places) = (&rest[start + length + 1..], &rest_places[taken..]);
        }
        push(rest, &mut rest_places.iter().copied());
        (result, result_places)
    }

    /// The value of `NAME` or `NAME:-default`.
    fn variable(&mut self, inside: &str, place: Place) -> String {
        let (name, default) = match inside.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inside, None),
        };
        // As in a shell, an empty variable takes the default too.
        let value = (self.environment)(name).filter(|value| !value.is_empty());
        match (value, default) {
            (Some(value), _) => value,
            (None, Some(default)) => default.to_owned(),
            (None, None) => {
                let message = format!(
                    "the environment has no '{name}': set it, or give a default as in \
                     ${{{name}:-value}}"
                );
                self.complain(place, message);
                String::new()
            }
        }
    }
}
