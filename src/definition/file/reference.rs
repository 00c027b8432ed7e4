//! The reference of the definition file, as Markdown, from the table that the reader checks by.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::fields::{DEFINITION, FieldShape, Shape};
use crate::aggregate::{Function, MOST_VALUES};
use crate::definition::sql::Dialect;

/// Every field, then every aggregate and every SQL function.
pub fn reference() -> String {
    let mut text = String::from("## Every field\n");
    let about = "What a definition file holds, at the top.";
    object(&mut text, &mut Vec::new(), about, DEFINITION);
    aggregates(&mut text);
    functions(&mut text);
    text
}

/// A section for what has these fields, and one for each of them that has fields of its own.
fn object(text: &mut String, path: &mut Vec<String>, about: &str, fields: &[FieldShape]) {
    writeln!(text, "\n### {}\n\n{about}\n", title(path)).expect("to a string");
    text.push_str("| field | value | meaning |\n|---|---|---|\n");
    for field in fields {
        let name = match field.required {
            true => format!("**`{}`**", field.name),
            false => format!("`{}`", field.name),
        };
        let mut meaning = field.description.to_owned();
        if !field.example.is_empty() {
            write!(meaning, "<br>`{}: {}`", field.name, field.example).expect("to a string");
        }
        let value = spoken(&field.shape);
        writeln!(text, "| {name} | {} | {} |", cell(&value), cell(&meaning)).expect("to a string");
    }
    for field in fields {
        path.push(field.name.to_owned());
        below(text, path, field.description, &field.shape);
        path.pop();
    }
}

fn below(text: &mut String, path: &mut Vec<String>, about: &str, shape: &Shape) {
    match shape {
        Shape::Object(fields) if !fields.is_empty() => object(text, path, about, fields),
        Shape::MapOf(value) => by_name(text, path, about, value),
        Shape::MapWith(known, value) => {
            object(text, path, about, known);
            by_name(text, path, about, value);
        }
        Shape::Either(shapes) => shapes.iter().for_each(|shape| below(text, path, about, shape)),
        _ => {}
    }
}

fn by_name(text: &mut String, path: &mut Vec<String>, about: &str, value: &Shape) {
    path.push("NAME".to_owned());
    below(text, path, about, value);
    path.pop();
}

fn title(path: &[String]) -> String {
    match path {
        [] => "The definition".to_owned(),
        path => format!("`{}`", path.join(": ")),
    }
}

/// What a value looks like.
fn spoken(shape: &Shape) -> String {
    match shape {
        Shape::Text => "text".to_owned(),
        Shape::Sql => "SQL".to_owned(),
        Shape::Type => "a type".to_owned(),
        Shape::Duration => "a duration".to_owned(),
        Shape::Count => "a whole number from 1".to_owned(),
        Shape::Scalar => "text, a number or a boolean".to_owned(),
        Shape::Value => "text, a number, a boolean or null".to_owned(),
        Shape::Texts => "text, or a list of texts".to_owned(),
        Shape::ListOf(item, number) if number.start() == number.end() => {
            format!("a list of {}, each {}", number.start(), spoken(item))
        }
        Shape::ListOf(item, number) => {
            format!("a list of {} to {}, each {}", number.start(), number.end(), spoken(item))
        }
        Shape::Choice(words) => {
            let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
            words.join(", ")
        }
        Shape::Object(_) => "a mapping".to_owned(),
        Shape::MapOf(value) => format!("by name: {}", spoken(value)),
        Shape::MapWith(_, value) => format!("fields, and by name: {}", spoken(value)),
        Shape::Either(shapes) => shapes.iter().map(spoken).collect::<Vec<_>>().join(", or "),
    }
}

/// What would end a table's cell is escaped.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// What attributes may ask of a person's rows.
fn aggregates(text: &mut String) {
    writeln!(
        text,
        "\n## Aggregates\n\nWhat `select` of an attribute may ask of a person's rows: x and y are SQL over a row, n a \
         whole number from 1 to {MOST_VALUES}. Nulls are passed over; without any value the result is null, \
         unless it is said otherwise.\n\n| aggregate | value |\n|---|---|"
    )
    .expect("to a string");
    for called in Function::all().into_iter().filter_map(Function::called) {
        let written: Vec<String> =
            called.written().iter().map(|written| format!("`{written}`")).collect();
        writeln!(text, "| {} | {} |", written.join(", "), called.meaning).expect("to a string");
    }
}

/// The names of the scalar functions, by what they are about.
fn functions(text: &mut String) {
    text.push_str(
        "\n## SQL functions\n\nScalar functions, as [DataFusion documents \
         them](https://datafusion.apache.org/user-guide/sql/scalar_functions.html), with `now()`, in \
         segments, as the only clock.\n",
    );
    let mut by_section: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (name, section) in Dialect::new("UTC").scalar_functions() {
        let section = section.trim_end_matches(" Functions");
        by_section.entry(section).or_default().push(format!("`{name}`"));
    }
    for (section, names) in &by_section {
        writeln!(text, "\n**{section}**: {}", names.join(", ")).expect("to a string");
    }
}
