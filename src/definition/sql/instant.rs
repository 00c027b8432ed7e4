//! Conditions on `now()`, turned into the instants at which they can change.
//!
//! Every comparison with `now()` is solved for it: `now() - last_cart >= interval '1 hour'` turns
//! where `now() = last_cart + interval '1 hour'`. Time alone changes nothing elsewhere.

use arrow::datatypes::{DataType, IntervalMonthDayNano};
use datafusion_common::ScalarValue;
use datafusion_common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion_expr::expr::{Between, Cast, TryCast};
use datafusion_expr::{BinaryExpr, Expr, Operator};

use super::names::NOW;
use super::{SqlError, calendar};
use crate::time::zone::Zone;

/// `now()` compared with an expression turns there, or a microsecond later.
#[derive(Clone, Debug, PartialEq)]
pub struct NowTurn {
    pub at: Expr,
    pub after: bool,
}

impl NowTurn {
    /// The instant, null where a sum leads beyond the years: nothing turns there.
    pub fn instant(self, timestamp: &DataType) -> Expr {
        Expr::TryCast(TryCast::new(Box::new(self.at), timestamp.clone()))
    }
}

const FORMS: &str = "now(), or current_timestamp, can be compared as in: \
                     last_order < now() - interval '30 days', \
                     now() - last_cart between interval '1 hour' and interval '3 days', \
                     cast(now() as date) = cast(last_order as date)";

/// Whether an expression looks at `now()`.
pub fn uses_now(expression: &Expr) -> bool {
    expression.exists(|part| Ok(is_now(part))).unwrap_or(false)
}

fn is_now(expression: &Expr) -> bool {
    matches!(expression, Expr::Column(column) if column.name == NOW)
}

/// All turns of a condition.
pub fn turns(condition: &Expr, zone: &'static Zone) -> Result<Vec<NowTurn>, SqlError> {
    let solve = |left: &Expr, op, right: &Expr| solve(left, op, right, zone);
    let mut turns = Vec::new();
    let mut failure = None;
    // What is left once every comparison is taken out must not look at `now()`.
    let rest = condition.clone().transform_down(|part| {
        let comparison = match &part {
            Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_comparison(*op) => {
                Some(solve(left, *op, right))
            }
            Expr::Between(Between { expr, low, high, .. }) => {
                let low = solve(expr, Operator::GtEq, low);
                let high = solve(expr, Operator::LtEq, high);
                Some(low.and_then(|mut low| {
                    low.extend(high?);
                    Ok(low)
                }))
            }
            _ => None,
        };
        Ok(match comparison {
            None => Transformed::no(part),
            Some(Ok(solved)) => {
                turns.extend(solved);
                let taken = Expr::Literal(ScalarValue::Boolean(None), None);
                Transformed::new(taken, true, TreeNodeRecursion::Jump)
            }
            Some(Err(error)) => {
                failure.get_or_insert(error);
                Transformed::new(part, false, TreeNodeRecursion::Stop)
            }
        })
    })?;
    match failure {
        Some(error) => Err(error),
        None if uses_now(&rest.data) => {
            Err(SqlError::new(format!("unsupported use of now(): {FORMS}")))
        }
        None => Ok(turns),
    }
}

pub fn is_comparison(operator: Operator) -> bool {
    use Operator::*;
    matches!(operator, Eq | NotEq | Lt | LtEq | Gt | GtEq | IsDistinctFrom | IsNotDistinctFrom)
}

fn solve(
    left: &Expr,
    operator: Operator,
    right: &Expr,
    zone: &'static Zone,
) -> Result<Vec<NowTurn>, SqlError> {
    let (mut side, mut other, mut operator) = match (uses_now(left), uses_now(right)) {
        (false, false) => return nested(left, right),
        (true, true) => {
            return Err(SqlError::new(format!("now() stands on both sides: {FORMS}")));
        }
        (true, false) => (left.clone(), right.clone(), operator),
        (false, true) => (right.clone(), left.clone(), swapped(operator)),
    };
    while !is_now(&side) {
        (side, other, operator) = match side {
            Expr::Cast(Cast { expr, field }) if field.data_type() == &DataType::Date32 => {
                let turns = midnights(other, zone);
                let turns = turns.iter().map(|at| solve(&expr, Operator::GtEq, at, zone));
                return Ok(turns.collect::<Result<Vec<_>, SqlError>>()?.concat());
            }
            Expr::Cast(Cast { expr, .. }) => (*expr, other, operator),
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::Plus, right }) => {
                let (side, offset) = if uses_now(&left) { (left, right) } else { (right, left) };
                fixed_length(&offset)?;
                (*side, binary(other, Operator::Minus, *offset), operator)
            }
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::Minus, right }) => {
                if uses_now(&left) {
                    fixed_length(&right)?;
                    fixed_length(&other)?;
                    // A timestamp or an interval comes off `now()`: the timestamp leads the sum.
                    let sum = if is_interval(&other) {
                        binary(*right, Operator::Plus, other)
                    } else {
                        binary(other, Operator::Plus, *right)
                    };
                    (*left, sum, operator)
                } else {
                    fixed_length(&other)?;
                    (*right, binary(*left, Operator::Minus, other), swapped(operator))
                }
            }
            _ => return Err(SqlError::new(format!("unsupported use of now(): {FORMS}"))),
        };
    }
    use Operator::*;
    let (at, after) =
        (NowTurn { at: other.clone(), after: false }, NowTurn { at: other, after: true });
    Ok(match operator {
        GtEq | Lt => vec![at],
        Gt | LtEq => vec![after],
        _ => vec![at, after],
    })
}

/// Where the day of an instant becomes, and ceases to be, the one that it is compared with.
fn midnights(day: Expr, zone: &'static Zone) -> Vec<Expr> {
    let day_of = |of: Expr| Expr::Cast(Cast::new(Box::new(of), DataType::Date32));
    let day = day_of(day);
    let one = ScalarValue::IntervalMonthDayNano(Some(IntervalMonthDayNano::new(0, 1, 0)));
    let next = binary(day.clone(), Operator::Plus, Expr::Literal(one, None));
    [day, day_of(next)].into_iter().flat_map(|day| calendar::beginnings(day, zone)).collect()
}

/// A comparison that has `now()` on neither side may still have one within, as in a `case`.
fn nested(left: &Expr, right: &Expr) -> Result<Vec<NowTurn>, SqlError> {
    debug_assert!(!uses_now(left) && !uses_now(right));
    Ok(Vec::new())
}

fn swapped(operator: Operator) -> Operator {
    operator.swap().unwrap_or(operator)
}

fn binary(left: Expr, op: Operator, right: Expr) -> Expr {
    Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right)))
}

fn is_interval(expression: &Expr) -> bool {
    match expression {
        Expr::Literal(ScalarValue::IntervalMonthDayNano(_), _) => true,
        Expr::Negative(inner) => is_interval(inner),
        Expr::BinaryExpr(BinaryExpr { left, .. }) => is_interval(left),
        _ => false,
    }
}

/// Months are of no fixed length, so a comparison with them does not turn once but several times.
fn fixed_length(expression: &Expr) -> Result<(), SqlError> {
    let has_months = expression.exists(|part| {
        Ok(matches!(part, Expr::Literal(ScalarValue::IntervalMonthDayNano(Some(interval)), _)
            if interval.months != 0))
    });
    match has_months {
        Ok(false) => Ok(()),
        _ => Err(SqlError::new(
            "an interval of months or years beside now() has no fixed length: \
             say it in days, as in interval '30 days'",
        )),
    }
}
