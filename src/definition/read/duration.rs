//! Lengths of time, as definitions say them.

use std::time::Duration;

/// A whole number and a unit.
pub fn parse_duration(text: &str) -> Result<Duration, &'static str> {
    const FORM: &str = "is no duration: a whole number and ms, seconds, minutes, hours, days or \
                        weeks, as in 30 days";
    // Beyond, instants would not fit.
    const LONGEST: u64 = 1_000 * 366 * 86_400_000;
    let text = text.trim();
    let digits = text.find(|character: char| !character.is_ascii_digit()).ok_or(FORM)?;
    let milliseconds = match text[digits..].trim() {
        "ms" | "millisecond" | "milliseconds" => 1,
        "s" | "second" | "seconds" => 1_000,
        "m" | "min" | "minute" | "minutes" => 60_000,
        "h" | "hour" | "hours" => 3_600_000,
        "d" | "day" | "days" => 86_400_000,
        "w" | "week" | "weeks" => 604_800_000,
        _ => return Err(FORM),
    };
    if digits == 0 {
        return Err(FORM);
    }
    let number: Option<u64> = text[..digits].parse().ok();
    let duration = number.and_then(|number| number.checked_mul(milliseconds));
    match duration.filter(|duration| *duration <= LONGEST) {
        Some(duration) => Ok(Duration::from_millis(duration)),
        None => Err("is too long: the longest duration is a thousand years"),
    }
}
