//! What an accepted row says, in one block of memory: rows are many, and most are forgotten as soon as they have
//! been added up, on another worker than the one that made them.
//!
//! ```text
//! head │ hash, type, length, text of each identifier │ aggregate, value of each input
//! ```

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use thin_vec::ThinVec;
use triomphe::ThinArc;

use super::datum::Datum;
use super::identifier::{Identifier, IdentifierHash};
use super::position::Position;
use super::value_bytes::{push_length, push_value, take, take_length, take_value, text};

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

/// What a join needs of a row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Joining {
    /// Index into `Plan::sources`.
    pub source: u16,
    pub position: Position,
    /// Which element of a row that was unnested it is.
    pub element: u32,
    /// The own key of a table's record; for a row that joins, the key that it names of each table,
    /// `None` for null.
    pub keys: SmallVec<[Option<u128>; 1]>,
    /// The values of the columns that the other side's expressions look at, or its own: packed.
    pub values: Box<[u8]>,
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

/// What an accepted row says. A copy is the same block.
#[derive(Clone, Serialize, Deserialize)]
#[serde(into = "SentBody", from = "SentBody")]
pub struct Body(ThinArc<Head, u8>);

/// What lies before the bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Head {
    verdict: Verdict,
    joining: Option<Arc<Joining>>,
    elements: ThinVec<Body>,
    identifiers: u32,
    /// How many bytes the identifiers take: there the inputs begin.
    inputs_at: u32,
}

impl Body {
    /// Nothing but identifiers and inputs, which are by aggregate.
    pub fn of(identifiers: &[Identifier], inputs: &[Input]) -> Self {
        Body::saying(Verdict::Together, identifiers, inputs)
    }

    /// What takes no part in a join.
    pub fn saying(verdict: Verdict, identifiers: &[Identifier], inputs: &[Input]) -> Self {
        let mut builder = BodyBuilder::default();
        identifiers.iter().for_each(|of| builder.carry(of.hash, of.kind, &of.text));
        inputs.iter().for_each(|input| builder.give(input.aggregate, &input.value));
        builder.build(verdict, None, ThinVec::new())
    }

    /// Most trusted first (by type, then text), each once. None only for records of a source that
    /// no identifier type is taken from.
    pub fn identifiers(&self) -> impl ExactSizeIterator<Item = Carried<'_>> + Clone {
        let bytes = &self.0.slice[..self.0.header.header.inputs_at as usize];
        CarriedOnes { number: self.number_of_identifiers(), all: bytes.len(), rest: bytes }
    }

    pub fn number_of_identifiers(&self) -> usize {
        self.0.header.header.identifiers as usize
    }

    /// By aggregate.
    pub fn inputs(&self) -> impl Iterator<Item = Input> + use<'_> {
        let mut rest = &self.0.slice[self.0.header.header.inputs_at as usize..];
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let aggregate = take_length(&mut rest) as u16;
            let value = take_value(&mut rest).expect("no input is null");
            Some(Input { aggregate, value })
        })
    }

    pub fn verdict(&self) -> Verdict {
        self.0.header.header.verdict
    }

    /// What joins need of the row, if its source joins tables or is a table that is joined.
    pub fn joining(&self) -> Option<&Arc<Joining>> {
        self.0.header.header.joining.as_ref()
    }

    /// What each part of a row says that was unnested into several. It says nothing else itself.
    pub fn elements(&self) -> &[Body] {
        &self.0.header.header.elements
    }

    /// All that is said: by itself, or by its elements.
    pub fn said(&self) -> &[Body] {
        if self.elements().is_empty() { std::slice::from_ref(self) } else { self.elements() }
    }

    /// The same with other inputs, by aggregate.
    pub fn with_inputs(&self, inputs: &[Input]) -> Self {
        let mut builder = BodyBuilder::default();
        self.identifiers().for_each(|of| builder.carry(of.hash, of.kind, of.text()));
        inputs.iter().for_each(|input| builder.give(input.aggregate, &input.value));
        let Head { verdict, joining, elements, .. } = self.0.header.header.clone();
        builder.build(verdict, joining, elements)
    }

    /// What a row says by its elements alone.
    pub fn of_elements(verdict: Verdict, elements: ThinVec<Body>) -> Self {
        BodyBuilder::default().build(verdict, None, elements)
    }

    /// Some of the identifiers, which were found in it.
    pub fn mentioned<const NUMBER: usize>(&self, of: [Carried<'_>; NUMBER]) -> Mentioned<NUMBER> {
        Mentioned { body: self.clone(), places: of.map(|of| of.place) }
    }

    /// How many bytes it takes, less what joins and elements have.
    pub fn held(&self) -> usize {
        size_of::<Head>() + size_of_val(&self.0.slice) + 2 * size_of::<usize>()
    }

    /// Reads its first bytes, and returns something that depends on them.
    pub fn prefetch(&self) -> usize {
        self.0.slice.first().map_or(0, |byte| usize::from(*byte))
    }

    fn carried_at(&self, place: u32) -> Carried<'_> {
        let mut rest = &self.0.slice[place as usize..];
        Carried { place, ..Carried::take(&mut rest) }
    }

    fn parts(&self) -> (&Head, &[u8]) {
        (&self.0.header.header, &self.0.slice)
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body")
            .field("identifiers", &self.identifiers().collect::<Vec<_>>())
            .field("inputs", &self.inputs().collect::<Vec<_>>())
            .field("verdict", &self.verdict())
            .field("joining", &self.joining())
            .field("elements", &self.elements())
            .finish()
    }
}

impl PartialEq for Body {
    fn eq(&self, other: &Self) -> bool {
        self.0.heap_ptr() == other.0.heap_ptr() || self.parts() == other.parts()
    }
}
impl Eq for Body {}
impl PartialOrd for Body {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Body {
    fn cmp(&self, other: &Self) -> Ordering {
        self.parts().cmp(&other.parts())
    }
}
impl Hash for Body {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.parts().hash(state);
    }
}

/// A body on its way to another process, or into a checkpoint.
#[derive(Serialize, Deserialize)]
struct SentBody {
    verdict: Verdict,
    joining: Option<Arc<Joining>>,
    elements: ThinVec<Body>,
    identifiers: u32,
    inputs_at: u32,
    #[serde(with = "serde_bytes")]
    bytes: Vec<u8>,
}

impl From<Body> for SentBody {
    fn from(body: Body) -> Self {
        let (head, bytes) = body.parts();
        let Head { verdict, joining, elements, identifiers, inputs_at } = head.clone();
        SentBody { verdict, joining, elements, identifiers, inputs_at, bytes: bytes.to_vec() }
    }
}

impl From<SentBody> for Body {
    fn from(sent: SentBody) -> Self {
        let SentBody { verdict, joining, elements, identifiers, inputs_at, bytes } = sent;
        let head = Head { verdict, joining, elements, identifiers, inputs_at };
        Body(ThinArc::from_header_and_slice(head, &bytes))
    }
}

/// Puts bodies together, one after the other.
#[derive(Default)]
pub struct BodyBuilder {
    bytes: Vec<u8>,
    identifiers: u32,
    inputs_at: u32,
}

impl BodyBuilder {
    /// Adds an identifier: all of them come before the first input.
    pub fn carry(&mut self, hash: IdentifierHash, kind: u8, text: &str) {
        self.bytes.extend_from_slice(&hash.0.to_le_bytes());
        self.bytes.push(kind);
        push_length(text.len(), &mut self.bytes);
        self.bytes.extend_from_slice(text.as_bytes());
        self.identifiers += 1;
        self.inputs_at = self.bytes.len() as u32;
    }

    /// Adds an input; they come by aggregate.
    pub fn give(&mut self, aggregate: u16, value: &Datum) {
        push_length(aggregate.into(), &mut self.bytes);
        push_value(Some(value), &mut self.bytes);
    }

    /// Adds an input whose value is in bytes already.
    pub fn give_bytes(&mut self, aggregate: u16, value: &[u8]) {
        push_length(aggregate.into(), &mut self.bytes);
        self.bytes.extend_from_slice(value);
    }

    /// What was added, after which nothing is.
    pub fn build(
        &mut self,
        verdict: Verdict,
        joining: Option<Arc<Joining>>,
        elements: ThinVec<Body>,
    ) -> Body {
        let (identifiers, inputs_at) = (self.identifiers, self.inputs_at);
        let head = Head { verdict, joining, elements, identifiers, inputs_at };
        let body = Body(ThinArc::from_header_and_slice(head, &self.bytes));
        self.bytes.clear();
        (self.identifiers, self.inputs_at) = (0, 0);
        body
    }
}

/// An identifier as a row carries it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Carried<'a> {
    pub hash: IdentifierHash,
    pub kind: u8,
    text: &'a [u8],
    /// Where it begins in its body.
    place: u32,
}

impl<'a> Carried<'a> {
    pub fn text(&self) -> &'a str {
        text(self.text)
    }

    pub fn to_identifier(self) -> Identifier {
        Identifier { hash: self.hash, kind: self.kind, text: self.text().into() }
    }

    fn take(rest: &mut &'a [u8]) -> Self {
        let hash = take(rest, 16).try_into().expect("16 bytes");
        let hash = IdentifierHash(u128::from_le_bytes(hash));
        let kind = take(rest, 1)[0];
        let length = take_length(rest);
        Carried { hash, kind, text: take(rest, length), place: 0 }
    }
}

impl fmt::Debug for Carried<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_identifier().fmt(f)
    }
}

#[derive(Clone)]
struct CarriedOnes<'a> {
    number: usize,
    all: usize,
    rest: &'a [u8],
}

impl<'a> Iterator for CarriedOnes<'a> {
    type Item = Carried<'a>;

    fn next(&mut self) -> Option<Carried<'a>> {
        self.number = self.number.checked_sub(1)?;
        let place = (self.all - self.rest.len()) as u32;
        Some(Carried { place, ..Carried::take(&mut self.rest) })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.number, Some(self.number))
    }
}

impl ExactSizeIterator for CarriedOnes<'_> {}

/// Some of the identifiers that a row carries. On a machine they stay where the row has them; what goes to
/// another process goes without the row.
#[derive(Clone)]
pub struct Mentioned<const NUMBER: usize> {
    body: Body,
    places: [u32; NUMBER],
}

impl<const NUMBER: usize> Mentioned<NUMBER> {
    /// Identifiers that no row carries.
    pub fn alone(identifiers: &[Identifier; NUMBER]) -> Self {
        let body = Body::of(identifiers, &[]);
        let mut at = body.identifiers().map(|of| of.place);
        let places = [(); NUMBER].map(|()| at.next().expect("as many as were put in"));
        drop(at);
        Mentioned { body, places }
    }

    pub fn each(&self) -> [Carried<'_>; NUMBER] {
        self.places.map(|place| self.body.carried_at(place))
    }

    /// Reads its first bytes, and returns something that depends on them.
    pub fn prefetch(&self) -> usize {
        self.body.prefetch()
    }
}

impl<const NUMBER: usize> PartialEq for Mentioned<NUMBER> {
    fn eq(&self, other: &Self) -> bool {
        self.each().map(Carried::to_identifier) == other.each().map(Carried::to_identifier)
    }
}
impl<const NUMBER: usize> Eq for Mentioned<NUMBER> {}

impl<const NUMBER: usize> fmt::Debug for Mentioned<NUMBER> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.each().fmt(f)
    }
}

impl<const NUMBER: usize> Serialize for Mentioned<NUMBER> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.each().map(Carried::to_identifier).as_slice().serialize(serializer)
    }
}

impl<'de, const NUMBER: usize> Deserialize<'de> for Mentioned<NUMBER> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let identifiers = Vec::<Identifier>::deserialize(deserializer)?;
        let found = identifiers.len();
        let identifiers: [Identifier; NUMBER] = identifiers
            .try_into()
            .map_err(|_| serde::de::Error::invalid_length(found, &"so many identifiers"))?;
        Ok(Mentioned::alone(&identifiers))
    }
}
