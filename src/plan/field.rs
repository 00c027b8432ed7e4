//! What is taken out of a row.

use std::sync::Arc;

use super::{FieldPath, TimeForm, Type, ValueMap};
use crate::row::Datum;

/// What to take out of a raw row.
#[derive(Clone, Debug)]
pub struct Field {
    pub name: String,
    pub data_type: Type,
    /// From the row's root down; its name unless the definition gives a path.
    pub path: FieldPath,
    /// Stands in for a value that is absent or null.
    pub default: Option<Datum>,
    /// How a timestamp or a date is written, where the definition says so.
    pub written: Option<Arc<TimeForm>>,
    /// What its codes mean, where the definition says so.
    pub map: Option<Arc<ValueMap>>,
}
