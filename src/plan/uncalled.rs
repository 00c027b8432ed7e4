//! What functions do not take, and what they do. Messages come with their types in the language's words already.

use super::unfit::{as_text, between, is_time, parts_of};

/// What a function does not take.
pub fn call(message: &str) -> Option<String> {
    if let Some((name, found)) = message.split_once(" does not support type ")
        && name.starts_with("array_")
        && name != "array_element"
    {
        return Some(format!("{name} takes a list, found {found}{}", list_of(found)));
    }
    if let Some(rest) = message.strip_prefix("Unsupported interval argument. ")
        && rest.contains(", got: ")
    {
        return Some("an interval is written as a text, as in interval '3 days'".to_owned());
    }
    if let Some(part) = between(message, "Date part '", "' not supported") {
        return Some(format!(
            "there is no '{part}' of a time: there are year, quarter, month, week, day, dow, doy, hour, minute, second, \
             millisecond, microsecond and epoch"
        ));
    }
    let message = message.strip_prefix("Internal error: ").unwrap_or(message);
    let (name, why) = message.strip_prefix("Function '")?.split_once("' ")?;
    if let Some((wanted, found)) =
        why.strip_prefix("expects ").and_then(|rest| rest.split_once(" arguments but received "))
    {
        let arguments = if wanted == "1" { "argument" } else { "arguments" };
        return Some(format!("{name} takes {wanted} {arguments}, found {found}"));
    }
    let (wanted, found) = match why.split_once(" requires ").or_else(|| why.split_once("requires "))
    {
        Some((_, rest)) => {
            let (wanted, rest) = rest.split_once(", but received ")?;
            (wanted, rest.split_once(" (DataType: ")?.1.split_once(").")?.0)
        }
        None if why.starts_with("failed to match any signature") => {
            return Some(format!("{name} takes another number of arguments"));
        }
        None => why.strip_prefix("expects ")?.split_once(" but received ")?,
    };
    let found = if found == "String" { "text" } else { found };
    let (wanted, hint) = match wanted {
        "String" => ("text", as_text(found)),
        "Integer" | "integer" => ("a whole number", as_number(found, "bigint")),
        "Numeric" | "Decimal" | "Float" | "number" => ("a number", as_number(found, "double")),
        other => {
            (other, parts_of(found).unwrap_or_else(|| format!("cast(x as {other}) makes one")))
        }
    };
    Some(format!("{name} takes {wanted}, found {found}: {hint}"))
}

/// What stands behind the arguments that a function does not take.
pub fn instead(name: &str, found: &str) -> String {
    match name {
        _ if name.starts_with("array_") && found.starts_with('[') => {
            ": beside a list stands what is of the type of its elements, as in cast(x as text)"
                .to_owned()
        }
        _ if name.starts_with("array_") || name == "cardinality" => match list_of(found) {
            "" => ": it takes a list".to_owned(),
            hint => hint.to_owned(),
        },
        _ if name.starts_with("map_") => ": it takes a map such as sum(x) by k".to_owned(),
        _ if found.contains("map of ") => {
            parts_of("map of ").map(|how| format!(": {how}")).unwrap_or_default()
        }
        _ => String::new(),
    }
}

fn list_of(found: &str) -> &'static str {
    match found {
        _ if found.contains("map of ") => ": map_keys(m) and map_values(m) are lists",
        _ if found.starts_with("text") => {
            ": contains(x, 'part') looks into a text, and string_to_array(x, ',') makes a list of it"
        }
        _ => "",
    }
}

fn as_number(of: &str, to: &str) -> String {
    match of {
        _ if is_time(of) => "extract(epoch from x) is a time in seconds".to_owned(),
        _ => parts_of(of).unwrap_or_else(|| format!("cast(x as {to}) makes one")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::type_words::with_our_types;
    use super::super::unfit::unfit;
    use super::*;

    #[test]
    fn what_types_do_not_do_is_told_with_what_would() {
        let map = "Map(\"entries\": non-null Struct(\"key\": non-null Utf8, \"value\": Decimal128(20, 2)), unsorted)";
        let top = "List(Struct(\"value\": Utf8, \"count\": Int64))";
        let cases = [
            (
                format!("Cannot infer common argument type for comparison operation {map} > Int64"),
                "map of decimal(20,2) > integer can't be compared: of a map a value is taken by its key, as in m['key']",
            ),
            (
                format!("Cannot coerce arithmetic expression {top} + Int64 to valid types"),
                "[{value: text, count: integer}] + integer has no result: of a list an element is taken by its place, and \
                 what that has by its name, as in list[1]['value']",
            ),
            (
                "Cannot coerce arithmetic expression Utf8 % Int64 to valid types".to_owned(),
                "text % integer has no result: bring one side to the type of the other, as in cast(x as bigint)",
            ),
            (
                "Cannot infer common argument type for comparison operation Timestamp(µs, \"UTC\") > Int64".to_owned(),
                "timestamp > integer can't be compared: a time is made of a number by what that counts, as in \
                 to_timestamp_millis(x) or to_timestamp(x), which takes seconds",
            ),
            (
                "Internal error: Function 'round' failed to match any signature, errors: Error during planning: Function \
                 'round' expects 2 arguments but received 1,Error during planning: Function 'round' requires Decimal, but \
                 received String (DataType: Utf8).,Error during planning: Function 'round' requires Integer, but received \
                 String (DataType: Utf8).."
                    .to_owned(),
                "round takes a number, found text: cast(x as double) makes one",
            ),
            (
                "Function 'lower' requires String, but received List(String) (DataType: List(Utf8)).".to_owned(),
                "lower takes text, found [text]: array_to_string(list, ', ') makes a text of a list, and list[1] is its first \
                 element",
            ),
            (
                "Can not find compatible types to compare Utf8 with [List(Utf8)]".to_owned(),
                "text and [text] can't be compared: of a list an element is taken by its place, as in list[1], and \
                 array_has(list, x) says whether x is one",
            ),
            (
                format!("Unsupported CAST from {map} to Utf8"),
                "map of decimal(20,2) can't become text: of a map a value is taken by its key, as in m['key']",
            ),
        ];
        for (said, wanted) in cases {
            let said = with_our_types(&said);
            let told = unfit(&said).or_else(|| call(&said));
            assert_eq!(told.as_deref(), Some(wanted), "{said}");
        }
        let other = "Divide by zero error";
        assert_eq!(unfit(other).or_else(|| call(other)), None);
    }
}
