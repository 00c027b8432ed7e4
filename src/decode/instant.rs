//! Text to instants and dates, exactly: no instant passes through a double.

use super::scalar::{ScalarFault, scaled, shown, written};
use crate::plan::EpochUnit;
use crate::time::{Micros, NoInstant, in_years, read_date, read_rfc3339};

/// An instant in RFC 3339. What is finer than a microsecond is cut off.
pub(super) fn rfc3339(text: &str) -> Result<Micros, ScalarFault> {
    read_rfc3339(text).map_err(|why| match why {
        NoInstant::Shape => ScalarFault::wrong_type(format!(
            "expected a timestamp such as 2025-07-05T12:00:00Z, found {}",
            shown(text)
        )),
        why => ScalarFault::out_of_range(format!("{} is no timestamp: {why}", shown(text))),
    })
}

/// An instant in milliseconds since the epoch. What is finer than a microsecond is cut off.
pub(super) fn epoch_millis(text: &str) -> Result<Micros, ScalarFault> {
    epoch(text, EpochUnit::Millis).map_err(|fault| match fault.code {
        "wrong_type" => ScalarFault::wrong_type(format!(
            "expected a timestamp (RFC 3339, or milliseconds since the epoch), found {}",
            shown(text)
        )),
        _ => fault,
    })
}

/// An instant by what is counted since the epoch. What is finer than a microsecond is cut off.
pub(super) fn epoch(text: &str, unit: EpochUnit) -> Result<Micros, ScalarFault> {
    let written = written(text).ok_or_else(|| {
        let unit = unit.spoken();
        ScalarFault::wrong_type(format!("expected {unit} since the epoch, found {}", shown(text)))
    })?;
    let power = written.exponent.saturating_add(unit.power());
    let micros = if power >= 0 {
        scaled(&written, power)
    } else {
        let divisor = u32::try_from(-power).ok().and_then(|power| 10i128.checked_pow(power));
        match divisor {
            Some(divisor) => scaled(&written, 0).map(|digits| digits.div_euclid(divisor)),
            None => Some(if written.negative { -1 } else { 0 }),
        }
    };
    micros
        .and_then(|micros| Micros::try_from(micros).ok())
        .filter(|micros| in_years(*micros))
        .ok_or_else(|| {
            ScalarFault::out_of_range(format!(
                "{} {} since the epoch lie outside of the years 1 to 9999",
                shown(text),
                unit.spoken()
            ))
        })
}

/// `YYYY-MM-DD`, as days since the epoch.
pub(super) fn date(text: &str) -> Result<i32, ScalarFault> {
    read_date(text).map(|day| day as i32).map_err(|why| match why {
        NoInstant::Shape => ScalarFault::wrong_type(format!(
            "expected a date such as 2025-07-05, found {}",
            shown(text)
        )),
        why => ScalarFault::out_of_range(format!("{} is no date: {why}", shown(text))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn code<T: std::fmt::Debug>(result: Result<T, ScalarFault>) -> &'static str {
        result.expect_err("a fault").code
    }

    #[test]
    fn instants_are_microseconds() {
        for (text, value) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2025-07-05T00:00:00Z", 1_751_673_600_000_000),
            ("2025-07-05T00:00:00.5Z", 1_751_673_600_500_000),
            ("2025-07-05T02:00:00.123456+02:00", 1_751_673_600_123_456),
            ("2025-07-05T00:00:00.123456789Z", 1_751_673_600_123_456),
            ("1969-12-31T23:59:59.999999Z", -1),
        ] {
            assert_eq!(rfc3339(text), Ok(value), "{text}");
        }
        for text in ["2025-07-05", "2025-07-05T00:00:00", "yesterday", "", "20é5"] {
            assert_eq!(code(rfc3339(text)), "wrong_type", "{text}");
        }
        for text in ["2025-02-29T00:00:00Z", "9999-12-31T23:59:59-00:01", "2025-07-05T25:00:00Z"] {
            assert_eq!(code(rfc3339(text)), "out_of_range", "{text}");
        }
        for (text, value) in [
            ("1751673600000", 1_751_673_600_000_000),
            ("1751673600000.5", 1_751_673_600_000_500),
            ("1751673600000.0005", 1_751_673_600_000_000),
            ("1.7516736e12", 1_751_673_600_000_000),
            ("-0.0001", -1),
            ("0", 0),
        ] {
            assert_eq!(epoch_millis(text), Ok(value), "{text}");
        }
        assert_eq!(code(epoch_millis("1751673600000000")), "out_of_range");
        assert_eq!(code(epoch_millis("1e300")), "out_of_range");
    }

    #[test]
    fn dates_are_days_of_the_calendar() {
        assert_eq!(date("1970-01-02"), Ok(1));
        assert_eq!(date("2024-02-29"), Ok(19_782));
        assert_eq!(code(date("2025-02-29")), "out_of_range");
        for text in ["2025-7-5", "20250705", "2025-07-05T00:00:00Z", "2025-0é-05"] {
            assert_eq!(code(date(text)), "wrong_type", "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_a_reader_panic(text in "\\PC*|[-+0-9.:TZeE]{0,60}") {
            let _ = (rfc3339(&text), epoch_millis(&text), date(&text));
        }
    }
}
