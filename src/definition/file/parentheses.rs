//! Expressions in `{…}` and `[…]` without quotes around them, as `{select: concat(a, ', ', b)}`.
//!
//! To YAML a comma ends a value there, a quote behind it begins another and a bracket a list, though within parentheses all
//! of them are SQL. So YAML is shown the file with other characters in their place, one for each, by which every place stays
//! what it is, and what it reads is turned back: an expression is read as it was written, or the file is no YAML.

use std::ops::Range;

use saphyr_parser::{Event, Parser, ScalarStyle};

/// What parts and begins things to YAML.
const YAMLS: [char; 7] = [',', '[', ']', '{', '}', ':', '#'];

/// How many characters may be looked at for a file, which is looked at once for every mistake of YAML in it.
const MOST_LOOKED_AT: usize = 1 << 24;

/// Where before a mistake a file is cut short to see what it is made of up to there.
const MOST_CUTS: usize = 16;

/// Beyond all characters.
const NONE: u32 = u32::MAX;

/// A file as YAML is shown it.
pub struct ShownFile {
    pub text: String,
    /// The first of the characters that stand for those of YAML.
    first: u32,
}

impl ShownFile {
    pub fn of(text: &str) -> Self {
        let mut shown = ShownFile { text: text.to_owned(), first: unused(text).unwrap_or(NONE) };
        if shown.first == NONE || !text.contains(['{', '[']) {
            return shown;
        }
        let mut characters: Vec<char> = text.chars().collect();
        let mut left = MOST_LOOKED_AT;
        while shown.hide(&mut characters, &mut left) {
            shown.text = characters.iter().collect();
        }
        shown
    }

    /// A part of it as it was written, but for comments within expressions.
    pub fn written(&self, part: &str) -> String {
        let written = |of: char| {
            let index = u32::from(of).checked_sub(self.first).map(|index| index as usize);
            index.and_then(|index| YAMLS.get(index)).copied().unwrap_or(of)
        };
        part.chars().map(written).collect()
    }

    /// Hides what is YAML's in the expressions that are found up to the first mistake; whether there are such. `left`: how
    /// many characters may be looked at.
    fn hide(&self, characters: &mut [char], left: &mut usize) -> bool {
        let (hidden, mistake) = self.hide_in(&self.text, characters, left);
        let Some(mistake) = mistake.filter(|_| !hidden) else { return hidden };
        // What may be a name, as `{…}` at the beginning of a line, comes as a whole or not at all: so it is cut short.
        let parts = |at: &usize| YAMLS.contains(&characters[*at]);
        let before = (0..mistake.min(characters.len())).rev().filter(parts).take(MOST_CUTS);
        let cuts: Vec<usize> = std::iter::once(mistake).chain(before).collect();
        cuts.into_iter().any(|to| {
            let beginning: String = characters.iter().take(to).collect();
            self.hide_in(&beginning, characters, left).0
        })
    }

    /// The same in the beginning of it, and where a mistake is.
    fn hide_in(
        &self,
        text: &str,
        characters: &mut [char],
        left: &mut usize,
    ) -> (bool, Option<usize>) {
        let (mut is_flow, mut hidden, mut up_to) = (Vec::new(), false, 0);
        if *left < text.len() {
            return (false, None);
        }
        *left -= text.len();
        for next in Parser::new_from_str(text) {
            let (event, span) = match next {
                Ok(next) => next,
                Err(error) => return (hidden, Some(error.marker().index())),
            };
            let (from, to) = (span.start.index(), span.end.index());
            match event {
                Event::MappingStart(..) | Event::SequenceStart(..) => {
                    let is_bracket = matches!(characters.get(from), Some('{' | '['));
                    is_flow.push(is_bracket || is_flow.last() == Some(&true));
                }
                Event::MappingEnd | Event::SequenceEnd => drop(is_flow.pop()),
                Event::Scalar(text, ScalarStyle::Plain, ..)
                    if from >= up_to
                        && is_flow.last() == Some(&true)
                        && *left > 0
                        && (is_open(&text) || is_before_a_bracket(characters, to)) =>
                {
                    let Some(Extent { to, inside, comments }) = extent(characters, from) else {
                        *left = left.saturating_sub(characters.len() - from);
                        continue;
                    };
                    for at in inside {
                        let index = YAMLS.iter().position(|of| *of == characters[at]);
                        let instead =
                            index.and_then(|index| char::from_u32(self.first + index as u32));
                        characters[at] = instead.unwrap_or(characters[at]);
                        hidden = true;
                    }
                    hidden |= !comments.is_empty();
                    comments.into_iter().for_each(|comment| characters[comment].fill(' '));
                    up_to = to;
                }
                _ => {}
            }
        }
        (hidden, None)
    }
}

/// The first of as many characters as are needed that are for private use, and that the text does not have.
fn unused(text: &str) -> Option<u32> {
    let needed = YAMLS.len() as u32;
    let mut all = (0xe000..0xf8ff - needed).step_by(YAMLS.len());
    let is_unused =
        |first: &u32| !text.chars().any(|of| (*first..first + needed).contains(&of.into()));
    all.find(is_unused)
}

/// Whether a quote begins a text of SQL: behind a letter it is an apostrophe.
fn begins_text(before: Option<char>) -> bool {
    !before.is_some_and(char::is_alphanumeric)
}

/// Whether a text ends within parentheses.
fn is_open(text: &str) -> bool {
    let (mut depth, mut quote, mut before) = (0usize, None, None);
    for of in text.chars() {
        match (quote, of) {
            (Some(open), of) if open == of => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') if begins_text(before) => quote = Some(of),
            (None, '(') => depth += 1,
            (None, ')') => depth = depth.saturating_sub(1),
            _ => {}
        }
        before = Some(of);
    }
    depth > 0
}

/// Whether a bracket follows, as in `m['a']`, which is no YAML.
fn is_before_a_bracket(characters: &[char], to: usize) -> bool {
    matches!(characters.get(to), Some('['))
}

/// How far an expression goes.
struct Extent {
    to: usize,
    /// Where in it YAML's characters stand.
    inside: Vec<usize>,
    comments: Vec<Range<usize>>,
}

fn extent(characters: &[char], from: usize) -> Option<Extent> {
    up_to_end(characters, from, true).or_else(|| up_to_end(characters, from, false))
}

/// Up to what ends the value for YAML, outside of parentheses, brackets and texts; where a parenthesis is not closed, up to
/// the next name of the mapping around it. `None` if a quote or all of it is not closed.
fn up_to_end(characters: &[char], from: usize, has_texts: bool) -> Option<Extent> {
    let (mut open, mut quote) = (Vec::new(), None);
    let (mut inside, mut comments) = (Vec::new(), Vec::new());
    let mut next_name = None;
    let mut at = from;
    let end = loop {
        let of = *characters.get(at)?;
        let before = (at > from).then(|| characters[at - 1]);
        let opened = |open: &[char], of: char| open.iter().rposition(|opening| *opening == of);
        match (quote, of) {
            (Some(closing), of) if closing == of => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') if has_texts && begins_text(before) => quote = Some(of),
            (None, '(' | '[' | '{') => open.push(of),
            (None, ')') if open.last() == Some(&'(') => drop(open.pop()),
            (None, ']' | '}') => {
                let opening = if of == ']' { '[' } else { '{' };
                let Some(index) = opened(&open, opening) else { break at };
                open.truncate(index);
            }
            (None, ',') if open.is_empty() => break at,
            (None, ':') if open.is_empty() && ends_name(characters, at) => break at,
            (None, '#') if before.is_some_and(char::is_whitespace) => {
                if open.is_empty() {
                    break at;
                }
                let rest = characters[at..].iter().position(|of| matches!(of, '\n' | '\r'));
                let to = at + rest?;
                comments.push(at..to);
                at = to;
                continue;
            }
            (None, ',') if next_name.is_none() && names_next(&characters[at + 1..]) => {
                next_name = Some(at)
            }
            _ => {}
        }
        if YAMLS.contains(&of) {
            inside.push(at);
        }
        at += 1;
    };
    let to = next_name.filter(|_| !open.is_empty()).unwrap_or(end);
    inside.retain(|at| *at < to);
    comments.retain(|comment| comment.start < to);
    quote.is_none().then_some(Extent { to, inside, comments })
}

/// Whether a colon stands where it ends a name.
fn ends_name(characters: &[char], at: usize) -> bool {
    characters.get(at + 1).is_none_or(|of| of.is_whitespace() || YAMLS.contains(of))
}

/// Whether a name with its colon follows a comma.
fn names_next(rest: &[char]) -> bool {
    let blank = rest.iter().take_while(|of| of.is_whitespace()).count();
    let name = rest[blank..].iter().take_while(|of| of.is_alphanumeric() || **of == '_').count();
    name > 0
        && rest.get(blank + name) == Some(&':')
        && rest.get(blank + name + 1).is_none_or(|of| of.is_whitespace())
}

#[cfg(test)]
mod tests {
    use super::super::yaml::{YamlValue, read};
    use proptest::prelude::*;

    /// What a file's one mapping says, name by name; `None` if it is refused.
    fn said(file: &str) -> Option<Vec<(String, String)>> {
        let mut found = Vec::new();
        let node = read(file, &|_| None, &mut found)?;
        let YamlValue::Mapping(entries) = node.value else { panic!("a mapping") };
        let text = |value| match value {
            YamlValue::Scalar { text, .. } => text,
            other => format!("{other:?}"),
        };
        let said = entries.into_iter().map(|(key, node)| (key.name, text(node.value))).collect();
        found.is_empty().then_some(said)
    }

    fn is_read(expression: &str) {
        let file = format!("{{from: o, sql: {expression}, where: a > 1}}");
        let all = [("from", "o"), ("sql", expression), ("where", "a > 1")];
        let all = all.map(|(name, text)| (name.to_owned(), text.to_owned()));
        assert_eq!(said(&file), Some(all.into()), "{file}");
    }

    #[test]
    fn an_expression_is_read_as_it_was_written() {
        for expression in [
            "last(concat(land, '007', nr))",
            "concat(land, 'nr', nr)",
            "concat(cur, '/', status)",
            "count(*) filter (where cur in ('EUR', 'CHF'))",
            "last(coalesce(status, 'none'))",
            "f(a, \"b c\", 'it''s', 007, 1e3, 0x10, 1_000, ~, null, yes, true)",
            "f('a' || b, 'c', 'd: e', 'f #g', '(', ')', '[', '}')",
            "f(a,'b',c)",
            "f(a,  'b  c' ,d)",
            "f(m['a'], [b, c], {d: e})",
            "recent(x, 2)[2]",
            "f(a, b)['c'] || ', ' || d",
            "m['a']",
            "f(a, \"\\x41\", '\\n')",
            "f(a, &b, *c, !d, %e, @f, - 1)",
            "cast(a as decimal(12, 2))::text",
        ] {
            is_read(expression);
            let shown = format!("{:?}", said(&format!("sql: [{expression}]")));
            assert!(
                shown.contains(&format!("text: {expression:?}")) || shown.contains('\\'),
                "{shown}"
            );
        }
    }

    #[test]
    fn lines_are_folded_and_comments_left_out() {
        let file = "a: {sql: f(a, # one, 'two\n    'b', # three\n    c), x: y}\nb: c";
        let mut found = Vec::new();
        let node = read(file, &|_| None, &mut found).expect("YAML");
        let shown = format!("{node:?}");
        assert!(shown.contains("\"f(a, 'b', c)\"") && shown.contains("\"y\""), "{shown} {found:?}");
    }

    #[test]
    fn what_is_no_expression_stays_what_it_is_to_yaml() {
        for (file, all) in [
            ("{a: one's (b), c: dog's (d)}", [("a", "one's (b)"), ("c", "dog's (d)")]),
            ("{a: 'f(b', c: 'd)'}", [("a", "f(b"), ("c", "d)")]),
            ("{a: f(b, dog's), c: that's}", [("a", "f(b, dog's)"), ("c", "that's")]),
            ("a: f(b\nc: d)", [("a", "f(b"), ("c", "d)")]),
            ("{a: f(g(b, 'c'), d: e}", [("a", "f(g(b, 'c')"), ("d", "e")]),
            (
                "{a: \u{e000}\u{e001}, c: f(\u{e000}, b)}",
                [("a", "\u{e000}\u{e001}"), ("c", "f(\u{e000}, b)")],
            ),
        ] {
            let all = all.map(|(name, text)| (name.to_owned(), text.to_owned()));
            assert_eq!(said(file), Some(all.into()), "{file}");
        }
    }

    #[test]
    fn what_never_closes_takes_no_time() {
        let file = format!("a: [{}", "f(, ".repeat(50_000));
        let before = std::time::Instant::now();
        assert_eq!(said(&file), None);
        assert!(before.elapsed().as_secs() < 60, "{:?}", before.elapsed());
    }

    #[test]
    fn every_mistake_of_yaml_in_parentheses_is_passed() {
        let line =
            |at: usize| format!("a{at}: {{select: count(*) filter (where b in ('c', 'd'))}}\n");
        let file: String = (0..300).map(line).collect();
        assert_eq!(said(&file).map(|all| all.len()), Some(300));
    }

    proptest! {
        /// Whatever an expression is made of, what is read is what was written, or the file is refused.
        #[test]
        fn nothing_but_what_was_written_is_read(
            pieces in prop::collection::vec(prop_oneof![
                "'[a-z,:#(){}\\[\\]\" ]{0,5}'".prop_map(|it| it.trim_end().to_owned()),
                "\"[a-z,:#(){}\\[\\]' ]{0,5}\"",
                "[a-z0-9_~.:|*&!%@`<>=?][a-z0-9_~.:|*&!%@`<>=#?\\\\-]{0,5}",
                "007|1e3|0x10|1_000|~|null|yes|true|''|a: b|\\[a, 'b'\\]|\\{a: b\\}|g\\(a, 'b'\\)",
            ], 1..6),
            separators in prop::collection::vec(",|, | , |, # c'\\(\n  |,\n  |: | ", 6),
            tail in "|\\[1\\]| \\|\\| ', '|, x\\)",
        ) {
            let mut expression = String::from("f(x");
            let mut written = expression.clone();
            for (piece, separator) in pieces.iter().zip(&separators) {
                expression.push_str(separator);
                expression.push_str(piece);
                written.push_str(&separator.replace("# c'(", ""));
                written.push_str(piece);
            }
            let folded = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
            let file = format!("{{sql: {expression}){tail}}}");
            if let Some(all) = said(&file)
                && let [(name, text)] = all.as_slice()
            {
                prop_assert_eq!(name, "sql");
                prop_assert_eq!(folded(text), folded(&format!("{written}){tail}")), "{}", file);
            }
        }
    }
}
