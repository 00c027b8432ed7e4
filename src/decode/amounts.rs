//! Amounts as people write them: with commas, spaces between thousands, and currencies beside them.

/// One of the values and the expression that reads them, where all of a column's values are such amounts.
pub fn read_by<'a>(texts: &[&'a str], name: &str) -> Option<(&'a str, String)> {
    let (example, point) = pointed(texts)?;
    Some((example, in_sql(name, point, texts.iter().any(|text| is_in_parentheses(text)))))
}

/// One of the values and what stands before cents, where all of a column's values are such amounts.
pub fn pointed<'a>(texts: &[&'a str]) -> Option<(&'a str, char)> {
    let read: Vec<Amount> = texts.iter().map(|text| amount(text)).collect::<Option<_>>()?;
    let mut points = read.iter().filter_map(|of| of.point);
    let point = points.next()?;
    if points.any(|other| other != point) {
        return None;
    }
    // Between thousands there may be what others write before cents.
    if read.iter().any(|of| of.thousands == Some(point)) {
        return None;
    }
    let is_negative = |text: &&&str| is_in_parentheses(text);
    let example =
        texts.iter().find(is_negative).or_else(|| texts.iter().max_by_key(|text| text.len()))?;
    Some((example, point))
}

/// Whether a text stands in parentheses, which say of an amount that it is less than nothing.
pub fn is_in_parentheses(text: &str) -> bool {
    without_parentheses(text) != text.trim()
}

fn without_parentheses(text: &str) -> &str {
    let bare = text.trim();
    bare.strip_prefix('(').and_then(|bare| bare.strip_suffix(')')).map_or(bare, str::trim)
}

/// The expression that reads a column of which one value is known, if that is such an amount.
pub fn read_by_one(text: &str, name: &str) -> Option<String> {
    let Amount { point, thousands } = amount(text)?;
    // What stands between thousands does not stand before cents.
    let point = point.unwrap_or(if thousands == Some('.') { ',' } else { '.' });
    (thousands != Some(point)).then(|| in_sql(name, point, is_in_parentheses(text)))
}

fn in_sql(name: &str, point: char, has_parentheses: bool) -> String {
    let name = match has_parentheses {
        true => format!("replace({name}, '(', '-')"),
        false => name.to_owned(),
    };
    let digits = format!("regexp_replace({name}, '[^0-9{point}-]', '', 'g')");
    let digits = if point == ',' { format!("replace({digits}, ',', '.')") } else { digits };
    format!("cast({digits} as decimal(18,2))")
}

/// Currencies that are no capitals, and have no point in them, which an expression would take for that before cents.
const WORDS: [&str; 5] = ["kr", "zł", "Kč", "Ft", "lei"];

struct Amount {
    /// What stands before its cents.
    point: Option<char>,
    /// What stands between its thousands.
    thousands: Option<char>,
}

fn amount(text: &str) -> Option<Amount> {
    let is_sign = |of: char| "$£¥%".contains(of) || ('\u{20a0}'..='\u{20cf}').contains(&of);
    let is_currency = |of: char| of.is_whitespace() || is_sign(of) || of.is_ascii_uppercase();
    let bare = without_parentheses(text);
    let word =
        WORDS.iter().find_map(|word| bare.strip_suffix(word).or_else(|| bare.strip_prefix(word)));
    let bare = word.unwrap_or(bare).trim_matches(is_currency);
    let bare = bare.strip_prefix('-').unwrap_or(bare).trim_start_matches(is_currency);
    if text.chars().filter(char::is_ascii_uppercase).count() > 3 {
        return None;
    }
    let cents = bare.rfind([',', '.']).filter(|at| (1..=2).contains(&(bare.len() - at - 1)));
    let (whole, point) = match cents {
        Some(at) => (&bare[..at], bare[at..].chars().next()),
        None => (bare, None),
    };
    let behind = cents.map_or("", |at| &bare[at + 1..]);
    let is_number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    let thousands = whole.chars().find(|of| !of.is_ascii_digit());
    let is_between = thousands.is_none_or(|of| ",.' \u{a0}\u{202f}\u{2019}".contains(of));
    let mut groups = whole.split(|of| Some(of) == thousands);
    let first = groups.next()?;
    let is_whole = !first.is_empty()
        && is_number(first)
        && (thousands.is_none() || first.len() <= 3)
        && groups.all(|group| group.len() == 3 && is_number(group));
    (is_between && is_whole && is_number(behind)).then_some(Amount { point, thousands })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_told_by_what_stands_before_their_cents() {
        let said = |texts: &[&str]| read_by(texts, "amount").map(|(_, read)| read);
        for texts in [
            &["1.234,50", "0,99", "-12,00"][..],
            &["1 234,50 €", "7,5"],
            &["EUR 1'234,50", "EUR 3,00"],
            &["12,5", "3"],
            &["12,5 %", "3 %"],
            &["1 234,50 kr", "7,50 zł"],
            &["₺1.234,50", "3,50"],
        ] {
            assert!(said(texts).is_some_and(|said| said.contains("',', '.')")), "{texts:?}");
        }
        for texts in [&["1,234.50", "2,000.00"][..], &["$12.50", "$3.00"], &["-$1,234.5", "US 7"]] {
            assert!(said(texts).is_some_and(|said| said.contains("[^0-9.-]")), "{texts:?}");
        }
        for texts in [
            &["1,50", "1.50"][..],
            &["05.07.2025"],
            &["10.0.0.1"],
            &["030 123 456"],
            &["1,234", "2,000"],
            &["a,50"],
            &["1,2,3"],
            &[",50"],
            &["FOUR 1.50"],
            &["é1,50"],
            &[""],
            &[],
        ] {
            assert_eq!(said(texts), None, "{texts:?}");
        }
    }
    #[test]
    fn what_accountants_write_in_parentheses_is_negative() {
        let (example, read) =
            read_by(&["1,200.00", "(15.00)", "$ 3.50"], "amount").expect("amounts");
        assert_eq!(example, "(15.00)");
        assert!(read.contains("replace(amount, '(', '-')"), "{read}");
        assert!(read_by_one("(1.234,50 €)", "x").is_some_and(|read| read.contains("'(', '-'")));
        assert!(read_by_one("(030) 123", "x").is_none() && read_by_one("()", "x").is_none());
    }

    #[test]
    fn one_amount_tells_how_the_others_are_read() {
        let said = |text: &str| read_by_one(text, "amount");
        for text in ["1.234,56 €", "12,5 %", "1.234 €", "-0,99"] {
            assert!(said(text).is_some_and(|said| said.contains("',', '.')")), "{text}");
        }
        for text in ["$1,234.56", "$1,234", "12 €", "1 234 kr", "3.50"] {
            assert!(said(text).is_some_and(|said| said.contains("[^0-9.-]")), "{text}");
        }
        for text in ["05.07.2025", "10.0.0.1", "1,2,3", "a,50", "x", ""] {
            assert_eq!(said(text), None, "{text}");
        }
    }
}
