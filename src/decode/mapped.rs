//! Values of fields that say what their codes mean. A field without `map` is read as if there were none.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef};

use super::documents;
use super::plain::plain;
use super::scalar::{ScalarFault, shown};
use crate::columns;
use crate::plan::{Field, Meant, ValueMap};
use crate::row::Datum;

/// What the codes of a field mean.
pub(super) struct Lookup {
    map: Arc<ValueMap>,
    /// Stands in for a null that the map gives, as for any.
    default: Option<Datum>,
}

/// What is to be taken of a value.
pub(super) enum LookedUp<'a> {
    Itself,
    Other(Option<&'a Datum>),
}

impl Lookup {
    pub fn new(field: &Field, map: &Arc<ValueMap>) -> Self {
        Lookup { map: Arc::clone(map), default: field.default.clone() }
    }

    pub fn of_text(&self, text: &str) -> Result<LookedUp<'_>, ScalarFault> {
        match self.map.meant(text) {
            Meant::Itself => Ok(LookedUp::Itself),
            Meant::Other(word) => Ok(LookedUp::Other(word.or(self.default.as_ref()))),
            Meant::Unknown => Err(unknown(&self.map, text)),
        }
    }

    /// A scalar is looked up as it is written; objects and lists stand for themselves.
    pub fn of_json(&self, raw: &str) -> Result<LookedUp<'_>, ScalarFault> {
        match raw.as_bytes().first() {
            Some(b'{' | b'[') => Ok(LookedUp::Itself),
            Some(b'"') => match serde_json::from_str::<String>(raw) {
                Ok(text) => self.of_text(&text),
                // What is wrong with it is told where it is read.
                Err(_) => Ok(LookedUp::Itself),
            },
            _ => self.of_text(raw),
        }
    }
}

fn unknown(map: &ValueMap, text: &str) -> ScalarFault {
    let (found, codes) = (shown(text), map.codes());
    ScalarFault::new("unmapped", format!("expected one of {codes}, found {found}"))
}

/// What a column of a columnar file was read as, once its values are looked up. What the map knows has no fault.
pub(super) fn looked_up(
    found: &ArrayRef,
    map: &ValueMap,
    read: ArrayRef,
    mut faults: Vec<(usize, ScalarFault)>,
) -> (ArrayRef, Vec<(usize, ScalarFault)>) {
    let found = plain(found);
    let is_scalar = !found.data_type().is_nested() && !found.data_type().is_null();
    if !is_scalar {
        return (read, faults);
    }
    let mut values: Vec<Option<Datum>> = Vec::with_capacity(read.len());
    for row in 0..read.len() {
        let text = found.is_valid(row).then(|| documents::text(&found, row));
        let meant = text.as_deref().map_or(Meant::Itself, |text| map.meant(text));
        match meant {
            Meant::Itself => {
                values.push(columns::datum(&read, row));
                continue;
            }
            Meant::Other(word) => values.push(word.cloned()),
            Meant::Unknown => values.push(None),
        }
        faults.retain(|(faulty, _)| *faulty != row);
        if meant == Meant::Unknown {
            faults.push((row, unknown(map, text.as_deref().unwrap_or_default())));
        }
    }
    faults.sort_by_key(|(row, _)| *row);
    (columns::array(read.data_type(), values.iter().map(Option::as_ref)), faults)
}

#[cfg(test)]
mod tests {
    use arrow::array::{Float64Array, Int64Array, StringArray};

    use super::super::column::Column;
    use super::*;
    use crate::plan::{Others, Type};

    fn field(data_type: Type, words: &[(&str, Option<Datum>)], others: Others) -> Field {
        let words = words.iter().map(|(code, word)| ((*code).to_owned(), word.clone())).collect();
        let map = Some(Arc::new(ValueMap { words, others }));
        let path = crate::plan::FieldPath::key("x");
        Field { name: "x".into(), data_type, path, default: None, written: None, map }
    }

    /// What texts of CSV, the same texts in JSON and in Parquet are read as, which is the same.
    fn read(field: &Field, texts: &[&str]) -> (Vec<Option<Datum>>, Vec<(usize, &'static str)>) {
        let zone: Arc<str> = "UTC".into();
        let by = |push: &dyn Fn(&mut Column, &str) -> Result<(), ScalarFault>| {
            let mut column = Column::of(field, &zone);
            let pushed: Vec<_> = texts.iter().map(|text| push(&mut column, text)).collect();
            let faults = pushed.into_iter().enumerate();
            let faults: Vec<_> =
                faults.filter_map(|(row, pushed)| Some((row, pushed.err()?.code))).collect();
            let column = column.finish();
            let values = (0..column.len()).map(|row| columns::datum(&column, row));
            (values.collect::<Vec<_>>(), faults)
        };
        let in_csv = by(&|column, text| column.push_text(text));
        let in_json =
            by(&|column, text| column.push_json(&serde_json::to_string(text).expect("a text")));
        if field.data_type == Type::Text {
            assert_eq!(in_json, in_csv);
        }
        in_csv
    }

    #[test]
    fn codes_are_words_and_others_are_what_is_said_of_them() {
        let text = |text: &str| Some(Datum::Text(text.into()));
        let words = [("D", text("DE")), ("?", None)];
        let texts = ["D", "?", "d", "FR"];
        let of = |others| read(&field(Type::Text, &words, others), &texts);
        let kept = vec![text("DE"), None, text("d"), text("FR")];
        assert_eq!(of(Others::Keep), (kept, vec![]));
        let known = vec![text("DE"), None, None, None];
        assert_eq!(of(Others::Become(None)), (known.clone(), vec![]));
        assert_eq!(of(Others::Reject), (known, vec![(2, "unmapped"), (3, "unmapped")]));
        let all = vec![text("DE"), None, text("XX"), text("XX")];
        assert_eq!(of(Others::Become(text("XX"))), (all, vec![]));
        // Only what a code becomes has to be of the type.
        let stars = [("good", Some(Datum::Integer(5)))];
        let (values, faults) =
            read(&field(Type::Integer, &stars, Others::Keep), &["good", "3", "bad"]);
        assert_eq!(values, [Some(Datum::Integer(5)), Some(Datum::Integer(3)), None]);
        assert_eq!(faults, [(2, "wrong_type")]);
    }

    #[test]
    fn a_null_that_comes_of_a_map_is_the_default() {
        let mut field = field(Type::Integer, &[("-", None)], Others::Become(None));
        field.default = Some(Datum::Integer(7));
        assert_eq!(read(&field, &["-", "x"]).0, [Some(Datum::Integer(7)), Some(Datum::Integer(7))]);
    }

    #[test]
    fn columns_are_looked_up_by_the_texts_of_their_values() {
        let map = |others| {
            let words = [("1", Some(Datum::Boolean(true))), ("0", Some(Datum::Boolean(false)))];
            field(Type::Boolean, &words, others).map.expect("it is mapped")
        };
        let found: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None, Some(0), Some(2)]));
        let none: ArrayRef = Arc::new(arrow::array::BooleanArray::from(vec![None; 4]));
        let fault = |row| (row, ScalarFault::wrong_type("no boolean"));
        let faults = || vec![fault(0), fault(2), fault(3)];
        let (values, left) = looked_up(&found, &map(Others::Keep), none.clone(), faults());
        let values: Vec<_> = (0..4).map(|row| columns::datum(&values, row)).collect();
        let [yes, no] = [true, false].map(|truth| Some(Datum::Boolean(truth)));
        assert_eq!(values, [yes, None, no, None]);
        assert_eq!(left, [fault(3)]);
        let (_, left) = looked_up(&found, &map(Others::Reject), none, faults());
        assert_eq!(
            left.iter().map(|(row, of)| (*row, of.code)).collect::<Vec<_>>(),
            [(3, "unmapped")]
        );
        let texts: ArrayRef = Arc::new(StringArray::from(vec!["1", "x"]));
        let read: ArrayRef = Arc::new(arrow::array::BooleanArray::from(vec![Some(true), None]));
        let (_, left) = looked_up(&texts, &map(Others::Become(None)), read, vec![fault(1)]);
        assert!(left.is_empty());
        let doubles: ArrayRef = Arc::new(Float64Array::from(vec![1.0]));
        let none: ArrayRef = Arc::new(arrow::array::BooleanArray::from(vec![None]));
        assert_eq!(looked_up(&doubles, &map(Others::Reject), none, vec![]).1.len(), 1);
    }
}
