//! What is said of a file that is no YAML where no text is known to be at fault.

/// What the parser says, and what to do.
pub fn explained(info: &str) -> String {
    let hints = [
        (
            "unprintable",
            "take the character out, or write it as an escape such as \"\\u0007\" between quotes",
        ),
        ("tab", "indent with spaces"),
        ("did not find expected key", "this line begins at another column than those before"),
        ("did not find expected '-'", "this line begins at another column than those before"),
        ("mapping values are not allowed", "put a text with ': ' in it between quotes"),
        ("invalid indentation in quoted scalar", "is the quote closed?"),
        ("unexpected end of stream", "is the quote closed?"),
        ("invalid indentation", "is every '[' and '{' before closed?"),
        ("expected ',' or", "is every '[' and '{' before closed?"),
        ("unexpected character", "put a text that begins with it between quotes"),
        ("unknown anchor", "an alias stands behind the '&name' that it repeats"),
        ("simple key expect", "a name is followed by ': '"),
    ];
    match hints.iter().find(|(part, _)| info.contains(part)) {
        Some((_, hint)) => format!("this is no YAML: {info}: {hint}"),
        None => format!("this is no YAML: {info}"),
    }
}
