//! `stddev(x)`: the standard deviation of the sample.

use super::function::{AggregateFunction, CallForm, Called, Kept};
use super::room::finite;
use super::variance::{types, variance};

pub struct Stddev;

impl AggregateFunction for Stddev {
    fn called(&self) -> Option<Called> {
        Some(Called {
            names: &["stddev", "stddev_samp"],
            form: CallForm::Each,
            meaning: "The standard deviation of the sample, as a number; null for fewer than two values.",
            types,
        })
    }

    fn kept(&self) -> Kept {
        Kept::Moments(|moments| variance(moments).map(|of| finite(of.sqrt())).transpose())
    }
}
