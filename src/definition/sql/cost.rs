//! What calls make and do that grow faster than what they are given, told before they run.
//!
//! All others make and do no more than a few times what they are given.

#[cfg(test)]
mod tests;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type, IntervalMonthDayNanoType, IntervalUnit, TimeUnit};
use arrow::util::display::array_value_to_string;
use datafusion_common::Result;

use super::limits::{TOGETHER, all_bytes, bytes_of, items_of, longest, together};
use super::pattern::{self, Pattern};
use crate::plan::Limits;

/// An argument of a call.
pub enum Argument {
    /// The same for all rows.
    One(ArrayRef),
    Many(ArrayRef),
}

/// Characters of a value that a message shows.
const MOST_SAID: usize = 40;

/// What a call comes to for a row, at most.
#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    bytes: u64,
    steps: u64,
    /// Bytes that are held until all rows are done.
    held: u64,
}

impl Argument {
    fn array(&self) -> &ArrayRef {
        match self {
            Argument::One(array) | Argument::Many(array) => array,
        }
    }

    fn place(&self, row: usize) -> usize {
        match self {
            Argument::One(_) => 0,
            Argument::Many(_) => row,
        }
    }

    pub fn is_null(&self, row: usize) -> bool {
        self.array().is_null(self.place(row))
    }

    fn bytes(&self, row: usize) -> u64 {
        bytes_of(self.array(), self.place(row))
    }

    fn items(&self, row: usize) -> u64 {
        items_of(self.array(), self.place(row))
    }

    /// A whole number, or an instant as one.
    fn number(&self, row: usize) -> Option<i64> {
        let (array, row) = (self.array(), self.place(row));
        if let Some(numbers) = array.as_primitive_opt::<Int64Type>() {
            return numbers.is_valid(row).then(|| numbers.value(row));
        }
        let one = cast(&array.slice(row, 1), &DataType::Int64).ok()?;
        let one = one.as_primitive::<Int64Type>();
        one.is_valid(0).then(|| one.value(0))
    }

    /// As a message shows it.
    pub fn said(&self, row: usize) -> String {
        let (array, row) = (self.array(), self.place(row));
        let shown = array_value_to_string(array, row).unwrap_or_default();
        let is_long = shown.chars().nth(MOST_SAID).is_some();
        let shown: String = shown.chars().take(MOST_SAID).collect();
        let more = if is_long { "…" } else { "" };
        match array.data_type() {
            _ if array.is_null(row) => "null".to_owned(),
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
                format!("'{}{more}'", shown.escape_debug())
            }
            _ => format!("{shown}{more}"),
        }
    }

    fn text(&self, row: usize) -> Option<&str> {
        let (array, row) = (self.array(), self.place(row));
        if array.is_null(row) {
            return None;
        }
        Some(match array.data_type() {
            DataType::Utf8 => array.as_string::<i32>().value(row),
            DataType::LargeUtf8 => array.as_string::<i64>().value(row),
            DataType::Utf8View => array.as_string_view().value(row),
            _ => return None,
        })
    }
}

/// Holds a call to its limits before it runs.
pub fn hold(name: &str, given: &[Argument], rows: usize, limits: Limits) -> Result<()> {
    let all: u64 = given.iter().map(|given| all_bytes(given.array())).sum();
    together(rows, all)?;
    let Some(cost) = costs(name) else { return Ok(()) };
    if let Some(most) = greatest(name, given, all, rows, limits)
        && most.steps <= limits.steps
        && most.bytes <= limits.bytes
        && (most.bytes + most.held).saturating_mul(rows as u64) <= TOGETHER
    {
        return Ok(());
    }
    let mut made = 0u64;
    for row in 0..rows {
        let cost = cost(given, row, limits);
        limits.hold_steps(name, cost.steps)?;
        limits.hold_bytes(name, cost.bytes)?;
        made = made.saturating_add(cost.bytes).saturating_add(cost.held);
        together(rows, made)?;
    }
    Ok(())
}

/// No less than what the call costs for any of the rows, where that is told without a look at each of them: as it
/// mostly is, by the longest of what is given beside constants. `all` bytes are given.
fn greatest(name: &str, given: &[Argument], all: u64, rows: usize, limits: Limits) -> Option<Cost> {
    let (Argument::Many(first), constants) = given.split_first()? else {
        // A separator that is the same for all rows stands once for each of their texts.
        let together = all + given[0].bytes(0) * given.len() as u64;
        return (name == "concat_ws" && rows > 0).then(|| of_bytes(together));
    };
    if rows == 0 || !constants.iter().all(|given| matches!(given, Argument::One(_))) {
        return None;
    }
    match name {
        "lpad" | "rpad" => (count(given, 1, 0) <= UNPADDED).then(Cost::default),
        "replace" => (given[2].bytes(0) <= given[1].bytes(0).max(1)).then(Cost::default),
        "array_has_all" | "array_has_any" | "array_union" | "array_intersect" | "array_except" => {
            let most = (0..rows).max_by_key(|row| items_of(first, *row))?;
            Some(costs(name)?(given, most, limits))
        }
        "repeat" | "levenshtein" | "like" | "~" | "~*" | "regexp_like" | "regexp_match"
        | "regexp_count" | "regexp_instr" => Some(costs(name)?(given, longest(first)?, limits)),
        "regexp_replace" => Some(regexp_replaced(given, longest(first)?, limits)),
        name if name.starts_with("json_") => Some(costs(name)?(given, longest(first)?, limits)),
        _ => None,
    }
}

/// What a call costs for a row of what it is given.
type Costs = fn(&[Argument], usize, Limits) -> Cost;

/// What a call of this name costs, where that is more than a few times what it is given.
fn costs(name: &str) -> Option<Costs> {
    Some(match name {
        "repeat" => {
            |given, row, _| of_bytes(given[0].bytes(row).saturating_mul(count(given, 1, row)))
        }
        "array_repeat" => {
            |given, row, _| of_bytes((given[0].bytes(row) + 4).saturating_mul(count(given, 1, row)))
        }
        "array_resize" => |given, row, _| {
            let each = given.get(2).map_or(0, |value| value.bytes(row)) + 4;
            of_bytes(given[0].bytes(row).saturating_add(each.saturating_mul(count(given, 1, row))))
        },
        "lpad" | "rpad" => |given, row, _| padded(given, row),
        "range" | "generate_series" => |given, row, _| series(given, row),
        "replace" => |given, row, _| replaced(given, row),
        "array_to_string" => |given, row, _| {
            let between: u64 = given[1..].iter().map(|text| text.bytes(row)).sum();
            of_bytes(given[0].items(row).saturating_mul(between + 4) + 32 * given[0].bytes(row))
        },
        "concat_ws" => |given, row, _| {
            let texts: u64 = given[1..].iter().map(|text| text.bytes(row)).sum();
            of_bytes(texts + given[0].bytes(row).saturating_mul(given.len() as u64))
        },
        "levenshtein" => |given, row, _| of_steps(given[0].bytes(row), given[1].bytes(row)),
        "array_has_all" | "array_has_any" | "array_union" | "array_intersect" | "array_except" => {
            |given, row, _| of_steps(given[0].items(row), given[1].items(row))
        }
        // Each step of a path goes through what the one before it found.
        name if name.starts_with("json_") => {
            |given, row, _| of_steps(given[0].bytes(row), given.len() as u64)
        }
        "like" => |given, row, _| match given[1].text(row) {
            // Such as `a%`, `%a` and `%a%` are found in one pass.
            Some(pattern) if pattern.trim_matches('%').contains(['%', '_']) => {
                of_steps(given[0].bytes(row), given[1].bytes(row))
            }
            _ => Cost::default(),
        },
        "~" => |given, row, limits| matched(given, row, limits, Look::ONCE),
        "~*" => {
            |given, row, limits| matched(given, row, limits, Look { any_case: true, ..Look::ONCE })
        }
        "regexp_like" | "regexp_match" => {
            |given, row, limits| flagged(given, row, limits, 2, false)
        }
        "regexp_count" => |given, row, limits| flagged(given, row, limits, 3, true),
        "regexp_instr" => |given, row, limits| flagged(given, row, limits, 4, true),
        "regexp_replace" => regexp_replaced_so_often,
        _ => return None,
    })
}

fn of_bytes(bytes: u64) -> Cost {
    Cost { bytes, ..Cost::default() }
}

fn of_steps(one: u64, other: u64) -> Cost {
    Cost { steps: one.saturating_mul(other), ..Cost::default() }
}

/// How often something is to be done.
fn count(given: &[Argument], place: usize, row: usize) -> u64 {
    given.get(place).and_then(|given| given.number(row)).map_or(0, |count| count.max(0) as u64)
}

/// What is padded to no more than this many characters is not looked at.
const UNPADDED: u64 = 1_000;

fn padded(given: &[Argument], row: usize) -> Cost {
    let length = count(given, 1, row);
    if length <= UNPADDED {
        return Cost::default();
    }
    let fill = match given.get(2) {
        Some(fill) => fill.text(row),
        None => Some(" "),
    };
    let (Some(text), Some(fill)) = (given[0].text(row), fill) else { return Cost::default() };
    let missing = length.saturating_sub(text.chars().count() as u64);
    let characters = (fill.chars().count() as u64).max(1);
    let fills = missing / characters + 1;
    let made = (text.len() as u64).saturating_add(fills.saturating_mul(fill.len() as u64));
    // The length is reserved, also where nothing fills it.
    of_bytes(made.max(length))
}

/// The cost of a series of whole numbers, days or instants: from, to, and by how much.
fn series(given: &[Argument], row: usize) -> Cost {
    let ends = match given {
        [end] => Some((0, end.number(row), 1)),
        [first, last] => first.number(row).map(|first| (first, last.number(row), 1)),
        [first, last, step, ..] => {
            let step = length(step, first, row);
            first.number(row).map(|first| (first, last.number(row), step))
        }
        [] => None,
    };
    let Some((first, Some(last), step)) = ends else { return Cost::default() };
    // One of no length is an error, and one that goes the other way has nothing in it.
    let number = (i128::from(last) - i128::from(first)).checked_div(step).unwrap_or(0);
    let number = u64::try_from(number.max(-1) + 1).unwrap_or(u64::MAX);
    of_bytes(number.saturating_mul(8))
}

/// How far a step goes, at least, as a number of what it goes through.
fn length(step: &Argument, through: &Argument, row: usize) -> i128 {
    let DataType::Interval(_) = step.array().data_type() else {
        return step.number(row).map_or(1, i128::from);
    };
    let one = step.array().slice(step.place(row), 1);
    let Ok(one) = cast(&one, &DataType::Interval(IntervalUnit::MonthDayNano)) else { return 1 };
    let one = one.as_primitive::<IntervalMonthDayNanoType>();
    if one.is_null(0) {
        return 1;
    }
    let step = one.value(0);
    let days = i128::from(step.months) * 28 + i128::from(step.days);
    let nanos = days * 86_400_000_000_000 + i128::from(step.nanoseconds);
    let unit: i128 = match through.array().data_type() {
        DataType::Date32 => 86_400_000_000_000,
        DataType::Timestamp(TimeUnit::Microsecond, _) => 1_000,
        DataType::Timestamp(TimeUnit::Millisecond, _) => 1_000_000,
        DataType::Timestamp(TimeUnit::Second, _) => 1_000_000_000,
        _ => 1,
    };
    match nanos / unit {
        0 => nanos.signum(),
        length => length,
    }
}

fn replaced(given: &[Argument], row: usize) -> Cost {
    let (from, to) = (given[1].bytes(row), given[2].bytes(row));
    if to <= from.max(1) {
        return Cost::default();
    }
    let (Some(text), Some(from)) = (given[0].text(row), given[1].text(row)) else {
        return Cost::default();
    };
    let most = (text.len() as u64 / (from.len() as u64).max(1) + 1).saturating_mul(to);
    if most <= 1_000 {
        return Cost::default();
    }
    let times = text.matches(from).count() as u64;
    of_bytes((text.len() as u64).saturating_add(times.saturating_mul(to)))
}

/// What compiling a pattern of a column counts for, in times of compiling one that is the same for all rows: each
/// row may have another one, so that it is done again and again.
const OF_A_COLUMN: u64 = 50;

/// How a text is looked through for a pattern.
#[derive(Clone, Copy)]
struct Look {
    any_case: bool,
    /// On behind each match.
    again: bool,
}

impl Look {
    const ONCE: Look = Look { any_case: false, again: false };
}

/// Whether the argument at this place, which is one of letters, has one.
fn has_flag(given: &[Argument], place: usize, row: usize, flag: char) -> bool {
    given.get(place).and_then(|flags| flags.text(row)).is_some_and(|flags| flags.contains(flag))
}

/// As [`matched`], where the argument at a place holds flags.
fn flagged(given: &[Argument], row: usize, limits: Limits, flags: usize, again: bool) -> Cost {
    matched(given, row, limits, Look { any_case: has_flag(given, flags, row, 'i'), again })
}

fn matched(given: &[Argument], row: usize, limits: Limits, look: Look) -> Cost {
    let Some(pattern) = given[1].text(row) else { return Cost::default() };
    let pattern = Pattern::known(pattern, look.any_case, limits);
    let length = given[0].bytes(row);
    let (compiling, held) = match &given[1] {
        Argument::One(_) => (pattern.steps(), 0),
        // All patterns of a column are compiled before the first goes.
        Argument::Many(_) => (pattern.steps().saturating_mul(OF_A_COLUMN), pattern.held()),
    };
    let mut steps = length.saturating_mul(pattern.width).saturating_add(compiling);
    if look.again {
        // A match may be looked for to the end and found to be short, each time anew.
        steps = steps.saturating_add(length.saturating_mul(pattern.reach.min(length)) / 32);
    }
    Cost { steps, held, ..Cost::default() }
}

/// What it costs to put something in the place of matches, by as many of them as there may be.
fn regexp_replaced(given: &[Argument], row: usize, limits: Limits) -> Cost {
    let again = has_flag(given, 3, row, 'g');
    let look = Look { any_case: has_flag(given, 3, row, 'i'), again };
    let cost = matched(given, row, limits, look);
    // Each match is of a character at least, unless it is of none.
    let most = if again { given[0].bytes(row) + 1 } else { 1 };
    Cost { bytes: put_in(given, row, most), ..cost }
}

/// The same by how many matches there are, where these may be too many.
fn regexp_replaced_so_often(given: &[Argument], row: usize, limits: Limits) -> Cost {
    let cost = regexp_replaced(given, row, limits);
    let again = has_flag(given, 3, row, 'g');
    // To count its matches would take as long as it does.
    if cost.steps > limits.steps || cost.bytes <= limits.bytes || !again {
        return cost;
    }
    let Some(text) = given[0].text(row) else { return cost };
    let flags = given.get(3).and_then(|flags| flags.text(row)).unwrap_or_default();
    let pattern = given[1].text(row).unwrap_or_default();
    let matches = pattern::compiled(pattern, flags)
        .map_or(0, |pattern| pattern.find_iter(text).count() as u64);
    Cost { bytes: put_in(given, row, matches), ..cost }
}

/// The bytes of a text in which something is put in the place of so many matches; none, where one of them is null.
fn put_in(given: &[Argument], row: usize, matches: u64) -> u64 {
    let (Some(text), Some(by)) = (given[0].text(row), given[2].text(row)) else { return 0 };
    let length = text.len() as u64;
    // What was matched may be put in for each reference to it.
    let references = by.matches(['$', '\\']).count() as u64;
    let put_in = matches.saturating_mul(by.len() as u64);
    length.saturating_add(put_in).saturating_add(references.saturating_mul(length))
}
