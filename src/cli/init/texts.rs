//! Texts of files as a comment can show them.

use selfsame::internals::console::is_control;

/// The beginning of a text.
pub fn shown(text: &str) -> String {
    let short = on_one_line(&text.chars().take(40).collect::<String>());
    if text.chars().nth(40).is_some() { format!("{short}…") } else { short }
}

/// What ends a line anywhere would end the comment, and what turns the direction of writing would show another one.
pub fn on_one_line(text: &str) -> String {
    let is_plain = |of: char| !is_control(of) && of != '\u{feff}';
    text.chars().map(|of| if is_plain(of) { of } else { ' ' }).collect()
}

/// In quotes, as YAML and JSON both have them; what would be a variable is none, and what does something else than to stand
/// in its line does not.
pub fn quoted(text: &str) -> String {
    let quoted = serde_json::Value::from(text.replace("${", "${:-$}{")).to_string();
    let escaped = |of: char| match of {
        of if is_control(of) || matches!(of, '\u{a0}' | '\u{feff}') => {
            format!("\\u{:04x}", u32::from(of))
        }
        of => of.to_string(),
    };
    quoted.chars().map(escaped).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_do_nothing_but_to_stand_in_their_line() {
        let controls = ['\u{9}', '\u{1b}', '\u{7f}', '\u{85}', '\u{9b}', '\u{2028}', '\u{feff}'];
        // Marks, embeddings, overrides and isolates of direction.
        let turns = ['\u{61c}', '\u{200e}', '\u{200f}'].into_iter();
        let turns = turns.chain('\u{202a}'..='\u{202e}').chain('\u{2066}'..='\u{2069}');
        for of in controls.into_iter().chain(turns) {
            let text = format!("a{of}b");
            for shown in [shown(&text), on_one_line(&text), quoted(&text)] {
                assert!(!shown.contains(of), "{of:?} {shown:?}");
            }
            let read: String = serde_json::from_str(&quoted(&text)).expect("a text of JSON");
            assert_eq!(read, text);
        }
        assert_eq!(quoted("Zoë"), "\"Zoë\"");
    }
}
