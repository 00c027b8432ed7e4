//! Where in the file each character of a YAML scalar stands, so that a mistake in SQL is pointed at
//! though YAML folds lines, indents blocks and quotes.
//!
//! YAML keeps the order of characters and leaves some out: indentation, line breaks, quotes, escapes.
//! So the characters that are no white space are found again one after the other.

use saphyr_parser::{ScalarStyle, Span};

use super::diagnostic::Place;

/// The places of a scalar's characters, one each. `lines` are the file's.
pub fn places(lines: &[Vec<char>], span: Span, style: ScalarStyle, text: &str) -> Vec<Place> {
    let start = Place { line: span.start.line(), column: span.start.col() + 1 };
    let end = (span.end.line(), span.end.col() + 1);
    let escapes = style == ScalarStyle::DoubleQuoted;
    let mut reader = ScalarReader { lines, end, escapes, at: start };
    // A block begins, to the parser, with its first word; a quoted text with the quote.
    if matches!(style, ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted) {
        reader.at.column += 1;
    }
    let mut places = Vec::new();
    let mut next = start;
    for character in text.chars() {
        if !character.is_whitespace()
            && let Some(found) = reader.find(character)
        {
            next = found;
        }
        places.push(next);
        next.column += 1;
    }
    // White space before the first word stands where the word does.
    let blank = text.chars().take_while(|character| character.is_whitespace()).count();
    if let Some(first) = places.get(blank).copied() {
        places[..blank].fill(first);
    }
    places
}

struct ScalarReader<'a> {
    lines: &'a [Vec<char>],
    /// Where the scalar ends: a line and a column.
    end: (usize, usize),
    /// Whether a backslash stands for what follows.
    escapes: bool,
    at: Place,
}

impl ScalarReader<'_> {
    /// The next place of a character, which is passed; none if there is no more of it.
    fn find(&mut self, wanted: char) -> Option<Place> {
        let mut at = self.at;
        while (at.line, at.column) < self.end {
            let rest = self.lines.get(at.line - 1)?.get(at.column - 1..).unwrap_or_default();
            let (character, length) = match rest {
                [] => {
                    at = Place { line: at.line + 1, column: 1 };
                    continue;
                }
                ['\\', escaped, ..] if self.escapes => unescaped(*escaped, &rest[2..]),
                [character, ..] => (*character, 1),
            };
            let found = at;
            at.column += length;
            if character == wanted {
                self.at = at;
                return Some(found);
            }
        }
        None
    }
}

/// What an escape stands for, and how many characters it takes.
fn unescaped(escaped: char, digits: &[char]) -> (char, usize) {
    let count = match escaped {
        'x' => 2,
        'u' => 4,
        'U' => 8,
        other => return (other, 2),
    };
    let digits: String = digits.iter().take(count).collect();
    let code = u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32);
    (code.unwrap_or(escaped), 2 + count)
}

#[cfg(test)]
mod tests {
    use super::super::yaml::{YamlValue, read};
    use super::*;
    use proptest::prelude::*;

    /// What a file says under `sql`, each of its characters with its place.
    fn characters(file: &str) -> Vec<(char, Place)> {
        let mut found = Vec::new();
        let node = read(file, &|_| Some("from here".to_owned()), &mut found).expect("YAML");
        assert_eq!(found, []);
        let YamlValue::Mapping(mut entries) = node.value else { panic!("a mapping") };
        let YamlValue::Scalar { text, places, .. } = entries.remove(0).1.value else {
            panic!("a text")
        };
        assert_eq!(text.chars().count(), places.len());
        text.chars().zip(places).collect()
    }

    fn place(file: &str, character: char) -> (usize, usize) {
        let characters = characters(file);
        let (_, place) = characters.iter().find(|(c, _)| *c == character).expect("it is there");
        (place.line, place.column)
    }

    #[test]
    fn escapes_and_doubled_quotes_are_one_character_each() {
        assert_eq!(place(r#"sql: "\x62\u0062\U00000062 \"a\" = x""#, 'a'), (1, 30));
        assert_eq!(place(r#"sql: "\x61bc = x""#, 'a'), (1, 7));
        assert_eq!(place(r#"sql: "\x61bc = x""#, 'x'), (1, 16));
        assert_eq!(place("sql: 'b = ''b'' = a'", 'a'), (1, 19));
    }

    #[test]
    fn what_a_variable_gave_stands_where_it_stood() {
        assert_eq!(place("sql: x = ${HERE} + a", 'h'), (1, 10));
        assert_eq!(place("sql: x = ${HERE} + a", 'a'), (1, 20));
        assert_eq!(place("sql: >\n  x =\n  ${HERE}\n  + a", 'a'), (4, 5));
    }

    #[test]
    fn a_comma_within_parentheses_is_put_back_in_its_place() {
        assert_eq!(place("{sql: f(b, a)}", 'a'), (1, 12));
    }

    proptest! {
        /// Blocks, quoted and plain texts over several lines are tried, however they are indented.
        #[test]
        fn every_character_stands_where_it_was_written(
            words in prop::collection::vec("[a-z=<>(),.é]{1,6}", 1..12),
            breaks in prop::collection::vec((0usize..3, 0usize..3), 12),
            style in 0usize..7,
        ) {
            let (head, tail) =
                [("|", ""), (">", ""), ("|-  # comment", ""), (">+", ""), ("'", "'"), ("\"", "\""), ("x", "")][style];
            let is_block = style < 4;
            let mut file = format!("sql: {head}");
            for (index, (word, (lines, spaces))) in words.iter().zip(&breaks).enumerate() {
                if *lines > 0 || (is_block && index == 0) {
                    file.push_str(&"\n".repeat((*lines).max(1)));
                    // The first line of a block says how deep it is.
                    let more = if is_block && index > 0 { *spaces } else { 0 };
                    file.push_str(&" ".repeat(2 + more));
                } else {
                    file.push_str(&" ".repeat(1 + spaces));
                }
                file.push_str(word);
            }
            file.push_str(tail);
            let lines: Vec<Vec<char>> = file.lines().map(|line| line.chars().collect()).collect();
            for (character, place) in characters(&file) {
                if !character.is_whitespace() {
                    prop_assert_eq!(lines[place.line - 1][place.column - 1], character, "{}", file);
                }
            }
        }
    }
}
