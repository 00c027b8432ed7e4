//! What meets an instant is one: a day the midnight with which it begins, by the clocks of the time zone,
//! and a text what it says, to the microsecond.
//!
//! DataFusion brings days to timestamps without a zone, where the day begins by UTC: what is said of
//! `now()` would be true at other instants than those for which a condition on it was solved. Beside a
//! text it brings both sides to nanoseconds, in which no year after 2262 has room.

use arrow::datatypes::DataType;
use datafusion_common::DFSchema;
use datafusion_common::tree_node::{Transformed, TreeNode};
use datafusion_expr::expr::{Between, Case, Cast, InList, ScalarFunction};
use datafusion_expr::{BinaryExpr, Expr, ExprSchemable, Operator};

use super::instant::is_comparison;
use super::sql::SqlError;

/// Functions whose arguments are brought to one type.
const ALIKE: [&str; 5] = ["coalesce", "nvl", "nullif", "greatest", "least"];

/// Makes instants of the days and texts that are compared with instants, or chosen among them, and of
/// the days that instants are taken off or that are taken off instants.
pub fn meet(expression: Expr, schema: &DFSchema, timestamp: &DataType) -> Result<Expr, SqlError> {
    let meeting = Meeting { schema, timestamp };
    let met = expression.transform_up(|mut expression| {
        meeting.within(&mut expression);
        Ok(Transformed::yes(expression))
    })?;
    Ok(met.data)
}

struct Meeting<'a> {
    schema: &'a DFSchema,
    timestamp: &'a DataType,
}

impl Meeting<'_> {
    fn within(&self, expression: &mut Expr) {
        match expression {
            Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_comparison(*op) => {
                self.instants(vec![left, right], true);
            }
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::Minus, right }) => {
                self.instants(vec![left, right], false);
            }
            Expr::Between(Between { expr, low, high, .. }) => {
                self.instants(vec![expr, low, high], true);
            }
            Expr::InList(InList { expr, list, .. }) => {
                self.instants(std::iter::once(&mut **expr).chain(list).collect(), true);
            }
            Expr::ScalarFunction(ScalarFunction { func, args }) if ALIKE.contains(&func.name()) => {
                self.instants(args.iter_mut().collect(), true);
            }
            Expr::Case(Case { expr: base, when_then_expr, else_expr }) => {
                let (mut compared, mut chosen) = (Vec::new(), Vec::new());
                for (when, then) in when_then_expr {
                    compared.push(&mut **when);
                    chosen.push(&mut **then);
                }
                chosen.extend(else_expr.as_deref_mut());
                self.instants(chosen, true);
                if let Some(base) = base {
                    compared.push(base);
                    self.instants(compared, true);
                }
            }
            _ => {}
        }
    }

    /// Makes instants of days, and of texts where they are asked for, if there is an instant among these.
    fn instants(&self, among: Vec<&mut Expr>, of_texts: bool) {
        let type_of = |expression: &Expr| expression.get_type(self.schema).ok();
        let is_instant =
            |expression: &Expr| matches!(type_of(expression), Some(DataType::Timestamp(..)));
        if !among.iter().any(|expression| is_instant(expression)) {
            return;
        }
        for expression in among {
            let is_one = match type_of(expression) {
                Some(DataType::Date32) => true,
                Some(DataType::Utf8) => of_texts,
                _ => false,
            };
            if is_one {
                let other = Box::new(std::mem::take(expression));
                *expression = Expr::Cast(Cast::new(other, self.timestamp.clone()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Array, AsArray, Date32Array, RecordBatch, TimestampMicrosecondArray};
    use arrow::datatypes::{Field, Schema};

    use super::super::sql::Dialect;

    /// Whether a condition holds for the day 2025-07-05 and an instant, by the clocks of Berlin.
    fn holds(condition: &str, at: &str) -> bool {
        let dialect = Dialect::new(&Arc::from("Europe/Berlin"));
        let day = Field::new("day", arrow::datatypes::DataType::Date32, true);
        let schema = Arc::new(Schema::new(vec![day, Field::new("at", dialect.timestamp(), true)]));
        let planned = dialect.plan(condition, &schema).expect("SQL");
        let compiled = dialect.compile(planned, &schema, None, condition).expect("SQL");
        let at = chrono::DateTime::parse_from_rfc3339(at).expect("an instant").timestamp_micros();
        let at = TimestampMicrosecondArray::from_value(at, 1).with_timezone("Europe/Berlin");
        let columns: Vec<Arc<dyn Array>> =
            vec![Arc::new(Date32Array::from_value(20_274, 1)), Arc::new(at)];
        let row = RecordBatch::try_new(schema, columns).expect("two columns");
        compiled.evaluate(&row).expect("a value").as_boolean().value(0)
    }

    #[test]
    fn a_day_begins_at_midnight_by_the_clocks() {
        for (condition, since) in [
            ("day <= at", "2025-07-04T22:00:00Z"),
            ("at >= day", "2025-07-04T22:00:00Z"),
            ("at not between date '2025-01-01' and day - 1", "2025-07-03T22:00:00.000001Z"),
            ("at - day >= interval '1 hour'", "2025-07-04T23:00:00Z"),
            ("day < at - interval '1 day'", "2025-07-05T22:00:00.000001Z"),
        ] {
            let since = chrono::DateTime::parse_from_rfc3339(since).expect("an instant");
            let before = since - chrono::TimeDelta::microseconds(1);
            assert!(holds(condition, &since.to_rfc3339()), "{condition} since {since}");
            assert!(!holds(condition, &before.to_rfc3339()), "{condition} before {since}");
        }
        assert!(holds("at in (day, null)", "2025-07-04T22:00:00Z"));
    }

    #[test]
    fn a_text_is_the_instant_that_it_names() {
        for condition in [
            "at = '9999-12-31T00:00:00Z'",
            "'9999-12-31 01:00:00' = at",
            "at > '2300-01-01' and at < cast('9999-12-31T00:00:00.000001Z' as text)",
            "at between '1000-01-01' and '9999-12-31T00:00:00Z'",
            "at not in ('9999-12-30T00:00:00Z', null) is null",
            "case at when '9999-12-31T00:00:00Z' then true end",
            "coalesce(at, '9999-12-30T00:00:00Z') = at",
            "nullif(at, '9999-12-31T00:00:00Z') is null",
            "greatest(at, '9999-12-31T00:00:00.000001Z') > at",
            "case when day > at then '2025-01-01' else at end = at",
        ] {
            assert!(holds(condition, "9999-12-31T00:00:00Z"), "{condition}");
        }
    }
}
