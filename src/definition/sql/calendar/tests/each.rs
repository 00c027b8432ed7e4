//! What each function makes of instants at the edges: by the reference, and by what clocks are known to show.

use super::said;

#[test]
fn each_function_looks_at_the_clocks_of_the_zone() {
    let berlin = "2025-10-26T01:30:00.123456Z";
    let apia = "2011-12-30T10:30:00Z";
    let last = "9999-12-31T23:59:59.999999Z";
    let first = "0001-01-01T00:00:00Z";
    for (zone, expression, at, expected) in [
        // The hour that comes twice is two hours.
        ("Europe/Berlin", "date_trunc('hour', at)", berlin, "2025-10-26T01:00:00.000Z"),
        (
            "Europe/Berlin",
            "date_trunc('hour', at - interval '1 hour')",
            berlin,
            "2025-10-26T00:00:00.000Z",
        ),
        (
            "Australia/Lord_Howe",
            "date_trunc('hour', at)",
            "2025-04-05T15:15:00Z",
            "2025-04-05T14:00:00.000Z",
        ),
        (
            "Asia/Kathmandu",
            "date_trunc('HOUR', at)",
            "2025-07-05T12:00:00Z",
            "2025-07-05T11:15:00.000Z",
        ),
        ("Europe/Berlin", "date_trunc('millisecond', at)", berlin, "2025-10-26T01:30:00.123Z"),
        ("Europe/Berlin", "at::text", berlin, "2025-10-26T02:30:00.123456+01:00"),
        ("UTC", "cast(at as text)", berlin, "2025-10-26T01:30:00.123456Z"),
        ("Europe/Berlin", "'on ' || at", "2025-07-05T22:00:00Z", "on 2025-07-06T00:00:00+02:00"),
        ("Europe/Berlin", "concat(at, '')", "2025-07-05T22:00:00Z", "2025-07-06T00:00:00+02:00"),
        (
            "Europe/Berlin",
            "array_to_string([at], ',')",
            "2025-07-05T22:00:00Z",
            "2025-07-06T00:00:00+02:00",
        ),
        // Before zones were agreed on the offset had seconds, which RFC 3339 can't write.
        ("Europe/Berlin", "at::text", "1850-01-01T00:00:00Z", "1850-01-01T00:00:00Z"),
        ("Europe/Berlin", "at::text", last, last),
        (
            "Europe/Berlin",
            "to_char(at, '%d.%m.%Y %H:%M %Z %z')",
            "2262-07-05T22:00:00Z",
            "06.07.2262 00:00 CEST +0200",
        ),
        ("Europe/Berlin", "to_char(at::date, '%Y %H')", berlin, "2025 00"),
        ("Europe/Berlin", "extract(hour from at)", "2263-07-01T12:00:00Z", "14"),
        ("Europe/Berlin", "date_part('year', at)", last, "10000"),
        ("Europe/Berlin", "extract(epoch from at)", "2262-04-12T00:00:00.5Z", "9223372800.5"),
        (
            "Europe/Berlin",
            "extract(epoch from cast(at as date))",
            "1970-01-01T12:00:00Z",
            "-3600.0",
        ),
        (
            "Europe/Berlin",
            "extract(epoch from at - timestamp '1600-01-01T00:00:00Z')",
            "1600-01-02T00:00:00Z",
            "86400.0",
        ),
        ("Pacific/Apia", "cast(at as date)", apia, "2011-12-31"),
        ("Pacific/Apia", "cast(date '2011-12-30' as timestamp)", apia, "2011-12-30T10:00:00.000Z"),
        ("Pacific/Apia", "timestamp '2011-12-30 12:00:00'", apia, "2011-12-30T22:00:00.000Z"),
        (
            "Pacific/Apia",
            "at + interval '1 month' - interval '1 month'",
            "2011-11-30T22:00:00Z",
            "2011-11-30T22:00:00.000Z",
        ),
        (
            "Europe/Berlin",
            "at at time zone 'Asia/Tokyo'",
            "2025-07-05T12:00:00Z",
            "2025-07-05T19:00:00.000Z",
        ),
        (
            "Europe/Berlin",
            "to_char(at at time zone 'Asia/Tokyo', '%H:%M')",
            "2025-07-05T12:00:00Z",
            "21:00",
        ),
        (
            "Europe/Berlin",
            "extract(hour from at at time zone 'America/Santiago')",
            "2025-07-05T12:00:00Z",
            "8",
        ),
        (
            "Europe/Berlin",
            "date_trunc('day', at at time zone 'Asia/Tokyo') at time zone 'Asia/Tokyo'",
            "2025-07-05T12:00:00Z",
            "2025-07-04T15:00:00.000Z",
        ),
        (
            "Europe/Berlin",
            "(at at time zone 'Asia/Tokyo')::date",
            "2025-07-05T16:00:00Z",
            "2025-07-06",
        ),
        (
            "Europe/Berlin",
            "'2025-07-05 12:00:00' at time zone 'Asia/Tokyo'",
            berlin,
            "2025-07-05T17:00:00.000Z",
        ),
        (
            "Europe/Berlin",
            "timestamp '2025-07-05 12:00:00 Asia/Tokyo'",
            berlin,
            "2025-07-05T03:00:00.000Z",
        ),
        ("Europe/Berlin", "timestamp '2025-03-30 02:30:00'", berlin, "2025-03-30T01:30:00.000Z"),
        ("Europe/Berlin", "timestamp '2025-10-26 02:30:00'", berlin, "2025-10-26T00:30:00.000Z"),
        (
            "Europe/Berlin",
            "to_timestamp('2025-10-26 02:30:60.5Z')",
            berlin,
            "2025-10-26T02:31:00.500Z",
        ),
        (
            "Europe/Berlin",
            "to_timestamp('05.07.2025 14:00', '%Y', '%d.%m.%Y %H:%M')",
            berlin,
            "2025-07-05T12:00:00.000Z",
        ),
        (
            "Europe/Berlin",
            "to_timestamp('05.07.2025 14:00 Asia/Tokyo', '%d.%m.%Y %H:%M %Z')",
            berlin,
            "2025-07-05T05:00:00.000Z",
        ),
        (
            "Europe/Berlin",
            "to_timestamp('05.07.2025 14:00 +0900', '%d.%m.%Y %H:%M %z')",
            berlin,
            "2025-07-05T05:00:00.000Z",
        ),
        ("Europe/Berlin", "to_timestamp('1751673600', '%s')", berlin, "2025-07-05T00:00:00.000Z"),
        (
            "Europe/Berlin",
            "to_timestamp('05.07.2025', '%d.%m.%Y')",
            berlin,
            "2025-07-04T22:00:00.000Z",
        ),
        ("Europe/Berlin", "to_timestamp(253402300799)", berlin, "9999-12-31T23:59:59.000Z"),
        ("Europe/Berlin", "to_timestamp(-62135596800)", berlin, "0001-01-01T00:00:00.000Z"),
        ("Europe/Berlin", "to_timestamp(1.5)", berlin, "1970-01-01T00:00:01.500Z"),
        ("Europe/Berlin", "to_timestamp(-0.0000005)", berlin, "1969-12-31T23:59:59.999999Z"),
        (
            "Europe/Berlin",
            "to_timestamp(cast(9223372037 as double))",
            berlin,
            "2262-04-11T23:47:17.000Z",
        ),
        ("Europe/Berlin", "to_timestamp_seconds(9223372037)", berlin, "2262-04-11T23:47:17.000Z"),
        ("Europe/Berlin", "to_timestamp_millis(1751673600123)", berlin, "2025-07-05T00:00:00.123Z"),
        ("Europe/Berlin", "to_timestamp_micros(-1)", berlin, "1969-12-31T23:59:59.999999Z"),
        ("Europe/Berlin", "to_timestamp_nanos(-1)", berlin, "1969-12-31T23:59:59.999999Z"),
        (
            "Europe/Berlin",
            "arrow_cast(1751673600, 'Timestamp(Second, None)')",
            berlin,
            "2025-07-05T00:00:00.000Z",
        ),
        (
            "Europe/Berlin",
            "arrow_cast(at, 'Timestamp(Second, Some(\"UTC\"))')",
            berlin,
            "2025-10-26T01:30:00.000Z",
        ),
        (
            "Europe/Berlin",
            "arrow_cast('2300-07-05', 'Timestamp(Nanosecond, None)')",
            berlin,
            "2300-07-04T22:00:00.000Z",
        ),
        ("Europe/Berlin", "from_unixtime(9999999999)", berlin, "2286-11-20T17:46:39.000Z"),
        ("Europe/Berlin", "to_unixtime(at)", "1969-12-31T23:59:59.5Z", "-1"),
        ("Europe/Berlin", "to_unixtime('2025-07-05 02:00:00')", berlin, "1751673600"),
        ("Europe/Berlin", "to_unixtime(date '1970-01-01')", berlin, "-3600"),
        ("Europe/Berlin", "to_date('2025-07-05T23:00:00Z')", berlin, "2025-07-06"),
        ("Europe/Berlin", "to_date('5 July 2025', '%d %B %Y')", berlin, "2025-07-05"),
        (
            "Europe/Berlin",
            "date_bin(interval '15 minutes', at)",
            berlin,
            "2025-10-26T01:30:00.000Z",
        ),
        (
            "Europe/Berlin",
            "date_bin(interval '1 day', at, timestamp '2025-10-25')",
            "2025-10-26T21:59:59Z",
            "2025-10-25T22:00:00.000Z",
        ),
        (
            "Europe/Berlin",
            "date_bin(interval '1 month', at, timestamp '2025-01-31 12:00:00')",
            "2025-03-15T00:00:00Z",
            "2025-02-28T11:00:00.000Z",
        ),
        ("Europe/Berlin", "date_bin(interval '1 week', at)", first, "0000-00-00"),
        (
            "Europe/Berlin",
            "at + interval '300 years'",
            "2000-01-01T00:00:00Z",
            "2300-01-01T00:00:00.000Z",
        ),
        (
            "Europe/Berlin",
            "at + interval '200000 days'",
            "2000-01-01T00:00:00Z",
            "2547-08-01T00:00:00.000Z",
        ),
        (
            "Europe/Berlin",
            "at + interval '1 day'",
            "2025-10-25T12:00:00Z",
            "2025-10-26T12:00:00.000Z",
        ),
        (
            "Europe/Berlin",
            "at + cast('1 month' as interval)",
            "2025-09-26T00:30:00Z",
            "2025-10-26T00:30:00.000Z",
        ),
        (
            "Europe/Berlin",
            "at + (at - timestamp '2025-07-04T00:00:00Z')",
            "2025-07-05T00:00:00Z",
            "2025-07-06T00:00:00.000Z",
        ),
        ("Europe/Berlin", "at::date + interval '1 month'", "2025-01-31T12:00:00Z", "2025-02-28"),
        ("Europe/Berlin", "at::date + 1", "2025-01-31T12:00:00Z", "2025-02-01"),
        ("Europe/Berlin", "1 + at::date - 2", "2025-01-31T12:00:00Z", "2025-01-30"),
        ("Europe/Berlin", "date '2025-03-01' - date '2025-02-01'", berlin, "28"),
        (
            "Europe/Berlin",
            "at - timestamp '0001-01-01T00:00:00Z' > interval '3000000 days'",
            last,
            "true",
        ),
        (
            "Europe/Berlin",
            "at - timestamp '2025-01-01T00:00:00Z' between interval '24 hours' and interval '1 day'",
            "2025-01-02T00:00:00Z",
            "true",
        ),
        (
            "Europe/Berlin",
            "interval '20 hours' + interval '20 hours' > interval '1 day'",
            berlin,
            "true",
        ),
        ("Europe/Berlin", "interval '-1 hour' < interval '0 hours'", berlin, "true"),
        ("Europe/Berlin", "at = '2025-10-26 02:30:00.123456+01:00'", berlin, "true"),
        ("Europe/Berlin", "at > date '9999-12-31'", last, "true"),
        ("Europe/Berlin", "cast(at as time) >= time '02:00'", berlin, "true"),
        ("Europe/Berlin", "try_cast('yesterday' as timestamp)", berlin, "null"),
        (
            "Europe/Berlin",
            "try_cast('2025-07-05 12:00:00' as timestamp)",
            berlin,
            "2025-07-05T10:00:00.000Z",
        ),
        ("Europe/Berlin", "try_cast(at + interval '1 second' as timestamp)", last, "null"),
        (
            "Europe/Berlin",
            "greatest(at, timestamp '9999-12-31')",
            berlin,
            "9999-12-30T23:00:00.000Z",
        ),
        ("Europe/Berlin", "to_char(at, '%H')", last, "0000-00-00"),
        ("Europe/Berlin", "to_char(to_local_time(at), '%Y')", last, "0000-00-00"),
        ("America/New_York", "to_char(at, '%Y-%m-%d')", first, "0000-00-00"),
        ("America/New_York", "to_char(at, '%Y-%m-%d %H')", last, "9999-12-31 18"),
        ("UTC", "cast(at as date)", last, "9999-12-31"),
        ("UTC", "cast(at as date)", first, "0001-01-01"),
        ("America/New_York", "date_trunc('day', at)", last, "9999-12-31T05:00:00.000Z"),
        ("Europe/Berlin", "date_trunc('day', at)", last, "9999-12-31T23:00:00.000Z"),
        ("Europe/Berlin", "cast(at as bigint)", last, "253402300799999999"),
    ] {
        if expected == "0000-00-00" {
            assert!(said(zone, expression, at).is_err(), "{expression} of {at} in {zone}");
            continue;
        }
        assert_eq!(
            said(zone, expression, at).as_deref(),
            Ok(expected),
            "{expression} of {at} in {zone}"
        );
    }
}
