//! Names that functions have in other tools, and what stands for them here.

/// Sorted by name.
const ELSEWHERE: [(&str, &str); 87] = [
    ("any_value", "first(x)"),
    ("approx_count_distinct", "count(distinct x)"),
    ("approx_distinct", "count(distinct x)"),
    ("approx_median", "median(x)"),
    ("arg_max", "last(x), by the row's time"),
    ("arg_min", "first(x), by the row's time"),
    ("array_size", "array_length(x)"),
    ("charindex", "strpos(x, y)"),
    ("convert", "cast(x as text)"),
    ("count_distinct", "count(distinct x)"),
    ("count_if", "count(*) filter (where x > 0)"),
    ("countif", "count(*) filter (where x > 0)"),
    ("date", "cast(x as date)"),
    ("date_add", "x + interval '3 days'"),
    ("date_diff", "extract(epoch from a) - extract(epoch from b), in seconds"),
    ("date_format", "to_char(x, '%Y-%m-%d')"),
    ("date_sub", "x - interval '3 days'"),
    ("dateadd", "x + interval '3 days'"),
    ("datediff", "extract(epoch from a) - extract(epoch from b), in seconds"),
    ("datetime", "cast(x as timestamp)"),
    ("day", "extract(day from x)"),
    ("dayofweek", "extract(dow from x)"),
    ("dayofyear", "extract(doy from x)"),
    ("digest", "sha256(x), or md5(x)"),
    ("first_value", "first(x)"),
    ("float", "cast(x as double)"),
    ("format_date", "to_char(x, '%Y-%m-%d')"),
    ("get_json_object", "json_as_text(x, 'key')"),
    ("getdate", "now(), in segments"),
    ("group_concat", "array_to_string(array_agg(distinct x), ', ')"),
    ("hour", "extract(hour from x)"),
    ("if", "case when x then y else z end"),
    ("iff", "case when x then y else z end"),
    ("iif", "case when x then y else z end"),
    ("int", "cast(x as bigint)"),
    ("integer", "cast(x as bigint)"),
    ("isnull", "coalesce(x, y)"),
    ("json_array_length", "json_length(x)"),
    ("json_exists", "json_contains(x, 'key')"),
    (
        "json_extract",
        "json_get_str(x, 'key'), json_get_int, json_get_float, json_get_bool or json_get_json",
    ),
    ("json_extract_path_text", "json_as_text(x, 'key')"),
    ("json_extract_scalar", "json_as_text(x, 'key')"),
    (
        "json_get",
        "json_get_str(x, 'key'), json_get_int, json_get_float, json_get_bool or json_get_json",
    ),
    ("json_keys", "json_object_keys(x)"),
    ("json_value", "json_as_text(x, 'key')"),
    ("last_value", "last(x)"),
    ("len", "length(x)"),
    ("listagg", "array_to_string(array_agg(distinct x), ', ')"),
    ("max_by", "last(x), by the row's time"),
    ("min_by", "first(x), by the row's time"),
    ("minute", "extract(minute from x)"),
    ("month", "extract(month from x)"),
    ("normalize", "nfc(x), or nfkc(x)"),
    ("percentile", "percentile_cont(0.9) within group (order by x)"),
    ("quantile", "percentile_cont(0.9) within group (order by x)"),
    ("quantile_cont", "percentile_cont(0.9) within group (order by x)"),
    ("quantile_disc", "percentile_disc(0.9) within group (order by x)"),
    ("quarter", "extract(quarter from x)"),
    ("regexp_contains", "regexp_like(x, 'pattern')"),
    ("regexp_extract", "regexp_match(x, 'pattern')[1]"),
    ("regexp_substr", "regexp_match(x, 'pattern')[1]"),
    ("safe_cast", "try_cast(x as bigint)"),
    ("safe_divide", "ratio(x, y)"),
    ("second", "extract(second from x)"),
    ("sha2", "sha256(x)"),
    ("size", "array_length(x)"),
    ("squish", "clean(x)"),
    ("stdev", "stddev(x)"),
    ("str", "cast(x as text)"),
    ("strftime", "to_char(x, '%Y-%m-%d')"),
    ("string", "cast(x as text)"),
    ("string_agg", "array_to_string(array_agg(distinct x), ', ')"),
    ("sum_distinct", "sum(distinct x)"),
    ("sum_if", "sum(x) filter (where y > 0)"),
    ("sumif", "sum(x) filter (where y > 0)"),
    ("sysdate", "now(), in segments"),
    ("timestamp_diff", "extract(epoch from a) - extract(epoch from b), in seconds"),
    ("timestampdiff", "extract(epoch from a) - extract(epoch from b), in seconds"),
    ("to_number", "cast(x as double)"),
    ("to_varchar", "cast(x as text)"),
    ("truncate", "trunc(x)"),
    ("unix_timestamp", "to_unixtime(x)"),
    ("variance", "var(x)"),
    ("week", "extract(week from x)"),
    ("weekday", "extract(dow from x)"),
    ("year", "extract(year from x)"),
    ("zeroifnull", "coalesce(x, 0)"),
];

/// What is said here for a function of this name.
pub fn said_here(name: &str) -> Option<&'static str> {
    let name = name.to_lowercase();
    let place = ELSEWHERE.binary_search_by_key(&name.as_str(), |(known, _)| known).ok()?;
    Some(ELSEWHERE[place].1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found() {
        for (name, here) in ELSEWHERE {
            assert_eq!(said_here(name), Some(here), "{name} is in its place");
        }
        assert_eq!(said_here("COUNT_DISTINCT"), Some("count(distinct x)"));
    }
}
