//! Patterns of `ignore` that can match one character only where a text was meant.

use crate::definition::read::object::{Object, ReadContext};

/// Notes patterns such as `[object Object]`: in a glob, brackets are a class, one of the characters in
/// them.
pub fn classes(context: &mut ReadContext, object: &Object<'_>) {
    for (text, place) in object.texts(context, "ignore").unwrap_or_default() {
        if let Some(inside) = text_in_brackets(&text) {
            let literal = text.replacen(&format!("[{inside}]"), &format!("[[]{inside}]"), 1);
            let message = format!(
                "'ignore' of {}: '[{inside}]' is one character, one of those in the brackets: to \
                 mean the text, write '{literal}'",
                object.what
            );
            context.complain(place, message);
        }
    }
}

/// What stands in brackets and reads like a text: it has a space, a character twice, or at least three that
/// are not in order, as one would write those of a class; a range such as `a-z` is none.
fn text_in_brackets(pattern: &str) -> Option<&str> {
    let (_, rest) = pattern.split_once('[')?;
    let (inside, _) = rest.split_once(']')?;
    if inside.starts_with(['!', '^']) {
        return None;
    }
    let characters: Vec<char> = inside.chars().collect();
    let is_range = characters.windows(3).any(|three| three[1] == '-');
    let in_order = characters.windows(2).all(|two| two[0] < two[1]);
    (characters.len() >= 3 && !is_range && !in_order).then_some(inside)
}

#[cfg(test)]
mod tests {
    use super::text_in_brackets;

    #[test]
    fn texts_are_told_from_classes() {
        for (pattern, inside) in [
            ("[object Object]", Some("object Object")),
            ("[none]", Some("none")),
            ("x[nil]*", Some("nil")),
            ("[abc]", None),
            ("[ab]", None),
            ("[0-9]", None),
            ("[a-zA-Z_]", None),
            ("[!none]", None),
            ("[[]object Object]", None),
            ("[aeiou]", None),
            ("noreply@*", None),
            ("[", None),
        ] {
            assert_eq!(text_in_brackets(pattern), inside, "{pattern}");
        }
    }
}
