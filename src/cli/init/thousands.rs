//! Points that mark thousands, as `12.500` has one in files of Germany, Spain or Brazil: taken for the point before cents, they
//! would make amounts a thousand times too small.

use selfsame::internals::decode::amounts;
use selfsame::internals::definition::sql::parse::name_in_sql;

use super::fit::Guess;
use super::guess::is_code;
use super::sample::{Sample, SampledCell, SampledColumn};
use super::texts::shown;
use super::words;

/// What of a file speaks for points between thousands.
#[derive(Default)]
struct Signs {
    /// Where others write commas: cells are parted by what is left.
    semicolons: bool,
    /// A column of decimals that have commas, or of days with points between, and one of its values.
    column: Option<(String, String)>,
}

/// Takes numbers of which each has three digits behind each point for whole ones, where the file says so otherwise, and
/// marks them where it may.
pub fn take_thousands(sample: &Sample, fields: &mut [(String, Guess)]) {
    let signs = Signs::of(sample, fields);
    for ((name, guess), column) in fields.iter_mut().zip(&sample.columns) {
        let is_decimal = guess.data_type.starts_with("\"decimal(");
        let is_text = guess.data_type == "text" && !is_code(name);
        let Some(example) = thousands(column).filter(|_| is_decimal || is_text) else { continue };
        // What stands for none is no number.
        let cast = if column.texts().any(words::is_none) { "try_cast" } else { "cast" };
        let read = format!("{cast}(replace({}, '.', '') as bigint)", name_in_sql(name));
        let example = shown(example);
        match &signs.column {
            Some((other, value)) => {
                let evidence = format!(
                    "whole numbers such as {example}, whose points mark thousands, it seems, since {other} is written as \
                     {value}"
                );
                *guess = Guess { read: Some(read), ..Guess::unsure("text", evidence) };
            }
            None if is_decimal && signs.semicolons => {
                guess.is_unsure = true;
                guess.evidence += &format!(
                    "; if points mark thousands, as where cells are parted by ;, it is a text, which \
                     `{read}` reads"
                );
            }
            None => {}
        }
    }
}

impl Signs {
    fn of(sample: &Sample, fields: &[(String, Guess)]) -> Self {
        let says_so = |((name, guess), column): (&(String, Guess), &SampledColumn)| {
            let texts: Vec<&str> = column.texts().filter(|text| !words::is_none(text)).collect();
            let has_points = |format: &String| format.starts_with("%d.%m.");
            let is_day = guess.formats.iter().any(has_points);
            let amount = amounts::pointed(&texts).filter(|(_, point)| *point == ',');
            let day = texts.first().copied().filter(|_| is_day);
            amount.map(|(example, _)| example).or(day).map(|value| (name.clone(), shown(value)))
        };
        let column = fields.iter().zip(&sample.columns).find_map(says_so);
        Signs { semicolons: sample.form.delimiter == b';', column }
    }
}

/// The one of some texts that has the most digits, where each of them is a whole number, and those that are long have a
/// point before each three digits.
fn thousands(column: &SampledColumn) -> Option<&str> {
    let is_text = |cell: &SampledCell| matches!(cell, SampledCell::Text(_));
    let texts = || column.texts().filter(|text| !text.trim().is_empty() && !words::is_none(text));
    let are_so = column.values.iter().flatten().all(is_text) && texts().all(is_grouped);
    let digits = |text: &&str| text.bytes().filter(u8::is_ascii_digit).count();
    let example = texts().max_by_key(digits)?;
    (are_so && example.contains('.')).then_some(example)
}

fn is_grouped(text: &str) -> bool {
    let bare = text.strip_prefix('-').unwrap_or(text);
    let mut groups = bare.split('.');
    let first = groups.next().unwrap_or_default();
    let is_number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    let is_whole = first == bare;
    (1..=3).contains(&first.len())
        && is_number(first)
        && (is_whole || !first.starts_with('0'))
        && groups.all(|group| group.len() == 3 && is_number(group))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_between_thousands_where_all_numbers_have_three_digits_behind_them() {
        let example = |texts: &[&str]| {
            let text = |text: &&str| Some(SampledCell::Text((*text).to_owned()));
            let values = texts.iter().map(text).collect();
            let column = SampledColumn { path: "x".to_owned(), stored: None, values };
            thousands(&column).map(str::to_owned)
        };
        assert_eq!(example(&["2.086", "12.500", "7", "-1.000"]), Some("12.500".to_owned()));
        assert_eq!(example(&["1.234.567", "0"]), Some("1.234.567".to_owned()));
        for texts in [
            &["0.500", "1.250"][..],
            &["1250", "1.250"],
            &["1234.500"],
            &["1.25", "1.250"],
            &["1", "250"],
            &["a.500"],
            &["1.2345"],
            &[],
        ] {
            assert_eq!(example(texts), None, "{texts:?}");
        }
    }
}
