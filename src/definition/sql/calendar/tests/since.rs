//! Calendar windows, against what DataFusion makes of `date_trunc(…, now())`.

use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch, TimestampMicrosecondArray};
use arrow::datatypes::{Field, Schema, TimestampMicrosecondType};
use proptest::prelude::*;

use crate::definition::sql::Dialect;
use crate::definition::sql::names::NOW;
use crate::time::days::Unit;
use crate::time::since::Since;
use crate::time::zone::Zone;
use crate::time::{DAY, FIRST, HOUR, Micros, SECOND};

const ZONES: [&str; 7] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "America/Sao_Paulo",
    "Pacific/Apia",
];

fn at(text: &str) -> Micros {
    chrono::DateTime::parse_from_rfc3339(text).expect("an instant").timestamp_micros()
}

fn since(zone: &str, unit: Unit) -> Since {
    let zone = Zone::named(zone).expect("a zone");
    Since { unit, zone, months: 0, days: 0, micros: 0 }
}

/// What DataFusion makes of `date_trunc(…, now())` and an interval of months.
fn by_sql(zone: &str, unit: Unit, months: i32, now: Micros) -> Option<Micros> {
    let dialect = Dialect::new(&Arc::from(zone));
    let schema = Arc::new(Schema::new(vec![Field::new(NOW, dialect.timestamp(), true)]));
    let text = match months {
        0 => format!("date_trunc('{unit}', now())"),
        _ => format!("date_trunc('{unit}', now()) + interval '{months} months'"),
    };
    let planned = dialect.plan(&text, &schema).expect("SQL");
    let timestamp = dialect.timestamp();
    let compiled = dialect.compile(planned, &schema, Some(&timestamp), &text).expect("SQL");
    let now = TimestampMicrosecondArray::from_value(now, 1).with_timezone(zone);
    let batch = RecordBatch::try_new(schema, vec![Arc::new(now)]).expect("one column");
    let border = compiled.evaluate(&batch).ok()?;
    Some(border.as_primitive::<TimestampMicrosecondType>().value(0))
}

#[test]
fn a_day_is_as_long_as_the_clocks_make_it() {
    let spring = since("America/New_York", Unit::Day);
    assert_eq!(spring.border(at("2025-03-09T12:00:00Z")), at("2025-03-09T05:00:00Z"));
    assert_eq!(spring.until(at("2025-03-09T05:00:00Z")), at("2025-03-10T04:00:00Z"));
    assert_eq!(spring.until(at("2025-03-09T04:59:59Z")), at("2025-03-09T05:00:00Z"));
    // In Havana midnight comes twice: the day begins with the first one.
    let autumn = since("America/Havana", Unit::Day);
    assert_eq!(autumn.border(at("2024-11-03T12:00:00Z")), at("2024-11-03T04:00:00Z"));
    assert_eq!(autumn.until(at("2024-11-03T04:30:00Z")), at("2024-11-04T05:00:00Z"));
    // In São Paulo it did not come at all.
    let skipped = since("America/Sao_Paulo", Unit::Day);
    assert_eq!(skipped.border(at("2018-11-04T12:00:00Z")), at("2018-11-04T03:00:00Z"));
    let (first, second) = (at("2025-11-02T05:30:00Z"), at("2025-11-02T06:30:00Z"));
    let hour = since("America/New_York", Unit::Hour);
    assert_eq!([first, second].map(|now| hour.border(now)), [first, second].map(|t| t - HOUR / 2));
    // In St. John's the clocks went back over midnight, a minute after it: the day had begun.
    let back = since("America/St_Johns", Unit::Day);
    assert_eq!(back.border(at("2010-11-07T02:45:00Z")), at("2010-11-07T02:30:00Z"));
}

#[test]
fn an_interval_is_counted_by_the_calendar() {
    let week = Since { days: -7, ..since("Europe/Berlin", Unit::Week) };
    // Clocks went forward on Sunday the 30th.
    assert_eq!(week.border(at("2025-04-02T10:00:00Z")), at("2025-03-23T23:00:00Z"));
    let year = Since { months: -12, ..since("UTC", Unit::Year) };
    assert_eq!(year.until(at("2024-02-29T00:00:00Z")), at("2026-01-01T00:00:00Z"));
    let tax = Since { months: 3, days: 5, ..since("Europe/London", Unit::Year) };
    assert_eq!(tax.border(at("2025-07-01T00:00:00Z")), at("2025-04-05T23:00:00Z"));
    let hours = Since { micros: -6 * HOUR, ..since("Europe/Berlin", Unit::Day) };
    assert_eq!(hours.border(at("2025-03-30T12:00:00Z")), at("2025-03-29T17:00:00Z"));
}

#[test]
fn beyond_the_calendar_the_border_stands_still() {
    for (_, unit) in Unit::ALL.into_iter().skip(3) {
        let since = Since { months: -12, days: 1, micros: 1, ..since("UTC", unit) };
        assert_eq!(since.border(Micros::MIN), since.border(FIRST));
        assert_eq!(since.until(Micros::MAX), Micros::MAX);
        assert!(since.until(Micros::MIN) <= at("0003-01-01T00:00:00Z"));
    }
}

fn instants() -> impl Strategy<Value = Micros> {
    // Around a border of Berlin's and New York's summer time, and any time.
    prop_oneof![
        (at("2025-03-28T00:00:00Z")..at("2025-04-02T00:00:00Z")),
        (at("2025-10-24T00:00:00Z")..at("2025-11-04T00:00:00Z")),
        // Lord Howe's half an hour back, and Kathmandu's quarter forward.
        (at("2025-04-05T12:00:00Z")..at("2025-04-05T18:00:00Z")),
        (at("1985-12-31T12:00:00Z")..at("1986-01-01T00:00:00Z")),
        (at("1975-01-01T00:00:00Z")..at("2037-01-01T00:00:00Z")),
    ]
}

proptest! {
    #![proptest_config(crate::property::cases(500))]

    #[test]
    fn a_border_is_what_sql_says(
        zone in prop::sample::select(&ZONES[..]),
        unit in prop::sample::select(&Unit::ALL[..]),
        months in prop_oneof![Just(0), -30..30i32],
        now in instants(),
    ) {
        let (_, unit) = unit;
        let months = if unit.is_within_a_day() { 0 } else { months };
        let border = Since { months, ..since(zone, unit) }.border(now);
        let unmoved = Zone::named(zone).expect("a zone").shown(since(zone, unit).border(now));
        // SQL moves a midnight that the clocks skip by the time at which they do.
        if months == 0 || unmoved % DAY == 0 {
            prop_assert_eq!(Some(border), by_sql(zone, unit, months, now));
        }
    }

    #[test]
    fn a_row_counts_until_the_border_has_passed_it(
        zone in prop::sample::select(&ZONES[..]),
        unit in prop::sample::select(&Unit::ALL[..]),
        (months, days, micros) in (-14..14i32, -40..40i32, -3 * HOUR..3 * HOUR),
        time in instants(),
        later in prop_oneof![-DAY..DAY, -400 * DAY..400 * DAY, -SECOND..SECOND],
    ) {
        let (_, unit) = unit;
        let (months, days) = if unit.is_within_a_day() { (0, 0) } else { (months, days) };
        let since = Since { months, days, micros, ..since(zone, unit) };
        let until = since.until(time);
        prop_assert!(since.border(until) > time && since.border(until - 1) <= time);
        for now in [time + later, until + later] {
            prop_assert_eq!(time >= since.border(now), now < until, "{}", now);
        }
    }
}
