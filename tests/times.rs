//! Timestamps and dates however they are written: by formats, by what they count, by the clocks of a zone.

mod program;

use program::{records, selfsame};

/// What field `at` of rows is read as, or why it is not: the source has more words, and its rows are given.
fn read(format: &str, more: &str, fields: &str, rows: &str) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let definition = format!(
        "time_zone: Asia/Tokyo\nsources:\n  s:\n    files: rows.txt\n    format: {format}\n    kind: records\n    key: id\n{more}    fields: {{id: text, {fields}}}\nidentity:\n  id: {{from: {{s: id}}}}\nattributes:\n  at: {{from: s, select: max(at)}}\noutputs:\n  profiles: {{files: out/profiles.ndjson}}\n  rejects: {{files: out/rejects.ndjson}}\n"
    );
    std::fs::write(folder.path().join("d.yaml"), definition).unwrap();
    std::fs::write(folder.path().join("rows.txt"), rows).unwrap();
    selfsame(folder.path(), &["run", "d.yaml"]).well();
    let mut found = Vec::new();
    for record in records(&folder.path().join("out/profiles.ndjson")) {
        let value: serde_json::Value =
            serde_json::from_str(record.value.as_ref().unwrap()).unwrap();
        let (id, at) = (&value["identifiers"]["id"][0], &value["attributes"]["at"]);
        found.push(format!("{} {}", id.as_str().unwrap(), at.as_str().unwrap_or("null")));
    }
    for record in records(&folder.path().join("out/rejects.ndjson")) {
        let value: serde_json::Value =
            serde_json::from_str(record.value.as_ref().unwrap()).unwrap();
        let (line, reason) = (&value["position"]["line"], &value["reasons"][0]);
        found.push(format!(
            "{line} {} {} {}",
            reason["code"].as_str().unwrap(),
            reason["path"].as_str().unwrap(),
            reason["message"].as_str().unwrap()
        ));
    }
    found.sort();
    found
}

#[test]
fn a_number_is_what_its_field_says_that_it_counts() {
    for (format, number, at) in [
        ("epoch_s", "1751673600", "2025-07-05T00:00:00.000Z"),
        ("epoch_s", "1751673600.5", "2025-07-05T00:00:00.500Z"),
        ("epoch_s", "\"1751673600\"", "2025-07-05T00:00:00.000Z"),
        ("epoch_ms", "1751673600001", "2025-07-05T00:00:00.001Z"),
        ("epoch_us", "1751673600000001", "2025-07-05T00:00:00.000001Z"),
        ("epoch_ns", "1751673600000001999", "2025-07-05T00:00:00.000001Z"),
        ("epoch_ns", "-1", "1969-12-31T23:59:59.999999Z"),
        ("'%Y%m%d%H%M'", "202507050900", "2025-07-05T00:00:00.000Z"),
    ] {
        let rows = format!("{{\"id\":\"a1\",\"at\":{number}}}\n");
        let fields = format!("at: {{type: timestamp, format: {format}}}");
        assert_eq!(read("json", "", &fields, &rows), [format!("a1 {at}")], "{format} {number}");
    }
}

#[test]
fn formats_are_tried_in_turn_and_a_value_that_none_fits_is_told_with_all_of_them() {
    let fields = "at: {type: timestamp, format: ['%d.%m.%Y %H:%M', epoch_s, rfc3339, '%b %d, %Y %I:%M %p %z']}";
    let rows = "id,at\na1,05.07.2025 09:00\na2,1751673600\na3,2025-07-05T00:00:00Z\na4,\"Jul 05, 2025 02:00 AM +0200\"\na5,31.02.2025 09:00\na6,yesterday\na7,\n";
    assert_eq!(
        read("csv", "", fields, rows),
        [
            "6 out_of_range at '31.02.2025 09:00' is not written as '%d.%m.%Y %H:%M': input is out of range",
            "7 wrong_type at expected a timestamp as '%d.%m.%Y %H:%M' or seconds since the epoch or 2025-07-05T12:00:00Z or '%b %d, %Y %I:%M %p %z', found yesterday",
            "a1 2025-07-05T00:00:00.000Z",
            "a2 2025-07-05T00:00:00.000Z",
            "a3 2025-07-05T00:00:00.000Z",
            "a4 2025-07-05T00:00:00.000Z",
            "a7 null",
        ]
    );
}

#[test]
fn a_time_without_an_offset_is_read_by_the_clocks_of_its_field_its_row_its_source_or_the_definition()
 {
    let rows = "id,at,zone\na1,2025-07-05 12:00:00,\na2,2025-07-05 12:00:00,America/New_York\na3,2025-07-05T12:00:00Z,America/New_York\na4,2025-07-05 12:00:00,Mars/Base\na5,2025-07-05,\n";
    let by_row = "zone: text, at: {type: timestamp, time_zone_from: zone}";
    assert_eq!(
        read("csv", "    time_zone: Europe/Berlin\n", by_row, rows),
        [
            "5 wrong_type at its zone is Mars/Base, which is no time zone of the IANA database",
            "a1 2025-07-05T10:00:00.000Z",
            "a2 2025-07-05T16:00:00.000Z",
            "a3 2025-07-05T12:00:00.000Z",
            "a5 2025-07-04T22:00:00.000Z",
        ]
    );
    let row = "{\"id\":\"a1\",\"at\":\"2025-07-05 12:00:00\",\"zone\":\"America/New_York\"}\n";
    for (more, fields, at) in [
        ("", "at: {type: timestamp, format: iso}", "2025-07-05T03:00:00.000Z"),
        ("    time_zone: Europe/Berlin\n", "at: timestamp", "2025-07-05T10:00:00.000Z"),
        (
            "    time_zone: Europe/Berlin\n",
            "at: {type: timestamp, time_zone: UTC}",
            "2025-07-05T12:00:00.000Z",
        ),
        ("", "zone: text, at: {type: timestamp, time_zone_from: zone}", "2025-07-05T16:00:00.000Z"),
        ("", "at: {type: timestamp, format: '%Y-%m-%d %H:%M:%S'}", "2025-07-05T03:00:00.000Z"),
    ] {
        assert_eq!(read("json", more, fields, row), [format!("a1 {at}")], "{more}{fields}");
    }
    // Without a word of a zone it stays a reject.
    let told = read("json", "", "at: timestamp", row);
    assert!(told[0].starts_with("1 wrong_type $.at expected a timestamp such as"), "{told:?}");
}

#[test]
fn local_times_that_come_twice_or_never_and_the_ends_of_the_years_are_as_the_calendar_says() {
    let fields = "at: {type: timestamp, format: '%Y-%m-%d %H:%M', time_zone: Europe/Berlin}";
    let rows = "id,at\na1,2025-10-26 02:30\na2,2025-03-30 02:30\na3,0001-01-01 00:00\na4,9999-12-31 23:59\na5,10000-01-01 00:00\na6,2025-07-05 24:00\n";
    let found = read("csv", "", fields, rows);
    assert_eq!(
        found[3..],
        [
            "a1 2025-10-26T00:30:00.000Z",
            "a2 2025-03-30T01:30:00.000Z",
            "a4 9999-12-31T22:59:00.000Z"
        ]
    );
    // In UTC the first one lies before the year 1; a year has four digits.
    let codes: Vec<&str> = found[..3].iter().filter_map(|told| told.split(' ').nth(1)).collect();
    assert_eq!(codes, ["out_of_range", "wrong_type", "out_of_range"], "{found:?}");
}

#[test]
fn a_date_is_the_day_that_is_written() {
    let fields = "day: {type: date, format: ['%d/%m/%Y', '%Y%m%d']}, at: timestamp";
    let more = "    derive: {d2: \"cast(day as text)\"}\n";
    let rows = "{\"id\":\"a1\",\"day\":\"05/07/2025\",\"at\":0}\n{\"id\":\"a2\",\"day\":20250705,\"at\":0}\n{\"id\":\"a3\",\"day\":\"30/02/2025\",\"at\":0}\n";
    let found = read("json", more, fields, rows);
    assert_eq!(found[1..], ["a1 1970-01-01T00:00:00.000Z", "a2 1970-01-01T00:00:00.000Z"]);
    assert!(found[0].starts_with("3 out_of_range $.day"), "{found:?}");
}

#[test]
fn the_zone_of_a_row_is_the_value_of_its_field_and_only_a_time_that_needs_it_looks_at_it() {
    let zone =
        "zone: {type: text, map: {EDT: America/New_York, '?': null}, default: Europe/Berlin}";
    let at = "at: {type: timestamp, format: [rfc3339, epoch_s, '%Y-%m-%d %H:%M:%S'], time_zone_from: zone}";
    let rows = [
        ("a1", "EDT", "2025-07-05 12:00:00"),
        ("a2", "?", "2025-07-05 12:00:00"),
        ("a3", "", "2025-07-05 12:00:00"),
        ("a4", "Asia/Kolkata", "2025-07-05 12:00:00"),
        ("a5", "CET+1", "2025-07-05 12:00:00"),
        ("a6", "CET+1", "2025-07-05T12:00:00Z"),
        ("a7", "CET+1", "1751716800"),
        ("a8", "CET+1", "rubbish"),
        ("a9", "CET+1", ""),
    ];
    let read_as = |at: &str| {
        let fields = format!("{at}, {zone}");
        let mut csv = "id,zone,at\n".to_owned();
        let mut json = String::new();
        for (id, zone, at) in rows {
            csv += &format!("{id},{zone},{at}\n");
            let written = |text: &str| match text {
                "" => "null".to_owned(),
                text => format!("\"{}\"", text.replace('/', "\\/")),
            };
            json +=
                &format!("{{\"id\":\"{id}\",\"at\":{},\"zone\":{}}}\n", written(at), written(zone));
        }
        let in_csv = read("csv", "", &fields, &csv);
        let in_json = read("json", "", &fields, &json);
        let told = |found: &[String]| -> Vec<String> {
            found.iter().filter(|told| told.starts_with('a')).cloned().collect()
        };
        assert_eq!(told(&in_csv), told(&in_json));
        in_csv
    };
    assert_eq!(
        read_as(at),
        [
            "6 wrong_type at its zone is CET+1, which is no time zone of the IANA database",
            "9 wrong_type at expected a timestamp as 2025-07-05T12:00:00Z or seconds since the epoch or '%Y-%m-%d %H:%M:%S', found rubbish",
            "a1 2025-07-05T16:00:00.000Z",
            "a2 2025-07-05T10:00:00.000Z",
            "a3 2025-07-05T10:00:00.000Z",
            "a4 2025-07-05T06:30:00.000Z",
            "a6 2025-07-05T12:00:00.000Z",
            "a7 2025-07-05T12:00:00.000Z",
            "a9 null",
        ]
    );
    // The usual formats do the same.
    let usual = read_as("at: {type: timestamp, time_zone_from: zone}");
    assert_eq!(usual.len(), 9, "{usual:?}");
    assert!(usual.contains(&"a1 2025-07-05T16:00:00.000Z".to_owned()), "{usual:?}");
    assert!(usual.contains(&"a6 2025-07-05T12:00:00.000Z".to_owned()), "{usual:?}");
    assert!(usual[1].contains("found rubbish"), "{usual:?}");
}

#[test]
fn z_under_a_format_that_does_not_read_it_is_told_with_the_one_that_does() {
    let fields = "at: {type: timestamp, format: '%Y-%m-%dT%H:%M:%S%.f%z'}";
    let told = read("csv", "", fields, "id,at\na1,2025-07-05T12:00:00.5Z\n");
    assert!(told[0].ends_with("%#z reads Z as well, which %z and %:z don't"), "{told:?}");
    let fields = "at: {type: timestamp, format: '%Y-%m-%dT%H:%M:%S%.f%#z'}";
    let told = read("csv", "", fields, "id,at\na1,2025-07-05T12:00:00.5Z\n");
    assert_eq!(told, ["a1 2025-07-05T12:00:00.500Z"]);
}
