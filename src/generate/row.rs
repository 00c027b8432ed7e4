//! Rows as text.

use std::fmt::Write;

use super::generated_row::{GeneratedRow, RecordKind, RowDestination};
use super::random::{Draws, mix};
use crate::time::{Micros, rfc3339};

/// A person, as far as rows need them.
#[derive(Clone, Copy, Debug)]
pub struct Subject {
    pub number: u64,
    pub code: u64,
    pub is_customer: bool,
    pub devices: u64,
    /// The share of the history at which they do, if they are a customer.
    pub signs_up: f64,
}

const FIRST: [&str; 16] = [
    "Ada", "Ben", "Clara", "Daniel", "Emma", "Finn", "Greta", "Hannes", "Ida", "Jonas", "Klara",
    "Leon", "Mia", "Noah", "Olga", "Paul",
];
const LAST: [&str; 16] = [
    "Adler", "Bauer", "Clausen", "Dietz", "Ebert", "Fischer", "Graf", "Huber", "Iversen", "Jansen",
    "Keller", "Lang", "Maurer", "Novak", "Ott", "Pichler",
];
const COUNTRIES: [&str; 6] = ["DE", "AT", "CH", "FR", "NL", "IT"];
const DEPARTMENTS: [&str; 6] = ["women", "men", "kids", "shoes", "bags", "home"];

/// Writes one row at a time.
#[derive(Default)]
pub struct RowWriter {
    key: String,
    value: String,
}

impl RowWriter {
    /// The row before, once more.
    pub fn again(&mut self, destination: RowDestination) -> GeneratedRow<'_> {
        GeneratedRow { destination, key: &self.key, value: &self.value, erased: false }
    }

    fn begin(&mut self) {
        self.key.clear();
        self.value.clear();
    }

    pub fn product(&mut self, product: u64) -> GeneratedRow<'_> {
        self.begin();
        write!(self.key, "SKU-{product:04}").expect("to a string");
        let (cents, department) = (price(product), department(product));
        let (euros, cents) = (cents / 100, cents % 100);
        write!(
            self.value,
            "{{\"sku\":\"SKU-{product:04}\",\"title\":\"{} no. {product}\",\"department\":\"{department}\",\
             \"price\":{euros}.{cents:02}}}",
            ["Coat", "Shirt", "Dress", "Boots", "Scarf", "Jeans"][(mix(product) % 6) as usize],
        )
        .expect("to a string");
        self.again(RowDestination::Products)
    }

    #[expect(clippy::too_many_arguments, reason = "an event, taken apart")]
    pub fn event(
        &mut self,
        number: u64,
        person: &Subject,
        owner: &Subject,
        device: u64,
        at: Micros,
        known: bool,
        kind: u64,
        product: u64,
        bad: bool,
        test: bool,
        draws: &mut Draws,
    ) -> GeneratedRow<'_> {
        self.begin();
        write!(self.key, "a_{:016x}", mix(owner.code.wrapping_add(device))).expect("to a string");
        let (key, value) = (&self.key, &mut self.value);
        let flaw = if bad { draws.below(6) } else { 6 };
        value.push('{');
        if flaw != 0 {
            write!(value, "\"messageId\":\"m_{number:012}\",").expect("to a string");
        }
        if flaw != 1 {
            let at = if flaw == 2 { "2125-01-01T00:00:00.000Z".to_owned() } else { rfc3339(at) };
            write!(value, "\"timestamp\":\"{at}\",").expect("to a string");
        }
        write!(value, "\"anonymousId\":\"{key}\",").expect("to a string");
        if known {
            write!(value, "\"userId\":\"C{:07}\",", person.number).expect("to a string");
        }
        let event = match kind {
            0..40 => "Page Viewed",
            40..85 => "Product Viewed",
            85..95 => "Product Added",
            95..98 => "Checkout Started",
            _ => "Signed In",
        };
        let department = department(product);
        write!(value, "\"event\":\"{event}\",\"properties\":{{").expect("to a string");
        if (40..95).contains(&kind) {
            let (euros, cents) = (price(product) / 100, price(product) % 100);
            if flaw == 3 {
                write!(value, "\"price\":\"a lot\",").expect("to a string");
            } else {
                write!(value, "\"price\":{euros}.{cents:02},").expect("to a string");
            }
            write!(value, "\"sku\":\"SKU-{product:04}\",\"category\":\"{department}\"")
                .expect("to a string");
        } else if kind >= 98 && known {
            value.push_str("\"email\":\"");
            match test {
                true => value.push_str("test@test.com"),
                false => email(person, 0, draws.below(4), value),
            }
            value.push('"');
        }
        write!(
            value,
            "}},\"context\":{{\"page\":{{\"url\":\"https://shop.example/{department}/{product}\"}},\
             \"library\":\"web 4.2\"}}}}"
        )
        .expect("to a string");
        match flaw {
            4 => {
                let half = value.len() / 2;
                value.truncate(half);
            }
            5 => {
                value.clear();
                value.push_str("not json at all");
            }
            _ => {}
        }
        self.again(RowDestination::Web)
    }

    #[expect(clippy::too_many_arguments, reason = "an order, taken apart")]
    pub fn order(
        &mut self,
        number: u64,
        person: &Subject,
        at: Micros,
        guest: bool,
        product: u64,
        bad: bool,
        draws: &mut Draws,
    ) -> GeneratedRow<'_> {
        self.begin();
        write!(self.key, "O{number:09}").expect("to a string");
        let (key, value) = (&self.key, &mut self.value);
        let pieces = 1 + draws.below(3);
        let cents = price(product) * pieces;
        let amount = match (bad, draws.below(2)) {
            (true, 0) => "\"unknown\"".to_owned(),
            (true, _) => "1e30".to_owned(),
            _ => format!("{}.{:02}", cents / 100, cents % 100),
        };
        let at = rfc3339(at);
        write!(value, "{{\"order_id\":\"{key}\",\"ordered_at\":\"{at}\",").expect("to a string");
        if !guest {
            write!(value, "\"customer_id\":\"C{:07}\",", person.number).expect("to a string");
        }
        value.push_str("\"email\":\"");
        email(person, 0, draws.below(8), value);
        write!(
            value,
            "\",\"amount\":{amount},\"currency\":\"EUR\",\"sku\":\"SKU-{product:04}\",\
             \"department\":\"{}\"}}",
            department(product)
        )
        .expect("to a string");
        self.again(RowDestination::Orders)
    }

    pub fn record(
        &mut self,
        person: &Subject,
        at: Micros,
        kind: RecordKind,
        bad: bool,
        draws: &mut Draws,
    ) -> GeneratedRow<'_> {
        self.begin();
        write!(self.key, "C{:07}", person.number).expect("to a string");
        let (key, value) = (&self.key, &mut self.value);
        let (first, last) = names(person);
        let country = COUNTRIES[(person.code >> 8) as usize % 6];
        let corrected = kind == RecordKind::Correction;
        write!(value, "{{\"customer_id\":\"{key}\",\"email\":\"").expect("to a string");
        // A correction is of the e-mail address, or of the phone number.
        email(person, (corrected && draws.below(2) == 0) as u64, 0, value);
        let phone = mix(person.code ^ u64::from(corrected)) % 10_000_000;
        write!(
            value,
            "\",\"phone\":\"+49 170 {phone:07}\",\"name\":\"{first} {last}\",\
             \"country\":\"{country}\",\"status\":\"{}\"",
            if kind == RecordKind::End { "erased" } else { "active" }
        )
        .expect("to a string");
        match bad {
            true => value.push_str(",\"updated_at\":\"yesterday\"}"),
            false => write!(value, ",\"updated_at\":\"{}\"}}", rfc3339(at)).expect("to a string"),
        }
        let erased = kind == RecordKind::End && !bad;
        GeneratedRow { erased, ..self.again(RowDestination::Crm) }
    }
}

fn names(person: &Subject) -> (&'static str, &'static str) {
    (FIRST[(person.code >> 16) as usize % 16], LAST[(person.code >> 24) as usize % 16])
}

/// A person's address, the `which`th, in one of several spellings.
fn email(person: &Subject, which: u64, spelling: u64, text: &mut String) {
    let (first, last) = names(person);
    let host = if which == 0 { "example.com" } else { "example.org" };
    let start = text.len();
    write!(text, "{first}.{last}.{}@{host}", person.number).expect("to a string");
    match spelling {
        0 | 1 => text[start..].make_ascii_lowercase(),
        2 => text.insert(start, ' '),
        _ => {}
    }
}

/// In cents.
fn price(product: u64) -> u64 {
    990 + mix(product ^ 0x5eed) % 24_000
}

fn department(product: u64) -> &'static str {
    DEPARTMENTS[(mix(product) >> 8) as usize % 6]
}
