//! Texts that stand without the quotes that YAML wants, as `where: 'a' = b`: what YAML takes for its own in them, and how they
//! stand in quotes.

use saphyr_parser::Parser;

use super::diagnostic::{Diagnostic, Place};

/// A longer line, and a longer file, is not written by hand: there nothing is tried.
const LONGEST_LINE: usize = 2_000;
const LONGEST_FILE: usize = 1 << 20;

/// A text of a line, by its first character and the one behind it, and what YAML takes it for.
struct Unquoted {
    from: usize,
    to: usize,
    why: String,
}

/// The text that is at fault in a file that is no YAML from a place on: that with which in quotes the file is YAML, or
/// is so furthest. `shown`: its lines as YAML is shown them.
pub fn at_fault(lines: &[Vec<char>], shown: &[Vec<char>], at: Place) -> Option<Diagnostic> {
    if lines.iter().map(|line| line.len() + 1).sum::<usize>() > LONGEST_FILE {
        return None;
    }
    let mut best: Option<(Place, Diagnostic)> = None;
    for number in [at.line, at.line.saturating_sub(1)] {
        let Some(index) = number.checked_sub(1) else { continue };
        let (Some(line), Some(shown_line)) = (lines.get(index), shown.get(index)) else { continue };
        for Unquoted { from, to, why } in unquoted(line) {
            let text = in_quotes(&line[from..to]);
            let corrected: Vec<char> = shown_line[..from]
                .iter()
                .copied()
                .chain(text.chars())
                .chain(shown_line[to..].iter().copied())
                .collect();
            // What stands behind it on its line has moved.
            let moved = if number == at.line { corrected.len() - line.len() } else { 0 };
            let reached = is_yaml_up_to(shown, number, &corrected);
            let is_further = reached > Place { column: at.column + moved, ..at };
            if is_further && best.as_ref().is_none_or(|(best, _)| reached > *best) {
                let said = remedy(line, from, &text);
                let message = format!("this is no YAML: {why}: put it in quotes: {said}");
                let place = Place { line: number, column: from + 1 };
                best = Some((reached, Diagnostic { place, message }));
            }
        }
        if best.is_some() {
            break;
        }
    }
    best.map(|(_, found)| found)
}

/// The text that begins at a place and that YAML ended too early, before a comment or a comma: all of it, in quotes, as it
/// would stand there.
pub fn cut_short(lines: &[Vec<char>], from: Place, last: Place) -> Option<String> {
    let line = lines.get(from.line.checked_sub(1)?).filter(|_| from.line == last.line)?;
    let (first, behind) = (from.column.checked_sub(1)?, line.get(last.column..)?);
    let ended_by = behind.iter().find(|of| !of.is_whitespace())?;
    let (why, in_brackets) = match ended_by {
        '#' if behind[0].is_whitespace() => {
            ("to YAML a ' #' begins a comment", is_in_brackets(line.get(..first)?))
        }
        ',' => ("to YAML a ',' in {…} and […] ends a text", true),
        _ => return None,
    };
    // Where a quote closes only behind it, it belongs to the text.
    let to = match end(line, first, in_brackets) {
        to if to > last.column => to,
        _ if in_brackets => return None,
        _ => line.len() - line.iter().rev().take_while(|of| of.is_whitespace()).count(),
    };
    let text = in_quotes(line.get(first..to)?);
    Some(format!("{why}: put the whole in quotes: {}", remedy(line, first, &text)))
}

/// Where a file ceases to be YAML once a line of it is another one; behind all of it where it is YAML.
pub fn is_yaml_up_to(lines: &[Vec<char>], number: usize, corrected: &[char]) -> Place {
    let line = |(index, line): (usize, &Vec<char>)| -> String {
        (if index + 1 == number { corrected } else { line.as_slice() }).iter().collect()
    };
    let text = lines.iter().enumerate().map(line).collect::<Vec<_>>().join("\n");
    let failed = Parser::new_from_str(&text).find_map(Result::err);
    let place = failed.map(|error| (error.marker().line(), error.marker().col() + 1));
    let (line, column) = place.unwrap_or((usize::MAX, usize::MAX));
    Place { line, column }
}

/// Whether a bracket is open at the end of a line's beginning.
fn is_in_brackets(before: &[char]) -> bool {
    let count = |all: &str| before.iter().filter(|of| all.contains(**of)).count();
    count("{[") > count("}]")
}

/// The texts of a line that YAML takes for something else, as far as the line tells.
fn unquoted(line: &[char]) -> Vec<Unquoted> {
    let mut found = Vec::new();
    if line.len() > LONGEST_LINE {
        return found;
    }
    let (mut brackets, mut parentheses) = (0usize, 0usize);
    let mut begins = Some(false);
    for (at, of) in line.iter().enumerate() {
        if of.is_whitespace() {
            continue;
        }
        let is_blank = |at: usize| line.get(at).is_none_or(|of| of.is_whitespace());
        if let Some(is_named) = begins.take() {
            // Within brackets, or not: they may have been opened on a line above.
            let ends = if brackets > 0 { vec![true] } else { vec![false, true] };
            for in_brackets in ends {
                let to = end(line, at, in_brackets);
                let why = taken_for(&line[at..to], is_named, in_brackets);
                found.extend(why.map(|why| Unquoted { from: at, to, why }));
            }
        }
        match of {
            ':' if is_blank(at + 1) => begins = Some(true),
            '-' if is_blank(at + 1)
                && line[..at].iter().all(|of| of.is_whitespace() || *of == '-') =>
            {
                begins = Some(false)
            }
            '{' | '[' => (brackets, begins) = (brackets + 1, Some(false)),
            ']' | '}' => brackets = brackets.saturating_sub(1),
            '(' => parentheses += 1,
            ')' => parentheses = parentheses.saturating_sub(1),
            ',' if brackets > 0 && parentheses == 0 => begins = Some(false),
            _ => {}
        }
    }
    found
}

/// What YAML takes a text for, if not for a text. `is_named`: it stands behind a name, and so is none itself. `in_brackets`:
/// it ends where it would end within them.
fn taken_for(text: &[char], is_named: bool, in_brackets: bool) -> Option<String> {
    let first = *text.first()?;
    let is_alone = text.get(1).is_none_or(|of| of.is_whitespace());
    let says = |what: &str| Some(what.to_owned());
    match first {
        '\'' | '"' if text.len() == 1 => says("a quote begins a text that another one ends"),
        '\'' | '"' => {
            let close = closing_quote(text)?;
            (close + 1 < text.len())
                .then(|| "what begins with a quote ends with the next one".to_owned())
        }
        '[' | '{' => {
            let close = closing_bracket(text)?;
            let (what, ends) = if first == '[' { ("list", ']') } else { ("mapping", '}') };
            (close + 1 < text.len())
                .then(|| format!("'{first}' begins a {what}, and '{ends}' ends it"))
        }
        // With a name alone behind it, it may be meant as one.
        '*' if text.len() == 1 || text[1..].iter().any(|of| !of.is_alphanumeric()) => {
            says("'*' begins an alias")
        }
        '&' => says("'&' begins an anchor"),
        '!' => says("'!' begins a tag"),
        '|' | '>' => {
            let is_header = text[1..].iter().all(|of| of.is_ascii_digit() || "+-".contains(*of));
            (!is_header).then(|| format!("'{first}' begins a text of several lines"))
        }
        ',' | '%' | '@' | '`' => Some(format!("no text begins with '{first}'")),
        '-' if is_alone => says("'- ' begins an entry of a list"),
        '?' | ':' if is_alone => Some(format!("no text begins with '{first} '")),
        _ if is_named && has_colon(text) => says("': ' stands behind a name"),
        _ if is_named && in_brackets && text.contains(&',') => {
            says("a ',' in {…} and […] ends a text")
        }
        // Elsewhere than in quotes it has ended the text already.
        _ if is_named && text.windows(2).any(|pair| pair[0].is_whitespace() && pair[1] == '#') => {
            says("a ' #' begins a comment")
        }
        _ => None,
    }
}

fn has_colon(text: &[char]) -> bool {
    let mut pairs = text.windows(2);
    text.ends_with(&[':']) || pairs.any(|pair| pair[0] == ':' && pair[1].is_whitespace())
}

/// Where the quote closes with which a text begins.
fn closing_quote(text: &[char]) -> Option<usize> {
    let quote = text[0];
    let mut at = 1;
    while at < text.len() {
        match text[at] {
            '\\' if quote == '"' => at += 1,
            of if of == quote && quote == '\'' && text.get(at + 1) == Some(&quote) => at += 1,
            of if of == quote => return Some(at),
            _ => {}
        }
        at += 1;
    }
    None
}

/// Where the bracket closes with which a text begins.
fn closing_bracket(text: &[char]) -> Option<usize> {
    let mut depth = 0usize;
    text.iter().position(|of| {
        match of {
            '[' | '{' => depth += 1,
            ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0
    })
}

/// Behind which character of its line a text ends that begins at one: before a comment, and within brackets before what ends
/// it there. What stands in quotes or in parentheses ends nothing, unless one of them is not closed.
fn end(line: &[char], from: usize, in_brackets: bool) -> usize {
    let ends = |counts_quotes: bool| {
        let (mut depth, mut quote) = (0usize, None);
        for (at, of) in line.iter().enumerate().skip(from) {
            match (quote, of) {
                (Some(open), of) if open == *of => quote = None,
                (Some(_), _) => {}
                (None, '\'' | '"') if counts_quotes => quote = Some(*of),
                (None, '#') if at > from && line[at - 1].is_whitespace() => return Some(at),
                (None, '(' | '[' | '{') => depth += 1,
                (None, ')' | ']' | '}') if depth > 0 => depth -= 1,
                (None, ',') if in_brackets && depth == 0 && at > from => return Some(at),
                (None, ']' | '}') if in_brackets && depth == 0 => return Some(at),
                _ => {}
            }
        }
        quote.is_none().then_some(line.len())
    };
    let to = ends(true).or_else(|| ends(false)).unwrap_or(line.len());
    let blank = line[from..to].iter().rev().take_while(|of| of.is_whitespace()).count();
    to - blank
}

/// A text between the quotes of which it has none, or between double ones.
fn in_quotes(text: &[char]) -> String {
    let text: String = text.iter().collect();
    if text.contains(['"', '\\']) && !text.contains('\'') {
        return format!("'{text}'");
    }
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A text in quotes behind the name that it has on its line.
fn remedy(line: &[char], from: usize, text: &str) -> String {
    let before: String = line[..from].iter().collect();
    let name = before.trim_end().strip_suffix(':');
    let name = name.map(|name| name.rsplit(['{', '[', ',']).next().unwrap_or_default());
    let name = name.map(|name| name.trim().trim_start_matches("- ").trim_start());
    // Another text that is no name alone.
    match name.filter(|name| !name.is_empty() && !name.contains(": ")) {
        Some(name) => format!("{name}: {text}"),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::diagnostic;
    use super::super::yaml::read;
    use super::*;
    use proptest::prelude::*;

    fn lines(text: &str) -> Vec<Vec<char>> {
        diagnostic::lines(text).map(|line| line.chars().collect()).collect()
    }

    /// What is said of a file that is no YAML.
    fn said(file: &str) -> String {
        let mut found = Vec::new();
        read(file, &|_| None, &mut found);
        found.iter().map(|found| found.message.clone()).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_text_that_yaml_takes_for_something_else_is_shown_in_quotes() {
        for (file, remedy) in [
            ("a:\n  where: 'NYC' = city\n  b: c", "where: \"'NYC' = city\""),
            ("a:\n  where: \"a\" = b\n  b: c", "where: '\"a\" = b'"),
            ("a:\n  where: \"a\" = 'b'\n  b: c", "where: \"\\\"a\\\" = 'b'\""),
            ("delimiter: ,\nb: c", "delimiter: \",\""),
            ("select: *\nb: c", "select: \"*\""),
            ("where: a: b", "where: \"a: b\""),
            ("where: ends in a:\n  b", "where: \"ends in a:\""),
            ("x: @x  # why", "x: \"@x\""),
            ("x: `a`", "x: \"`a`\""),
            ("format: %d.%m.%Y", "format: \"%d.%m.%Y\""),
            ("a: {type: date, format: %d.%m.%Y}", "format: \"%d.%m.%Y\""),
            ("files: {a,b}.csv", "files: \"{a,b}.csv\""),
            ("files: [ab]*.csv\nb: c", "files: \"[ab]*.csv\""),
            ("where: & x\nb: c", "where: \"& x\""),
            ("where: > 5\nb: c", "where: \"> 5\""),
            ("where: | x\nb: c", "where: \"| x\""),
            ("where: - 5", "where: \"- 5\""),
            ("quote: '\nb: c\n", "quote: \"'\""),
            ("quote: \"\nb: c\n", "quote: '\"'"),
            ("- 'a' = b\n- c", "\"'a' = b\""),
            ("a: {from: web, where: 'NYC' = city, select: count(*)}", "where: \"'NYC' = city\""),
            ("a: {from: web, where: 'a, b' = f(c, d), select: x}", "where: \"'a, b' = f(c, d)\""),
            ("a: {\n  where: 'a' = b,\n  select: x}", "where: \"'a' = b\""),
            ("a: ['b' = c, d]", "\"'b' = c\""),
            ("a: {where: b = 'c #d', select: e}\nf: g", "where: \"b = 'c #d'\""),
            ("a: {delimiter: ,, b: c}", "delimiter: \",\""),
        ] {
            let said = said(file);
            let shown = format!(": put it in quotes: {remedy}");
            assert!(
                said.starts_with("this is no YAML: ") && said.ends_with(&shown),
                "{file}: {said}"
            );
        }
    }

    #[test]
    fn quotes_are_no_remedy_for_what_is_wrong_in_another_way() {
        for file in
            ["name: \"shop", "a: [b, c\nd: e", "a:\n  b: c\n   d: e", "a:\n\tb: c", "a: b\nc"]
        {
            let said = said(file);
            assert!(
                said.starts_with("this is no YAML") && !said.contains("in quotes"),
                "{file}: {said}"
            );
        }
    }

    #[test]
    fn what_a_comment_or_a_comma_took_away_is_shown_in_quotes() {
        let cut = |line: &str, from: usize, last: usize| {
            cut_short(
                &lines(line),
                Place { line: 1, column: from },
                Place { line: 1, column: last },
            )
        };
        let said = cut("where: x = 'a #1'", 8, 13).expect("a comment");
        assert!(said.ends_with("where: \"x = 'a #1'\""), "{said}");
        let said = cut("{where: x = 'a, b', c: d}", 9, 14).expect("a comma");
        assert!(said.ends_with("where: \"x = 'a, b'\""), "{said}");
        assert_eq!(cut("where: x = 'a", 8, 13), None);
    }

    proptest! {
        #[test]
        fn whatever_stands_there_nothing_breaks(
            file in "([ab'\"#,:&*!|>%@`{}\\[\\]()\\\\ -]{0,14}\n?){1,4}", line in 0usize..6, column in 0usize..20,
        ) {
            let at = Place { line, column };
            at_fault(&lines(&file), &lines(&file), at);
            cut_short(&lines(&file), at, Place { column: column + 2, ..at });
        }

        /// With what is shown in place of what stood there the file is read further.
        #[test]
        fn what_is_shown_is_read(text in "['\"a*&!%@{}:,-]{1,2}[a' =:]{0,6}[a-z']") {
            let file = format!("a: {text}\nb: c\n");
            let mut found = Vec::new();
            read(&file, &|_| None, &mut found);
            let shown = found.first().and_then(|of| Some(of.message.split_once("put it in quotes: ")?.1));
            if let Some(shown) = shown.filter(|shown| shown.starts_with("a: ")) {
                let mut found = Vec::new();
                prop_assert!(read(&format!("{shown}\nb: c\n"), &|_| None, &mut found).is_some(), "{}", shown);
            }
        }
    }
}
