//! Values of the language's types.
#![deny(missing_docs)]

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

use arcstr::ArcStr;
use serde::{Deserialize, Serialize};

use crate::time::Micros;

/// A value of one of the language's types. Which type, and a decimal's scale, is known by the plan.
///
/// The order is total and the same on every machine: numbers by `total_cmp` with one zero and one
/// NaN, text byte by byte.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Datum {
    /// True or false.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A double.
    Number(f64),
    /// A decimal, less its point.
    Decimal(Unscaled),
    /// A text.
    Text(ArcStr),
    /// Microseconds since the epoch.
    Timestamp(Micros),
    /// Days since the epoch.
    Date(i32),
    /// A list, whose items are not null.
    List(Items<Datum>),
    /// One value a field, in the order of the type's fields; `None` is null, and the least.
    Struct(Items<Option<Datum>>),
}

impl Datum {
    /// A decimal of these digits: its type says how many of them stand behind the point.
    pub fn decimal(unscaled: i128) -> Self {
        Datum::Decimal(Unscaled::from(unscaled))
    }

    fn rank(&self) -> u8 {
        match self {
            Datum::Boolean(_) => 0,
            Datum::Integer(_) => 1,
            Datum::Number(_) => 2,
            Datum::Decimal(_) => 3,
            Datum::Text(_) => 4,
            Datum::Timestamp(_) => 5,
            Datum::Date(_) => 6,
            Datum::List(_) => 7,
            Datum::Struct(_) => 8,
        }
    }
}

/// The items of a list, or the fields of a struct, behind one pointer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Items<T>(Arc<Box<[T]>>);

impl<T> Deref for Items<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T> FromIterator<T> for Items<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Items(Arc::new(items.into_iter().collect()))
    }
}

impl<T, const N: usize> From<[T; N]> for Items<T> {
    fn from(items: [T; N]) -> Self {
        Items(Arc::new(Box::new(items)))
    }
}

impl<T> From<Vec<T>> for Items<T> {
    fn from(items: Vec<T>) -> Self {
        Items(Arc::new(items.into()))
    }
}

/// One zero and one NaN, so that equal values have equal bits.
pub fn canonical(number: f64) -> f64 {
    if number == 0.0 {
        0.0
    } else if number.is_nan() {
        f64::NAN
    } else {
        number
    }
}

impl Ord for Datum {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Datum::Boolean(a), Datum::Boolean(b)) => a.cmp(b),
            (Datum::Integer(a), Datum::Integer(b)) => a.cmp(b),
            (Datum::Number(a), Datum::Number(b)) => canonical(*a).total_cmp(&canonical(*b)),
            (Datum::Decimal(a), Datum::Decimal(b)) => a.cmp(b),
            (Datum::Text(a), Datum::Text(b)) => a.cmp(b),
            (Datum::Timestamp(a), Datum::Timestamp(b)) => a.cmp(b),
            (Datum::Date(a), Datum::Date(b)) => a.cmp(b),
            (Datum::List(a), Datum::List(b)) => a.cmp(b),
            (Datum::Struct(a), Datum::Struct(b)) => a.cmp(b),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}
impl PartialOrd for Datum {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl PartialEq for Datum {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Datum {}
impl Hash for Datum {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.rank().hash(state);
        match self {
            Datum::Boolean(value) => value.hash(state),
            Datum::Integer(value) | Datum::Timestamp(value) => value.hash(state),
            Datum::Number(value) => canonical(*value).to_bits().hash(state),
            Datum::Decimal(value) => value.hash(state),
            Datum::Text(value) => value.hash(state),
            Datum::Date(value) => value.hash(state),
            Datum::List(values) => values.hash(state),
            Datum::Struct(values) => values.hash(state),
        }
    }
}

/// A decimal's value without its point. Mostly it takes eight bytes, so that a datum takes sixteen: one
/// is held for every value of every person.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Unscaled {
    /// What has up to 64 bits.
    Short(i64),
    /// What is longer.
    Long(Box<i128>),
}

impl Unscaled {
    /// The digits, with their sign.
    pub fn get(&self) -> i128 {
        match self {
            Unscaled::Short(value) => i128::from(*value),
            Unscaled::Long(value) => **value,
        }
    }
}

impl From<i128> for Unscaled {
    fn from(value: i128) -> Self {
        i64::try_from(value).map_or_else(|_| Unscaled::Long(Box::new(value)), Unscaled::Short)
    }
}

impl Ord for Unscaled {
    fn cmp(&self, other: &Self) -> Ordering {
        self.get().cmp(&other.get())
    }
}
impl PartialOrd for Unscaled {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl PartialEq for Unscaled {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}
impl Eq for Unscaled {}
impl Hash for Unscaled {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.get().hash(state);
    }
}
