//! Words that stand for nothing, and for what is true or false.

use std::collections::BTreeSet;

/// In small letters.
#[rustfmt::skip]
const NONE: [&str; 33] = [
    "-", "--", ".", "?", "n/a", "#n/a", "na", "n.a.", "k.a.", "k. a.", "none", "null", "<null>", "(null)", "[null]", "nil", "<na>", "\\n",
    "nan", "nat", "unknown", "undefined", "unbekannt", "keine angabe", "keine", "inconnu", "desconocido",
    "not set", "(not set)", "0000-00-00", "0000-00-00 00:00:00",
    "00.00.0000", "00/00/0000",
];

/// Those of them that a run takes for an identifier, unless it is told otherwise. In small letters.
const NOBODY: [&str; 9] =
    ["?", "n.a.", "k.a.", "k. a.", "unbekannt", "keine angabe", "keine", "inconnu", "desconocido"];

/// What is said of what holds, and of what does not.
#[rustfmt::skip]
const TRUTHS: [(&str, &str); 9] = [
    ("true", "false"), ("t", "f"), ("yes", "no"), ("y", "n"), ("ja", "nein"), ("j", "n"), ("oui", "non"), ("si", "no"),
    ("sí", "no"),
];

/// Whether a text is one that stands for no value.
pub fn is_none(text: &str) -> bool {
    NONE.contains(&text.to_lowercase().as_str())
}

/// Whether a text stands for nobody, where a run does not know that itself.
pub fn is_nobody(text: &str) -> bool {
    NOBODY.contains(&text.to_lowercase().as_str())
}

/// Where values are words for true and false: each of them as it is written, with what it means. `is_cell`: such words
/// need no meaning that the decoder of cells knows itself.
pub fn truths<'a>(texts: &[&'a str], is_cell: bool) -> Option<Vec<(&'a str, &'static str)>> {
    let distinct: BTreeSet<&str> = texts.iter().copied().collect();
    // There are two letters, each small or large.
    if distinct.len() > 6 {
        return None;
    }
    let lower: BTreeSet<String> = distinct.iter().map(|text| text.to_lowercase()).collect();
    let known = |(holds, fails): &(&str, &str)| {
        let has = |word: &str| lower.contains(word);
        let is_plain = *holds == "true";
        lower.iter().all(|word| word == holds || word == fails)
            && (is_plain || has(holds) && has(fails))
    };
    let (holds, _) = TRUTHS.into_iter().find(known)?;
    if holds == "true" && is_cell {
        return Some(Vec::new());
    }
    let meant = |text: &'a str| (text, if text.to_lowercase() == holds { "true" } else { "false" });
    Some(distinct.into_iter().map(meant).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_true_and_false_are_known_where_there_is_nothing_else() {
        assert_eq!(truths(&["True", "False", "TRUE"], true), Some(Vec::new()));
        assert_eq!(truths(&["True"], false), Some(vec![("True", "true")]));
        let told = truths(&["f", "t", "f"], true);
        assert_eq!(told, Some(vec![("f", "false"), ("t", "true")]));
        let told = truths(&["nein", "Ja"], true);
        assert_eq!(told, Some(vec![("Ja", "true"), ("nein", "false")]));
        for texts in [&["yes"][..], &["yes", "no", "maybe"], &["t"], &["M", "F"], &["1", "0"]] {
            assert_eq!(truths(texts, true), None, "{texts:?}");
        }
        assert!(is_none("N/A") && is_none("\\N") && !is_none("no"));
    }
}
