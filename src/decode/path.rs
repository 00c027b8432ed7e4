//! Where a source's fields stand in a row: a tree of the wanted steps, and paths as messages show them.

use crate::plan::{Field, FieldPath, PathStep};

/// The wanted paths of a source, as a tree of keys and items.
pub(super) struct Paths {
    pub root: PathNode,
    /// Each field's path as messages show it: `$.properties.email`.
    pub shown: Vec<String>,
}

#[derive(Default)]
pub(super) struct PathNode {
    /// By keys of objects.
    pub children: Vec<(WantedName, PathNode)>,
    /// By items of lists.
    pub items: Vec<(usize, PathNode)>,
    /// Fields whose path ends here.
    pub fields: Vec<usize>,
    /// Fields whose path goes on from here.
    pub below: Vec<usize>,
    pub shown: String,
}

/// A key that is looked for.
pub(super) struct WantedName {
    pub name: String,
    /// As it stands in a row behind its first quote, with the last one; none where some of it would be escaped.
    pub written: Option<Box<[u8]>>,
}

impl WantedName {
    fn new(name: &str) -> Self {
        let is_escaped = |byte: u8| byte == b'"' || byte == b'\\' || byte < b' ';
        let written =
            (!name.bytes().any(is_escaped)).then(|| [name.as_bytes(), b"\""].concat().into());
        WantedName { name: name.to_owned(), written }
    }
}

impl Paths {
    pub fn new(fields: &[Field]) -> Self {
        let mut root = PathNode { shown: "$".to_owned(), ..PathNode::default() };
        let mut shown = Vec::with_capacity(fields.len());
        for (index, field) in fields.iter().enumerate() {
            shown.push(shown_path(&field.path));
            if field.path.is_position() {
                continue;
            }
            let mut node = &mut root;
            for step in field.path.steps() {
                node.below.push(index);
                node = node.child(step);
            }
            node.fields.push(index);
        }
        Paths { root, shown }
    }
}

impl PathNode {
    fn child(&mut self, step: &PathStep) -> &mut PathNode {
        let node = || PathNode { shown: extended(&self.shown, step), ..PathNode::default() };
        match step {
            PathStep::Key(key) => {
                let place = self.children.iter().position(|(wanted, _)| wanted.name == *key);
                let place = place.unwrap_or_else(|| {
                    let node = node();
                    self.children.push((WantedName::new(key), node));
                    self.children.len() - 1
                });
                &mut self.children[place].1
            }
            PathStep::Item(item) => {
                let place = self.items.iter().position(|(number, _)| number == item);
                let place = place.unwrap_or_else(|| {
                    let node = node();
                    self.items.push((*item, node));
                    self.items.len() - 1
                });
                &mut self.items[place].1
            }
            PathStep::Position => unreachable!("a position is in no object"),
        }
    }

    /// Fields whose path goes on from here by the key of an object.
    pub fn below_keys(&self) -> Vec<usize> {
        self.children.iter().flat_map(|(_, node)| node.all()).collect()
    }

    /// Fields whose path goes on from here by an item of a list.
    pub fn below_items(&self) -> Vec<usize> {
        self.items.iter().flat_map(|(_, node)| node.all()).collect()
    }

    fn all(&self) -> impl Iterator<Item = usize> {
        self.fields.iter().chain(&self.below).copied()
    }

    /// Whether a path as messages show it is this one or leads on from here.
    pub fn shows(&self, path: &str) -> bool {
        path.strip_prefix(&*self.shown)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    }

    /// Whether no path goes on from here.
    pub fn is_leaf(&self) -> bool {
        self.below.is_empty()
    }
}

/// A field's path as messages show it: `$.properties.email`.
pub(super) fn shown_path(path: &FieldPath) -> String {
    path.steps().iter().fold("$".to_owned(), |path, step| extended(&path, step))
}

fn extended(path: &str, step: &PathStep) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    match step {
        PathStep::Item(item) => format!("{path}[{item}]"),
        PathStep::Position => format!("{path}.#"),
        PathStep::Key(key) if !key.is_empty() && key.bytes().all(plain) => format!("{path}.{key}"),
        PathStep::Key(key) => format!("{path}[{key:?}]"),
    }
}
