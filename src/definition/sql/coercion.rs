//! Coercion of timestamps and numbers. What meets an instant is made one: a day the midnight with which it
//! begins, by the clocks of the time zone, and a text the instant that it says, to the microsecond. A decimal
//! that meets a double is made one, and numbers that are compared are given room.
//!
//! DataFusion brings days to timestamps without a zone, where the day begins by UTC: what is said of
//! `now()` would be true at other instants than those for which a condition on it was solved. Beside a
//! text it brings both sides to nanoseconds, in which no year after 2262 has room. And beside a decimal, as
//! every literal with a point is one, it brings a double to 15 digits before the point and as many behind
//! it: 1e-20 would be 0, and 1e20 would have no room.

use arrow::datatypes::DataType;
use datafusion_common::DFSchema;
use datafusion_common::tree_node::{Transformed, TreeNode};
use datafusion_expr::expr::{Between, Case, Cast, InList, ScalarFunction};
use datafusion_expr::{BinaryExpr, Expr, ExprSchemable, Operator};

use super::SqlError;
use super::instant::is_comparison;
use crate::aggregate::digits::DIGITS;

/// Functions whose arguments are brought to one type.
const ALIKE: [&str; 7] = ["coalesce", "nvl", "nvl2", "nullif", "greatest", "least", "make_array"];

/// Makes instants of the days and texts that are compared with instants, or chosen among them, and of
/// the days that instants are taken off or that are taken off instants; and doubles of the decimals that
/// are compared with doubles, chosen among them, or looked for in lists of them.
pub fn coerced(
    expression: Expr,
    schema: &DFSchema,
    timestamp: &DataType,
) -> Result<Expr, SqlError> {
    let coercion = Coercion { schema, timestamp };
    let met = expression.transform_up(|mut expression| {
        coercion.within(&mut expression);
        Ok(Transformed::yes(expression))
    })?;
    Ok(met.data)
}

struct Coercion<'a> {
    schema: &'a DFSchema,
    timestamp: &'a DataType,
}

impl Coercion<'_> {
    fn within(&self, expression: &mut Expr) {
        match expression {
            Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_comparison(*op) => {
                self.compared(vec![left, right]);
            }
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::Minus, right }) => {
                self.instants(vec![left, right], false);
            }
            Expr::Between(Between { expr, low, high, .. }) => {
                self.compared(vec![expr, low, high]);
            }
            Expr::InList(InList { expr, list, .. }) => {
                self.compared(std::iter::once(&mut **expr).chain(list).collect());
            }
            Expr::ScalarFunction(ScalarFunction { func, args }) if ALIKE.contains(&func.name()) => {
                self.alike(args.iter_mut().collect());
            }
            Expr::ScalarFunction(ScalarFunction { func, args })
                if func.name().starts_with("array_") =>
            {
                self.doubles(args.iter_mut().collect());
            }
            Expr::Case(Case { expr: base, when_then_expr, else_expr }) => {
                let (mut compared, mut chosen) = (Vec::new(), Vec::new());
                for (when, then) in when_then_expr {
                    compared.push(&mut **when);
                    chosen.push(&mut **then);
                }
                chosen.extend(else_expr.as_deref_mut());
                self.alike(chosen);
                if let Some(base) = base {
                    compared.push(base);
                    self.compared(compared);
                }
            }
            _ => {}
        }
    }

    /// Brings together what is compared.
    fn compared(&self, among: Vec<&mut Expr>) {
        let among = self.wide(self.doubles(among));
        self.instants(among, true);
    }

    /// Gives decimals and whole numbers as many digits as all of these have before and behind the point,
    /// where these are more than a decimal has: to compare numbers there is always room.
    fn wide<'a>(&self, among: Vec<&'a mut Expr>) -> Vec<&'a mut Expr> {
        let digits = |expression: &Expr| match expression.get_type(self.schema) {
            Ok(DataType::Decimal128(digits, behind)) => Some((digits as i8 - behind, behind)),
            Ok(of) if of.is_integer() => Some((20, 0)),
            _ => None,
        };
        let known = || among.iter().filter_map(|expression| digits(expression));
        let before = known().map(|(before, _)| before).max().unwrap_or(0);
        let behind = known().map(|(_, behind)| behind).max().unwrap_or(0);
        if before + behind <= DIGITS as i8 {
            return among;
        }
        let wide = DataType::Decimal256((before + behind) as u8, behind);
        among
            .into_iter()
            .map(|expression| {
                if digits(expression).is_some() {
                    let narrow = Box::new(std::mem::take(expression));
                    *expression = Expr::Cast(Cast::new(narrow, wide.clone()));
                }
                expression
            })
            .collect()
    }

    /// Brings together that of which one is chosen.
    fn alike(&self, among: Vec<&mut Expr>) {
        let among = self.doubles(among);
        self.instants(among, true);
    }

    /// Makes doubles of decimals, if there is a double or a list of doubles among these.
    fn doubles<'a>(&self, mut among: Vec<&'a mut Expr>) -> Vec<&'a mut Expr> {
        let is_double = |expression: &Expr| match expression.get_type(self.schema) {
            Ok(DataType::List(item)) => item.data_type().is_floating(),
            Ok(of) => of.is_floating(),
            Err(_) => false,
        };
        if !among.iter().any(|expression| is_double(expression)) {
            return among;
        }
        for expression in &mut among {
            if matches!(expression.get_type(self.schema), Ok(DataType::Decimal128(..))) {
                let decimal = Box::new(std::mem::take(*expression));
                **expression = Expr::Cast(Cast::new(decimal, DataType::Float64));
            }
        }
        among
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

    use arrow::array::{
        Array, AsArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array,
        ListArray, RecordBatch, TimestampMicrosecondArray,
    };
    use arrow::datatypes::{DataType, Field, Float64Type, Schema};

    use super::super::Dialect;

    /// Whether a condition holds for the day 2025-07-05 and an instant, by the clocks of Berlin.
    fn holds(condition: &str, at: &str) -> bool {
        let dialect = Dialect::new(&Arc::from("Europe/Berlin"));
        let day = Field::new("day", DataType::Date32, true);
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
    fn a_decimal_beside_a_double_is_one() {
        let dialect = Dialect::new(&Arc::from("UTC"));
        let doubles = Field::new("item", DataType::Float64, true);
        let schema = Arc::new(Schema::new(vec![
            Field::new("x", DataType::Float64, true),
            Field::new("f", DataType::Boolean, true),
            Field::new_list("l", doubles, true),
        ]));
        let lists: [f64; 3] = [1e308, 1e-20, 0.1];
        let numbers = Float64Array::from(lists.to_vec());
        let lists = lists.map(|it| Some(vec![Some(it)]));
        let lists = ListArray::from_iter_primitive::<Float64Type, _, _>(lists);
        let all: Arc<dyn Array> = Arc::new(BooleanArray::from(vec![true; 3]));
        let rows = RecordBatch::try_new(
            Arc::clone(&schema),
            vec![Arc::new(numbers), all, Arc::new(lists)],
        );
        let rows = rows.expect("columns of one length");
        for (condition, right) in [
            ("x > 0.0", [true, true, true]),
            ("0.5 < x", [true, false, false]),
            ("x = 0.1", [false, false, true]),
            ("x is distinct from 0.1", [true, true, false]),
            ("x in (0.5, 0.1)", [false, false, true]),
            ("x not in (0.5, 0.1)", [true, true, false]),
            ("x between 0.000001 and 2.5", [false, false, true]),
            ("case x when 0.1 then true else false end", [false, false, true]),
            ("case when f then x else 0.5 end = x", [true, true, true]),
            ("coalesce(x, 0.5) = x", [true, true, true]),
            ("nvl2(x, x, 0.5) = x", [true, true, true]),
            ("nullif(x, 0.1) is null", [false, false, true]),
            ("greatest(x, 0.5) = x", [true, false, false]),
            ("least(x, 0.5) = x", [false, true, true]),
            ("[0.5, x][2] = x", [true, true, true]),
            ("array_has(l, 0.1)", [false, false, true]),
            ("array_position(l, 0.1) = 1", [false, false, true]),
            ("array_length(array_append(l, 0.5)) = 2", [true, true, true]),
        ] {
            let planned = dialect.plan(condition, &schema).expect(condition);
            let compiled = dialect.compile(planned, &schema, None, condition).expect(condition);
            let values = compiled.evaluate(&rows).expect(condition);
            let values: Vec<bool> = values.as_boolean().iter().map(|it| it == Some(true)).collect();
            assert_eq!(values, right, "{condition}");
        }
    }

    #[test]
    fn numbers_of_any_width_are_compared() {
        let dialect = Dialect::new(&Arc::from("UTC"));
        let columns: Vec<Arc<dyn Array>> = [(38, 0), (38, 38)]
            .map(|(digits, behind)| {
                let most = Decimal128Array::from(vec![10i128.pow(38) - 1]);
                let most = most.with_precision_and_scale(digits, behind);
                Arc::new(most.expect("they have room")) as Arc<dyn Array>
            })
            .into_iter()
            .chain([Arc::new(Int64Array::from(vec![i64::MAX])) as Arc<dyn Array>])
            .collect();
        let fields = ["whole", "part", "i"].iter().zip(&columns);
        let fields = fields.map(|(name, of)| Field::new(*name, of.data_type().clone(), true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let rows = RecordBatch::try_new(Arc::clone(&schema), columns).expect("three columns");
        for condition in [
            "whole > part",
            "part < i",
            "whole <> 1.5",
            "whole not in (1.5, part)",
            "i in (9223372036854775807, 0.0000000000000000000001)",
            "part between 0.5 and whole",
            "whole is distinct from part",
            "i > 0.00000000000000000000001",
            "case whole when 0.5 then false else true end",
        ] {
            let planned = dialect.plan(condition, &schema).expect(condition);
            let compiled = dialect.compile(planned, &schema, None, condition).expect(condition);
            let values = compiled.evaluate(&rows).expect(condition);
            assert!(values.as_boolean().value(0), "{condition}");
        }
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
