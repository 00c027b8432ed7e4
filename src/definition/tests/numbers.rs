//! That arithmetic gives the number that it should, or an error where that has no room: by numbers of any
//! length, which have room for all.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Decimal128Array, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Decimal128Type, Field, Int64Type, Schema};
use num_bigint::BigInt;
use proptest::prelude::*;

use crate::definition::sql::Dialect;

/// What an expression over columns `a` and `b` of one row gives, with its type.
fn evaluated(expression: &str, a: ArrayRef, b: ArrayRef) -> (DataType, Result<ArrayRef, String>) {
    let dialect = Dialect::new(&Arc::from("UTC"));
    let field = |name: &str, column: &ArrayRef| Field::new(name, column.data_type().clone(), true);
    let schema = Arc::new(Schema::new(vec![field("a", &a), field("b", &b)]));
    let planned = dialect.plan(expression, &schema).expect("SQL");
    let compiled = dialect.compile(planned, &schema, None, expression);
    let compiled = compiled.unwrap_or_else(|error| panic!("{expression}: {error:?}"));
    let batch = RecordBatch::try_new(schema, vec![a, b]).expect("columns of one length");
    (compiled.data_type.clone(), compiled.evaluate(&batch))
}

fn whole(value: i64) -> ArrayRef {
    Arc::new(Int64Array::from(vec![value]))
}

fn decimal(value: i128, digits: u8, behind: i8) -> ArrayRef {
    let value = Decimal128Array::from(vec![value]).with_precision_and_scale(digits, behind);
    Arc::new(value.expect("it has room"))
}

/// What is right of whole numbers, or nothing where it is none of 64 bits.
fn right(operator: &str, a: i64, b: i64) -> Option<i64> {
    let (a, b) = (i128::from(a), i128::from(b));
    let right = match operator {
        "a + b" => a + b,
        "a - b" => a - b,
        "a * b" => a * b,
        "a / b" => a.checked_div(b)?,
        "a % b" => a.checked_rem(b)?,
        "-a" => -a,
        "abs(a)" => a.abs(),
        "a << b" if (0..64).contains(&b) => a << b,
        "a >> b" if (0..64).contains(&b) => a >> b,
        "sum" => a + b,
        _ => return None,
    };
    i64::try_from(right).ok()
}

fn wholes() -> impl Strategy<Value = i64> {
    let edges = [
        i64::MIN,
        i64::MIN + 1,
        -1,
        0,
        1,
        2,
        63,
        64,
        1 << 32,
        i64::MAX / 2,
        i64::MAX - 1,
        i64::MAX,
    ];
    prop_oneof![prop::sample::select(edges.to_vec()), any::<i64>(), -100..100i64]
}

/// A decimal's value with its digits in all and behind the point.
fn decimals() -> impl Strategy<Value = (i128, u8, i8)> {
    (1..=38u8, 0..=38i8, any::<i128>(), 0..=38u32).prop_map(|(digits, behind, value, length)| {
        let behind = behind.min(digits as i8);
        let value = value % 10i128.pow(length.min(digits.into()));
        (value, digits, behind)
    })
}

fn power(of: i8) -> BigInt {
    BigInt::from(10).pow(u32::try_from(of).expect("not negative"))
}

proptest! {
    #![proptest_config(crate::property::cases(400))]

    #[test]
    fn whole_numbers_never_wrap(
        operator in prop::sample::select(&["a + b", "a - b", "a * b", "a / b", "a % b", "-a", "abs(a)", "a << b", "a >> b"][..]),
        (a, b) in (wholes(), wholes()),
    ) {
        let (_, found) = evaluated(operator, whole(a), whole(b));
        let found = found.ok().map(|found| found.as_primitive::<Int64Type>().value(0));
        prop_assert_eq!(found, right(operator, a, b), "{} of {} and {}", operator, a, b);
    }

    #[test]
    fn decimals_are_right_to_the_last_digit_or_have_no_room(
        operator in prop::sample::select(&["+", "-", "*", "/", "%"][..]),
        (a, p, s) in decimals(),
        (b, q, t) in decimals(),
    ) {
        // That a product has no type is told by `check`.
        prop_assume!(operator != "*" || s + t <= 38);
        let expression = format!("a {operator} b");
        let (data_type, found) = evaluated(&expression, decimal(a, p, s), decimal(b, q, t));
        let DataType::Decimal128(digits, behind) = data_type else {
            panic!("{expression} is {data_type}")
        };
        // Both with as many digits behind the point as either.
        let (one, two) = (BigInt::from(a) * power(t), BigInt::from(b) * power(s));
        let is_zero = b == 0 && ["/", "%"].contains(&operator);
        // What is right, with so many digits behind the point.
        let right = (!is_zero).then(|| match operator {
            "+" => (one + two, s + t),
            "-" => (one - two, s + t),
            "*" => (BigInt::from(a) * b, s + t),
            "/" => (one * power(behind) / two, behind),
            _ => (one % two, s + t),
        });
        let right = right.and_then(|(value, of)| {
            // A product may have more digits than there are: these are rounded.
            let value = match of <= behind {
                true => value * power(behind - of),
                false => {
                    let by = power(of - behind);
                    let half: BigInt = &by / 2;
                    if value < BigInt::ZERO { (value - half) / by } else { (value + half) / by }
                }
            };
            let fits = *value.magnitude() < *power(digits as i8).magnitude();
            fits.then(|| i128::try_from(value).expect("38 digits"))
        });
        let found = found.ok().map(|found| found.as_primitive::<Decimal128Type>().value(0));
        prop_assert_eq!(found, right, "{} {} {} as {}", a, operator, b, data_type);
    }

    #[test]
    fn a_quotient_has_four_digits_more_or_all_that_there_is_room_for((a, p, s) in decimals()) {
        let (data_type, found) = evaluated("a / b", decimal(a, p, s), whole(1));
        let DataType::Decimal128(_, behind) = data_type else { panic!("it is {data_type}") };
        prop_assert!(behind >= s && behind <= s + 4);
        prop_assert!(behind == s + 4 || behind >= 6 || behind == s);
        // It is told wherever its digits have room, and else an error.
        let right = BigInt::from(a) * power(behind - s);
        let fits = *right.magnitude() < *power(38).magnitude();
        prop_assert!(fits || behind > s, "the value's own digits have room");
        let found = found.ok().map(|found| found.as_primitive::<Decimal128Type>().value(0));
        prop_assert_eq!(found.map(BigInt::from), fits.then_some(right));
    }
}

#[test]
fn what_overflows_is_an_error_and_no_number() {
    let none = whole(0);
    for (expression, a) in [
        ("factorial(a)", 21),
        ("lcm(a, a - 1)", i64::MAX),
        ("gcd(a, 0)", i64::MIN),
        ("abs(a)", i64::MIN),
        ("cast(a as int)", 1 << 40),
        ("cast(a as decimal(5,2))", 1_000),
        ("cast(cast(a as double) * 10 as bigint)", i64::MAX),
        ("cast(a as text) || '0' = cast(cast(cast(a as text) || '0' as bigint) as text)", i64::MAX),
        ("date '2025-01-01' + a", 1 << 40),
        ("date '2025-01-01' - a", i64::MAX),
        ("round(a, -1)", i64::MAX),
    ] {
        let (_, found) = evaluated(expression, whole(a), Arc::clone(&none));
        assert!(found.is_err(), "{expression} of {a}: {found:?}");
    }
}
