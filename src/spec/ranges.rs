//! Whether a condition can ever be true: what its comparisons with constants leave of each value.
//!
//! Only what is certain is said: a condition that nothing here speaks against may still never be true.

use std::collections::BTreeMap;

use datafusion_common::ScalarValue;
use datafusion_expr::expr::{Between, Cast, InList};
use datafusion_expr::utils::{split_binary, split_conjunction};
use datafusion_expr::{BinaryExpr, Expr, Operator};

/// What is known of values, by the expression that gives each.
#[derive(Clone, Debug, Default)]
pub struct Ranges {
    ranges: BTreeMap<String, Range>,
}

/// What is left of a value; each end with whether it is in it.
#[derive(Clone, Debug, Default)]
struct Range {
    low: Option<(Bound, bool)>,
    high: Option<(Bound, bool)>,
    /// Whether it is null, where that was asked.
    null: Option<bool>,
}

#[derive(Clone, Debug, PartialEq, PartialOrd)]
enum Bound {
    Number(f64),
    Text(String),
}

/// Why a condition is never true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Never {
    /// It is false or null, whatever the values.
    Constant,
    /// No value of this expression meets all that is asked of it.
    Contradiction(String),
}

impl Ranges {
    /// Notes that a column is a count, and so neither null nor below zero.
    pub fn is_count(&mut self, column: &str) {
        let low = Some((Bound::Number(0.0), true));
        let range = Range { low, high: None, null: Some(false) };
        self.ranges.insert(column.to_owned(), range);
    }

    /// Takes in that a condition, simplified, is true.
    pub fn suppose(&mut self, condition: &Expr) -> Result<(), Never> {
        let parts = split_conjunction(condition);
        // Which of several can be true is asked once all is known that has to be.
        let (several, single): (Vec<&Expr>, Vec<&Expr>) =
            parts.into_iter().partition(|part| is_choice(part));
        single.into_iter().try_for_each(|part| self.suppose_one(part))?;
        several.into_iter().try_for_each(|part| match part {
            Expr::InList(InList { expr, list, .. }) => {
                self.one_of(list.iter().map(|item| (**expr).clone().eq(item.clone())))
            }
            part => self.one_of(split_binary(part, Operator::Or).into_iter().cloned()),
        })
    }

    fn suppose_one(&mut self, part: &Expr) -> Result<(), Never> {
        match part {
            Expr::Literal(ScalarValue::Boolean(Some(true)), _) => Ok(()),
            Expr::Literal(..) => Err(Never::Constant),
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => self.compare(left, *op, right),
            Expr::Between(Between { expr, negated: false, low, high }) => {
                self.compare(expr, Operator::GtEq, low)?;
                self.compare(expr, Operator::LtEq, high)
            }
            Expr::IsNull(inner) => self.null(inner, true),
            Expr::IsNotNull(inner) => self.null(inner, false),
            Expr::Not(inner) if matches!(**inner, Expr::Column(_)) => self.is(inner, false),
            Expr::Column(_) => self.is(part, true),
            _ => Ok(()),
        }
    }

    fn one_of(&self, conditions: impl IntoIterator<Item = Expr>) -> Result<(), Never> {
        let mut why = Never::Constant;
        for condition in conditions {
            match self.clone().suppose(&condition) {
                Ok(()) => return Ok(()),
                Err(never) => why = never,
            }
        }
        Err(why)
    }

    fn is(&mut self, column: &Expr, value: bool) -> Result<(), Never> {
        let bound = Bound::Number(f64::from(u8::from(value)));
        self.limit(column, Some((bound.clone(), true)), Some((bound, true)))
    }

    fn null(&mut self, value: &Expr, null: bool) -> Result<(), Never> {
        let key = key(value);
        let range = self.ranges.entry(key.clone()).or_default();
        if *range.null.get_or_insert(null) == null { Ok(()) } else { Err(contradiction(key)) }
    }

    fn compare(&mut self, left: &Expr, operator: Operator, right: &Expr) -> Result<(), Never> {
        let (value, operator, constant) = match (bound(left), bound(right)) {
            (None, Some(constant)) => (left, operator, constant),
            (Some(constant), None) => match operator.swap() {
                Some(operator) => (right, operator, constant),
                None => return Ok(()),
            },
            _ => return Ok(()),
        };
        use Operator::*;
        match operator {
            Eq => self.limit(value, Some((constant.clone(), true)), Some((constant, true))),
            Gt => self.limit(value, Some((constant, false)), None),
            GtEq => self.limit(value, Some((constant, true)), None),
            Lt => self.limit(value, None, Some((constant, false))),
            LtEq => self.limit(value, None, Some((constant, true))),
            _ => Ok(()),
        }
    }

    fn limit(
        &mut self,
        value: &Expr,
        low: Option<(Bound, bool)>,
        high: Option<(Bound, bool)>,
    ) -> Result<(), Never> {
        self.null(value, false)?;
        let key = key(value);
        let range = self.ranges.entry(key.clone()).or_default();
        if let Some((bound, within)) = low {
            let tighter = range.low.as_ref().is_none_or(|(known, _)| bound > *known);
            let open = range.low.as_ref().is_some_and(|(known, _)| bound == *known) && !within;
            if tighter || open {
                range.low = Some((bound, within));
            }
        }
        if let Some((bound, within)) = high {
            let tighter = range.high.as_ref().is_none_or(|(known, _)| bound < *known);
            let open = range.high.as_ref().is_some_and(|(known, _)| bound == *known) && !within;
            if tighter || open {
                range.high = Some((bound, within));
            }
        }
        match (&range.low, &range.high) {
            (Some((low, _)), Some((high, _))) if low > high => Err(contradiction(key)),
            (Some((low, within)), Some((high, both))) if low == high && !(*within && *both) => {
                Err(contradiction(key))
            }
            _ => Ok(()),
        }
    }
}

fn contradiction(key: String) -> Never {
    Never::Contradiction(key)
}

fn is_choice(part: &Expr) -> bool {
    match part {
        Expr::BinaryExpr(BinaryExpr { op, .. }) => *op == Operator::Or,
        Expr::InList(InList { negated, list, .. }) => !negated && !list.is_empty(),
        _ => false,
    }
}

/// What gives a value, whatever type it is brought to for a comparison.
fn key(value: &Expr) -> String {
    match value {
        Expr::Cast(Cast { expr, .. }) => key(expr),
        other => other.to_string(),
    }
}

/// A constant: numbers as they are, instants and intervals in microseconds.
fn bound(expression: &Expr) -> Option<Bound> {
    use ScalarValue::*;
    let Expr::Literal(value, _) = expression else { return None };
    let number = match value {
        Utf8(Some(text)) | LargeUtf8(Some(text)) | Utf8View(Some(text)) => {
            return Some(Bound::Text(text.clone()));
        }
        Boolean(Some(value)) => f64::from(u8::from(*value)),
        Int32(Some(value)) => f64::from(*value),
        Int64(Some(value)) => *value as f64,
        UInt64(Some(value)) => *value as f64,
        Float32(Some(value)) => f64::from(*value),
        Float64(Some(value)) => *value,
        Decimal128(Some(value), _, scale) => *value as f64 / 10f64.powi(i32::from(*scale)),
        Date32(Some(days)) => f64::from(*days) * 86_400e6,
        TimestampMicrosecond(Some(micros), _) | DurationMicrosecond(Some(micros)) => *micros as f64,
        IntervalMonthDayNano(Some(interval)) if interval.months == 0 => {
            f64::from(interval.days) * 86_400e6 + interval.nanoseconds as f64 / 1e3
        }
        _ => return None,
    };
    Some(Bound::Number(number))
}

#[cfg(test)]
mod tests {
    use datafusion_expr::{col, lit};
    use proptest::prelude::*;

    use super::*;

    /// What a and b may be.
    type Values = [Option<i64>; 2];

    #[derive(Clone, Debug)]
    enum Part {
        Compare(usize, Operator, i64),
        Between(usize, i64, i64),
        In(usize, Vec<i64>),
        Null(usize, bool),
        All(Vec<Part>),
        Any(Vec<Part>),
    }

    impl Part {
        fn expression(&self) -> Expr {
            let column = |of: &usize| col(["a", "b"][*of]);
            match self {
                Part::Compare(of, op, value) => Expr::BinaryExpr(BinaryExpr::new(
                    Box::new(column(of)),
                    *op,
                    Box::new(lit(*value)),
                )),
                Part::Between(of, low, high) => column(of).between(lit(*low), lit(*high)),
                Part::In(of, list) => {
                    column(of).in_list(list.iter().map(|v| lit(*v)).collect(), false)
                }
                Part::Null(of, true) => column(of).is_null(),
                Part::Null(of, false) => column(of).is_not_null(),
                Part::All(parts) => parts.iter().map(Part::expression).reduce(Expr::and).unwrap(),
                Part::Any(parts) => parts.iter().map(Part::expression).reduce(Expr::or).unwrap(),
            }
        }

        fn holds(&self, values: &Values) -> bool {
            match self {
                Part::Compare(of, op, value) => values[*of].is_some_and(|found| match op {
                    Operator::Lt => found < *value,
                    Operator::LtEq => found <= *value,
                    Operator::Gt => found > *value,
                    Operator::GtEq => found >= *value,
                    Operator::NotEq => found != *value,
                    _ => found == *value,
                }),
                Part::Between(of, low, high) => {
                    values[*of].is_some_and(|found| (*low..=*high).contains(&found))
                }
                Part::In(of, list) => values[*of].is_some_and(|found| list.contains(&found)),
                Part::Null(of, null) => values[*of].is_none() == *null,
                Part::All(parts) => parts.iter().all(|part| part.holds(values)),
                Part::Any(parts) => parts.iter().any(|part| part.holds(values)),
            }
        }
    }

    fn part() -> impl Strategy<Value = Part> {
        use Operator::*;
        let compare =
            (0..2usize, prop::sample::select(vec![Lt, LtEq, Gt, GtEq, Eq, NotEq]), 0..5i64);
        let leaf = prop_oneof![
            4 => compare.prop_map(|(of, op, value)| Part::Compare(of, op, value)),
            1 => (0..2usize, 0..5i64, 0..5i64).prop_map(|(of, low, high)| Part::Between(of, low, high)),
            1 => (0..2usize, prop::collection::vec(0..5i64, 1..3)).prop_map(|(of, l)| Part::In(of, l)),
            1 => (0..2usize, any::<bool>()).prop_map(|(of, null)| Part::Null(of, null)),
        ];
        leaf.prop_recursive(3, 12, 3, |inner| {
            let parts = prop::collection::vec(inner, 1..4);
            prop_oneof![parts.clone().prop_map(Part::All), parts.prop_map(Part::Any)]
        })
    }

    proptest! {
        #[test]
        fn what_is_said_to_be_never_true_never_is(part in part()) {
            let never = Ranges::default().suppose(&part.expression()).is_err();
            let values = || (-1..6i64).map(Some).chain([None]);
            let mut all = values().flat_map(|a| values().map(move |b| [a, b]));
            let sometimes = all.find(|values| part.holds(values));
            prop_assert!(!never || sometimes.is_none(), "{sometimes:?}");
        }

        #[test]
        fn comparisons_of_one_value_that_rule_each_other_out_are_found(
            low in 0..5i64, high in 0..5i64, strict: bool
        ) {
            let above = if strict { col("a").gt(lit(low)) } else { col("a").gt_eq(lit(low)) };
            let condition = above.and(col("a").lt_eq(lit(high)));
            let never = Ranges::default().suppose(&condition).is_err();
            prop_assert_eq!(never, low > high || strict && low == high);
        }
    }
}
