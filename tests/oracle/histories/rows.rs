//! Rows for a source: from small domains, so that ids, keys and identifiers meet often; with nulls,
//! late and equal times, and every so often bad.

use std::collections::BTreeMap;

use selfsame::internals::time::{DAY, HOUR, MINUTE, Micros, rfc3339};

use super::START;
use super::choices::Choices;
use super::sources::{
    EXTRA, FIRST, Field, ID, ITEM, LEFT, POSITION, Path, RIGHT, SHOP, STATUS, Source, VERDICT, ZONE,
};
use super::sql::Of;
use crate::oracle::script::Delivery;

/// What a row has of a key, before it has its position.
pub struct Draft {
    pub delivery: Delivery,
    /// The number of its id or key.
    pub key: usize,
    /// By how many places it comes later than its position says.
    pub late: usize,
}

const TEXTS: [&str; 20] = [
    "a",
    "b",
    "c",
    "d",
    "e",
    "f",
    "A ",
    "",
    "none",
    "b@y",
    "zoë \"\\\n",
    "x1@z",
    "longer than a word",
    "a/user:b",
    "b/mail:a/mail:b",
    "a%2F",
    " NULL",
    "0",
    "00-0",
    "[object Object]",
];
const INTEGERS: [&str; 8] = ["0", "1", "2", "3", "4", "-1", "5.0", "9007199254740993"];
const NUMBERS: [&str; 8] = ["0", "0.1", "0.2", "0.3", "-0.1", "1e15", "-2.5e-7", "-0.0"];
const DECIMALS: [&str; 7] = ["1", "2.50", "0.10", "-1.25", "\"3.30\"", "1e2", "9999999999.99"];
const EXTRAS: [&str; 9] = [
    "{\"a\": [1, null]}",
    "\"a\"",
    "7",
    "[ ]",
    "true",
    "{\"b\":{}}",
    "{\"a\":1}",
    "[\"e\\u0301\", 2.5, true]",
    "-0.25",
];
/// As programs write them that escape slashes, too.
const ZONES: [&str; 5] = ["", "\"Europe/Berlin\"", "\"Asia\\/Tokyo\"", "\" \"", "\"nowhere\""];
/// In a cell of CSV a text, and no value of any other type.
const BLANK: &str = "\" \"";
const DAYS: [&str; 3] = ["\"2025-07-03\"", "\"2025-07-04\"", "\"2025-07-05\""];
/// What stands for what has no end, and no beginning.
const ENDS: [&str; 3] =
    ["\"9999-12-31T23:59:59.999999Z\"", "253402214400000", "\"0001-01-01T00:00:00Z\""];
/// Relative to the start or to the tick's reading.
const OFFSETS: [Micros; 14] = [
    0,
    -HOUR,
    -2 * HOUR,
    -DAY,
    -2 * DAY,
    -DAY + 1,
    -HOUR - 1,
    -HOUR + 1,
    -30 * DAY,
    -400 * DAY,
    HOUR,
    MINUTE,
    2 * HOUR + 1,
    DAY,
];

/// A raw row for a source that arrives at a reading of the wall clock.
pub fn draft(
    choices: &mut Choices,
    number: usize,
    source: &Source,
    types: &[String],
    reading: Micros,
) -> Draft {
    let part = choices.below(2) as u32;
    // A table is corrected all the time, an event seldom comes twice.
    let many = !source.has_records && choices.below(3) > 0;
    let key = choices.below(if many { 200 } else { source.keys });
    let joined = choices.below(3) == 1;
    let late = choices.below(8).saturating_sub(4);
    let from = if choices.below(2) == 0 { START } else { reading };
    let time = from + OFFSETS[choices.below(OFFSETS.len())];
    let flaw = Flaw::new(choices);
    let timestamp = source.is_topic && !choices.one_in(24);
    let timestamp = timestamp.then_some(if choices.one_in(8) { START } else { time });
    let empty = source.is_topic && (choices.one_in(if source.has_records { 8 } else { 64 }));
    let message_key = (source.is_topic && !choices.one_in(24)).then(|| key.to_string());
    let payload = payload(choices, source, types, key, time, &flaw);
    let payload = (!empty).then(|| match (source.is_csv, source.is_columnar) {
        (_, true) => payload,
        (true, _) => {
            let comment = source.comment.filter(|_| choices.one_in(8));
            let spoiled = flaw.spoil_csv(payload, source.marks.0);
            comment.into_iter().chain(spoiled.chars()).collect()
        }
        (false, _) => flaw.spoil_json(payload),
    });
    Draft {
        delivery: Delivery {
            source: number,
            part,
            offset: 0,
            timestamp,
            key: message_key,
            header: source.is_csv.then(|| source.header()),
            payload,
            joined,
        },
        key,
        late,
    }
}

/// A row that deletes a record at an instant.
pub fn deletion(number: usize, source: &Source, key: &str, time: Micros) -> Delivery {
    let has = |name: &str| source.fields.iter().find(|field| field.name == name);
    let mut values = Vec::new();
    if let Some(id) = has(ID) {
        let key = if id.of == Of::Integer { key.to_owned() } else { format!("\"{key}\"") };
        values.push((id.path, key));
    }
    let at = source.fields.iter().find(|field| field.is_time());
    values.extend(at.map(|at| (at.path, format!("\"{}\"", rfc3339(time)))));
    values.extend(has(STATUS).map(|status| (status.path, "\"gone\"".to_owned())));
    Delivery {
        source: number,
        part: 9,
        offset: 0,
        timestamp: source.is_topic.then_some(time),
        key: source.is_topic.then(|| key.to_owned()),
        header: source.is_csv.then(|| source.header()),
        payload: (!source.is_topic || at.is_some()).then(|| written(source, &values)),
        joined: false,
    }
}

/// What is bad about a row.
#[derive(PartialEq)]
enum Flaw {
    None,
    CutOff,
    NoObject,
    WrongType,
    OutOfRange,
    FarAhead,
    NoTime,
    NoKey,
    Duplicated,
}

impl Flaw {
    fn new(choices: &mut Choices) -> Self {
        match choices.below(64) {
            63 => Flaw::CutOff,
            62 => Flaw::NoObject,
            60..62 => Flaw::WrongType,
            59 => Flaw::FarAhead,
            58 => Flaw::NoTime,
            57 => Flaw::NoKey,
            56 => Flaw::Duplicated,
            55 => Flaw::OutOfRange,
            _ => Flaw::None,
        }
    }

    fn spoil_csv(&self, payload: String, delimiter: char) -> String {
        match self {
            Flaw::CutOff => payload.replacen(delimiter, "", 2),
            Flaw::NoObject => payload.replacen(delimiter, "", 1) + "x",
            Flaw::Duplicated => format!("{payload}{delimiter}"),
            _ => payload,
        }
    }

    fn spoil_json(&self, payload: String) -> String {
        match self {
            Flaw::CutOff => payload.chars().take(payload.chars().count() / 2).collect(),
            Flaw::NoObject => "[1]".to_owned(),
            // The last of a key counts, whatever is wrong with another one.
            Flaw::Duplicated => {
                payload.replacen('{', "{\"n\":7,\"who\":7,\"cart\":[],\"of.n\":{\"a\":[1]},", 1)
            }
            _ => payload,
        }
    }
}

fn payload(
    choices: &mut Choices,
    source: &Source,
    types: &[String],
    key: usize,
    time: Micros,
    flaw: &Flaw,
) -> String {
    let value_of = |choices: &mut Choices, field: &Field| {
        let Field { name, of, .. } = field;
        let value = match *name {
            ID if *flaw == Flaw::NoKey => None,
            ID if *of == Of::Integer => Some(key.to_string()),
            ID => Some(format!("\"{key}\"")),
            _ if field.is_time() => match flaw {
                Flaw::NoTime => None,
                Flaw::FarAhead => Some("\"9000-01-01T00:00:00Z\"".to_owned()),
                _ => Some(happened(choices, source, time)),
            },
            ITEM | SHOP if choices.one_in(12) => None,
            ITEM | SHOP => {
                let key = choices.below(7);
                Some(if *of == Of::Integer { key.to_string() } else { format!("\"{key}\"") })
            }
            STATUS => Some(if choices.one_in(6) { "\"gone\"" } else { "\"here\"" }.to_owned()),
            LEFT | RIGHT => {
                let unknown = types.is_empty() || choices.one_in(12);
                let kind = if unknown { "?" } else { &types[choices.below(types.len())] };
                serde_json::to_string(&format!("{kind}:{}", TEXTS[choices.below(6)])).ok()
            }
            VERDICT if !choices.one_in(16) => {
                Some(choices.pick(&["\"different\"", "\"same\""]).to_owned())
            }
            _ if *flaw == Flaw::WrongType && choices.one_in(3) => Some("{\"a\":[1]}".to_owned()),
            _ if *flaw == Flaw::OutOfRange && out_of_range(*of).is_some() => {
                out_of_range(*of).map(|values| choices.pick(values).to_owned())
            }
            EXTRA => Some(choices.pick(&EXTRAS).to_owned()),
            ZONE => Some(choices.pick(&ZONES).to_owned()).filter(|zone| !zone.is_empty()),
            "ok" if source.mapped == Some("ok") && choices.one_in(3) => Some("\"J\"".to_owned()),
            "amount" if source.mapped == Some("amount") && choices.one_in(3) => {
                Some("\"free\"".to_owned())
            }
            "born" | "day" if source.formats.is_some() && !choices.one_in(4) => {
                Some(local(choices, time))
            }
            _ if source.is_csv && choices.one_in(24) => Some(BLANK.to_owned()),
            _ => value(choices, *of),
        };
        value.or_else(|| choices.one_in(2).then(|| "null".to_owned()))
    };
    let fields = source.fields.iter().filter(|field| field.name != FIRST);
    let (of_items, own): (Vec<&Field>, Vec<&Field>) = fields.partition(|field| field.is_of_item);
    let mut values: Vec<(Path, String)> = Vec::new();
    for field in own {
        values.extend(value_of(choices, field).map(|value| (field.path, value)));
    }
    if let Some(list) = source.list {
        let is_wrong = *flaw == Flaw::WrongType;
        let items = match choices.below(12) {
            0 => None,
            1 => Some("null".to_owned()),
            _ if is_wrong && !source.is_columnar && choices.one_in(3) => {
                Some("{\"kind\":\"a\"}".to_owned())
            }
            number if source.is_columnar => {
                Some(stored_items(choices, &of_items, number % 4, value_of))
            }
            number => Some(items(choices, &of_items, number % 4, is_wrong, value_of)),
        };
        values.extend(items.map(|items| (list, items)));
    }
    written(source, &values)
}

/// A list of so many elements.
fn items(
    choices: &mut Choices,
    fields: &[&Field],
    number: usize,
    may_be_wrong: bool,
    value_of: impl Fn(&mut Choices, &Field) -> Option<String>,
) -> String {
    let item = |_| {
        if choices.one_in(8) {
            return "null".to_owned();
        }
        if may_be_wrong && choices.one_in(4) {
            return "7".to_owned();
        }
        let told = fields.iter().filter(|field| field.path != [POSITION]);
        let values: Vec<_> =
            told.filter_map(|field| Some((field.path, value_of(choices, field)?))).collect();
        nested(&values)
    };
    let items: Vec<String> = (0..number).map(item).collect();
    format!("[{}]", items.join(","))
}

/// The same as a columnar file holds it: each element has all members, one of which no field reads, and these have the
/// types that `columnar` gives them.
fn stored_items(
    choices: &mut Choices,
    fields: &[&Field],
    number: usize,
    value_of: impl Fn(&mut Choices, &Field) -> Option<String>,
) -> String {
    let item = |_| {
        if choices.one_in(8) {
            return "null".to_owned();
        }
        let told = fields.iter().filter(|field| field.path != [POSITION]);
        let members = told.map(|field| {
            let value = value_of(choices, field).and_then(|value| stored(field, &value));
            format!("\"{}\":{},", field.path[0], value.unwrap_or("null".to_owned()))
        });
        format!("{{{}\"other\":null}}", members.collect::<String>())
    };
    let items: Vec<String> = (0..number).map(item).collect();
    format!("[{}]", items.join(","))
}

/// A value as its column holds it; `None` where that can't.
fn stored(field: &Field, value: &str) -> Option<String> {
    let double = |value: &str| serde_json::Number::from_f64(value.parse().ok()?);
    match field.of {
        Of::Text if field.name == EXTRA => serde_json::to_string(value).ok(),
        Of::Text => serde_json::to_string(&serde_json::from_str::<String>(value).ok()?).ok(),
        // No whole number.
        Of::Integer if value.starts_with('{') => Some("2.5".to_owned()),
        Of::Integer | Of::Number => double(value).map(|number| number.to_string()),
        Of::Decimal => {
            let value = value.trim_matches('"').parse::<f64>().ok()?;
            (value < 1e10).then(|| format!("{value:.2}"))
        }
        Of::Boolean => value.parse::<bool>().ok().map(|truth| truth.to_string()),
        Of::Texts => {
            serde_json::to_string(&serde_json::from_str::<Vec<Option<String>>>(value).ok()?).ok()
        }
        _ => unreachable!("no element has one"),
    }
}

/// What a type has no room for, or what there is not.
fn out_of_range(of: Of) -> Option<&'static [&'static str]> {
    Some(match of {
        Of::Integer => &["1e30"],
        Of::Number => &["1e999"],
        Of::Decimal => &["12345678901.5"],
        Of::Date => &["\"2025-02-30\"", "\"0000-12-31\""],
        Of::Timestamp => &[
            "9e18",
            "-62135596800001",
            "\"9999-12-31T23:59:59-12:00\"",
            "\"0000-01-01T00:00:00+14:00\"",
            "\"2025-02-30T00:00:00Z\"",
        ],
        _ => return None,
    })
}

/// A row with values at paths, in the source's format.
fn written(source: &Source, values: &[(Path, String)]) -> String {
    if source.is_columnar {
        return texts(source, values);
    }
    if !source.is_csv {
        return nested(values);
    }
    let (delimiter, quote) = source.marks;
    let cell = |of: Path| {
        let value = values.iter().find(|(path, _)| *path == of).map(|(_, value)| value);
        let text = match value.map_or("null", String::as_str) {
            "null" => String::new(),
            // A line for a row, so that scripts can be told line by line.
            value => serde_json::from_str(value).unwrap_or(value.to_owned()).replace('\n', " "),
        };
        let text = text.replace('\t', " ");
        match quote {
            Some(quote) if text.contains([quote, delimiter, ' ']) => {
                let twice = format!("{quote}{quote}");
                format!("{quote}{}{quote}{delimiter}", text.replace(quote, &twice))
            }
            Some(_) => format!("{text}{delimiter}"),
            // Nothing says that it is no end of a cell.
            None => format!("{}{delimiter}", text.replace(delimiter, " ")),
        }
    };
    source.cells().into_iter().map(cell).collect()
}

/// An object of all columns: texts, and the list with what is around it.
fn texts(source: &Source, values: &[(Path, String)]) -> String {
    let value_at = |of: Path| {
        let value = values.iter().find(|(path, _)| *path == of).map(|(_, value)| value);
        value.filter(|value| *value != "null")
    };
    let text = |field: &Field| {
        let value = value_at(field.path);
        let text = value.map(|value| serde_json::from_str(value).unwrap_or(value.clone()));
        (field.path[0], serde_json::to_string(&text).expect("a text"))
    };
    let own = source.fields.iter().filter(|field| !field.is_of_item && field.name != FIRST);
    let mut all: BTreeMap<&str, String> = own.map(text).collect();
    all.extend(source.list.map(|list| match (value_at(list), &list[1..]) {
        (None, _) => (list[0], "null".to_owned()),
        (Some(items), []) => (list[0], items.clone()),
        (Some(items), below) => (list[0], nested(&[(below, items.clone())])),
    }));
    let all = all.iter().map(|(name, value)| format!("\"{name}\":{value}"));
    format!("{{{}}}", all.collect::<Vec<_>>().join(","))
}

/// What clocks show, or what is counted since the epoch; and what clocks never show.
fn local(choices: &mut Choices, time: Micros) -> String {
    let shown = rfc3339(time);
    let (day, clock) = (&shown[..10], &shown[11..19]);
    match choices.below(14) {
        0 => (time / 1_000_000).to_string(),
        1 => format!("\"{}\"", time / 1_000_000),
        2 => time.to_string(),
        6 => choices.pick(&["-1", "1.5", "1e3", "\"-0.5\"", "1e30", "253402300800"]).to_owned(),
        7 => format!("{}{:03}", time, choices.below(1_000)),
        8 => format!("\"{day}\""),
        9 => {
            let end =
                choices.pick(&[":00", "", ".25", ".1234567", "Z", "+05:30", "-08", " Asia/Tokyo"]);
            let clock = if end == ":00" { &clock[..5] } else { clock };
            format!("\"{day}{}{clock}{end}\"", choices.pick(&["T", " "]))
        }
        10 => choices
            .pick(&["\"2025-02-30\"", "\"2025-07-05 25:00\"", "\"\"", "\"soon\"", "\"20250705\""])
            .to_owned(),
        // In Berlin the one never comes, and the other comes twice.
        3 => "\"30.03.2025 02:30:00\"".to_owned(),
        4 => "\"26.10.2025 02:30:00\"".to_owned(),
        5 if choices.one_in(4) => "\"31.02.2025 00:00:00\"".to_owned(),
        12 => format!("\"{} {}\"", day.replace('-', "/"), &clock[..5]),
        13 if choices.one_in(4) => "\"2025/02/31 00:00\"".to_owned(),
        _ => format!("\"{}.{}.{} {clock}\"", &day[8..], &day[5..7], &day[..4]),
    }
}

/// When a row happened, in one of the ways that its source reads: where that says by which formats or whose clocks,
/// without an offset too.
fn happened(choices: &mut Choices, source: &Source, time: Micros) -> String {
    let shown = rfc3339(time);
    let (day, clock) = (&shown[..10], &shown[11..19]);
    let of_zone = if source.zone.is_some() { "iso" } else { "" };
    let formats = source.time_formats.unwrap_or(of_zone);
    let ways = [
        ("iso", format!("\"{day} {clock}\"")),
        ("%d.%m", format!("\"{}.{}.{} {clock}\"", &day[8..], &day[5..7], &day[..4])),
        ("%Y/%m", format!("\"{} {}\"", day.replace('-', "/"), &clock[..5])),
    ];
    let ways: Vec<String> =
        ways.into_iter().filter(|(of, _)| formats.contains(of)).map(|(_, text)| text).collect();
    match ways.is_empty() || choices.one_in(2) {
        true => instant(choices, time),
        false => ways[choices.below(ways.len())].clone(),
    }
}

/// An instant in one of the ways in which it can be written.
fn instant(choices: &mut Choices, time: Micros) -> String {
    match choices.below(4) {
        1 if time % 1_000 == 0 => (time / 1_000).to_string(),
        2 => {
            let local = rfc3339(time + 2 * HOUR);
            format!("\"{}+02:00\"", local.strip_suffix('Z').expect("UTC"))
        }
        _ => format!("\"{}\"", rfc3339(time)),
    }
}

fn value(choices: &mut Choices, of: Of) -> Option<String> {
    if choices.one_in(6) {
        return None;
    }
    let text = |choices: &mut Choices| {
        let odd = choices.one_in(6);
        let text = TEXTS[choices.below(if odd { TEXTS.len() } else { 6 })];
        serde_json::to_string(text).expect("text")
    };
    Some(match of {
        Of::Text => text(choices),
        Of::Integer => choices.pick(&INTEGERS).to_owned(),
        Of::Number => choices.pick(&NUMBERS).to_owned(),
        Of::Decimal => choices.pick(&DECIMALS).to_owned(),
        Of::Boolean => choices.pick(&["true", "false"]).to_owned(),
        Of::Date => choices.pick(&DAYS).to_owned(),
        Of::Timestamp if choices.one_in(16) => choices.pick(&ENDS).to_owned(),
        Of::Timestamp => {
            let time = START + OFFSETS[choices.below(OFFSETS.len())];
            instant(choices, time)
        }
        Of::List | Of::Sums | Of::Map => unreachable!("no field is one"),
        Of::Integers => {
            let items = (0..choices.below(4)).map(|_| match choices.one_in(8) {
                true => "null",
                false => choices.pick(&INTEGERS),
            });
            format!("[{}]", items.collect::<Vec<_>>().join(","))
        }
        // So many that those who look at few another way are put to it.
        Of::Texts if choices.one_in(12) => {
            let items = (0..20 + choices.below(20)).map(|item| format!("\"m{item}\""));
            format!("[{}]", items.collect::<Vec<_>>().join(","))
        }
        Of::Texts => {
            let number = choices.below(4);
            let items = (0..number).map(|_| match choices.one_in(8) {
                true => "null".to_owned(),
                false => text(choices),
            });
            format!("[{}]", items.collect::<Vec<_>>().join(","))
        }
    })
}

/// An object with values at paths, or a list where these begin with its items.
fn nested(values: &[(Path, String)]) -> String {
    let mut steps: Vec<&str> = Vec::new();
    for (path, _) in values {
        if !steps.contains(&path[0]) {
            steps.push(path[0]);
        }
    }
    let at = |step: &str| {
        let here: Vec<_> = values.iter().filter(|(path, _)| path[0] == step).collect();
        match here.as_slice() {
            [] => "null".to_owned(),
            [(path, value)] if path.len() == 1 => value.clone(),
            below => {
                let below = below.iter().map(|(path, value)| (&path[1..], value.clone()));
                nested(&below.collect::<Vec<_>>())
            }
        }
    };
    let number = |step: &str| step.strip_prefix('[')?.strip_suffix(']')?.parse::<usize>().ok();
    let numbers: Option<Vec<usize>> = steps.iter().map(|step| number(step)).collect();
    if let Some(last) = numbers.into_iter().flatten().max() {
        let items: Vec<String> = (0..=last).map(|item| at(&format!("[{item}]"))).collect();
        return format!("[{}]", items.join(","));
    }
    let entry =
        |step: &&str| format!("{}:{}", serde_json::to_string(step).expect("text"), at(step));
    format!("{{{}}}", steps.iter().map(entry).collect::<Vec<_>>().join(","))
}
