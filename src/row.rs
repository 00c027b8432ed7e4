//! The few types that every stage speaks: data, identifiers, rows, records of a changelog.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

use arcstr::ArcStr;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use thin_vec::ThinVec;

use crate::time::{Micros, Tick};

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
    Short(i64),
    /// What is longer.
    Long(Box<i128>),
}

impl Unscaled {
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

/// An identifier, known by the first 128 bits of the BLAKE3 hash of `type:value`.
///
/// A person's id is the hash of one of their identifiers, so the two share this type's bits.
/// Aligned to 8 bytes, as most that is held of an identifier is.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(C, packed(8))]
pub struct IdentifierHash(pub u128);

impl IdentifierHash {
    /// The hash of an identifier type's name and a normalised text.
    pub fn of(kind: &str, text: &str) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(kind.as_bytes()).update(b":").update(text.as_bytes());
        let hash = hasher.finalize();
        let first: [u8; 16] = hash.as_bytes()[..16].try_into().expect("16 of 32 bytes");
        IdentifierHash(u128::from_be_bytes(first))
    }

    /// The id of the person who is named after this identifier: `p_` and 32 hex digits.
    pub fn person_id(self) -> String {
        let mut id = String::with_capacity(34);
        self.write_person_id(&mut id);
        id
    }

    /// The hash that a person's id is written from; `None` for what is no such id.
    pub fn of_person_id(id: &str) -> Option<Self> {
        let hex = id.strip_prefix("p_")?;
        let is_written = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let bytes: [u8; 16] = const_hex::decode_to_array(hex).ok()?;
        hex.bytes().all(is_written).then(|| IdentifierHash(u128::from_be_bytes(bytes)))
    }

    /// Appends the id of the person who is named after this identifier.
    pub fn write_person_id(self, out: &mut String) {
        out.push_str("p_");
        out.push_str(const_hex::Buffer::<16>::new().format(&self.0.to_be_bytes()));
    }
}

/// An identifier as a row carries it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Identifier {
    pub hash: IdentifierHash,
    /// Index into `Plan::identifiers`, so the smaller is the more trusted.
    pub kind: u8,
    /// The normalised text.
    pub text: ArcStr,
}

/// What a row gives to one aggregate. Only rows that pass the aggregate's condition and whose
/// argument is not null give anything.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Input {
    /// Index into `Plan::aggregates`.
    pub aggregate: u16,
    /// The argument; `Datum::Boolean(true)` for `count(*)`.
    pub value: Datum,
}

/// Where a row stood, comparable within its source: the later position is the greater.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Position {
    /// A file's place in the order of names, or a partition.
    pub part: u32,
    /// A line counted from 1, a row of a Parquet file counted from 1, or an offset.
    pub offset: u64,
}

/// An accepted row.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Row {
    /// Index into `Plan::sources`.
    pub source: u16,
    /// The id of an event, or the key of a record: 128 bits of the BLAKE3 hash of its text; `None`
    /// for events of a source without `id`.
    pub key: Option<u128>,
    pub time: Micros,
    pub position: Position,
    pub arrived: RowArrival,
    /// `None` where the row says that the record is gone.
    pub body: Option<Arc<Body>>,
}

/// When a row came: in the order of ticks, and by the clock that a tick carries.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RowArrival {
    pub tick: Tick,
    pub at: Micros,
}

impl RowArrival {
    /// With the tick in which it is, as most do. A stored row that is read back has an arrival of its own, since it shares
    /// its tick with rows that came before it and after.
    pub const WITH_ITS_TICK: RowArrival = RowArrival { tick: Tick::MAX, at: Micros::MIN };
}

impl Row {
    /// Whether it carries one of some identifiers.
    pub fn carries(&self, hashes: &BTreeSet<IdentifierHash>) -> bool {
        let said = self.body.iter().flat_map(Body::said);
        let carried = said.flat_map(|body| &body.identifiers);
        carried.into_iter().any(|identifier| hashes.contains(&identifier.hash))
    }
}

/// A row that stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StandingRow {
    /// Index into `Plan::sources`.
    pub source: u16,
    pub time: Micros,
    pub body: Arc<Body>,
}

/// What an accepted row says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Body {
    /// Most trusted first (by type, then text), each once. Empty only for records of a source that
    /// no identifier type is taken from.
    pub identifiers: SmallVec<[Identifier; 3]>,
    /// By aggregate.
    pub inputs: Vec<Input>,
    pub verdict: Verdict,
    /// What joins need of the row, if its source joins tables or is a table that is joined.
    pub joining: Option<Arc<Joining>>,
    /// Of a row that was unnested into several: what each of these says. It says nothing else itself.
    pub elements: ThinVec<Arc<Body>>,
}

impl Body {
    /// All that is said: by itself, or by its elements.
    pub fn said(self: &Arc<Body>) -> &[Arc<Body>] {
        if self.elements.is_empty() { std::slice::from_ref(self) } else { &self.elements }
    }
}

/// What a join needs of a row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Joining {
    /// Index into `Plan::sources`.
    pub source: u16,
    pub position: Position,
    /// Of a row that was unnested: which of its elements it is.
    pub element: u32,
    /// The own key of a table's record; for a row that joins, the key that it names of each table,
    /// `None` for null.
    pub keys: SmallVec<[Option<u128>; 1]>,
    /// The values of the columns that the other side's expressions look at, or its own: packed.
    pub values: Box<[u8]>,
}

/// What a row says of the identifiers that it carries.
#[derive(
    Copy, Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub enum Verdict {
    /// They are one person's, as every row's are.
    #[default]
    Together,
    /// Someone decided that they are the same person's.
    Same,
    /// Someone decided that they are different people's.
    Different,
}

/// Why a row, or a field of it, is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// One of a fixed set, see `docs/reference.md`: `malformed`, `wrong_type`, `out_of_range`,
    /// `missing_id`, `missing_key`, `missing_time`, `time_ahead`, `unidentified`, `expression`,
    /// `too_long`, `not_utf8`, `too_many_columns`, `too_few_columns`.
    pub code: &'static str,
    /// The field's path in the raw row, or the expression's place in the definition; may be empty.
    pub path: String,
    pub message: String,
}

/// Where something that was set aside stood.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RawPosition {
    /// A file as a whole, or a line of it: of a Parquet file the row.
    Line {
        file: String,
        line: Option<u64>,
    },
    Offset {
        topic: String,
        partition: u32,
        offset: u64,
    },
    /// The key, as text, of a record that an output does not take.
    Key {
        topic: Option<String>,
        key: String,
    },
}

/// A row that was set aside: what `rejects` publishes, less the source's name and the instant.
#[derive(Clone, Debug)]
pub struct Reject {
    pub source: u16,
    pub position: RawPosition,
    pub reasons: Vec<Reason>,
    pub raw: Vec<u8>,
}
