//! How times are written: by the formats that a definition may name, each of which is tried as the decoder reads by it.

use std::collections::HashMap;
use std::sync::LazyLock;

use selfsame::internals::time::format::TimeFormat;
use selfsame::internals::time::zone::Zone;
use selfsame::internals::time::{Micros, read_date, read_iso, read_rfc3339};

use super::fit::{Guess, ValueFit};
use super::moments;
use super::texts::shown;

/// Patterns that say when, with a time. A number of a day that may as well be that of a month is not sure.
#[rustfmt::skip]
const TIMES: [(&str, bool); 55] = [
    ("%Y-%m-%d %H:%M:%S", true), ("%Y-%m-%dT%H:%M:%S", true), ("%Y-%m-%d %H:%M", true),
    ("%d.%m.%Y %H:%M:%S", true), ("%d.%m.%Y %H:%M", true), ("%d.%m.%y %H:%M:%S", true), ("%d.%m.%y %H:%M", true),
    ("%d.%m.%Y, %H:%M:%S", true), ("%d.%m.%Y, %H:%M", true), ("%d.%m.%Y %H:%M:%S%.f", true),
    ("%d/%m/%Y %H:%M:%S", false), ("%d/%m/%Y %H:%M", false), ("%d/%m/%y %H:%M:%S", false), ("%d/%m/%y %H:%M", false),
    ("%d/%m/%Y, %H:%M:%S", false), ("%d/%m/%Y, %H:%M", false), ("%d/%m/%Y %H:%M:%S%.f", false),
    ("%m/%d/%Y %H:%M:%S", false), ("%m/%d/%Y %H:%M", false), ("%m/%d/%y %H:%M:%S", false), ("%m/%d/%y %H:%M", false),
    ("%m/%d/%Y, %I:%M:%S %p", false), ("%m/%d/%Y %I:%M:%S %p", false), ("%m/%d/%Y %I:%M %p", false),
    ("%m/%d/%y %I:%M %p", false), ("%m/%d/%Y %H:%M:%S%.f", false), ("%d/%m/%Y %I:%M:%S %p", false),
    ("%d/%m/%Y %I:%M %p", false), ("%Y/%m/%d %H:%M:%S", true), ("%Y/%m/%d %H:%M", true),
    ("%d-%m-%Y %H:%M:%S", false), ("%d-%m-%Y %H:%M", false), ("%d-%b-%Y %H:%M:%S", true), ("%d %b %Y %H:%M:%S", true),
    ("%b %d, %Y %I:%M %p", true), ("%B %d, %Y %I:%M:%S %p", true), ("%d %b %Y %H:%M", true),
    ("%a, %d %b %Y %H:%M:%S %z", true), ("%a, %d %b %Y %H:%M:%S %Z", true), ("%d %b %Y %H:%M:%S %z", true),
    ("%d/%b/%Y:%H:%M:%S %z", true), ("[%d/%b/%Y:%H:%M:%S %z]", true), ("%a %b %d %H:%M:%S %z %Y", true),
    ("%a %b %d %Y %H:%M:%S GMT%z", true), ("%d-%b-%y %I.%M.%S%.f %p", true), ("%d/%m/%Y %Hh%M", false),
    ("%Y%m%dT%H%M%S%#z", true), ("%Y%m%dT%H%M%S", true), ("%Y%m%d %H%M%S", true), ("%Y%m%d%H%M%S", false),
    ("%Y%m%d%H%M", false), ("%Y-%m-%d %I:%M %p", true), ("%Y-%m-%d %I:%M:%S %p", true), ("%b %d, %Y, %I:%M %p", true),
    ("%b %d, %Y, %I:%M:%S %p", true),
];

/// Those that read a number: what has such a name is a time, and what has none may be anything.
const DIGITS: [&str; 3] = ["%Y%m%d", "%Y%m%d%H%M%S", "%Y%m%d%H%M"];

/// Patterns that say a day.
#[rustfmt::skip]
const DAYS: [(&str, bool); 17] = [
    ("%Y-%m-%d", true), ("%d.%m.%Y", true), ("%d/%m/%Y", false), ("%m/%d/%Y", false), ("%Y%m%d", false),
    ("%Y/%m/%d", true), ("%d-%m-%Y", false), ("%d.%m.%y", true), ("%d/%m/%y", false), ("%m/%d/%y", false),
    ("%d-%b-%Y", true), ("%d-%b-%y", true), ("%b %d, %Y", true), ("%B %d, %Y", true), ("%d %b %Y", true),
    ("%d %B %Y", true), ("%d. %B %Y", true),
];

/// From 1989 to 2100.
const EPOCHS: [(&str, f64); 4] =
    [("epoch_s", 6e8), ("epoch_ms", 6e11), ("epoch_us", 6e14), ("epoch_ns", 6e17)];

/// Values of which one at least has to be read by a format, for the others to be tried.
const TRIED: usize = 100;
/// Formats that are tried in turn.
const IN_TURN: usize = 3;

/// A format that reads some of the values.
struct Candidate {
    format: &'static str,
    is_day: bool,
    is_sure: bool,
    read: Vec<bool>,
}

/// What values that are times are read by; of the formats that read all of them the first.
pub fn fit(texts: &[&str], name: &str) -> ValueFit {
    let is_named = says_when(name);
    let counted = |low: f64| texts.iter().filter(|text| counts(text, low)).count();
    let most = |(_, low): &(&str, f64)| counted(*low) * 10 >= texts.len() * 9;
    if let Some((format, low)) = EPOCHS.into_iter().filter(|_| is_named).find(most) {
        let guess = Guess::new("timestamp", "numbers since 1970".to_owned());
        let guess = Guess { formats: vec![format.to_owned()], ..guess };
        return ValueFit::of(texts, |at| counts(texts[at], low), guess);
    }
    let candidates = candidates(texts, is_named);
    let one = candidates.iter().find(|of| of.read.iter().all(|read| *read));
    let chosen = one.map_or_else(|| in_turn(&candidates), |one| vec![one]);
    match chosen.is_empty() {
        true => ValueFit::None,
        false => {
            let is_read = |row: usize| chosen.iter().any(|of| of.read[row]);
            let fit = ValueFit::of(texts, is_read, guess(&chosen, texts));
            let rival = one.and_then(|one| rival(one, &candidates));
            match (fit, rival) {
                (ValueFit::All(guess), Some(rival)) => {
                    let evidence = format!("{}; '{rival}' reads them all, too", guess.evidence);
                    ValueFit::All(Guess { evidence, is_unsure: true, ..guess })
                }
                (fit, _) => fit,
            }
        }
    }
}

/// Whether a name says that it is of a time.
pub fn says_when(name: &str) -> bool {
    let lower = name.to_lowercase();
    let parts = ["time", "date", "_at", "when", "created", "updated", "datum", "zeit", "fecha"];
    parts.iter().any(|part| lower.contains(part))
        || moments::is_update(&lower)
        || lower.split('_').any(|word| word == "ts")
}

/// Whether values seem to be times that no format reads, as `1. Sept. 2018`: with a year, and a day.
pub fn seem(texts: &[&str]) -> bool {
    let seems = |text: &&&str| {
        let numbers: Vec<&str> =
            text.split(|of: char| !of.is_ascii_digit()).filter(|part| !part.is_empty()).collect();
        let is_year =
            |part: &&str| part.len() == 4 && (part.starts_with("19") || part.starts_with("20"));
        text.len() <= 80
            && numbers.iter().any(is_year)
            && numbers.iter().any(|part| part.len() <= 2)
    };
    texts.iter().filter(seems).count() * 10 >= texts.len() * 9
}

/// Whether a number counts from 1970, in a unit of which there are so many by 1989.
fn counts(text: &str, low: f64) -> bool {
    let is_plain = !text.contains(['e', 'E', '+']);
    is_plain && text.parse::<f64>().is_ok_and(|number| (low..low * 7.0).contains(&number))
}

fn candidates(texts: &[&str], is_named: bool) -> Vec<Candidate> {
    let is_number = |text: &str| text.parse::<f64>().is_ok();
    let may_be_time = |text: &&str| {
        (6..=60).contains(&text.trim().len()) && text.bytes().any(|byte| byte.is_ascii_digit())
    };
    let some: Vec<&str> = texts.iter().copied().filter(may_be_time).collect();
    let step = some.len().div_ceil(TRIED).max(1);
    let some: Vec<&str> = some.into_iter().step_by(step).collect();
    let are_numbers = some.iter().all(|text| is_number(text));
    let all = [("rfc3339", true)].into_iter().chain(TIMES).map(|of| (of, false));
    let all = all.chain(DAYS.map(|of| (of, true))).chain([(("iso", true), false)]);
    let of = |((format, is_sure), is_day): ((&'static str, bool), bool)| {
        // Numbers with points between them are versions, too.
        let is_digits = DIGITS.contains(&format);
        let is_short = is_day && format.contains("%y") || is_digits;
        if is_short && !is_named || are_numbers && !is_digits {
            return None;
        }
        let is_tried = some.iter().any(|text| reads(format, text.trim()));
        let read = || texts.iter().map(|text| reads(format, text.trim())).collect();
        is_tried.then(|| Candidate { format, is_day, is_sure, read: read() })
    };
    all.filter_map(of).collect()
}

/// Whether a format reads a text, as the decoder does.
fn reads(format: &'static str, text: &str) -> bool {
    match format {
        "rfc3339" => read_rfc3339(text).is_ok(),
        "iso" => read_iso(text, utc()).is_ok(),
        // A year of two digits is not one of the first century.
        of if of.contains("%Y") && !has_year(text) => false,
        of => pattern(of).instant(text, utc()).is_ok(),
    }
}

fn has_year(text: &str) -> bool {
    text.as_bytes().windows(4).any(|four| four.iter().all(u8::is_ascii_digit))
}

fn pattern(format: &'static str) -> &'static TimeFormat {
    static PATTERNS: LazyLock<HashMap<&str, TimeFormat>> = LazyLock::new(|| {
        let all = TIMES.iter().chain(&DAYS);
        all.map(|(of, _)| (*of, TimeFormat::new(of).expect("a format"))).collect()
    });
    &PATTERNS[format]
}

fn utc() -> &'static Zone {
    Zone::named("UTC").expect("the database has it")
}

/// Formats that are tried in turn, each of which reads most of what those before it do not.
fn in_turn(candidates: &[Candidate]) -> Vec<&Candidate> {
    let mut chosen: Vec<&Candidate> = Vec::new();
    while chosen.len() < IN_TURN {
        let more = |of: &&Candidate| {
            let is_new = |row: &usize| of.read[*row] && !chosen.iter().any(|of| of.read[*row]);
            (0..of.read.len()).filter(is_new).count()
        };
        let is_rival = |of: &&Candidate| chosen.iter().any(|by| are_rivals(by.format, of.format));
        let others = candidates.iter().filter(|of| !is_rival(of));
        // The first of equals counts.
        let best = others.rev().max_by_key(more).filter(|of| more(of) > 0);
        let Some(best) = best else { break };
        chosen.push(best);
    }
    chosen
}

/// Whether what one of two formats takes for the day is the month by the other.
fn are_rivals(one: &str, other: &str) -> bool {
    let is_day_first = |format: &str| match () {
        () if format.starts_with("%d/%m") => Some(true),
        () if format.starts_with("%m/%d") => Some(false),
        () => None,
    };
    is_day_first(one).zip(is_day_first(other)).is_some_and(|(one, other)| one != other)
}

/// The format that takes for the month what another takes for the day, where it reads all values as well.
fn rival(one: &Candidate, candidates: &[Candidate]) -> Option<&'static str> {
    let mut others = candidates.iter().filter(|of| of.read.iter().all(|read| *read));
    let is_rival = |of: &&Candidate| {
        let swapped = of.format.replace("%m/%d", "%d/%m");
        are_rivals(one.format, of.format) && swapped == one.format
    };
    others.find(is_rival).map(|of| of.format)
}

fn guess(chosen: &[&Candidate], texts: &[&str]) -> Guess {
    let is_day = chosen.iter().all(|of| of.is_day);
    let formats: Vec<String> = chosen.iter().map(|of| of.format.to_owned()).collect();
    let is_read = |row: &usize| chosen.iter().any(|of| of.read[*row]);
    let read = || (0..texts.len()).filter(|row| is_read(row)).map(|row| texts[row]);
    // Without a format no white space is left out, and no digit.
    let is_plain = match &formats[..] {
        [one] if one == "rfc3339" => read().all(|text| read_rfc3339(text).is_ok()),
        [one] if one == "%Y-%m-%d" => read().all(|text| read_date(text).is_ok()),
        _ => false,
    };
    let has_clocks = |of: &&&Candidate| of.format == "iso" || of.format.contains(['H', 'I']);
    let is_local = chosen.iter().filter(has_clocks).any(|of| {
        let read = texts.iter().zip(&of.read).filter(|(_, read)| **read);
        read.map(|(text, _)| text.trim()).any(|text| is_by_clocks(of.format, text))
    });
    let example = read().next().unwrap_or_default();
    let evidence = match &formats[..] {
        [one] if one == "rfc3339" => "RFC 3339".to_owned(),
        _ => format!("such as {}", shown(example)),
    };
    Guess {
        formats: if is_plain { Vec::new() } else { formats },
        is_local,
        is_unsure: chosen.iter().any(|of| !of.is_sure),
        ..Guess::new(if is_day { "date" } else { "timestamp" }, evidence)
    }
}

/// Whether it depends on somebody's clocks which instant a text is.
fn is_by_clocks(format: &'static str, text: &str) -> bool {
    let at = |zone: &'static Zone| -> Option<Micros> {
        match format {
            "iso" => read_iso(text, zone).ok(),
            of => pattern(of).instant(text, zone).ok(),
        }
    };
    let has_clock = text.contains(':') || format != "iso";
    has_clock && at(utc()) != Zone::named("Asia/Tokyo").and_then(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Type and formats, where all values are read.
    fn drafted(texts: &[&str]) -> Option<(String, Vec<String>, bool)> {
        match fit(texts, "created_at") {
            ValueFit::All(of) => Some((of.data_type, of.formats, of.is_local)),
            _ => None,
        }
    }

    #[test]
    fn usual_times_have_a_format_that_reads_them() {
        #[rustfmt::skip]
        let cases: [(&[&str], &str, &[&str], bool); 40] = [
            (&["2018-09-01T12:29:00Z"], "timestamp", &[], false),
            (&[" 2018-09-01T12:29:00Z"], "timestamp", &["rfc3339"], false),
            (&["2018-09-01T12:29:00.367278"], "timestamp", &["iso"], true),
            (&["2018-09-01 12:29:00.367", "2018-09-01 12:29:00"], "timestamp", &["iso"], true),
            (&["2018-09-01 12:29:00 +0100"], "timestamp", &["iso"], false),
            (&["2018-09-01T12:29:00+0200"], "timestamp", &["iso"], false),
            (&["2018-09-01 12:29:00+00"], "timestamp", &["iso"], false),
            (&["2018-09-01 12:29:00 UTC", "2018-09-01 12:29:00.5 UTC"], "timestamp", &["iso"], false),
            (&["2018-09-01", "2018-09-01 12:29:00"], "timestamp", &["iso"], true),
            (&["01.09.25 12:29"], "timestamp", &["%d.%m.%y %H:%M"], true),
            (&["9/1/18 12:29"], "timestamp", &["%d/%m/%y %H:%M"], true),
            (&["9/13/18 12:29"], "timestamp", &["%m/%d/%y %H:%M"], true),
            (&["01.09.2025 12:29"], "timestamp", &["%d.%m.%Y %H:%M"], true),
            (&["09/01/2018 12:29 PM"], "timestamp", &["%m/%d/%Y %I:%M %p"], true),
            (&["9/1/2018, 12:29:00 PM"], "timestamp", &["%m/%d/%Y, %I:%M:%S %p"], true),
            (&["1.9.2018, 12:29:00"], "timestamp", &["%d.%m.%Y, %H:%M:%S"], true),
            (&["Sat, 01 Sep 2018 12:29:00 +0200"], "timestamp", &["%a, %d %b %Y %H:%M:%S %z"], false),
            (&["Sat, 01 Sep 2018 12:29:00 GMT"], "timestamp", &["%a, %d %b %Y %H:%M:%S %Z"], false),
            (&["01/Sep/2018:12:29:00 +0200"], "timestamp", &["%d/%b/%Y:%H:%M:%S %z"], false),
            (&["[01/Sep/2018:12:29:00 +0200]"], "timestamp", &["[%d/%b/%Y:%H:%M:%S %z]"], false),
            (&["Sat Sep 01 2018 12:29:00 GMT+0200"], "timestamp", &["%a %b %d %Y %H:%M:%S GMT%z"], false),
            (&["01-SEP-18 12.29.00.000000 PM"], "timestamp", &["%d-%b-%y %I.%M.%S%.f %p"], true),
            (&["13/09/2018 12h29"], "timestamp", &["%d/%m/%Y %Hh%M"], true),
            (&["20180901T122900Z"], "timestamp", &["%Y%m%dT%H%M%S%#z"], false),
            (&["20180901T122900"], "timestamp", &["%Y%m%dT%H%M%S"], true),
            (&["2018-09-01 12:29 PM"], "timestamp", &["%Y-%m-%d %I:%M %p"], true),
            (&["Sep 1, 2018, 12:29:00 PM"], "timestamp", &["%b %d, %Y, %I:%M:%S %p"], true),
            (&["20180901122900"], "timestamp", &["%Y%m%d%H%M%S"], true),
            (&["Sep 1, 2018"], "date", &["%b %d, %Y"], false),
            (&["September 1, 2018"], "date", &["%B %d, %Y"], false),
            (&["1. September 2018"], "date", &["%d. %B %Y"], false),
            (&["01-SEP-18"], "date", &["%d-%b-%y"], false),
            (&["01.09.25"], "date", &["%d.%m.%y"], false),
            (&["2018-09-01"], "date", &[], false),
            (&["2018-9-1"], "date", &["%Y-%m-%d"], false),
            (&["20180901"], "date", &["%Y%m%d"], false),
            (&["2018-09-01", "01.09.2018"], "date", &["%Y-%m-%d", "%d.%m.%Y"], false),
            (&["2018-09-01T12:29:00Z", "01.09.2018 12:29"], "timestamp", &["rfc3339", "%d.%m.%Y %H:%M"], true),
            (&["1725193740", "1725193741.5"], "timestamp", &["epoch_s"], false),
            (&["1725193740000"], "timestamp", &["epoch_ms"], false),
        ];
        for (texts, data_type, formats, is_local) in cases {
            let formats = formats.iter().map(|of| (*of).to_owned()).collect();
            assert_eq!(
                drafted(texts),
                Some((data_type.to_owned(), formats, is_local)),
                "{texts:?}"
            );
        }
        for texts in
            [&["1. Sept. 2018"][..], &["13/01/2018", "01/13/2018"], &["2018-02-30"], &["noon"]]
        {
            assert_eq!(drafted(texts), None, "{texts:?}");
        }
        assert!(
            seem(&["1. Sept. 2018", "Samstag, 1. September 2018 12:29"]) && !seem(&["2018", "x"])
        );
    }

    #[test]
    fn days_that_may_be_months_are_told_with_both_formats() {
        let said = |texts: &[&str]| match fit(texts, "ordered_on") {
            ValueFit::All(of) => of.evidence,
            _ => panic!("{texts:?}"),
        };
        let both = said(&["01/02/2025", "03/04/2025"]);
        assert!(both.ends_with("; '%m/%d/%Y' reads them all, too"), "{both}");
        let both = said(&["1/1/25 14:05"]);
        assert!(both.ends_with("; '%m/%d/%y %H:%M' reads them all, too"), "{both}");
        let one = said(&["01/02/2025", "13/04/2025"]);
        assert!(!one.contains("too"), "{one}");
    }

    #[test]
    fn numbers_with_points_are_days_by_their_name_alone() {
        assert!(matches!(fit(&["1.2.10", "10.12.13"], "version"), ValueFit::None));
        assert!(matches!(fit(&["20180901"], "number"), ValueFit::None));
        assert!(matches!(fit(&["20180901122900"], "number"), ValueFit::None));
    }
}
