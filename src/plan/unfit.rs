//! What operators and functions can't do with the types that they are given, and how it is meant to be written.
//!
//! Messages come with their types in the language's words already.

/// What a message of the planner says of types that do not fit, with what would fit; none of other messages.
pub fn unfit(message: &str) -> Option<String> {
    let of_operator = operator(message).or_else(|| condition(message));
    of_operator.or_else(|| one_type(message)).or_else(|| cast(message))
}

/// What stands between the beginning and the end of a message.
pub fn between<'a>(message: &'a str, start: &str, end: &str) -> Option<&'a str> {
    message.strip_prefix(start)?.strip_suffix(end)
}

/// Operators as messages have them between two types; those that begin alike with the longer one first.
const OPERATORS: &str = "IS NOT DISTINCT FROM,IS DISTINCT FROM,BIT_XOR,AND,OR,!~*,!~,~*,~,||,|,&,<<,>>,@>,<@,!=,<>,>=,<=,\
                        =,>,<,+,-,*,/,%";

/// Two types and the operator between them.
fn sides(terms: &str) -> Option<(&str, &str, &str)> {
    OPERATORS.split(',').find_map(|op| {
        let (left, right) = terms.split_once(&format!(" {op} "))?;
        Some((left, op, right))
    })
}

fn operator(message: &str) -> Option<String> {
    if let Some(terms) = between(message, "Cannot coerce arithmetic expression ", " to valid types")
        .or_else(|| between(message, "Cannot get result type for temporal operation ", ""))
    {
        let terms = terms.split(": Invalid argument").next().unwrap_or(terms);
        let (left, op, right) = sides(terms)?;
        return Some(format!("{terms} has no result{}", arithmetic(left, op, right)));
    }
    if let Some(terms) =
        between(message, "Cannot infer common argument type for comparison operation ", "")
            .or_else(|| between(message, "Cannot infer common argument type for operation ", ""))
    {
        let (left, op, right) = sides(terms)?;
        return Some(match op {
            "@>" | "<@" => format!("{terms}: {}", of_lists(op)),
            "IS NOT DISTINCT FROM" | "IS DISTINCT FROM" => compared(left, right),
            _ => format!("{terms} can't be compared{}", comparison(left, right)),
        });
    }
    if let Some(terms) =
        between(message, "Cannot infer common string type for string concat operation ", "")
    {
        let (left, _, right) = sides(terms)?;
        let hint = match (left, right) {
            ("boolean", "boolean") => "'or' joins conditions".to_owned(),
            _ => as_text(if is_made_of_others(left) { left } else { right }),
        };
        return Some(format!("{terms} has no result: '||' puts texts together, and {hint}"));
    }
    if let Some(terms) = between(message, "Cannot infer common type for bitwise operation ", "") {
        let (left, op, right) = sides(terms)?;
        let (op, hint) = match op {
            "&" => ("&", "'and' joins conditions"),
            "|" => ("|", "'||' puts texts together, and 'or' joins conditions"),
            "BIT_XOR" => ("^", "power(x, y) is x to the power of y"),
            other => (other, "cast(x as bigint) makes a whole number of a text"),
        };
        let hint = parts_of(left).or_else(|| parts_of(right)).unwrap_or_else(|| hint.to_owned());
        return Some(format!("'{op}' takes whole numbers, found {left} and {right}: {hint}"));
    }
    if let Some(terms) =
        between(message, "Cannot infer common argument type for regex operation ", "")
    {
        let (left, op, right) = sides(terms)?;
        let wrong = if left == "text" { right } else { left };
        let hint = as_text(wrong);
        return Some(format!("'{op}' looks for a pattern in a text, found {wrong}: {hint}"));
    }
    if let Some(terms) =
        between(message, "There isn't a common type to coerce ", " in LIKE expression")
    {
        let (left, right) = terms.split_once(" and ")?;
        let wrong = if left == "text" { right } else { left };
        return Some(format!("'like' compares texts, found {wrong}: {}", as_text(wrong)));
    }
    let name = between(message, "Binary operator '", "' is not supported in the physical expr")?;
    Some(match name {
        "AtArrow" => of_lists("@>"),
        "ArrowAt" => of_lists("<@"),
        "AtAt" => "there is no '@@': contains(x, 'part') looks for a part of a text, and x ~ 'pattern' for a pattern"
            .to_owned(),
        other => format!("there is no such operator ({other})"),
    })
}

fn of_lists(op: &str) -> String {
    let which = if op == "@>" {
        "the left one has all of the right"
    } else {
        "the right one has all of the left"
    };
    format!("'{op}' says of two lists whether {which}: array_has(list, x) looks for one value")
}

/// What stands behind a result that there is none of.
fn arithmetic(left: &str, op: &str, right: &str) -> String {
    let has = |is: fn(&str) -> bool| is(left) || is(right);
    if let Some(how) = parts_of(left).or_else(|| parts_of(right)) {
        return format!(": {how}");
    }
    if is_time(left) && is_time(right) {
        return ": what lies between two times is, in seconds, extract(epoch from a) - extract(epoch from b)"
            .to_owned();
    }
    let is_moved = is_time(left) && right == "text" && matches!(op, "+" | "-");
    if has(is_time) && !has(|of| of == "text") || has(|of| of == "interval") || is_moved {
        return ": a time is moved by an interval, as in x + interval '3 days'".to_owned();
    }
    if (left, op, right) == ("text", "+", "text") {
        return ": '||' puts texts together".to_owned();
    }
    with_a_cast(if matches!(left, "text" | "boolean") { right } else { left })
}

/// What stands behind two types that can't be compared.
fn comparison(left: &str, right: &str) -> String {
    let are = |one: fn(&str) -> bool, other: fn(&str) -> bool| {
        one(left) && other(right) || one(right) && other(left)
    };
    if let Some(how) = parts_of(left).or_else(|| parts_of(right)) {
        return format!(": {how}");
    }
    if are(is_time, is_number) {
        return ": a time is made of a number by what that counts, as in to_timestamp_millis(x) or to_timestamp(x), \
                which takes seconds"
            .to_owned();
    }
    if are(|of| of == "boolean", |of| is_number(of) || is_time(of)) {
        let wrong = if left == "boolean" { right } else { left };
        return format!(": {}", as_condition(wrong));
    }
    if left == "interval" || right == "interval" {
        return ": beside an interval stands another, as in interval '3 days'".to_owned();
    }
    with_a_cast(left)
}

fn compared(left: &str, right: &str) -> String {
    format!("{left} and {right} can't be compared{}", comparison(left, right))
}

fn with_a_cast(to: &str) -> String {
    let to = match to {
        "integer" => "bigint",
        "number" => "double",
        other => other,
    };
    format!(": bring one side to the type of the other, as in cast(x as {to})")
}

/// What is no condition where one stands.
fn condition(message: &str) -> Option<String> {
    if let Some(terms) =
        between(message, "Cannot infer common argument type for logical boolean operation ", "")
    {
        let (left, op, right) = sides(terms)?;
        let wrong = if left == "boolean" { right } else { left };
        let (op, hint) = (op.to_lowercase(), as_condition(wrong));
        return Some(format!("'{op}' joins conditions, found {wrong}: {hint}"));
    }
    if let Some(found) =
        between(message, "Unary operator 'NOT' requires a boolean expression, got ", "")
    {
        return Some(format!("'not' negates a condition, found {found}: {}", as_condition(found)));
    }
    if message.starts_with("WHEN expressions in CASE couldn't be converted to common type") {
        return Some(
            "what stands behind 'when' is a condition: make one of it, as in x > 0 or x is not null"
                .to_owned(),
        );
    }
    if message.starts_with("Unary operator '-' only supports ") {
        let wrong = "'-' stands before numbers and intervals alone: cast(x as double) makes a number of a text";
        return Some(wrong.to_owned());
    }
    let name = between(message, "Unsupported SQL unary operator ", "")?;
    Some(match name {
        "BitwiseNot" => "there is no '~' before a value: x ~ 'pattern' says whether x matches, and 'not' negates a condition".to_owned(),
        other => format!("there is no such operator ({other})"),
    })
}

/// What is wrong where several values are to be of one type.
fn one_type(message: &str) -> Option<String> {
    if let Some((name, why)) = between(message, "Function '", "")
        .and_then(|rest| rest.split_once("' user-defined coercion failed with: "))
    {
        if let Some((_, found)) = why.split_once("Expect to get struct but got ") {
            let hint = match parts_of(found) {
                Some(how) => format!(": {how}"),
                None if is_time(found) => {
                    ": cast(x as timestamp) makes a time of a text, and to_timestamp_millis(x) of a number".to_owned()
                }
                None => with_a_cast(found),
            };
            return Some(format!(
                "{name} takes values of one type, found {found} and another{hint}"
            ));
        }
        if let Some((_, found)) = why.split_once("Expected a Map type, got ") {
            let found = found.trim_end_matches('.');
            return Some(format!("{name} takes a map such as sum(x) by k, found {found}"));
        }
        let (_, counts) = why.split_once(" function requires ")?;
        let (wanted, found) = counts.split_once(" arguments, got ")?;
        return Some(format!("{name} takes {wanted} arguments, found {found}"));
    }
    if let Some((name, terms)) = between(message, "For function '", " is not comparable")
        .and_then(|rest| rest.split_once("' "))
    {
        let (left, right) = terms.split_once(" and ")?;
        return Some(format!("{name} compares its values: {}", compared(left, right)));
    }
    if let Some(name) = between(message, "Cannot find a common type for arguments to ", "") {
        return Some(format!(
            "{name} takes values of one type: bring them to one, as in cast(x as double); of a map or a list it takes \
             one value, as in m['key'] or list[1]"
        ));
    }
    if let Some(terms) = between(message, "Can not find compatible types to compare ", "]") {
        let (left, right) = terms.split_once(" with [")?;
        let same =
            right.split(", ").next().filter(|first| right.split(", ").all(|of| of == *first));
        return Some(compared(left, same.unwrap_or(right)));
    }
    let message = message.strip_prefix("Internal error: ").unwrap_or(message);
    let behind = message.strip_prefix("Failed to coerce ")?;
    if let Some((terms, _)) = behind.strip_prefix("types ")?.split_once(" in BETWEEN expression") {
        let (left, right) = terms.split_once(" and ")?;
        return Some(compared(left, right));
    }
    None
}

/// What is wrong with the parts of a case.
fn of_case(message: &str) -> Option<String> {
    let terms = between(message, "Failed to coerce ", ") to common types in CASE WHEN expression")?;
    if let Some((left, right)) =
        terms.strip_prefix("case (").and_then(|rest| rest.split_once(") and when ("))
    {
        return Some(format!(
            "a case looks for its value behind 'when': {}",
            compared(left, right)
        ));
    }
    let (left, right) = terms.strip_prefix("then (")?.split_once(") and else (")?;
    let hint = parts_of(left).or_else(|| parts_of(right)).map(|how| format!(": {how}"));
    let hint = hint.unwrap_or_else(|| ": bring them to one, as in cast(x as text)".to_owned());
    Some(format!("a case has values of one type, found {left} and {right}{hint}"))
}

/// What can't be made another type.
fn cast(message: &str) -> Option<String> {
    if let Some(of_case) = of_case(message) {
        return Some(of_case);
    }
    let types = between(message, "Unsupported CAST from ", "")
        .or_else(|| between(message, "Unsupported TRY_CAST from ", ""))
        .or_else(|| between(message, "Casting from ", " not supported"))
        .or_else(|| between(message, "Cannot automatically convert ", ""))?;
    let (from, to) = types.split_once(" to ")?;
    let hint =
        if to == "text" { is_made_of_others(from).then(|| as_text(from)) } else { parts_of(from) };
    let hint = hint.map(|how| format!(": {how}")).unwrap_or_default();
    Some(format!("{from} can't become {to}{hint}"))
}

/// Whether it says when something is.
pub fn is_time(of: &str) -> bool {
    matches!(of, "timestamp" | "date" | "time")
}

fn is_number(of: &str) -> bool {
    matches!(of, "integer" | "number") || of.starts_with("decimal(")
}

fn is_made_of_others(of: &str) -> bool {
    of.starts_with("map of ") || of.starts_with(['[', '{'])
}

/// How a value is taken out of what has several.
pub fn parts_of(of: &str) -> Option<String> {
    let name_of = |parts: &str| parts.split(": ").next().map(str::to_owned).unwrap_or_default();
    if of.starts_with("map of ") {
        return Some("of a map a value is taken by its key, as in m['key']".to_owned());
    }
    if let Some(parts) = of.strip_prefix("[{") {
        let name = name_of(parts);
        return Some(format!(
            "of a list an element is taken by its place, and what that has by its name, as in list[1]['{name}']"
        ));
    }
    if let Some(parts) = of.strip_prefix('{') {
        return Some(format!("what it has is taken by its name, as in x['{}']", name_of(parts)));
    }
    of.starts_with('[').then(|| {
        "of a list an element is taken by its place, as in list[1], and array_has(list, x) says whether x is one"
            .to_owned()
    })
}

/// How a text is made of a value, or taken out of it.
pub fn as_text(of: &str) -> String {
    if of.starts_with('[') && !of.starts_with("[{") {
        return "array_to_string(list, ', ') makes a text of a list, and list[1] is its first element".to_owned();
    }
    parts_of(of).unwrap_or_else(|| "cast(x as text) makes a text of it".to_owned())
}

fn as_condition(of: &str) -> String {
    match of {
        "text" => "make one of it, as in x = 'yes'".to_owned(),
        _ if is_number(of) => "make one of it, as in x > 0".to_owned(),
        _ => parts_of(of).unwrap_or_else(|| "make one of it, as in x is not null".to_owned()),
    }
}
