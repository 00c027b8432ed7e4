//! That rows which may be evaluated together may be so alone.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringArray, StringViewArray};
use proptest::prelude::*;

use super::{Argument, hold};
use crate::plan::Limits;

fn text(of: &str) -> Argument {
    Argument::One(Arc::new(StringArray::from(vec![of])))
}

fn number(of: i64) -> Argument {
    Argument::One(Arc::new(Int64Array::from(vec![of])))
}

/// What a function is given beside texts of a column.
fn constants() -> impl Strategy<Value = (&'static str, Vec<String>, i64)> {
    let of = |name: &'static str, texts: &'static [&'static str]| {
        let texts: Vec<BoxedStrategy<String>> = texts.iter().map(|of| (*of).boxed()).collect();
        (Just(name), texts, prop::sample::select(vec![-1, 0, 3, 40, 1_500]))
    };
    prop_oneof![
        of("repeat", &[]),
        of("lpad", &[]),
        of("levenshtein", &["[a-c]{0,9}"]),
        of("like", &["[ab%_]{0,5}"]),
        of("~", &["[ab]{0,3}[.]?[*+]?"]),
        of("~*", &["(a|b){1,9}"]),
        of("regexp_like", &["[ab]{0,3}"]),
        of("regexp_count", &["[ab]{0,3}"]),
        of("replace", &["[ab]{0,2}", "[ab]{0,9}"]),
        of("regexp_replace", &["[ab]{0,2}", "[ab$]{0,9}", "g?"]),
        of("json_length", &["[ab]{0,2}"]),
        of("concat_ws", &["[ab]{0,9}"]),
    ]
}

proptest! {
    #[test]
    fn rows_that_may_be_evaluated_together_may_be_so_alone(
        (name, texts, count) in constants(),
        column in prop::collection::vec(prop::option::weighted(0.8, "[abé]{0,60}"), 1..20),
        is_view in any::<bool>(), bytes in 1u64..2_000, steps in 1u64..4_000,
    ) {
        let limits = Limits { bytes, steps };
        let of = |column: &[Option<String>]| -> Vec<Argument> {
            let values: ArrayRef = match is_view {
                true => Arc::new(StringViewArray::from_iter(column.iter().map(Option::as_deref))),
                false => Arc::new(StringArray::from_iter(column.iter().map(Option::as_deref))),
            };
            let many = Argument::Many(values);
            let constants = texts.iter().map(|of| text(of));
            match name {
                "repeat" | "lpad" => vec![many, number(count)],
                "concat_ws" => constants.chain([many]).collect(),
                _ => [many].into_iter().chain(constants).collect(),
            }
        };
        let together = hold(name, &of(&column), column.len(), limits);
        let mut alone = column.chunks(1).map(|one| hold(name, &of(one), 1, limits));
        prop_assert_eq!(together.is_ok(), alone.all(|alone| alone.is_ok()), "{} {:?}", name, texts);
    }
}
