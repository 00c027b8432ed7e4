//! Texts of files as a comment can show them.

/// The beginning of a text.
pub fn shown(text: &str) -> String {
    let short = on_one_line(&text.chars().take(40).collect::<String>());
    if text.chars().nth(40).is_some() { format!("{short}…") } else { short }
}

/// What ends a line anywhere would end the comment.
pub fn on_one_line(text: &str) -> String {
    let is_plain =
        |of: char| !of.is_control() && !['\u{2028}', '\u{2029}', '\u{feff}'].contains(&of);
    text.chars().map(|of| if is_plain(of) { of } else { ' ' }).collect()
}

/// In quotes, as YAML and JSON both have them; what would be a variable is none, and what ends a line somewhere ends none.
pub fn quoted(text: &str) -> String {
    let quoted = serde_json::Value::from(text.replace("${", "${:-$}{")).to_string();
    let escaped = |of: char| match of {
        '\u{80}'..='\u{a0}' | '\u{2028}' | '\u{2029}' | '\u{feff}' => {
            format!("\\u{:04x}", u32::from(of))
        }
        of => of.to_string(),
    };
    quoted.chars().map(escaped).collect()
}
