//! Telephone numbers as Google's libphonenumber reads them, step by step, with its data, which the crate `phonenumber` has.
//!
//! That crate's own reading takes an extension for a part of a number that is dialled with 00, knows no `-` or `.` behind
//! the first digits of a number with its country's code, and takes the national prefix off of numbers that begin like it.

use std::collections::HashMap;
use std::sync::{LazyLock, OnceLock};

use phonenumber::country::Id;
use phonenumber::metadata::{DATABASE, Descriptor, Metadata};
use regex::{Regex, RegexBuilder};

/// How many digits a number may have without its country's code.
const LENGTHS: std::ops::RangeInclusive<usize> = 2..=17;

/// What stands between digits.
const MARKS: &str = r"\-x\x{2010}-\x{2015}\x{2212}\x{30FC}\x{FF0D}-\x{FF0F} \x{A0}\x{AD}\x{200B}\x{2060}\x{3000}()\x{FF08}\x{FF09}\x{FF3B}\x{FF3D}.\[\]/~\x{2053}\x{223C}\x{FF5E}";

/// How extensions are written at the end of a number.
const EXTENSION: &str = r"(?:;ext=[0-9]{1,20}|[ \x{A0}\t,]*(?:e?xt(?:ensi(?:o\x{301}?|\x{F3}))?n?|\x{FF45}?\x{FF58}\x{FF54}\x{FF4E}?|доб|anexo)[:.\x{FF0E}]?[ \x{A0}\t,\-]*[0-9]{1,20}\#?|[ \x{A0}\t,]*(?:[x\x{FF58}\#\x{FF03}~\x{FF5E}]|int|\x{FF49}\x{FF4E}\x{FF54})[:.\x{FF0E}]?[ \x{A0}\t,\-]*[0-9]{1,9}\#?|[\- ]+[0-9]{1,6}\#|[ \x{A0}\t]*(?:,{2}|;)[:.\x{FF0E}]?[ \x{A0}\t,\-]*[0-9]{1,15}\#?|[ \x{A0}\t]*,+[:.\x{FF0E}]?[ \x{A0}\t,\-]*[0-9]{1,9}\#?)";

/// What may be a number, with an extension or without.
static VIABLE: LazyLock<Regex> = LazyLock::new(|| {
    known(&format!(
        "(?i)^(?:[0-9]{{2}}|\\+*(?:[{MARKS}*]*[0-9]){{3,}}[{MARKS}*a-z0-9]*{EXTENSION}?)$"
    ))
});

static AT_THE_END: LazyLock<Regex> = LazyLock::new(|| known(&format!("(?i){EXTENSION}$")));

static SECOND_NUMBER: LazyLock<Regex> = LazyLock::new(|| known(r"[\\/] *x"));

fn known(pattern: &str) -> Regex {
    Regex::new(pattern).expect("it is written here")
}

/// What numbers of a country, or of a service of all the world, look like.
struct NumberingPlan {
    code: u16,
    general: Option<Regex>,
    /// How many digits numbers have; and those that are dialled from nearby alone.
    lengths: Vec<usize>,
    local_lengths: Vec<usize>,
    /// By kind, such as mobile numbers, with their lengths.
    kinds: Vec<(Option<Regex>, &'static [u16])>,
    /// With which digits its numbers begin, where other countries have the same code.
    leading: Option<Regex>,
    /// What is dialled before the code of another country.
    abroad: Option<Regex>,
    /// What is dialled before a number within the country, and what takes its place.
    trunk: Option<Regex>,
    in_its_place: Option<String>,
}

impl NumberingPlan {
    fn of(data: &'static Metadata) -> Self {
        let of = data.descriptors();
        let kinds = [
            of.premium_rate(),
            of.toll_free(),
            of.shared_cost(),
            of.voip(),
            of.personal_number(),
            of.pager(),
            of.uan(),
            of.voicemail(),
            of.fixed_line(),
            of.mobile(),
        ];
        let kinds: Vec<&'static Descriptor> = kinds.into_iter().flatten().collect();
        let all = |lengths: &dyn Fn(&'static Descriptor) -> &'static [u16]| {
            let mut all: Vec<usize> =
                kinds.iter().copied().flat_map(lengths).map(|of| usize::from(*of)).collect();
            all.sort_unstable();
            all.dedup();
            all
        };
        let lengths = all(&|kind| kind.possible_length());
        let mut local_lengths = all(&|kind| kind.possible_local_length());
        local_lengths.retain(|of| !lengths.contains(of));
        let trunk = match data.national_prefix_for_parsing() {
            Some(prefix) => begins(prefix.as_str()),
            None => data.national_prefix().and_then(|prefix| begins(&regex::escape(prefix))),
        };
        NumberingPlan {
            code: data.country_code(),
            general: is_all(of.general()),
            lengths,
            local_lengths,
            kinds: kinds.into_iter().map(|kind| (is_all(kind), kind.possible_length())).collect(),
            leading: data.leading_digits().and_then(|digits| begins(digits.as_str())),
            abroad: data.international_prefix().and_then(|prefix| begins(prefix.as_str())),
            trunk,
            in_its_place: data.national_prefix_transform_rule().map(|rule| {
                // Where a digit follows a group's number, it is none of that.
                known(r"\$([0-9])").replace_all(rule, "$${$1}").into_owned()
            }),
        }
    }

    fn is_like(&self, number: &str) -> bool {
        self.general.as_ref().is_some_and(|general| general.is_match(number))
    }

    /// Whether a number is of one of its kinds.
    fn has(&self, number: &str) -> bool {
        let is_of_kind = |(digits, lengths): &(Option<Regex>, &[u16])| {
            let is_long = |of: &u16| usize::from(*of) == number.len();
            (lengths.is_empty() || lengths.iter().any(is_long))
                && digits.as_ref().is_some_and(|digits| digits.is_match(number))
        };
        self.is_like(number) && self.kinds.iter().any(is_of_kind)
    }

    fn is_too_long(&self, number: &str) -> bool {
        !self.local_lengths.contains(&number.len())
            && self.lengths.last().is_some_and(|longest| number.len() > *longest)
    }

    /// A number without what is dialled before it within the country, if that may be there: not where it is one with these
    /// digits and none without them.
    fn without_trunk(&self, number: &str) -> Option<String> {
        let found = self.trunk.as_ref()?.captures(number)?;
        let (all, last) = (found.get(0)?, found.get(found.len() - 1));
        let mut without = String::new();
        if let (Some(rule), Some(_)) = (&self.in_its_place, last) {
            found.expand(rule, &mut without);
        }
        without.push_str(&number[all.end()..]);
        (!self.is_like(number) || self.is_like(&without)).then_some(without)
    }
}

/// What is, as a whole, as a pattern of libphonenumber's data says.
fn is_all(of: &Descriptor) -> Option<Regex> {
    of_data(&format!("^(?:{})$", of.national_number().as_str()))
}

fn begins(pattern: &str) -> Option<Regex> {
    of_data(&format!("^(?:{pattern})"))
}

fn of_data(pattern: &str) -> Option<Regex> {
    let build =
        |unicode| RegexBuilder::new(pattern).ignore_whitespace(true).unicode(unicode).build().ok();
    // Digits of ASCII alone are quicker.
    build(false).or_else(|| build(true))
}

/// By the code of the country, that which the others share it with first; each is read when it is asked for.
type AllPlans = HashMap<u16, Vec<(&'static Metadata, OnceLock<NumberingPlan>)>>;

static PLANS: LazyLock<AllPlans> = LazyLock::new(|| {
    let of_code = |code: u16| {
        let plans = DATABASE.by_code(&code)?.into_iter();
        Some((code, plans.map(|data| (data, OnceLock::new())).collect()))
    };
    (1..=999).filter_map(of_code).collect()
});

fn plans(code: u16) -> impl Iterator<Item = &'static NumberingPlan> {
    let plans = PLANS.get(&code).into_iter().flatten();
    plans.map(|(data, plan)| plan.get_or_init(|| NumberingPlan::of(data)))
}

fn plan_of(country: Id) -> Option<&'static NumberingPlan> {
    let data = DATABASE.by_id(country.as_ref())?;
    let plans = PLANS.get(&data.country_code())?;
    let (data, plan) = plans.iter().find(|(of, _)| of.id() == data.id())?;
    Some(plan.get_or_init(|| NumberingPlan::of(data)))
}

/// The number that a text has, as all the world dials it, if there can be one; of the country where it has no country's
/// code. Digits and the plus are ASCII's.
pub fn number(text: &str, country: Option<Id>) -> Option<String> {
    let of = country.and_then(plan_of);
    let text = written(text)?;
    if !VIABLE.is_match(&text) {
        return None;
    }
    let extension = AT_THE_END.find(&text).map(|found| &text[..found.start()]);
    let text = extension.filter(|before| VIABLE.is_match(before)).unwrap_or(&text);
    let (code, national) = match text.strip_prefix('+') {
        // Where no country has the code, the plus may be one before what is dialled for another country.
        Some(_) => {
            let text = text.trim_start_matches('+');
            let again = || parted(text, of).filter(|(code, _)| code.is_some());
            with_code(&digits(text)).or_else(again)?
        }
        None => parted(text, of)?,
    };
    let plan = match (code, of) {
        (Some(code), _) => plans(code).next()?,
        (None, of) => of?,
    };
    let without = plan
        .without_trunk(&national)
        .filter(|without| plan.lengths.contains(&without.len()) || plan.is_too_long(without));
    let national = without.unwrap_or(national);
    let is_valid = LENGTHS.contains(&national.len()) && is_valid(plan.code, &national);
    is_valid.then(|| format!("+{}{national}", plan.code))
}

/// Where in a text its number stands, as one piece.
fn written(text: &str) -> Option<String> {
    let (text, context) = match text.split_once(";phone-context=") {
        Some((number, context)) => {
            let context = context.split(';').next().unwrap_or_default();
            let number = number.find("tel:").map_or(number, |at| &number[at + 4..]);
            (number, context.strip_prefix('+').map(|code| format!("+{code}")))
        }
        None => (text, None),
    };
    let text = text.split(";isub=").next().unwrap_or_default();
    let from = text.find(|character: char| character == '+' || character.is_ascii_digit())?;
    let text = &text[from..];
    let text = text.trim_end_matches(|last: char| !last.is_alphanumeric() && last != '#');
    let end = SECOND_NUMBER.find(text).map_or(text.len(), |second| second.start());
    Some(context.unwrap_or_default() + &text[..end])
}

/// The digits of a text; where it has three letters, these are dialled by the keys that they stand on.
fn digits(text: &str) -> String {
    let has_letters = text.chars().filter(char::is_ascii_alphabetic).count() >= 3;
    let key = |letter: char| match letter.to_ascii_lowercase() {
        'a'..='c' => '2',
        'd'..='f' => '3',
        'g'..='i' => '4',
        'j'..='l' => '5',
        'm'..='o' => '6',
        'p'..='s' => '7',
        't'..='v' => '8',
        _ => '9',
    };
    let digit = |character: char| match character {
        '0'..='9' => Some(character),
        letter if has_letters && letter.is_ascii_alphabetic() => Some(key(letter)),
        _ => None,
    };
    text.chars().filter_map(digit).collect()
}

/// The code of a country with which digits begin, and what follows it.
fn with_code(digits: &str) -> Option<(Option<u16>, String)> {
    if digits.len() <= *LENGTHS.start() || digits.starts_with('0') {
        return None;
    }
    (1..=3).find_map(|length| {
        let (code, rest) = digits.split_at_checked(length)?;
        let code = code.parse().ok().filter(|code| PLANS.contains_key(code))?;
        Some((Some(code), rest.to_owned()))
    })
}

/// The same of a number without a plus: with what is dialled for another country before it, with its own country's code, or
/// with none.
fn parted(text: &str, of: Option<&NumberingPlan>) -> Option<(Option<u16>, String)> {
    let of = of?;
    let digits = digits(text);
    let abroad = of.abroad.as_ref().and_then(|prefix| prefix.find(&digits));
    if let Some(rest) =
        abroad.map(|prefix| &digits[prefix.end()..]).filter(|rest| !rest.starts_with('0'))
    {
        return with_code(rest);
    }
    if let Some(rest) = digits.strip_prefix(&of.code.to_string()) {
        let without = of.without_trunk(rest);
        let rest = without.unwrap_or_else(|| rest.to_owned());
        if !of.is_like(&digits) && of.is_like(&rest) || of.is_too_long(&digits) {
            return Some((Some(of.code), rest));
        }
    }
    Some((None, digits))
}

/// Whether a country with this code has such a number.
fn is_valid(code: u16, national: &str) -> bool {
    let all: Vec<&NumberingPlan> = plans(code).collect();
    if let [only] = all[..] {
        return only.has(national);
    }
    let is_its = |plan: &&&NumberingPlan| match &plan.leading {
        Some(leading) => leading.is_match(national),
        None => plan.has(national),
    };
    all.iter().find(is_its).is_some_and(|plan| plan.has(national))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_what_libphonenumber_makes_of_them() {
        let mut wrong = Vec::new();
        let rows = include_str!("numbers.tsv").lines().filter(|line| !line.starts_with("# "));
        for row in rows {
            let [text, country, expected] = row.split('\t').collect::<Vec<_>>()[..] else {
                panic!("three columns, not {row}");
            };
            let found = number(text, country.parse().ok()).unwrap_or_default();
            if found != expected {
                wrong.push(format!("'{text}' of '{country}' is '{found}', not '{expected}'"));
            }
        }
        assert_eq!(wrong, [""; 0]);
    }
}
