//! `top(x, n)`.

use arrow::datatypes::{DataType, Field, Fields};

use super::function::{
    AggregateFunction, CallForm, Called, Gather, Kept, KeptValues, Travels, Typed, list_of,
};
use super::kept::tally::Tally;
use super::room::{NoRoom, Types};
use crate::row::Datum;
use crate::time::Micros;

pub struct Top(pub u16);

impl AggregateFunction for Top {
    fn called(&self) -> Option<Called> {
        Some(Called {
            names: &["top"],
            form: CallForm::Number,
            meaning: "The n most frequent values, as a list of {value, count}, most frequent first; of \
                      equal counts the smaller value first.",
            types: |argument| Typed::as_it_is(argument, list_of(counted(argument.clone()))),
        })
    }

    fn kept(&self) -> Kept {
        let number = usize::from(self.0);
        Kept::Values(KeptValues::gathered(Travels::Rows, move |_| {
            Box::new(TopValues { tally: Tally::default(), number })
        }))
    }
}

/// What is said of a value.
fn counted(value: DataType) -> DataType {
    DataType::Struct(Fields::from(vec![
        Field::new("value", value, true),
        Field::new("count", DataType::Int64, true),
    ]))
}

#[derive(Debug)]
struct TopValues {
    tally: Tally,
    number: usize,
}

impl Gather for TopValues {
    fn add(&mut self, _: Micros, value: &Datum, diff: i64) {
        self.tally.add(value, diff);
    }

    fn is_empty(&self) -> bool {
        self.tally.is_empty()
    }

    fn value(&self, _: Types<'_>) -> Result<Option<Datum>, NoRoom> {
        let top = self.tally.top(self.number).into_iter();
        let top = top
            .map(|(value, count)| Datum::Struct([Some(value), Some(Datum::Integer(count))].into()));
        Ok(Some(Datum::List(top.collect())))
    }
}
