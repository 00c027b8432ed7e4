//! What is wrong with an expression that fails, in the words of the language: parsers, planners and kernels have
//! their own.

use datafusion_common::DataFusionError;

use super::type_words::with_our_types;
use super::uncalled::{call, instead};
use super::unfit::unfit;

/// What is said of a `*` that stands for all columns.
pub const STAR_ALONE: &str = "'*' stands in count(*) alone: name a column";

/// Why an expression has no value for a row, as one sentence. Of what speaks of a library's inside nothing is told.
pub fn reason(error: DataFusionError) -> String {
    match error.find_root() {
        DataFusionError::Internal(_) => "it gives up on what the row has".to_owned(),
        _ => cut(&failure(error)),
    }
}

/// The longest value that a reason shows, in characters.
const MOST_SHOWN: usize = 80;

/// A reason whose quoted values are cut where they are long: they stand in the row.
fn cut(reason: &str) -> String {
    let parts = reason.split('\'').enumerate().map(|(place, part)| {
        match part.char_indices().nth(MOST_SHOWN) {
            Some((end, _)) if place % 2 == 1 => format!("{}…", &part[..end]),
            _ => part.to_owned(),
        }
    });
    parts.collect::<Vec<_>>().join("'")
}

/// What is wrong, in the words of the language.
pub fn failure(error: DataFusionError) -> String {
    let message = error.strip_backtrace();
    let wrong = [
        "egular expression did not compile",
        "regex parse error",
        "Compiled regex exceeds size limit",
    ];
    if wrong.iter().any(|words| message.contains(words)) {
        let why = message.lines().find_map(|line| line.trim().strip_prefix("error: "));
        return format!("no regular expression: {}", why.unwrap_or("too large"));
    }
    let mut message = message.lines().next().unwrap_or_default();
    let known = [
        "Error during planning: ",
        "Schema error: ",
        "This feature is not implemented: ",
        "Execution error: ",
        "Arrow error: ",
        "Cast error: ",
        "Compute error: ",
        "Arithmetic overflow: ",
        "Invalid argument error: ",
        "Parser error: ",
    ];
    while let Some(rest) = known.iter().find_map(|prefix| message.strip_prefix(prefix)) {
        message = rest;
    }
    // A function of ours says all that is to be said.
    if let Some((_, why)) = message.split_once(" user-defined coercion failed with: ")
        && let Some(why) = why.strip_prefix(known[0])
    {
        message = why;
    }
    spoken(message)
}

/// A message of the planner, in the words of the language.
fn spoken(message: &str) -> String {
    let between = |start: &str, end: &str| message.strip_prefix(start)?.strip_suffix(end);
    let ours = with_our_types(message);
    if let Some(told) = unfit(&ours).or_else(|| call(&ours)) {
        return told;
    }
    let text = if let Some((value, wanted)) =
        between("Cannot cast string ", " type").and_then(|terms| terms.split_once(" to value of "))
    {
        format!("{value} is no {wanted}")
    } else if let Some(operator) = between("Unsupported binary operator: ", "") {
        match operator {
            "PGOverlap" => "'&&' is no operator here: 'and' joins conditions".to_owned(),
            "DuckIntegerDivide" | "MyIntegerDivide" => {
                "there is no 'div': '/' of whole numbers is whole".to_owned()
            }
            _ => format!("there is no such operator ({operator})"),
        }
    } else if message == "get_field function requires all field_name arguments to be scalars" {
        "of a map a key is asked for that is the same for all rows, as in m['key']".to_owned()
    } else if let Some(found) =
        between("Cannot access field at argument 1: type ", " is not Struct, Map, or Null")
    {
        format!(
            "{found} has no fields: ['name'] stands behind a struct or a map, [1] behind a list"
        )
    } else if let Some((found, name)) =
        between("Failed to coerce arguments to satisfy a call to '", "")
            .and_then(|it| it.split_once("' function: "))
            .and_then(|(name, why)| {
                let found = why.strip_prefix("coercion from ")?.split_once(" to the signature ")?.0;
                Some((found, name))
            })
    {
        match name {
            "array_element" => {
                format!(
                    "({found}) has no such place: in a list it is a whole number, as in list[1]"
                )
            }
            _ => {
                let found = with_our_types(found);
                format!("{name} does not take ({found}){}", instead(name, &found))
            }
        }
    } else if let Some(found) = between("array_element does not support type ", "") {
        format!(
            "{found} has no places: [1] stands behind a list, ['name'] behind a struct or a map"
        )
    } else if message == "Divide by zero error" {
        "division by zero".to_owned()
    } else if let Some(value) = between("Cannot cast value ", " to value of boolean type") {
        format!("{value} is no boolean")
    } else if let Some((value, _)) =
        between("Error parsing ", "").and_then(|it| it.split_once(" as time. "))
    {
        format!("{value} is no time such as 12:30:00")
    } else if message.starts_with("Encountered non UTF-8 data") {
        "its bytes are no text in UTF-8".to_owned()
    } else if let Some((name, lengths)) = message
        .split_once(" requires both list inputs to have the same length")
        .and_then(|(name, rest)| Some((name, rest.split_once(", got ")?.1)))
    {
        let lengths = lengths.split(" at row ").next().unwrap_or_default();
        format!("{name} takes two lists of one length, found {lengths}")
    } else if message == "Both arrays must have the same length" {
        "array_distance takes two lists of one length".to_owned()
    } else if let Some(number) = between("invalid Unicode scalar value: ", "") {
        format!("no character has the number {number}")
    } else if let Some(place) = between("start_from out of bounds: ", "") {
        format!("array_position starts at a place that the list does not have: {place}")
    } else if let Some((_, name)) =
        message.split_once(" for function ").filter(|(step, _)| step.starts_with("step can't be 0"))
    {
        format!("{} takes no step of 0", name.split('(').next().unwrap_or_default())
    } else if let Some(name) = between("Decimal overflow while applying ", "") {
        format!("{name} of it has no room in its decimal")
    } else if let Some(call) = between("Signed integer overflow in ", "")
        .or_else(|| between("Overflow happened on ", ""))
        .filter(|call| !message.starts_with("Overflow happened on: ") && call.contains('('))
    {
        format!("{} has no room in a whole number", call.to_lowercase())
    } else if let Some(overflow) = between("Overflow happened on: ", "") {
        format!("{overflow} has no room in a whole number")
    } else if let Some(overflow) = between("Int64Array overflow on ", "") {
        format!("{overflow} has no room in a whole number")
    } else if let Some((terms, _)) = between("Cannot get result type for decimal operation ", "")
        .and_then(|it| it.split_once(": "))
    {
        format!("{terms} would have more than 38 digits behind the point: cast one side to fewer")
    } else if let Some((_, digits)) =
        message.split_once(" is too large to store in a Decimal128 of precision ")
    {
        let digits = digits.split('.').next().unwrap_or_default();
        format!("a decimal has no room in {digits} digits")
    } else if let Some((value, _)) =
        between("value of ", "").and_then(|it| it.split_once(" is out of range "))
    {
        format!("{value} has no room in a whole number")
    } else if let Some((value, wanted)) =
        between("Can't cast value ", "").and_then(|it| it.split_once(" to type "))
    {
        format!("{value} has no room in {wanted}")
    } else if message.starts_with("Physical plan does not support logical expression Wildcard") {
        STAR_ALONE.to_owned()
    } else if message.starts_with("Unsupported ast node in sqltorel: RLike") {
        "there is no 'rlike': x ~ 'pattern' says whether x matches".to_owned()
    } else if message.starts_with("Unsupported ast node in sqltorel: Convert") {
        "there is no 'convert' here: that is cast(x as text), cast(x as bigint), cast(x as date) and the like".to_owned()
    } else if let Some(node) = between("Unsupported ast node in sqltorel: ", "") {
        format!("'{}' is no expression here", node.split([' ', '(']).next().unwrap_or_default())
    } else if let Some(operator) = between("Operator ", " is not yet supported") {
        match operator {
            "->" | "->>" | "#>" | "#>>" | "@>" | "@?" => format!(
                "'{operator}' is no operator here: json_as_text(x, 'key') and json_get_str, json_get_int, json_get_float, \
                 json_get_bool, json_get_json look into JSON"
            ),
            _ => format!("there is no operator '{operator}'"),
        }
    } else if let Some(name) = between("Unsupported SQL type ", "") {
        format!(
            "'{name}' is no type of SQL: there are text, bigint, double, decimal(p,s), boolean, \
             timestamp, date and interval"
        )
    } else {
        message.to_owned()
    };
    with_our_types(&text)
}
