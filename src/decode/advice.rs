//! What would be right where values are of another type than their field: by how the first of them is written.

use super::amounts::read_by_one;
use crate::definition::sql::parse::name_in_sql;
use crate::plan::{Field, Source, TimeWriting, Type};
use crate::time::format::TimeFormat;
use crate::time::zone::Zone;

/// How times are mostly written that are not in RFC 3339.
#[rustfmt::skip]
const FORMATS: [&str; 19] = [
    "%d.%m.%Y", "%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S", "%d.%m.%y", "%d.%m.%y %H:%M", "%d/%m/%Y", "%m/%d/%Y",
    "%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M", "%d/%m/%Y %H:%M:%S", "%m/%d/%Y %H:%M:%S", "%Y-%m-%d", "%Y-%m-%d %H:%M",
    "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y/%m/%d", "%Y/%m/%d %H:%M:%S", "%d-%m-%Y", "%d %b %Y",
];

/// What is advised of a value at a path, by what was said of it.
pub(super) fn of_wrong_type(source: &Source, path: &str, message: &str) -> String {
    let bare = path.strip_prefix("$.").unwrap_or(path);
    let field = source.fields.iter().find(|field| field.path.to_string() == bare);
    let plain = || format!("Declare {path} in `fields` as what it is");
    let Some(field) = field else { return plain() };
    let name = &field.name;
    if matches!(field.data_type, Type::Timestamp | Type::Date) {
        return of_time(field, message.rsplit_once("found ").map_or("", |(_, found)| found));
    }
    if message.contains("found the text \"") {
        return match field.data_type {
            Type::Integer => format!(
                "A whole number that is written as a text is read as a decimal: {name}: \"decimal(18,0)\""
            ),
            Type::Number => format!(
                "A number that is written as a text is read as a decimal: {name}: \"decimal(18,2)\""
            ),
            _ => plain(),
        };
    }
    match not_a_number(message).and_then(|found| read_by_one(found, name)) {
        Some(read) => format!(
            "Declare {name} as text, and make a number of it beside: derive: {{{name}_number: \"{read}\"}}"
        ),
        None => plain(),
    }
}

/// The text that was found where a number is expected.
fn not_a_number(message: &str) -> Option<&str> {
    let decimal = message.strip_suffix(" is not a number").and_then(|text| text.split_once("): "));
    let found = decimal.map(|(_, found)| found);
    found.or_else(|| message.split_once(", found ").map(|(_, found)| found))
}

fn of_time(field: &Field, found: &str) -> String {
    let Field { name, written, .. } = field;
    let format = format_of(found.trim_matches('\''));
    let data_type = if field.data_type == Type::Date { "date" } else { "timestamp" };
    let clocks = match data_type {
        "date" => "",
        _ => ", and by whose clocks, where it has no offset: time_zone: Europe/Berlin",
    };
    match (format, written) {
        (Some(format), None) => format!(
            "Say in `fields` how {name} is written, as in {name}: {{type: {data_type}, format: '{format}'}}{clocks}"
        ),
        (Some(format), Some(_)) => format!(
            "Not all values of {name} are written as its `format` says: several formats are tried in turn, as in format: \
             [the one that there is, '{format}']"
        ),
        (None, None) => format!(
            "Say in `fields` how {name} is written, as in {name}: {{type: {data_type}, format: '%d.%m.%Y %H:%M'}}{clocks}"
        ),
        (None, Some(_)) => format!(
            "The `format` of {name} says otherwise: name the one that they are written in, or several, which are tried in turn"
        ),
    }
}

/// What is advised where some values are days or times that there are not, as 00000000 and 19000230.
pub(super) fn of_time_out_of_range(field: &Field) -> String {
    let Field { name, written, data_type, .. } = field;
    let is_date = *data_type == Type::Date;
    let formats: Vec<String> =
        written.iter().flat_map(|form| &form.formats).filter_map(in_sql).collect();
    let function = if is_date { "try_to_date" } else { "try_to_timestamp" };
    let of_numbers = match (is_date, &formats[..]) {
        (false, []) => "A number in a timestamp is milliseconds. ",
        _ => "",
    };
    format!(
        "{of_numbers}Where a day or a time that there is not may be null, declare {name} as text and read it beside: \
         derive: {{{name}_read: \"{function}({}{})\"}}",
        name_in_sql(name),
        formats.concat()
    )
}

/// A format of one's own as a further argument in SQL.
fn in_sql(format: &TimeWriting) -> Option<String> {
    match format {
        TimeWriting::Format(format) => Some(format!(", '{}'", format.text().replace('\'', "''"))),
        _ => None,
    }
}

/// The first of the usual formats by which a text is a time.
fn format_of(text: &str) -> Option<&'static str> {
    let zone = Zone::named("UTC")?;
    let has_year = text.as_bytes().windows(4).any(|four| four.iter().all(u8::is_ascii_digit));
    let reads = |format: &&str| {
        let is_year = has_year == format.contains("%Y");
        is_year && TimeFormat::new(format).is_ok_and(|of| of.instant(text, zone).is_ok())
    };
    FORMATS.into_iter().find(reads)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_follow_from_what_was_found() {
        assert_eq!(format_of("03.11.2025"), Some("%d.%m.%Y"));
        assert_eq!(format_of("03.11.2025 10:00"), Some("%d.%m.%Y %H:%M"));
        assert_eq!(format_of("11/30/2025"), Some("%m/%d/%Y"));
        assert_eq!(format_of("2025-11-03 10:00:00"), Some("%Y-%m-%d %H:%M:%S"));
        assert_eq!(format_of("yesterday"), None);
    }

    #[test]
    fn amounts_that_people_write_are_made_numbers() {
        let of = |message: &str| read_by_one(not_a_number(message)?, "total");
        let comma = of("expected a decimal(12,2): 1.234,56 is not a number");
        assert!(comma.is_some_and(|sql| sql.contains("replace(regexp_replace(total, '[^0-9,-]'")));
        let point = of("expected a decimal(12,2): $1,234.56 is not a number");
        assert!(point.is_some_and(|sql| sql.contains("'[^0-9.-]'")));
        assert_eq!(of("expected a decimal(12,2): x is not a number"), None);
        assert!(of("expected a number, found 12,5 %").is_some());
    }
}
