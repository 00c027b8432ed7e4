//! JSON for people to read.

use crate::console::shown_lines;

/// JSON on several lines, its numbers with the digits that they came with, and nothing in its texts that
/// does more than stand there.
pub fn indented(json: &str) -> String {
    let mut text = String::new();
    let (mut depth, mut quoted, mut escaped) = (0usize, false, false);
    let mut characters = json.chars().peekable();
    while let Some(character) = characters.next() {
        if quoted {
            text.push(character);
            quoted = escaped || character != '"';
            escaped = !escaped && character == '\\';
            continue;
        }
        let line = |text: &mut String, depth: usize| {
            text.push('\n');
            text.extend(std::iter::repeat_n("  ", depth));
        };
        match character {
            '"' => {
                quoted = true;
                text.push('"');
            }
            '{' | '[' if characters.peek().is_some_and(|next| matches!(next, '}' | ']')) => {
                text.push(character);
                text.extend(characters.next());
            }
            '{' | '[' => {
                depth += 1;
                text.push(character);
                line(&mut text, depth);
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                line(&mut text, depth);
                text.push(character);
            }
            ',' => {
                text.push(',');
                line(&mut text, depth);
            }
            ':' => text.push_str(": "),
            _ if character.is_whitespace() => {}
            _ => text.push(character),
        }
    }
    shown_lines(&text)
}
