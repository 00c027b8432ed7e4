//! Formats of times as other tools write them, such as `DD.MM.YYYY`, in the form that is read here.

/// What letters mean elsewhere; of those that begin alike the longer ones come first.
const MEANT: [(&str, &str); 38] = [
    ("YYYY", "%Y"),
    ("yyyy", "%Y"),
    ("YY", "%y"),
    ("yy", "%y"),
    ("MONTH", "%B"),
    ("Month", "%B"),
    ("MMMM", "%B"),
    ("MMM", "%b"),
    ("MON", "%b"),
    ("Mon", "%b"),
    ("MM", "%m"),
    ("MI", "%M"),
    ("mi", "%M"),
    ("mm", "%M"),
    ("DDD", "%j"),
    ("DD", "%d"),
    ("dd", "%d"),
    ("HH24", "%H"),
    ("hh24", "%H"),
    ("HH12", "%I"),
    ("hh12", "%I"),
    ("HH", "%H"),
    ("hh", "%I"),
    ("SSS", "%3f"),
    ("SS", "%S"),
    ("ss", "%S"),
    ("FF", "%f"),
    ("EEEE", "%A"),
    ("EEE", "%a"),
    ("DAY", "%A"),
    ("Day", "%A"),
    ("DY", "%a"),
    ("AM", "%p"),
    ("PM", "%p"),
    ("'T'", "T"),
    ("\"T\"", "T"),
    ("XXX", "%:z"),
    ("Z", "%z"),
];

/// The format that is meant, where a text has no `%` and names a year.
pub fn meant(text: &str) -> Option<String> {
    if text.contains('%') {
        return None;
    }
    let (mut format, mut rest, mut has_year) = (String::new(), text, false);
    while let Some(first) = rest.chars().next() {
        match MEANT.iter().find(|(letters, _)| rest.starts_with(letters)) {
            // In lower case throughout, months are written as minutes are: before any hour a month is meant.
            Some((letters @ "mm", _)) if !format.contains("%H") && !format.contains("%I") => {
                format.push_str("%m");
                rest = &rest[letters.len()..];
            }
            Some((letters, here)) => {
                has_year |= here.eq_ignore_ascii_case("%y");
                format.push_str(here);
                rest = &rest[letters.len()..];
            }
            None => {
                format.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    has_year.then_some(format)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_of_other_tools_are_said_as_they_are_written_here() {
        for (there, here) in [
            ("DD.MM.YYYY", "%d.%m.%Y"),
            ("YYYY-MM-DD", "%Y-%m-%d"),
            ("yyyy-MM-dd HH:mm:ss", "%Y-%m-%d %H:%M:%S"),
            ("YYYY-MM-DD HH24:MI:SS", "%Y-%m-%d %H:%M:%S"),
            ("yyyy-mm-dd hh:mm", "%Y-%m-%d %I:%M"),
            ("DD MON YYYY", "%d %b %Y"),
            ("yyyy-MM-dd'T'HH:mm:ss.SSSXXX", "%Y-%m-%dT%H:%M:%S.%3f%:z"),
        ] {
            assert_eq!(meant(there).as_deref(), Some(here));
        }
        assert_eq!(meant("%Y"), None);
        assert_eq!(meant("noon"), None);
    }
}
