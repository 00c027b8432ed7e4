//! Fields of the definition file by the names that they have in other tools.

/// What other tools call a field, and what it is called here.
const ELSEWHERE: [(&str, &str); 16] = [
    ("type", "kind"),
    ("schema", "fields"),
    ("columns", "fields"),
    ("path", "files"),
    ("file", "files"),
    ("topic", "kafka"),
    ("primary_key", "key"),
    ("filter", "where"),
    ("condition", "where"),
    ("timestamp", "time"),
    ("sources", "from"),
    ("source", "from"),
    ("expression", "sql"),
    ("aggregate", "select"),
    ("window", "within"),
    ("ttl", "within"),
];

/// The known field that goes by another name elsewhere.
pub fn elsewhere<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let mut ours = ELSEWHERE.iter().filter(|(theirs, _)| *theirs == name).map(|(_, ours)| ours);
    ours.find_map(|ours| known.iter().copied().find(|known| known == ours))
}
