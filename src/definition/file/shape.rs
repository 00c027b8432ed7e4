//! What a field of the definition file looks like.

/// What a value looks like.
#[derive(Clone, Debug)]
pub enum Shape {
    Text,
    /// SQL over what the description says.
    Sql,
    /// A type of the language; a list's stands in brackets, which make it a list to YAML.
    Type,
    /// A number and a unit, as in `30 days`.
    Duration,
    /// A whole number from 1.
    Count,
    /// One of a few words.
    Choice(&'static [&'static str]),
    /// A text or a list of texts.
    Texts,
    /// So many of the kind.
    ListOf(&'static Shape, std::ops::RangeInclusive<usize>),
    Object(&'static [FieldShape]),
    /// Names chosen by the user.
    MapOf(&'static Shape),
    /// Names chosen by the user, beside a few that are known.
    MapWith(&'static [FieldShape], &'static Shape),
    /// Either of several.
    Either(&'static [Shape]),
    /// Any scalar.
    Scalar,
    /// Any scalar, or null.
    Value,
}

impl Shape {
    pub fn is_map(&self) -> bool {
        matches!(self, Shape::MapOf(_) | Shape::MapWith(..))
    }
}

/// A field of an object.
#[derive(Debug)]
pub struct FieldShape {
    pub name: &'static str,
    pub shape: Shape,
    pub required: bool,
    pub description: &'static str,
    /// YAML.
    pub example: &'static str,
}

pub const fn field(
    name: &'static str,
    shape: Shape,
    description: &'static str,
    example: &'static str,
) -> FieldShape {
    FieldShape { name, shape, required: false, description, example }
}

pub const fn required(
    name: &'static str,
    shape: Shape,
    description: &'static str,
    example: &'static str,
) -> FieldShape {
    FieldShape { name, shape, required: true, description, example }
}
