//! Where a source's fields stand in a row: a tree of the wanted keys, and paths as messages show them.

use crate::plan::Field;

/// The wanted paths of a source, as a tree of keys.
pub(super) struct Paths {
    pub root: PathNode,
    /// Each field's path as messages show it: `$.properties.email`.
    pub shown: Vec<String>,
}

#[derive(Default)]
pub(super) struct PathNode {
    pub children: Vec<(String, PathNode)>,
    /// Fields whose path ends here.
    pub fields: Vec<usize>,
    /// Fields whose path goes on from here.
    pub below: Vec<usize>,
    pub shown: String,
}

impl Paths {
    pub fn new(fields: &[Field]) -> Self {
        let mut root = PathNode { shown: "$".to_owned(), ..PathNode::default() };
        let mut shown = Vec::with_capacity(fields.len());
        for (index, field) in fields.iter().enumerate() {
            let mut node = &mut root;
            for key in &field.path {
                node.below.push(index);
                let place = node.children.iter().position(|(name, _)| name == key);
                let place = place.unwrap_or_else(|| {
                    let shown = extended(&node.shown, key);
                    node.children.push((key.clone(), PathNode { shown, ..PathNode::default() }));
                    node.children.len() - 1
                });
                node = &mut node.children[place].1;
            }
            node.fields.push(index);
            shown.push(shown_path(&field.path));
        }
        Paths { root, shown }
    }
}

/// A field's path as messages show it: `$.properties.email`.
pub(super) fn shown_path(keys: &[String]) -> String {
    keys.iter().fold("$".to_owned(), |path, key| extended(&path, key))
}

fn extended(path: &str, key: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if !key.is_empty() && key.bytes().all(plain) {
        format!("{path}.{key}")
    } else {
        format!("{path}[{key:?}]")
    }
}
