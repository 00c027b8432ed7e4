//! `percentile_cont(p) within group (order by x)`.

use arrow::datatypes::i256;

use super::digits::with_more_digits;
use super::function::{
    AggregateFunction, CallForm, Called, Gather, Kept, KeptValues, Travels, Typed,
};
use super::kept::parts::Parts;
use super::room::{NoRoom, Types, decimal, more_digits, rounded_quotient};
use super::share::ValueShare;
use crate::row::Datum;
use crate::time::Micros;

pub struct PercentileCont(pub ValueShare);

impl AggregateFunction for PercentileCont {
    fn called(&self) -> Option<Called> {
        Some(Called {
            names: &["percentile_cont"],
            form: CallForm::Share,
            meaning: "The value at the share p of the way (from 0 to 1) through the values in their order, between two \
                      of them by how near each is: of decimals a decimal with four digits more behind the point, the \
                      last rounded half away from zero; else a number.",
            types: |argument| Typed::of_number(argument, with_more_digits(argument, 4)),
        })
    }

    fn kept(&self) -> Kept {
        let share = self.0;
        Kept::Values(KeptValues::gathered(Travels::Rows, move |_| {
            Box::new(Between { values: Parts::new(move |count| share.between(count).0), share })
        }))
    }
}

#[derive(Debug)]
struct Between {
    values: Parts,
    share: ValueShare,
}

impl Gather for Between {
    fn add(&mut self, _: Micros, value: &Datum, diff: i64) {
        self.values.add(value, diff);
    }

    fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    fn value(&self, types: Types<'_>) -> Result<Option<Datum>, NoRoom> {
        let Some((one, next)) = self.values.meet() else { return Ok(None) };
        let (_, beyond) = self.share.between(self.values.count());
        between(one, next.filter(|_| beyond > 0).unwrap_or(one), beyond, types).map(Some)
    }
}

const WHOLE: u32 = 1_000_000_000;

/// What lies so many billionths of the way from one value to the next.
fn between(one: &Datum, next: &Datum, beyond: u32, types: Types<'_>) -> Result<Datum, NoRoom> {
    let (near, far) = (WHOLE - beyond, beyond);
    match (one, next) {
        (Datum::Integer(one), Datum::Integer(next)) => {
            let sum = i128::from(*one) * i128::from(near) + i128::from(*next) * i128::from(far);
            Ok(Datum::Number(sum as f64 / f64::from(WHOLE)))
        }
        (Datum::Number(one), Datum::Number(next)) if one == next => Ok(Datum::Number(*one)),
        (Datum::Number(one), Datum::Number(next)) => {
            let part = |of: u32| f64::from(of) / f64::from(WHOLE);
            Ok(Datum::Number(one * part(near) + next * part(far)))
        }
        (Datum::Decimal(one), Datum::Decimal(next)) => {
            let times = |value: i128, of: u32| {
                i256::from_i128(value).wrapping_mul(i256::from_i128(i128::from(of)))
            };
            let sum = times(one.get(), near).wrapping_add(times(next.get(), far));
            let whole = i256::from_i128(i128::from(WHOLE));
            decimal(rounded_quotient(sum.wrapping_mul(more_digits(types)), whole), types)
        }
        (one, next) => unreachable!("the plan gives percentiles no {one:?} and {next:?}"),
    }
}
