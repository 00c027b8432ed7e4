//! Types of identifiers, and the columns that they are taken from.

use std::fmt::Write;

use super::choices::Choices;
use super::quoted;
use super::sources::Source;
use super::sql::Of;

const TYPES: [(&str, &[&str]); 4] = [
    ("user", &["user"]),
    ("mail", &["mail", "mails", "one"]),
    ("device", &["device", "two"]),
    ("a \"kind\"", &["kind"]),
];
const NORMALIZE: [&str; 6] = [
    "lower(trim(value))",
    "nullif(trim(value), 'none')",
    "case when value like 'b%' then null else value end",
    "substr(value, 1, 1)",
    "cast(6 / (length(value) - 4) as text) || value",
    "split_part(value, '@', 1)",
];
const IGNORE: [&str; 4] = ["[none]", "[\"\", \"n*\"]", "[\"*@y\"]", "[\"[ab]\", none]"];

/// The most trusted first; and which sources have identifiers.
pub struct Identity {
    pub types: Vec<String>,
    /// By source.
    pub identified: Vec<bool>,
    pub yaml: String,
}

impl Identity {
    pub fn new(sources: &[Source], all: &mut [Choices]) -> Self {
        let mut left: Vec<_> = TYPES.to_vec();
        let mut types: Vec<Type> = Vec::new();
        for choices in all.iter_mut().take(TYPES.len()) {
            let (name, columns) = left.remove(choices.below(left.len()));
            let from = sources.iter().map(|source| {
                let has = |column: &&&str| {
                    if source.has_decisions {
                        return false;
                    }
                    let of = source.columns.iter().find(|known| known.name == ***column);
                    of.is_some_and(|known| matches!(known.of, Of::Text | Of::Texts))
                };
                let columns: Vec<String> =
                    columns.iter().filter(has).map(|column| column.to_string()).collect();
                choices.most(&columns)
            });
            let from = from.collect();
            let normalize = choices.one_in(4).then(|| choices.pick(&NORMALIZE));
            let keeps = choices.one_in(4);
            let ignore = choices.one_in(4).then(|| choices.pick(&IGNORE));
            let at_most = choices.one_in(3).then(|| 1 + choices.below(2));
            let shared_after = choices.one_in(3).then(|| 1 + choices.below(3));
            types.push(Type { name, from, normalize, keeps, ignore, at_most, shared_after });
        }
        // The last choice of the first type's: shrinking leaves it out first.
        let at_most =
            all.first_mut().and_then(|choices| choices.one_in(4).then(|| 1 + choices.below(5)));
        // Events are somebody's; records may be nobody's, but not all of them.
        let are_nobodys = types.iter().all(|of| of.from.iter().all(Vec::is_empty));
        let identified = sources.iter().enumerate().map(|(index, source)| {
            let none = types.iter().all(|of| of.from[index].is_empty());
            let needed = !source.has_records || are_nobodys && index == 0;
            if none && needed {
                let texts = source.columns.iter().filter(|c| matches!(c.of, Of::Text | Of::Texts));
                let column = texts.map(|column| &column.name).find(|name| *name != "id");
                types[0].from[index] = vec![column.expect("every source has one").clone()];
            }
            !none || needed
        });
        let identified: Vec<bool> = identified.collect();
        types.retain(|of| of.from.iter().any(|columns| !columns.is_empty()));
        let mut yaml = "identity:\n".to_owned();
        for (number, of) in types.iter().enumerate() {
            of.write(sources, number == 0, &mut yaml);
        }
        if let Some(at_most) = at_most {
            writeln!(yaml, "  at_most: {at_most}").expect("to a string");
        }
        if let Some(rulings) = sources.iter().find(|source| source.has_decisions) {
            let columns = "one: left, other: right, verdict: verdict";
            writeln!(yaml, "  decisions: {{from: {}, {columns}}}", rulings.name)
                .expect("to a string");
        }
        let types = types.iter().map(|of| of.name.to_owned()).collect();
        Identity { types, identified, yaml }
    }
}

struct Type {
    name: &'static str,
    /// By source.
    from: Vec<Vec<String>>,
    normalize: Option<&'static str>,
    /// Its placeholders.
    keeps: bool,
    ignore: Option<&'static str>,
    at_most: Option<usize>,
    shared_after: Option<usize>,
}

impl Type {
    fn write(&self, sources: &[Source], is_first: bool, yaml: &mut String) {
        let from = self.from.iter().zip(sources).filter(|(columns, _)| !columns.is_empty());
        let from = from.map(|(columns, source)| match columns.as_slice() {
            [column] => format!("{}: {column}", source.name),
            columns => format!("{}: [{}]", source.name, columns.join(", ")),
        });
        let from = from.collect::<Vec<_>>().join(", ");
        writeln!(yaml, "  {}:\n    from: {{{from}}}", quoted(self.name)).expect("to a string");
        if let Some(normalize) = self.normalize {
            writeln!(yaml, "    normalize: {}", quoted(normalize)).expect("to a string");
        }
        if self.keeps {
            yaml.push_str("    placeholders: keep\n");
        }
        if let Some(ignore) = self.ignore {
            writeln!(yaml, "    ignore: {ignore}").expect("to a string");
        }
        if let Some(at_most) = self.at_most {
            writeln!(yaml, "    at_most: {at_most}").expect("to a string");
        }
        if let Some(shared_after) = self.shared_after.filter(|_| !is_first) {
            writeln!(yaml, "    shared_after: {shared_after}").expect("to a string");
        }
    }
}
