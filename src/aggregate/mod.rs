//! Functions that make one value of many: what each is called, what it takes and gives, what it has to keep
//! of the values, and how its value is read from that.
//!
//! A function is a file here and a row in the list below. What reads definitions, keeps sums and writes the
//! reference asks the list, and knows no function from another.
//!
//! To add one, write a file beside `min.rs` that implements `AggregateFunction`: how it is called, what it
//! takes and gives, its sentence in the reference, what is kept of the values (`Kept`), and how its value is
//! read from that. Where it is to be had by key, by sums of another value, or with a share, `by_key`, `by_sum` or
//! `with_share` below say so. One that keeps values in a way of its own brings it along as a `Gather`, as
//! `sum_distinct.rs` does. The oracles (`tests/oracle/aggregate.rs`, and `profile/tests/naive.rs`)
//! do not compile until they know the function too.

mod any_value;
mod array_agg;
mod avg;
mod bool_and;
mod bool_or;
mod by_key;
mod count;
mod count_distinct;
pub mod digits;
mod first;
mod function;
mod funnel;
pub mod kept;
mod last;
mod max;
mod median;
mod min;
mod mode;
mod mode_by_sum;
mod pair;
mod percentile_cont;
mod percentile_disc;
mod recent;
mod room;
mod share;
mod stddev;
mod sum;
mod sum_distinct;
mod summed;
mod timeline;
mod top;
mod top_by_sum;
mod variance;

use crate::time::Micros;

pub use by_key::{ADD_UP, AddsUp, map_of};
pub use function::{
    AggregateFunction, AskedSums, CallForm, Called, End, Extreme, Gather, Kept, KeptValues,
    KeyedSums, MOST_VALUES, Travels, Typed, list_of,
};
pub use pair::{pair_of, parts as parts_of_pair};
pub use room::{NoRoom, Types};
pub use share::ValueShare;
pub use top_by_sum::with_sum;

/// Makes of the list: [`Function`], a variant a row; [`Function::all`]; and which file says what each is.
macro_rules! functions {
    ($(
        $(#[$meaning:meta])*
        $variant:ident $(($number:ident: $of:ty))? $({ $($field:ident: $type:ty),* })? = $function:expr;
    )*) => {
        /// A function over a person's rows. Values are in the order of (time, value) where order matters,
        /// and nulls are passed over.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Function {
            $($(#[$meaning])* $variant $(($of))? $({ $($field: $type),* })?,)*
        }

        impl Function {
            /// Every function. Of those that take a number, it is 0.
            pub fn all() -> Vec<Function> {
                vec![$(
                    Function::$variant $((<$of>::default()))? $({ $($field: <$type>::default()),* })?
                ),*]
            }

            /// The same for another number of values, where it takes one.
            pub fn with_number(self, wanted: u16) -> Function {
                match self {
                    $(Function::$variant $(($number))? $({ $($field),* })? => {
                        Function::$variant $(({ let _: $of = $number; wanted }))? $({ $($field),* })?
                    })*
                }
            }

            fn say<T>(self, say: impl FnOnce(&dyn AggregateFunction) -> T) -> T {
                match self {
                    $(Function::$variant $(($number))? $({ $($field),* })? => say(&$function),)*
                }
            }
        }
    };
}

functions! {
    /// `count(*)` and `count(x)`.
    Count = count::Count;
    /// How many different values.
    CountDistinct = count_distinct::CountDistinct;
    /// The sum.
    Sum = sum::Sum;
    /// The sum of each different value once.
    SumDistinct = sum_distinct::SumDistinct;
    /// The mean.
    Avg = avg::Avg;
    /// The least value.
    Min = min::Min;
    /// The greatest value.
    Max = max::Max;
    /// Some value.
    AnyValue = any_value::AnyValue;
    /// The oldest value.
    First = first::First;
    /// The newest value.
    Last = last::Last;
    /// The most frequent value.
    Mode = mode::Mode;
    /// The value in the middle.
    Median = median::Median;
    /// The value that a share of all lies up to, between two of them.
    PercentileCont { share: ValueShare } = percentile_cont::PercentileCont(share);
    /// The first value that a share of all lies up to.
    PercentileDisc { share: ValueShare } = percentile_disc::PercentileDisc(share);
    /// The standard deviation of the sample.
    Stddev = stddev::Stddev;
    /// The variance of the sample.
    Variance = variance::Variance;
    /// Whether all are true.
    BoolAnd = bool_and::BoolAnd;
    /// Whether any is true.
    BoolOr = bool_or::BoolOr;
    /// The different values, sorted.
    Distinct = array_agg::ArrayAgg;
    /// The newest so many values.
    Recent(number: u16) = recent::Recent(number);
    /// The so many most frequent values.
    Top(number: u16) = top::Top(number);
    /// The so many values with the greatest sums of another: takes pairs of both.
    TopBySum(number: u16) = top_by_sum::TopBySum(number);
    /// The value with the greatest sum of another: takes pairs of both.
    ModeBySum = mode_by_sum::ModeBySum;
    /// What values add up to for each key: takes pairs of a key and a value.
    ByKey { of: AddsUp } = by_key::ByKey(of);
    /// The times of the steps of the chain that comes furthest: a list of timestamps, empty for none.
    ///
    /// A chain is r1 … rj in the order of time (equal times may follow each other, and one row may be
    /// several steps in turn), ri satisfies step i, and rj comes no more than `within` after r1. Of
    /// the chains with the most steps it is one that begins latest; from there each step is the
    /// earliest that there is. Its argument is the step, from 1, that a row satisfies.
    Funnel { within: Micros, steps: u8 } = funnel::Funnel { within, steps };
    /// Nothing to publish (its column is null): the rows that a person's sessions are made of.
    Timeline = timeline::Timeline;
}

impl Function {
    /// How definitions call it; `None` where they have other words for it.
    pub fn called(self) -> Option<Called> {
        self.say(|function| function.called())
    }

    /// The same for another share of the values, where it takes one.
    pub fn with_share(self, share: ValueShare) -> Function {
        match self {
            Function::PercentileCont { .. } => Function::PercentileCont { share },
            Function::PercentileDisc { .. } => Function::PercentileDisc { share },
            other => other,
        }
    }

    /// The same by key, where it adds up.
    pub fn by_key(self) -> Option<Function> {
        let of = match self {
            Function::Count => AddsUp::Count,
            Function::Sum => AddsUp::Sum,
            Function::Avg => AddsUp::Avg,
            Function::Stddev => AddsUp::Stddev,
            Function::Variance => AddsUp::Variance,
            Function::BoolAnd => AddsUp::BoolAnd,
            Function::BoolOr => AddsUp::BoolOr,
            _ => return None,
        };
        Some(Function::ByKey { of })
    }

    /// The same by the sums of another value, where it goes by how often values are there.
    pub fn by_sum(self) -> Option<Function> {
        match self {
            Function::Top(number) => Some(Function::TopBySum(number)),
            Function::Mode => Some(Function::ModeBySum),
            _ => None,
        }
    }

    /// What is kept of the values. Asked once for each aggregate of a plan.
    pub fn kept(self) -> Kept {
        self.say(|function| function.kept())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_functions_answer_to_one_call() {
        let mut calls = BTreeSet::new();
        for called in Function::all().into_iter().filter_map(Function::called) {
            let form = match called.form {
                form @ (CallForm::Distinct
                | CallForm::ByKey
                | CallForm::BySum
                | CallForm::NumberBySum) => Some(form),
                _ => None,
            };
            let fresh = called
                .names
                .iter()
                .all(|name| calls.insert((*name, form.map(|form| format!("{form:?}")))));
            assert!(fresh, "{:?} is taken", called.names);
            assert!(called.meaning.ends_with('.'), "{}", called.meaning);
        }
    }
}
