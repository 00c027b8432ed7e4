//! Names that functions have in other tools, and what stands for them here.

/// Sorted by name.
const ELSEWHERE: [(&str, &str); 50] = [
    ("any_value", "first(x)"),
    ("approx_count_distinct", "count(distinct x)"),
    ("approx_distinct", "count(distinct x)"),
    ("approx_median", "median(x)"),
    ("arg_max", "last(x), by the row's time"),
    ("arg_min", "first(x), by the row's time"),
    ("array_size", "array_length(x)"),
    ("convert", "cast(x as text)"),
    ("count_distinct", "count(distinct x)"),
    ("count_if", "count(*) filter (where x > 0)"),
    ("countif", "count(*) filter (where x > 0)"),
    ("date_diff", "extract(epoch from a) - extract(epoch from b), in seconds"),
    ("datediff", "extract(epoch from a) - extract(epoch from b), in seconds"),
    ("digest", "sha256(x), or md5(x)"),
    ("first_value", "first(x)"),
    ("getdate", "now(), in segments"),
    ("group_concat", "array_to_string(array_agg(distinct x), ', ')"),
    ("if", "case when x then y else z end"),
    ("iff", "case when x then y else z end"),
    ("iif", "case when x then y else z end"),
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
    ("normalize", "nfc(x), or nfkc(x)"),
    ("percentile", "percentile_cont(0.9) within group (order by x)"),
    ("quantile", "percentile_cont(0.9) within group (order by x)"),
    ("quantile_cont", "percentile_cont(0.9) within group (order by x)"),
    ("quantile_disc", "percentile_disc(0.9) within group (order by x)"),
    ("safe_cast", "try_cast(x as bigint)"),
    ("safe_divide", "ratio(x, y)"),
    ("sha2", "sha256(x)"),
    ("size", "array_length(x)"),
    ("squish", "clean(x)"),
    ("stdev", "stddev(x)"),
    ("string_agg", "array_to_string(array_agg(distinct x), ', ')"),
    ("sum_if", "sum(x) filter (where y > 0)"),
    ("sumif", "sum(x) filter (where y > 0)"),
    ("sysdate", "now(), in segments"),
    ("variance", "var(x)"),
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
