//! Expressions as they stand in the file, each of their characters with its place.

use crate::definition::file::diagnostic::Place;
use crate::definition::file::unquoted;
use crate::definition::file::yaml::{YamlNode, YamlValue};
use crate::definition::sql::SqlError;
use crate::definition::sql::mistake::position_of;

/// An expression as it stands in the file.
#[derive(Clone, Debug)]
pub struct SqlText {
    pub text: String,
    /// Where it begins.
    pub place: Place,
    /// Where each of its characters stands.
    places: Vec<Place>,
    /// Such as `'where' of segment 'lapsed'`.
    pub what: String,
}

impl SqlText {
    /// A value's text.
    pub fn of(node: &YamlNode, text: String, what: String) -> Self {
        let places = match &node.value {
            YamlValue::Scalar { places, .. } => places.clone(),
            _ => Vec::new(),
        };
        // A block stands where its first word does.
        let place = places.first().copied().unwrap_or(node.place);
        SqlText { text, place, places, what }
    }

    /// One that follows from what stands at a place.
    pub fn made(text: String, place: Place, what: String) -> Self {
        SqlText { text, place, places: Vec::new(), what }
    }

    /// The place of a line and a column of the text, from 1.
    pub fn place_at(&self, line: u64, column: u64) -> Place {
        let before = self.text.split_inclusive('\n').take(line.saturating_sub(1) as usize);
        let before: usize = before.map(|line| line.chars().count()).sum();
        let index = before + column.saturating_sub(1) as usize;
        match (self.places.get(index), self.places.last()) {
            (Some(place), _) => *place,
            (None, Some(last)) => Place { column: last.column + 1, ..*last },
            (None, None) => self.place,
        }
    }

    /// Whether what is wrong may be that more was meant to follow.
    pub fn ends_too_early(&self, error: &SqlError) -> bool {
        let is_open = |quote: char| self.text.matches(quote).count() % 2 == 1;
        let at_end = error.at.is_some_and(|(line, column)| {
            line == 1 && column as usize > self.text.trim_end().chars().count()
        });
        at_end || is_open('\'') || is_open('"')
    }

    /// What YAML took away from its end.
    pub fn cut_short(&self, lines: &[Vec<char>]) -> Option<String> {
        unquoted::cut_short(lines, *self.places.first()?, *self.places.last()?)
    }

    /// The place of a name in it, or of the whole.
    pub fn place_of(&self, name: &str) -> Place {
        match position_of(&self.text, name) {
            Some((line, column)) => self.place_at(line, column),
            None => self.place,
        }
    }
}
