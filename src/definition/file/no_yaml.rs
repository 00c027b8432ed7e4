//! What is said of a file that is no YAML where no text is known to be at fault.

use super::diagnostic::{Diagnostic, Place};
use super::unquoted::is_yaml_up_to;

/// How many lines before a mistake the one may stand that makes it.
const NEAR: usize = 5;

/// The line whose name lacks its colon, or the space behind it, in a file that is no YAML from a place on: the one
/// there or before with which the file is YAML further on.
pub fn without_colon(shown: &[Vec<char>], at: Place) -> Option<Diagnostic> {
    let first = at.line.saturating_sub(NEAR).max(1);
    (first..=at.line.min(shown.len())).rev().find_map(|number| {
        let line = &shown[number - 1];
        let is_between = |of: &char| of.is_whitespace() || *of == '-';
        let from = line.iter().take_while(|of| is_between(of)).count();
        let length =
            line[from..].iter().take_while(|of| of.is_alphanumeric() || **of == '_').count();
        let (name, rest) = line[from..].split_at(length);
        let rest = match rest {
            [':', rest @ ..]
                if rest.first().is_some_and(|of| !of.is_whitespace() && *of != ':') =>
            {
                rest
            }
            [' ', rest @ ..]
                if rest.first().is_some_and(|of| of.is_alphanumeric() || "\"'./".contains(*of)) =>
            {
                rest
            }
            _ => return None,
        };
        let text: String = name.iter().chain(&[':', ' ']).chain(rest).collect();
        let corrected: Vec<char> = line[..from].iter().copied().chain(text.chars()).collect();
        let place = Place { line: number, column: from + 1 };
        let is_further =
            is_yaml_up_to(shown, number, &corrected) > Place { column: at.column + 1, ..at };
        let message =
            format!("this is no YAML: a name ends with a colon and a space: {}", text.trim_end());
        (!name.is_empty() && is_further).then_some(Diagnostic { place, message })
    })
}

/// What the parser says, and what to do.
pub fn explained(info: &str) -> String {
    let hints = [
        (
            "unprintable",
            "take the character out, or write it as an escape such as \"\\u0007\" between quotes",
        ),
        ("tab", "indent with spaces"),
        (
            "escape",
            "between double quotes a backslash begins an escape: write two for one, or put the text between single quotes",
        ),
        ("did not find expected key", "this line begins at another column than those before"),
        ("did not find expected '-'", "this line begins at another column than those before"),
        ("mapping values are not allowed", "put a text with ': ' in it between quotes"),
        ("invalid indentation in quoted scalar", "is the quote closed?"),
        ("unexpected end of stream", "is the quote closed?"),
        ("invalid indentation", "is every '[' and '{' before closed?"),
        ("expected ',' or", "is every '[' and '{' before closed?"),
        ("unexpected character", "put a text that begins with it between quotes"),
        ("unknown anchor", "an alias stands behind the '&name' that it repeats"),
        ("simple key expect", "a name is followed by ': '"),
    ];
    match hints.iter().find(|(part, _)| info.contains(part)) {
        Some((_, hint)) => format!("this is no YAML: {info}: {hint}"),
        None => format!("this is no YAML: {info}"),
    }
}
