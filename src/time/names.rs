//! Names of months and days of the week in texts: formats read the English ones alone.

use chrono::format::{Fixed, Item};

#[rustfmt::skip]
const NAMES: [&str; 19] = [
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december",
    "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday",
];

/// What else stands in times as a word.
const OTHERS: [&str; 8] = ["am", "pm", "t", "z", "utc", "gmt", "at", "of"];

/// Whether a format says a name.
pub fn are_in(items: &[Item<'_>]) -> bool {
    let is_name = |item: &Item<'_>| {
        use Fixed::{LongMonthName, LongWeekdayName, ShortMonthName, ShortWeekdayName};
        let names = [LongMonthName, LongWeekdayName, ShortMonthName, ShortWeekdayName];
        matches!(item, Item::Fixed(of) if names.contains(of))
    };
    items.iter().any(is_name)
}

/// The first word of a text that is no name in English, nor what else stands in times.
pub fn foreign(text: &str) -> Option<&str> {
    let is_name = |word: &str| NAMES.iter().any(|name| *name == word || name[..3] == *word);
    let mut words = text.split(|of: char| !of.is_alphabetic()).filter(|word| !word.is_empty());
    words.find(|word| {
        let word = word.to_lowercase();
        !is_name(&word) && !OTHERS.contains(&word.as_str())
    })
}
