//! A day that meets an instant is the midnight with which it begins, by the clocks of the time zone.
//!
//! DataFusion brings both to timestamps without a zone, where the day begins by UTC: what is said of
//! `now()` would be true at other instants than those for which a condition on it was solved.

use arrow::datatypes::DataType;
use datafusion_common::DFSchema;
use datafusion_common::tree_node::{Transformed, TreeNode};
use datafusion_expr::expr::{Between, Cast, InList};
use datafusion_expr::{BinaryExpr, Expr, ExprSchemable, Operator};

use super::instant::is_comparison;
use super::sql::SqlError;

/// Makes instants of the days in comparisons and differences with instants.
pub fn meet(expression: Expr, schema: &DFSchema, timestamp: &DataType) -> Result<Expr, SqlError> {
    let meeting = Meeting { schema, timestamp };
    let met = expression.transform_up(|expression| Ok(meeting.of(expression)))?;
    Ok(met.data)
}

struct Meeting<'a> {
    schema: &'a DFSchema,
    timestamp: &'a DataType,
}

impl Meeting<'_> {
    fn of(&self, expression: Expr) -> Transformed<Expr> {
        match expression {
            Expr::BinaryExpr(BinaryExpr { left, op, right })
                if is_comparison(op) || op == Operator::Minus =>
            {
                let [left, right] = self.instants([left, right]);
                Transformed::yes(Expr::BinaryExpr(BinaryExpr { left, op, right }))
            }
            Expr::Between(Between { expr, negated, low, high }) => {
                let [expr, low, high] = self.instants([expr, low, high]);
                Transformed::yes(Expr::Between(Between { expr, negated, low, high }))
            }
            Expr::InList(InList { expr, list, negated }) => {
                let mut all = vec![expr];
                all.extend(list.into_iter().map(Box::new));
                let mut all = self.instants(all).into_iter();
                let expr = all.next().expect("it was the first");
                let list = all.map(|expression| *expression).collect();
                Transformed::yes(Expr::InList(InList { expr, list, negated }))
            }
            other => Transformed::no(other),
        }
    }

    /// Days as instants, if there is an instant among these.
    fn instants<E: AsMut<[Box<Expr>]>>(&self, mut among: E) -> E {
        let expressions = among.as_mut();
        let is_instant = |expression: &Expr| {
            matches!(expression.get_type(self.schema), Ok(DataType::Timestamp(..)))
        };
        if expressions.iter().any(|expression| is_instant(expression)) {
            for expression in expressions {
                if matches!(expression.get_type(self.schema), Ok(DataType::Date32)) {
                    let day = std::mem::take(expression);
                    **expression = Expr::Cast(Cast::new(day, self.timestamp.clone()));
                }
            }
        }
        among
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
}
