//! Where a value stands in a row: keys of objects and items of lists, from the row's root down.

use std::fmt::{Display, Formatter};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldPath {
    steps: Vec<PathStep>,
    /// It ends with a `#` without quotes, which is no key below a list, but the position of an element.
    ends_with_position: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathStep {
    Key(String),
    /// An item of a list, from 0.
    Item(usize),
    /// The position of an element in its list, from 1.
    Position,
}

impl FieldPath {
    /// The path of what stands at the row's root.
    pub fn key(name: impl Into<String>) -> Self {
        FieldPath::of(vec![PathStep::Key(name.into())])
    }

    fn of(steps: Vec<PathStep>) -> Self {
        FieldPath { steps, ends_with_position: false }
    }

    /// Keys that dots part, items in brackets, and keys with a dot or a bracket in quotes: `items[0]."a.b"`. The key
    /// that is empty stands in quotes, too.
    ///
    /// # Errors
    /// What is wrong with the path.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text == "$" {
            return Err("'$' alone is the whole row: name a key of it, as in email".to_owned());
        }
        if text.starts_with("$[") {
            return Err(
                "keys are parted by dots, as in a.b, and items are as in items[0]".to_owned()
            );
        }
        let mut steps = Vec::new();
        let mut rest = text.strip_prefix("$.").unwrap_or(text);
        loop {
            let is_position = rest == "#";
            let (key, behind) = match rest.chars().next() {
                Some(quote @ ('"' | '\'')) => {
                    let inner = &rest[1..];
                    let end = inner.find(quote).ok_or("a quote is not closed")?;
                    (&inner[..end], &inner[end + 1..])
                }
                _ => match rest.find(['.', '[']).unwrap_or(rest.len()) {
                    0 => return Err("keys are separated by dots".to_owned()),
                    end => rest.split_at(end),
                },
            };
            steps.push(PathStep::Key(key.to_owned()));
            rest = behind;
            while let Some(inner) = rest.strip_prefix('[') {
                let (item, behind) = inner.split_once(']').ok_or("a bracket is not closed")?;
                let item = item.parse().map_err(|_| {
                    format!("[{item}] is no item of a list: these are counted from 0, as in items[0]; a key with a bracket stands in quotes")
                })?;
                steps.push(PathStep::Item(item));
                rest = behind;
            }
            match rest.strip_prefix('.') {
                Some(below) => rest = below,
                None if rest.is_empty() => {
                    return Ok(FieldPath { steps, ends_with_position: is_position });
                }
                None => return Err("a dot stands behind a bracket and behind a quote".to_owned()),
            }
        }
    }

    pub fn steps(&self) -> &[PathStep] {
        &self.steps
    }

    /// The key at the row's root: of CSV and columnar files the column.
    pub fn root(&self) -> &str {
        match self.steps.first() {
            Some(PathStep::Key(key)) => key,
            _ => "",
        }
    }

    /// What is left of it below a list, from one of its elements down; `#` without quotes is the element's position there. `None` if it
    /// leads elsewhere, or to an element that it names.
    pub fn of_element(&self, list: &FieldPath) -> Option<FieldPath> {
        let below = self.steps.strip_prefix(&list.steps[..])?;
        match below {
            [PathStep::Item(_), ..] => None,
            [PathStep::Key(_)] if self.ends_with_position => {
                Some(FieldPath::of(vec![PathStep::Position]))
            }
            steps => Some(FieldPath::of(steps.to_vec())),
        }
    }

    /// Whether it is the position of an element.
    pub fn is_position(&self) -> bool {
        self.steps == [PathStep::Position]
    }

    /// It, and another one from there on.
    pub fn extended(&self, below: &FieldPath) -> FieldPath {
        let steps = [&self.steps[..], &below.steps[..]].concat();
        FieldPath { steps, ends_with_position: below.ends_with_position }
    }

    /// Up to so many steps.
    pub fn up_to(&self, steps: usize) -> FieldPath {
        FieldPath::of(self.steps[..steps].to_vec())
    }
}

impl Display for FieldPath {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        for (at, step) in self.steps.iter().enumerate() {
            match step {
                PathStep::Item(item) => write!(f, "[{item}]")?,
                PathStep::Position => f.write_str("#")?,
                PathStep::Key(key) => {
                    f.write_str(if at > 0 { "." } else { "" })?;
                    let is_quoted = key.is_empty()
                        || key.contains(['.', '['])
                        || key == "#" && !self.ends_with_position;
                    match is_quoted && self.steps.len() > 1 {
                        _ if key.is_empty() && self.steps.len() == 1 => f.write_str("''")?,
                        true => write!(f, "\"{key}\"")?,
                        false => f.write_str(key)?,
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_position_of_an_element_stands_without_quotes() {
        let list = FieldPath::parse("items").expect("a path");
        for (text, is_position) in
            [("items.#", true), ("items.'#'", false), ("items.\"#\"", false), ("items.a.#", false)]
        {
            let path = FieldPath::parse(text).expect("a path");
            let below = path.of_element(&list).expect("it is below");
            assert_eq!(below.is_position(), is_position, "{text}");
            assert_eq!(FieldPath::parse(&path.to_string()), Ok(path), "{text}");
        }
    }
}
