//! The grammar of expressions: everything that can be said over columns of known types.

use super::choices::Choices;

/// A column's, or an attribute's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    Text,
    Integer,
    Number,
    Decimal,
    Boolean,
    Timestamp,
    Date,
    Texts,
    Integers,
    /// Lists of anything else.
    List,
    /// Numbers by key.
    Sums,
    /// Anything else by key.
    Map,
}
use Of::*;

/// A name and its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    pub of: Of,
}

impl Column {
    pub fn new(name: &str, of: Of) -> Self {
        Column { name: name.to_owned(), of }
    }
}

/// An expression and its type.
pub type Typed = (String, Of);

/// Conditions over a row, or over attributes.
pub fn condition(choices: &mut Choices, columns: &[Column]) -> Option<String> {
    let mut all = Vec::new();
    for Column { name: c, of } in columns {
        let own: &[&str] = match of {
            Text => &["{c} = 'a'", "{c} <> 'b'", "{c} in ('a', 'c')", "{c} like 'a%'", "{c} > 'b'"],
            Integer => {
                &["{c} > 1", "{c} % 2 = 0", "{c} between 0 and 2", "10 / {c} > 3", "{c} = 3"]
            }
            Number => &["{c} > 0.5", "{c} <= 0", "{c} * 3 < 1"],
            Decimal => &["{c} > 1", "{c} = 2.50", "{c} < 0"],
            Boolean => &["{c}", "not {c}", "{c} is not true"],
            Timestamp => &["{c} > timestamp '2025-07-04T12:00:00Z'", "extract(hour from {c}) < 12"],
            Date => &["{c} >= date '2025-07-04'"],
            Texts => &["cardinality({c}) > 1", "array_has({c}, 'a')"],
            Integers => &["cardinality({c}) > 1", "array_has({c}, 2)", "10 / {c}[1] > 3"],
            List | Map => &["cardinality({c}) > 1"],
            Sums => &["{c}['a'] > 1", "cardinality({c}) > 1"],
        };
        all.extend(own.iter().chain(&["{c} is not null"]).map(|text| text.replace("{c}", c)));
    }
    combined(choices, &all)
}

/// One of them, or two with a word between.
pub fn combined(choices: &mut Choices, all: &[String]) -> Option<String> {
    let one = all.get(choices.below(all.len().max(1)))?;
    let other = &all[choices.below(all.len())];
    Some(match choices.below(8) {
        0..5 => one.clone(),
        5 => format!("({one}) and ({other})"),
        6 => format!("({one}) or ({other})"),
        _ => format!("not ({one})"),
    })
}

/// Expressions over a row's columns.
pub fn scalars(columns: &[Column]) -> Vec<Typed> {
    let mut all = Vec::new();
    for Column { name: c, of } in columns {
        let own: &[(&str, Of)] = match of {
            Text => &[
                ("upper({c})", Text),
                ("split_part({c}, '@', 2)", Text),
                ("nullif({c}, 'a')", Text),
                ("length({c})", Integer),
                ("coalesce({c}, 'c') || '!'", Text),
                ("clean({c})", Text),
                ("nfc({c})", Text),
                ("nfkc({c})", Text),
                ("md5({c})", Text),
                ("hashed_email({c})", Text),
                ("sha256({c})", Text),
                ("e164(concat('030 123', length({c})), 'DE')", Text),
                ("json_get_int({c}, 'a')", Integer),
                ("json_get_str({c}, 0)", Text),
                ("json_get_float({c}, 1)", Number),
                ("json_get_float({c})", Number),
                ("json_get_bool({c}, 2)", Boolean),
                ("json_get_json({c}, 'a')", Text),
                ("json_get_array({c}, 'a')", Texts),
                ("json_as_text({c}, 0)", Text),
                ("json_length({c})", Integer),
                ("json_contains({c}, 'a')", Boolean),
                ("json_object_keys({c})", Texts),
            ],
            Integer => &[
                ("{c} + 1", Integer),
                ("6 / {c}", Integer),
                ("{c} * 0.5", Decimal),
                ("{c} > 1", Boolean),
                ("cast({c} as text)", Text),
                ("case when {c} > 1 then 'b' when {c} > 0 then 'a' end", Text),
            ],
            Number => &[("{c} * 2", Number), ("{c} / 3", Number), ("-{c}", Number)],
            Decimal => &[("{c} * 2", Decimal), ("{c} / 3", Decimal)],
            Boolean => &[("not {c}", Boolean), ("case when {c} then 1 else 0 end", Integer)],
            Timestamp => &[
                ("date_trunc('day', {c})", Timestamp),
                ("{c} + interval '1 hour'", Timestamp),
                ("cast({c} as date)", Date),
                ("extract(day from {c})", Integer),
            ],
            Date => &[("cast({c} as text)", Text)],
            Texts => &[("{c}[1]", Text), ("cardinality({c})", Integer)],
            Integers => &[
                ("{c}[1]", Integer),
                ("cardinality({c})", Integer),
                ("6 / array_max({c})", Integer),
            ],
            List | Map => &[("cardinality({c})", Integer)],
            Sums => &[
                ("cardinality({c})", Integer),
                ("map_keys({c})", Texts),
                ("{c}['a'] > {c}['b']", Boolean),
                ("coalesce({c}['1'], {c}['a']) * 2 > 3", Boolean),
                ("{c}", Sums),
            ],
        };
        // Few columns are maps: what is asked of one stands beside much that is asked of the others.
        let times = if *of == Sums { 8 } else { 1 };
        for _ in 0..times {
            all.extend(own.iter().map(|(text, of)| (text.replace("{c}", c), *of)));
        }
    }
    all
}

/// Expressions over a column of each side.
pub fn pairs(one: &[Column], other: &[Column]) -> Vec<Typed> {
    let mut all = Vec::new();
    for Column { name: a, of } in one {
        for Column { name: b, .. } in other.iter().filter(|other| other.of == *of) {
            match of {
                Text => all.push((format!("coalesce({b}, '-') || {a}"), Text)),
                Integer => all.push((format!("{a} / {b}"), Integer)),
                Number => all.push((format!("{a} + {b}"), Number)),
                _ => all.push((format!("{a} = {b}"), Boolean)),
            }
        }
    }
    all
}

/// Aggregates over a person's rows, and expressions over them; `pairs` are further arguments.
pub fn aggregates(columns: &[Column], pairs: Vec<Typed>) -> Vec<Typed> {
    let mut arguments: Vec<Typed> =
        columns.iter().map(|column| (column.name.clone(), column.of)).collect();
    arguments.extend(scalars(columns).into_iter().chain(pairs));
    let mut all = vec![("count(*)".to_owned(), Integer)];
    for (x, of) in &arguments {
        let mut say = |text: &str, of: Of| all.push((text.replace("{x}", x), of));
        say("count({x})", Integer);
        say("count(distinct {x})", Integer);
        say("min({x})", *of);
        say("max({x})", *of);
        say("any_value({x})", *of);
        say("first({x})", *of);
        say("last({x})", *of);
        say("mode({x})", *of);
        let many = match of {
            Text => Texts,
            Integer => Integers,
            _ => List,
        };
        if !matches!(of, Texts | Integers | List | Sums | Map) {
            say("recent({x}, 1)", many);
            say("recent({x}, 2)", many);
            say("recent({x}, 5)", many);
            say("array_agg(distinct {x})", many);
            say("percentile_disc(0.5) within group (order by {x})", *of);
            say("percentile_disc({x}, 0.91)", *of);
            say("top({x}, 1)", List);
            say("top({x}, 2)", List);
        }
        match of {
            Integer => {
                say("sum({x})", Integer);
                say("sum(distinct {x})", Integer);
                say("avg({x})", Number);
                say("median({x})", Number);
                say("percentile_cont(0.3) within group (order by {x})", Number);
                say("stddev({x})", Number);
                say("var({x})", Number);
                say("max({x}) - min({x})", Integer);
                say("sum({x}) / count(*)", Integer);
                say("ratio(sum({x}), count(*))", Number);
            }
            Number => {
                say("sum({x})", Number);
                say("sum(distinct {x})", Number);
                say("avg({x})", Number);
                say("median({x})", Number);
                say("percentile_cont({x}, 0.25)", Number);
                say("var({x})", Number);
                say("sum({x}) / count({x})", Number);
            }
            Decimal => {
                say("sum({x})", Decimal);
                say("sum(distinct {x})", Decimal);
                say("avg({x})", Decimal);
                say("median({x})", Decimal);
                say("percentile_cont({x}, 0.7)", Decimal);
                say("stddev({x})", Number);
                say("var({x})", Number);
                say("coalesce(sum({x}), 0)", Decimal);
                say("ratio(sum({x}), max({x}))", Number);
            }
            Boolean => {
                say("bool_and({x})", Boolean);
                say("bool_or({x})", Boolean);
                say("count(*) filter (where {x})", Integer);
                say("count(*) filter (where not {x}) / count(*)", Integer);
                say("ratio(count(*) filter (where {x}), count(*))", Number);
                say("ratio(count(*), count(*) filter (where not {x}))", Number);
            }
            Text => {
                say("last({x}) || '/' || count(*)", Text);
                say("count(*) filter (where {x} = 'a')", Integer);
                say("coalesce(first({x}), 'none')", Text);
            }
            Timestamp => say("date_trunc('day', max({x}))", Timestamp),
            Date | Texts | Integers | List | Sums | Map => {}
        }
    }
    all.extend(by_key(columns));
    all
}

/// What adds up by the values of a column, or weighs them.
fn by_key(columns: &[Column]) -> Vec<Typed> {
    let mut all = Vec::new();
    for Column { name: k, of } in columns {
        let key = match of {
            Text | Integer | Boolean | Date => k.clone(),
            Timestamp => format!("(cast(date_trunc('day', {k}) as date))"),
            _ => continue,
        };
        all.push((format!("count(*) by {key}"), Sums));
        for Column { name: x, of } in columns.iter().filter(|other| other.name != *k) {
            let mut say = |text: &str, of: Of| {
                all.push((text.replace("{x}", x).replace("{key}", &key).replace("{k}", k), of));
            };
            match of {
                Integer | Number | Decimal => {
                    say("sum({x}) by {key}", Sums);
                    say("avg({x}) by {key}", Sums);
                    say("sum({x}) filter (where {x} > 0) by {key}", Sums);
                    say("(sum({x}) by {key})['a']", *of);
                    say("mode({k}, sum({x}))", columns_of(columns, k));
                    say("top({k}, 2, sum({x}))", List);
                    say("stddev({x}) by {key}", Sums);
                }
                Boolean => {
                    say("bool_and({x}) by {key}", Map);
                    say("bool_or({x}) by {key}", Map);
                    say("count({x}) by {key}", Sums);
                }
                _ => {}
            }
        }
    }
    all
}

fn columns_of(columns: &[Column], name: &str) -> Of {
    columns.iter().find(|column| column.name == name).map_or(List, |column| column.of)
}

/// Expressions over a person's identifiers.
pub fn over_identifiers(types: &[String]) -> impl Iterator<Item = Typed> {
    types.iter().flat_map(|kind| {
        let list = format!("identifiers['{kind}']");
        [
            (format!("cardinality({list})"), Integer),
            (format!("{list}[1]"), Text),
            (format!("array_to_string({list}, '+')"), Text),
            (list, Texts),
        ]
    })
}

/// Conditions for segments: over attributes, other segments, identifiers and `now()`.
pub fn memberships(attributes: &[Column], segments: &[String], types: &[String]) -> Vec<String> {
    let mut all = Vec::new();
    for Column { name: a, of } in attributes {
        let own: &[&str] = match of {
            Timestamp => &[
                "{a} < now() - interval '2 days'",
                "{a} > now() - interval '1 hour'",
                "{a} >= now() - interval '1 day'",
                "now() - {a} between interval '1 hour' and interval '2 days'",
                "now() - {a} not between interval '1 hour' and interval '2 days'",
                "now() - {a} <= interval '30 days'",
                "now() - {a} >= interval '1 hour'",
                "{a} <= now() - interval '1 day'",
                "now() < {a} + interval '1 hour'",
                "{a} + interval '1 month' < now()",
                "now() = {a} + interval '1 hour'",
                "now() - interval '1 hour' <> {a}",
                "coalesce({a}, timestamp '1970-01-01') < now()",
                "now() is not distinct from {a} + interval '1 day'",
                "{a} > timestamp '2025-07-04T00:00:00Z'",
                "case when {a} is null then now() > timestamp '2025-07-05T06:00:00Z' \
                 else now() > {a} + interval '2 hours' end",
            ],
            Date => &["{a} < now() - interval '1 day'", "{a} is null"],
            Text => &["{a} = 'a'", "{a} > 'b'", "length({a}) = 1", "{a} in ('b', 'none')"],
            Integer => &["{a} > 1", "{a} = 0", "10 / {a} > 3", "{a} between 1 and 3"],
            Number => &["{a} > 0.5", "{a} / ({a} - {a}) > 1", "{a} is null"],
            Decimal => &["{a} > 2", "{a} >= 2.5", "100 / {a} < 20", "{a} < 0"],
            Boolean => &["{a}", "not {a}", "{a} is null"],
            Texts => &["cardinality({a}) > 1", "array_has({a}, 'a')"],
            Integers => &["cardinality({a}) > 1", "10 / {a}[1] > 3"],
            List | Map => &["cardinality({a}) > 1"],
            Sums => &["{a}['a'] > 1", "cardinality({a}) > 1", "coalesce({a}['2'], 0) = 0"],
        };
        all.extend(own.iter().map(|text| text.replace("{a}", a)));
    }
    for segment in segments {
        let segment = format!("\"{}\"", segment.replace('"', "\"\""));
        all.extend([segment.clone(), format!("not {segment}")]);
        all.push(format!("{segment} and now() > timestamp '2025-07-05T12:00:00Z'"));
    }
    for kind in types {
        let list = format!("identifiers['{kind}']");
        all.push(format!("cardinality({list}) > 1"));
        all.push(format!("array_length({list}) = 1"));
        all.push(format!("array_has({list}, 'a')"));
        all.push(format!("{list}[1] = 'a'"));
    }
    all
}
