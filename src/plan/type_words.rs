//! Types in messages of libraries, in the words of the language: `map of decimal(20,2)`, `[text]`,
//! `{value: text, count: integer}`.

/// A message with its types as users write them.
pub fn with_our_types(text: &str) -> String {
    let mut said = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if !is_of_word(first) {
            said.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        }
        match type_at(rest) {
            Some((words, behind)) => {
                said.push_str(&words);
                rest = behind;
            }
            None => {
                let end = end_of_word(rest);
                said.push_str(&rest[..end]);
                rest = &rest[end..];
            }
        }
    }
    said
}

fn is_of_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

fn end_of_word(text: &str) -> usize {
    text.find(|character| !is_of_word(character)).unwrap_or(text.len())
}

/// The type that a text begins with, and what follows it.
fn type_at(text: &str) -> Option<(String, &str)> {
    let end = end_of_word(text);
    let (name, behind) = text.split_at(end);
    let plain = match name {
        "Utf8" | "LargeUtf8" | "Utf8View" => "text",
        "Int8" | "Int16" | "Int32" | "Int64" | "UInt8" | "UInt16" | "UInt32" | "UInt64" => {
            "integer"
        }
        "Float16" | "Float32" | "Float64" => "number",
        "Date32" | "Date64" => "date",
        "Boolean" => "boolean",
        _ => {
            let (inside, behind) = in_parentheses(behind)?;
            return Some((with_parts(name, inside)?, behind));
        }
    };
    Some((plain.to_owned(), behind))
}

/// A type that is made of others, or has parameters.
fn with_parts(name: &str, inside: &str) -> Option<String> {
    Some(match name {
        "Timestamp" => "timestamp".to_owned(),
        "Time32" | "Time64" => "time".to_owned(),
        "Interval" | "Duration" => "interval".to_owned(),
        "Decimal" | "Decimal32" | "Decimal64" | "Decimal128" | "Decimal256" => {
            let digits = inside.replace(' ', "");
            let is_written = digits.chars().all(|c| c.is_ascii_digit() || ",-".contains(c));
            is_written.then(|| format!("decimal({digits})"))?
        }
        "List" | "LargeList" | "ListView" => format!("[{}]", part(inside)?),
        "FixedSizeList" => {
            let item = inside.split_once(" x ").map_or(inside, |(_, item)| item);
            format!("[{}]", part(item)?)
        }
        "Struct" => {
            let parts: Option<Vec<String>> = named_parts(inside)?
                .into_iter()
                .map(|(name, of)| Some(format!("{name}: {}", part(of)?)))
                .collect();
            format!("{{{}}}", parts?.join(", "))
        }
        "Map" => {
            let entries = &inside[inside.find("Struct(")? + "Struct".len()..];
            let (_, value) = *named_parts(in_parentheses(entries)?.0)?.last()?;
            format!("map of {}", part(value)?)
        }
        _ => return None,
    })
}

/// A type within another one.
fn part(text: &str) -> Option<String> {
    let text = text.strip_prefix("non-null ").unwrap_or(text);
    if let Some((words, _)) = type_at(text) {
        return Some(words);
    }
    // What the planner's own kinds of types are called.
    let name = &text[..end_of_word(text)];
    Some(match name {
        "String" => "text".to_owned(),
        other => other.to_lowercase(),
    })
}

/// The parts of `"name": type, "other": type`.
fn named_parts(text: &str) -> Option<Vec<(&str, &str)>> {
    let mut parts = Vec::new();
    for piece in pieces(text) {
        let (name, of) = piece.trim().strip_prefix('"')?.split_once("\": ")?;
        parts.push((name, of));
    }
    Some(parts)
}

/// A text at its commas, but for those in parentheses and quotes.
fn pieces(text: &str) -> Vec<&str> {
    let (mut depth, mut quoted, mut start) = (0usize, false, 0);
    let mut pieces = Vec::new();
    for (place, character) in text.char_indices() {
        match character {
            '"' => quoted = !quoted,
            _ if quoted => {}
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                pieces.push(&text[start..place]);
                start = place + 1;
            }
            _ => {}
        }
    }
    pieces.push(&text[start..]);
    pieces
}

/// What stands in the parentheses that a text begins with, and what follows them.
fn in_parentheses(text: &str) -> Option<(&str, &str)> {
    let inside = text.strip_prefix('(')?;
    let (mut depth, mut quoted) = (1usize, false);
    for (place, character) in inside.char_indices() {
        match character {
            '"' => quoted = !quoted,
            _ if quoted => {}
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some((&inside[..place], &inside[place + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_said_in_the_words_of_the_language() {
        let map = "Map(\"entries\": non-null Struct(\"key\": non-null Utf8, \"value\": Decimal128(20, 2)), unsorted)";
        let native = "Map(non-null Struct(\"key\": non-null String, \"value\": Decimal(20, 2)))";
        let cases = [
            ("Utf8View + Int64", "text + integer"),
            ("Timestamp(µs, \"Europe/Berlin\") > Date32", "timestamp > date"),
            ("(Interval(MonthDayNano), Decimal128(12, -2))", "(interval, decimal(12,-2))"),
            ("List(Utf8) = LargeList(non-null Float64)", "[text] = [number]"),
            ("FixedSizeList(3 x Int64), List(Int64, field: 'element')", "[integer], [integer]"),
            ("List(Struct(\"value\": Utf8, \"count\": Int64))", "[{value: text, count: integer}]"),
            (map, "map of decimal(20,2)"),
            (native, "map of decimal(20,2)"),
            // What only begins as a type does is left as it is.
            ("Int64Array overflow, Timestamp(", "Int64Array overflow, Timestamp("),
            ("Map(1) of Struct(\"a\", Listen(Utf8)", "Map(1) of Struct(\"a\", Listen(text)"),
            ("it's Ünïcode(Boolean)", "it's Ünïcode(boolean)"),
        ];
        for (said, wanted) in cases {
            assert_eq!(with_our_types(said), wanted);
        }
    }
}
