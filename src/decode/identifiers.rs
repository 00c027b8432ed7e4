//! The identifiers that a row carries: normalised, less the placeholders and the ignored, in the
//! identifiers' own order.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, StringArray};
use arrow::compute::{filter, nullif};
use arrow::datatypes::{DataType, Field, Schema};
use smallvec::SmallVec;

use super::evaluate::{Failures, Room, evaluate_within};
use super::placeholders::is_placeholder;
use crate::definition::sql::direct::DirectText;
use crate::definition::sql::limits::all_bytes;
use crate::definition::texts;
use crate::plan::{IdentifierType, Placeholders, Plan};
use crate::row::{BodyBuilder, IdentifierHash};

/// Adds to each row that stands the identifiers of one type that one column holds (text, or lists of text).
/// Rows on which the normalisation fails are returned with its message.
pub(super) fn add(
    plan: &Plan,
    kind: u8,
    column: &ArrayRef,
    rows: &mut RowIdentifiers,
    room: &mut Room,
) -> Option<Failures> {
    let identifier_type = &plan.identifiers[usize::from(kind)];
    let column = rows.standing(column);
    if !matches!(column.data_type(), DataType::List(_)) {
        let (texts, failures) = normalise(identifier_type, &column, room)?;
        let rows_with = (0..texts.len()).map(|row| (row, row));
        rows.add(identifier_type, kind, texts, rows_with);
        return Some(rows.own(failures));
    }
    let lists = column.as_list::<i32>();
    let offsets = lists.value_offsets();
    let place = |row: usize| (offsets[row] - offsets[0]) as usize;
    let values = lists.values().slice(offsets[0] as usize, place(lists.len()));
    let (texts, failures) = normalise(identifier_type, &values, room)?;
    let rows_with = (0..lists.len()).filter(|row| lists.is_valid(*row));
    let items = rows_with.flat_map(|row| (place(row)..place(row + 1)).map(move |item| (row, item)));
    rows.add(identifier_type, kind, texts, items);
    let row_of =
        |item: usize| (0..lists.len()).find(|row| (place(*row)..place(row + 1)).contains(&item));
    let failures =
        failures.into_iter().filter_map(|(item, why)| Some((row_of(item)?, why))).collect();
    Some(rows.own(failures))
}

/// A value as it is known once it is normalised; none, where it is no identifier of the type.
pub fn normalised(identifier_type: &IdentifierType, value: &str) -> Option<String> {
    let value: ArrayRef = Arc::new(StringArray::from(vec![value]));
    let (texts, _) = normalise(identifier_type, &value, &mut Room::of(1))?;
    texts.is_valid(0).then(|| texts.value(0).to_owned())
}

/// Makes of values what rows' are made, one at a time and soon.
pub struct Normaliser {
    of: IdentifierType,
    /// `None`: values are evaluated as rows are.
    direct: Option<DirectText>,
}

impl Normaliser {
    pub fn of(identifier_type: &IdentifierType) -> Self {
        let direct = match &identifier_type.normalize {
            None => Some(DirectText::same()),
            Some(normalize) => DirectText::of(normalize),
        };
        Normaliser { of: identifier_type.clone(), direct }
    }

    /// What [`normalised`] gives.
    pub fn normalised(&self, value: &str) -> Option<String> {
        let Some(direct) = &self.direct else { return normalised(&self.of, value) };
        let ignores = self.of.placeholders == Placeholders::Ignore;
        let counts = |text: &str| !(ignores && is_placeholder(text));
        let text = Some(value).filter(|value| counts(value)).and_then(|value| direct.apply(value));
        text.filter(|text| counts(text)).map(Cow::into_owned)
    }
}

/// The text of a row that its column has in the place of an identifier of a type, where that is a placeholder.
pub(super) fn placeholder(plan: &Plan, kind: u8, column: &ArrayRef, row: usize) -> Option<String> {
    if plan.identifiers[usize::from(kind)].placeholders == Placeholders::Keep {
        return None;
    }
    let value = column.slice(row, 1);
    let values = value.as_list_opt::<i32>().map_or(&value, |list| list.values());
    let texts = texts(values).ok()?;
    texts.iter().flatten().find(|text| is_placeholder(text)).map(str::to_owned)
}

/// The identifiers that rows carry, whose texts stay in the columns in which they were found.
pub(super) struct RowIdentifiers {
    rows: Vec<SmallVec<[FoundIdentifier; 2]>>,
    columns: Vec<StringArray>,
    /// Which rows stand, unless all do, and where they are: the others carry none.
    standing: Option<(BooleanArray, Vec<usize>)>,
}

struct FoundIdentifier {
    hash: IdentifierHash,
    kind: u8,
    column: u32,
    item: u32,
}

impl RowIdentifiers {
    /// What rows carry, of which some stand.
    pub fn of_rows(stands: Vec<bool>) -> Self {
        let rows = stands.iter().map(|_| SmallVec::new()).collect();
        let standing = stands.contains(&false).then(|| {
            let places = (0..stands.len()).filter(|row| stands[*row]).collect();
            (BooleanArray::from(stands), places)
        });
        RowIdentifiers { rows, columns: Vec::new(), standing }
    }

    /// What a column has of the rows that stand.
    fn standing(&self, column: &ArrayRef) -> ArrayRef {
        match &self.standing {
            None => Arc::clone(column),
            Some((stands, _)) => filter(column, stands).expect("as many of either"),
        }
    }

    /// The row that is at a place among those that stand.
    fn row(&self, place: usize) -> usize {
        self.standing.as_ref().map_or(place, |(_, places)| places[place])
    }

    /// Failures of rows that stand, as failures of their own rows.
    fn own(&self, failures: Failures) -> Failures {
        failures.into_iter().map(|(place, why)| (self.row(place), why)).collect()
    }

    /// How many a row carries.
    pub fn number(&self, row: usize) -> usize {
        self.rows[row].len()
    }

    /// Hashes of those that a row carries.
    pub fn hashes(&self, row: usize) -> impl Iterator<Item = IdentifierHash> {
        self.rows[row].iter().map(|of| of.hash)
    }

    /// Adds to rows that stand what of a column's items is an identifier.
    fn add(
        &mut self,
        of: &IdentifierType,
        kind: u8,
        texts: StringArray,
        items: impl Iterator<Item = (usize, usize)>,
    ) {
        let column = self.columns.len() as u32;
        for (row, item) in items.filter(|(_, item)| texts.is_valid(*item)) {
            let text = texts.value(item);
            if of.ignore.is_empty() || !of.ignore.is_match(text) {
                let hash = IdentifierHash::of(&of.name, text);
                let row = self.row(row);
                self.rows[row].push(FoundIdentifier { hash, kind, column, item: item as u32 });
            }
        }
        self.columns.push(texts);
    }

    /// Brings each row's into their own order (type, then text byte by byte), each once.
    pub fn sort_and_dedup(&mut self) {
        let columns = &self.columns;
        let own =
            |of: &FoundIdentifier| (of.kind, columns[of.column as usize].value(of.item as usize));
        for row in self.rows.iter_mut().filter(|row| row.len() > 1) {
            row.sort_unstable_by(|one, other| own(one).cmp(&own(other)));
            row.dedup_by(|one, other| own(one) == own(other));
        }
    }

    /// Puts a row's into what it says.
    pub fn put(&self, row: usize, body: &mut BodyBuilder) {
        for FoundIdentifier { hash, kind, column, item } in &self.rows[row] {
            body.carry(*hash, *kind, self.columns[*column as usize].value(*item as usize));
        }
    }
}

/// The values once normalised, null where they are no identifiers. A placeholder is none before it is
/// normalised, whatever that would make of it, nor behind.
fn normalise(
    identifier_type: &IdentifierType,
    values: &ArrayRef,
    room: &mut Room,
) -> Option<(StringArray, Failures)> {
    let text = |column: &ArrayRef| texts(column).expect("identifiers are text");
    let ignores = identifier_type.placeholders == Placeholders::Ignore;
    let is_placeholder = |texts: &StringArray, row: usize| {
        ignores && texts.is_valid(row) && is_placeholder(texts.value(row))
    };
    let found = text(values);
    let Some(normalize) = &identifier_type.normalize else {
        room.take(all_bytes(values))?;
        let none = (0..found.len()).map(|row| is_placeholder(&found, row));
        return Some((without(found.clone(), none.collect()), Failures::new()));
    };
    let none: Vec<bool> = (0..found.len()).map(|row| is_placeholder(&found, row)).collect();
    let schema = Schema::new(vec![Field::new("value", DataType::Utf8, true)]);
    let found: ArrayRef = Arc::new(without(found, none.clone()));
    let batch = RecordBatch::try_new(Arc::new(schema), vec![found]).expect("one column of text");
    let (normalised, failures) = evaluate_within(normalize, &batch, room)?;
    let normalised = text(&normalised);
    let none = none.into_iter().enumerate();
    let none = none.map(|(row, none)| none || is_placeholder(&normalised, row)).collect();
    Some((without(normalised, none), failures))
}

/// The texts but for some, which are null.
fn without(texts: StringArray, some: Vec<bool>) -> StringArray {
    if !some.contains(&true) {
        return texts;
    }
    let texts = nullif(&texts, &BooleanArray::from(some)).expect("as many of either");
    texts.as_string::<i32>().clone()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;

    fn of(normalize: &str, limit: &str) -> IdentifierType {
        let normalize = serde_json::to_string(normalize).expect("a text");
        let definition = format!(
            "limits: {{bytes: {limit}}}
sources: {{rows: {{files: none, kind: events, fields: {{x: text}}}}}}
identity: {{x: {{from: {{rows: x}}, normalize: {normalize}}}}}
outputs: {{profiles: {{files: out}}}}\n"
        );
        let plan = crate::definition::parse(&definition, Path::new("test.yaml"), &|_| None);
        plan.expect("it is right").identifiers.remove(0)
    }

    /// Written around an expression; those behind the first ones are evaluated.
    const DIRECT: usize = 14;
    const AROUND: [&str; 17] = [
        "lower(X)",
        "upper(X)",
        "trim(X)",
        "ltrim(X)",
        "rtrim(X)",
        "trim(both 'aß ' from X)",
        "btrim(X, lower(value))",
        "nullif(X, '')",
        "nullif(X, lower(value))",
        "regexp_replace(X, '[^0-9+]', '', 'g')",
        "regexp_replace(X, '^a+|b$', '-')",
        "clean(X)",
        "nfkc(X)",
        "e164(X, 'DE')",
        "regexp_replace(X, '(a)(b)', '\\2\\1')",
        "coalesce(nullif(X, ''), 'b')",
        "replace(X, 'a', 'bb')",
    ];

    fn text() -> impl Strategy<Value = String> {
        prop_oneof![
            "[ \\t]{0,2}[a-cA-C0-9+@.-]{0,12}[ \\t]{0,2}",
            "[ aBßİÀΣσς\u{301}\u{a0}\u{200b}ﬁＡ]{0,10}",
            any::<String>(),
            prop::sample::select(vec!["null", " NULL ", "0", "+49 30 1234567", "030/1234567"])
                .prop_map(str::to_owned),
            (1usize..400).prop_map(|length| "ﬀ".repeat(length)),
        ]
    }

    #[test]
    fn the_usual_ways_to_normalise_are_direct() {
        for around in &AROUND[..DIRECT] {
            let normalize = around.replace('X', "lower(trim(value))");
            assert!(Normaliser::of(&of(&normalize, "1000")).direct.is_some(), "{around}");
        }
    }

    proptest! {
        #[test]
        fn a_value_alone_is_normalised_as_a_column_is(
            around in prop::collection::vec(0..AROUND.len(), 0..4),
            values in prop::collection::vec(text(), 1..40),
        ) {
            let around = around.into_iter().map(|place| AROUND[place]);
            let normalize = around.fold("value".to_owned(), |of, around| around.replace('X', &of));
            // So little room that calls fail.
            let of = of(&normalize, "1000");
            let normaliser = Normaliser::of(&of);
            for value in values {
                prop_assert_eq!(
                    normaliser.normalised(&value), normalised(&of, &value), "{} of {:?}", normalize, value
                );
            }
        }
    }
}
