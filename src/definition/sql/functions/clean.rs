//! `clean(x)`: a text without what nobody sees.
//!
//! SQL's `trim` takes spaces alone: a no-break space, a zero width space or a byte order mark at an end of a text
//! stays, and makes another text of it.

use datafusion_expr::ScalarUDF;

use super::own::OfTexts;

pub fn function() -> ScalarUDF {
    OfTexts::of_one("clean", "clean(x)", |given| given[0].map(clean))
}

/// Each run of white space of whatever kind is one space, none stands at an end, and what has no width is gone;
/// but within a text its joiners stay, since some scripts, and emoji, are other words without.
pub fn clean(text: &str) -> String {
    // Most texts are a word that all can see.
    if text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return text.to_owned();
    }
    let mut clean = String::with_capacity(text.len());
    let (mut space, mut joiners) = (false, String::new());
    for character in text.chars() {
        match character {
            '\u{200c}' | '\u{200d}' => joiners.push(character),
            _ if character.is_whitespace() => space = true,
            _ if is_unseen(character) => {}
            _ => {
                if clean.is_empty() || space {
                    joiners.clear();
                }
                if space && !clean.is_empty() {
                    clean.push(' ');
                }
                clean.push_str(&joiners);
                clean.push(character);
                (space, joiners) = (false, String::new());
            }
        }
    }
    clean
}

/// Controls, marks of direction, and what has no width.
fn is_unseen(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
                | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{206f}' | '\u{feff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_nobody_sees_is_gone() {
        for (text, expected) in [
            ("\u{a0}Ada\u{2003}\u{a0}Lovelace \t\r\n", "Ada Lovelace"),
            ("\u{feff}ada@x.org\u{200b}", "ada@x.org"),
            ("a\u{ad}b\u{0}c\u{202e}d", "abcd"),
            // A woman and a laptop are a programmer.
            ("\u{200d}👩\u{200d}💻\u{200d}", "👩\u{200d}💻"),
            (" \u{3000}\u{200b} ", ""),
            ("", ""),
        ] {
            assert_eq!(clean(text), expected, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_clean_text_is_clean(
            text in "[a \u{a0}\u{200b}\u{200c}\u{200d}\u{feff}\t\n\u{2028}é]{0,12}|\\PC{0,8}",
        ) {
            let once = clean(&text);
            prop_assert_eq!(clean(&once), once.as_str());
            prop_assert_eq!(once.trim(), once.as_str());
            let is_plain = !once.contains("  ") && !once.contains('\u{a0}');
            prop_assert!(is_plain, "{:?}", once);
            let seen = |text: &str| -> String {
                text.chars().filter(|c| c.is_alphanumeric()).collect()
            };
            prop_assert_eq!(seen(&once), seen(&text));
        }
    }
}
