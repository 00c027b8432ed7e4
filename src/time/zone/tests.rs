//! The clocks held against tables by Python's zoneinfo, and against chrono-tz.

use chrono::{MappedLocalTime, NaiveDateTime, Offset, TimeZone as _};
use proptest::prelude::*;

use super::*;
use crate::time::{FIRST, HOUR, LAST, in_years};

/// A zone, an instant, what is shown, when its day begins, and when that is shown first.
type Line = (&'static Zone, Micros, Shown, Option<Micros>, Option<Micros>);

/// The table that Python made.
fn table() -> Vec<Line> {
    let text = include_str!("../../../tests/clocks/clocks.tsv");
    let micros = |text: &str| {
        let format = "%Y-%m-%dT%H:%M:%S%.f";
        let at = NaiveDateTime::parse_from_str(text.trim_end_matches('Z'), format);
        at.ok().map(|at| at.and_utc().timestamp_micros())
    };
    let line = |line: &'static str| {
        let cells: Vec<&str> = line.split('\t').collect();
        let zone = Zone::named(cells[0]).expect("a zone");
        let at = |cell: usize| micros(cells[cell]);
        (zone, at(1).expect("an instant"), at(2).expect("a time"), at(3), at(11))
    };
    text.lines().skip(1).map(line).collect()
}

#[test]
fn clocks_show_and_mean_what_python_says() {
    let table = table();
    assert!(table.len() > 1_000);
    for (zone, at, shown, midnight, read) in table {
        assert_eq!(zone.shown(at), shown, "{zone:?} at {}", crate::time::rfc3339(at));
        if let Some(read) = read {
            assert_eq!(zone.instant(shown), read, "{zone:?} shows {}", crate::time::rfc3339(shown));
        }
        if let Some(midnight) = midnight {
            let day = shown.div_euclid(DAY);
            assert_eq!(zone.midnight(day), midnight, "{zone:?} day {}", crate::time::date(day));
        }
    }
}

#[test]
fn every_zone_repeats_itself_and_is_cut_where_no_clock_changes() {
    for name in Zone::names() {
        let zone = Zone::named(&name).expect("it is listed");
        assert_eq!(zone.name(), name);
        assert!(zone.ends.is_sorted(), "{name}");
        let near = |border: Micros| {
            zone.periods.iter().any(|period| period.from.abs_diff(border) < 3 * DAY as u64)
        };
        assert!(!near(END) && !near(END - CYCLE), "{name}");
        for at in [FIRST, LAST, END - 1, END, END + CYCLE - 1, END + CYCLE] {
            assert_eq!(zone.instant(zone.shown(at)), at, "{name} at {at}");
        }
    }
}

#[test]
fn a_midnight_that_comes_twice_is_known() {
    let day = |text| crate::time::read_date(text).expect("a day");
    let at = |text| crate::time::read_rfc3339(text).expect("an instant");
    let azores = Zone::named("Atlantic/Azores").expect("a zone");
    let twice = azores.midnight_again(day("2025-10-26"));
    assert_eq!(twice, Some((at("2025-10-26T01:00:00Z"), at("2025-10-26T01:00:00Z"))));
    assert_eq!(azores.midnight_again(day("2025-10-27")), None);
    let repeats = |name| Zone::named(name).expect("a zone").repeats_midnights();
    let expected = ["Atlantic/Azores", "America/Havana", "America/St_Johns"];
    assert!(expected.into_iter().all(repeats));
    // In Santiago they show 23:00 in the place of midnight.
    let others =
        ["UTC", "Europe/Berlin", "America/Santiago", "Asia/Kathmandu", "Australia/Lord_Howe"];
    assert!(!others.into_iter().any(repeats));
    // A minute after it the clocks were set back by an hour.
    let johns = Zone::named("America/St_Johns").expect("a zone");
    let twice = johns.midnight_again(day("2010-11-07"));
    assert_eq!(twice, Some((at("2010-11-07T02:31:00Z"), at("2010-11-07T03:30:00Z"))));
}

fn zones() -> impl Strategy<Value = (&'static Zone, chrono_tz::Tz)> {
    let both = |name: &String| Some((Zone::named(name)?, name.parse::<chrono_tz::Tz>().ok()?));
    let zones: Vec<_> = Zone::names().iter().filter_map(both).collect();
    assert!(zones.len() > 500);
    prop::sample::select(zones)
}

/// The edition 2026a lets Moldova change its clocks at the hours of the European Union from 2022 on; chrono-tz has an
/// earlier edition.
const AMENDED: [&str; 2] = ["Europe/Chisinau", "Europe/Tiraspol"];

proptest! {
    /// Its tables end in 2100; of what is to come, and of what was before 2000, editions of the database
    /// differ.
    #[test]
    fn clocks_show_and_mean_what_chrono_tz_says(
        (zone, other) in zones(),
        at in (946_684_800i64..1_700_000_000).prop_map(|seconds| seconds * SECOND),
        near in -3 * HOUR..3 * HOUR,
    ) {
        prop_assume!(!AMENDED.contains(&zone.name()));
        let edge = zone.periods[zone.period(at)].from.max(0);
        for at in [at, (edge + near).max(0)] {
            let utc = chrono::DateTime::from_timestamp_micros(at).expect("an instant").naive_utc();
            let ahead = other.offset_from_utc_datetime(&utc).fix().local_minus_utc();
            prop_assert_eq!(zone.offset(at), Micros::from(ahead) * SECOND, "at {}", utc);
            let shown = chrono::DateTime::from_timestamp_micros(zone.shown(at)).expect("one").naive_utc();
            match other.from_local_datetime(&shown) {
                MappedLocalTime::Single(first) | MappedLocalTime::Ambiguous(first, _) => {
                    prop_assert_eq!(zone.instant(zone.shown(at)), first.timestamp_micros());
                }
                MappedLocalTime::None => prop_assert!(false, "{} is shown", shown),
            }
        }
    }

    #[test]
    fn a_cursor_answers_as_its_zone_does(
        (zone, _) in zones(),
        instants in prop::collection::vec(
            prop_oneof![FIRST..=LAST, -200_000 * DAY..200_000 * DAY, END - DAY..END + DAY], 1..20,
        ),
        near in prop::collection::vec(-3 * HOUR..3 * HOUR, 1..20),
    ) {
        let mut clocks = zone.clocks();
        let close = instants.iter().zip(&near).map(|(at, near)| {
            zone.periods[zone.period(*at)].from.max(FIRST) + shift(*at) + near
        });
        for at in instants.iter().copied().chain(close) {
            prop_assert_eq!(clocks.shown(at), zone.shown(at), "at {}", at);
            prop_assert_eq!(clocks.instant(at), zone.instant(at), "shown {}", at);
            prop_assert!(in_years(at) || (clocks.shown(at) - at).abs() < DAY);
        }
    }
}
