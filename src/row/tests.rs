//! What is put into bytes is found again.

use proptest::prelude::*;
use thin_vec::ThinVec;

use super::value_bytes::{push_value, skip_value, take_value};
use super::{
    Body, BodyBuilder, Carried, Datum, Identifier, IdentifierHash, Input, REASON_CODES, Verdict,
};

/// Values of every type, as short and as long as they come.
pub fn values() -> impl Strategy<Value = Datum> {
    let few = |value: i128| prop_oneof![Just(value), Just(-value), Just(value - 1)];
    let near_powers = (0..126u32).prop_flat_map(move |bits| few(1 << bits));
    let plain = prop_oneof![
        any::<bool>().prop_map(Datum::Boolean),
        prop_oneof![any::<i64>(), -300..300i64].prop_map(Datum::Integer),
        near_powers.clone().prop_map(|value| Datum::Integer(value as i64)),
        prop_oneof![
            any::<f64>(),
            (-500..500i32).prop_map(|value| f64::from(value) / 4.0),
            Just(-0.0),
            Just(f64::NAN),
            Just(f64::INFINITY)
        ]
        .prop_map(Datum::Number),
        prop_oneof![any::<i128>(), near_powers].prop_map(Datum::decimal),
        prop_oneof![".{0,20}", "[a-zß]{120,140}", "x{300}"]
            .prop_map(|text| Datum::Text(text.into())),
        any::<i64>().prop_map(Datum::Timestamp),
        any::<i32>().prop_map(Datum::Date),
    ];
    plain.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| Datum::List(items.into())),
            prop::collection::vec(prop::option::of(inner), 0..4)
                .prop_map(|fields| Datum::Struct(fields.into())),
        ]
    })
}

fn identifiers() -> impl Strategy<Value = Vec<Identifier>> {
    let identifier = (any::<u128>(), any::<u8>(), ".{0,12}|y{200}");
    let identifier = identifier.prop_map(|(hash, kind, text)| Identifier {
        hash: IdentifierHash(hash),
        kind,
        text: text.into(),
    });
    prop::collection::vec(identifier, 0..5)
}

fn inputs() -> impl Strategy<Value = Vec<Input>> {
    let input = (prop_oneof![0..4u16, any::<u16>()], values());
    let input = input.prop_map(|(aggregate, value)| Input { aggregate, value });
    prop::collection::vec(input, 0..6)
}

fn verdicts() -> impl Strategy<Value = Verdict> {
    prop_oneof![Just(Verdict::Together), Just(Verdict::Same), Just(Verdict::Different)]
}

proptest! {
    #[test]
    fn a_value_is_as_it_was(value in prop::option::of(values()), behind in any::<Vec<u8>>()) {
        let mut bytes = Vec::new();
        push_value(value.as_ref(), &mut bytes);
        bytes.extend_from_slice(&behind);
        let (mut taken, mut skipped) = (&*bytes, &*bytes);
        prop_assert_eq!(take_value(&mut taken), value);
        skip_value(&mut skipped);
        prop_assert_eq!((taken, skipped), (&*behind, &*behind));
    }

    #[test]
    fn a_body_says_what_was_put_into_it(
        (of, given, verdict) in (identifiers(), inputs(), verdicts()),
        others in inputs(),
    ) {
        let body = Body::saying(verdict, &of, &given);
        let found: Vec<Identifier> = body.identifiers().map(Carried::to_identifier).collect();
        prop_assert_eq!(body.identifiers().len(), of.len());
        prop_assert_eq!(&found, &of);
        prop_assert_eq!(body.inputs().collect::<Vec<_>>(), given);
        prop_assert_eq!(body.verdict(), verdict);
        prop_assert_eq!(body.with_inputs(&others), Body::saying(verdict, &of, &others));
        let sent = bincode::serialize(&body).expect("it can be sent");
        prop_assert_eq!(&bincode::deserialize::<Body>(&sent).expect("as it was sent"), &body);
        for (place, one) in body.identifiers().enumerate() {
            let [last] = [body.identifiers().last().expect("there is one")];
            let mentioned = body.mentioned([one, last]);
            let named = mentioned.each().map(Carried::to_identifier);
            prop_assert_eq!(&named, &[of[place].clone(), of[of.len() - 1].clone()]);
            let sent = bincode::serialize(&mentioned).expect("it can be sent");
            prop_assert!(sent.len() < 64 + 2 * (32 + 4 * 200));
            let received: super::Mentioned<2> = bincode::deserialize(&sent).expect("as sent");
            prop_assert_eq!(received, mentioned);
        }
    }

    /// The order of the bytes is some order of what is said: equal where that is, and only there.
    #[test]
    fn bodies_are_equal_where_they_say_the_same(
        one in (verdicts(), identifiers(), inputs()),
        other in (verdicts(), identifiers(), inputs()),
    ) {
        let body = |(verdict, of, given): &(Verdict, Vec<Identifier>, Vec<Input>)| {
            Body::saying(*verdict, of, given)
        };
        prop_assert_eq!(body(&one), body(&one));
        prop_assert_eq!(body(&one) == body(&other), one == other);
        prop_assert_eq!(body(&one).cmp(&body(&other)).is_eq(), one == other);
    }
}

#[test]
fn a_row_of_elements_says_nothing_but_by_them() {
    let element = |number| Body::of(&[], &[Input { aggregate: number, value: Datum::Integer(1) }]);
    let elements: ThinVec<Body> = [element(1), element(2)].into_iter().collect();
    let body = Body::of_elements(Verdict::Together, elements.clone());
    assert_eq!((body.identifiers().len(), body.inputs().count()), (0, 0));
    assert_eq!(body.said(), &*elements);
    assert_eq!(element(1).said(), [element(1)]);
}

#[test]
fn a_builder_begins_anew_behind_each_body() {
    let mut builder = BodyBuilder::default();
    let of = Identifier { hash: IdentifierHash(7), kind: 1, text: "a".into() };
    for value in [1, 2] {
        builder.carry(of.hash, of.kind, &of.text);
        builder.give(3, &Datum::Integer(value));
        let given = Input { aggregate: 3, value: Datum::Integer(value) };
        let body = builder.build(Verdict::Together, None, ThinVec::new());
        assert_eq!(body, Body::of(std::slice::from_ref(&of), &[given]));
    }
}

#[test]
fn what_is_small_takes_few_bytes() {
    let sizes = [
        (None, 1),
        (Some(Datum::Integer(0)), 1),
        (Some(Datum::Integer(-128)), 2),
        (Some(Datum::Integer(128)), 3),
        (Some(Datum::decimal(1_999)), 3),
        (Some(Datum::Number(2.5)), 3),
        (Some(Datum::Timestamp(1_720_137_600_000_000)), 8),
        (Some(Datum::Text("basket".into())), 7),
    ];
    for (value, size) in sizes {
        let mut bytes = Vec::new();
        push_value(value.as_ref(), &mut bytes);
        assert_eq!(bytes.len(), size, "{value:?}");
    }
}

#[test]
fn the_reference_explains_every_code_of_a_reason_and_no_other() {
    let reference = include_str!("../../docs/reference.md");
    let (_, table) = reference.split_once("| code | why |\n|---|---|\n").expect("the table");
    let rows = table.lines().map_while(|line| line.strip_prefix("| ")?.split_once(" | "));
    let codes = rows.flat_map(|(codes, _)| codes.split(", ").map(|code| code.trim_matches('`')));
    // It is told of no row, but of a record.
    let codes: Vec<&str> = codes.filter(|code| *code != "too_large").collect();
    assert_eq!(codes, REASON_CODES);
}

proptest! {
    #[test]
    fn an_identifier_is_hashed_alike_however_long_it_is(
        kind in "[a-z]{1,12}", text in prop_oneof![".{0,40}", "x{100,140}", "é{40,600}"],
    ) {
        let hash = blake3::hash(format!("{kind}:{text}").as_bytes());
        let expected = u128::from_be_bytes(hash.as_bytes()[..16].try_into().expect("16 bytes"));
        prop_assert_eq!(IdentifierHash::of(&kind, &text), IdentifierHash(expected));
    }
}
