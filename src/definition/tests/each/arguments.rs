//! Arguments for calls, by type and place.

/// No place of a call has more arguments.
pub const PLACES: usize = 5;
pub const TYPES: &str = "snxmftdlwy";
/// Arguments as SQL, by type and then by place: each call is tried with each sheet of them.
pub const SHEETS: [[[&str; PLACES]; TYPES.len()]; 2] = [
    [
        ["'abcb'", "'b'", "'xy'", "'i'", "'a'"],
        ["2", "1", "3", "2", "1"],
        [
            "cast(0.5 as double)",
            "cast(2.0 as double)",
            "cast(0.25 as double)",
            "cast(1 as double)",
            "cast(0 as double)",
        ],
        [
            "cast(2.50 as decimal(12,2))",
            "cast(1.25 as decimal(12,2))",
            "cast(0.10 as decimal(12,2))",
            "cast(3 as decimal(12,2))",
            "cast(1 as decimal(12,2))",
        ],
        ["true", "false", "true", "false", "true"],
        [
            "timestamp '2025-03-30T00:30:00Z'",
            "timestamp '2025-03-31T06:00:00Z'",
            "timestamp '2025-04-01T00:00:00Z'",
            "timestamp '2025-04-02T00:00:00Z'",
            "timestamp '2025-04-03T00:00:00Z'",
        ],
        [
            "date '2025-03-30'",
            "date '2025-03-31'",
            "date '2025-02-28'",
            "date '2025-04-01'",
            "date '2025-04-02'",
        ],
        ["[1, 2, 3]", "[2, 3]", "[1]", "[5]", "[6]"],
        ["['a', 'b']", "['b']", "['c', 'c']", "['d']", "['e']"],
        [
            "[cast(1 as double), cast(2 as double)]",
            "[cast(0 as double), cast(0.5 as double)]",
            "[cast(1 as double)]",
            "[cast(1 as double)]",
            "[cast(1 as double)]",
        ],
    ],
    [
        ["'2025-07-05'", "'%Y-%m-%d'", "''", "'g'", "'5'"],
        ["-1", "0", "9223372036854775807", "0", "4"],
        [
            "cast(-1.5 as double)",
            "cast(0 as double)",
            "cast('1e300' as double)",
            "cast(7 as double)",
            "cast(2 as double)",
        ],
        [
            "cast(-9999999999.99 as decimal(12,2))",
            "cast(0 as decimal(12,2))",
            "cast(9999999999.99 as decimal(12,2))",
            "cast(1 as decimal(12,2))",
            "cast(2 as decimal(12,2))",
        ],
        ["false", "false", "true", "true", "false"],
        [
            "timestamp '0001-01-01T00:00:00Z'",
            "timestamp '9999-12-31T22:59:59Z'",
            "timestamp '1970-01-01T00:00:00Z'",
            "timestamp '2025-10-26T01:30:00Z'",
            "timestamp '2025-10-26T00:30:00Z'",
        ],
        [
            "date '0001-01-01'",
            "date '9999-12-31'",
            "date '2024-02-29'",
            "date '1970-01-01'",
            "date '1969-12-31'",
        ],
        ["[cast(null as bigint), 1]", "[1, 1]", "[cast(null as bigint)]", "[0]", "[-1]"],
        ["[cast(null as text), '']", "['']", "[cast(null as text)]", "['x']", "['y']"],
        [
            "[cast(0 as double), cast(0 as double)]",
            "[cast(3 as double), cast(4 as double)]",
            "[cast(0 as double)]",
            "[cast(1 as double)]",
            "[cast(1 as double)]",
        ],
    ],
];
pub const NULLS: [&str; TYPES.len()] = [
    "cast(null as text)",
    "cast(null as bigint)",
    "cast(null as double)",
    "cast(null as decimal(12,2))",
    "cast(null as boolean)",
    "cast(null as timestamp)",
    "cast(null as date)",
    "arrow_cast(null, 'List(Int64)')",
    "arrow_cast(null, 'List(Utf8)')",
    "arrow_cast(null, 'List(Float64)')",
];
