//! `e164(x, country)`: a phone number as all the world dials it, `+4930123456`.

use datafusion_expr::ScalarUDF;
use phonenumber::country::Id;

use super::clean::clean;
use super::numbering;
use super::own::OfTexts;

/// No number is longer, however it is written.
const LONGEST: usize = 100;

pub fn function() -> ScalarUDF {
    let function = OfTexts::new("e164", "e164(x, country)", 2, |given| {
        e164(given[0]?, given[1].unwrap_or(""))
    });
    let refuses = |place: usize, text: &str| {
        (place == 1 && country(text).is_none()).then(|| {
            format!("'{text}' is no country: e164 takes its two letters of ISO 3166, as in e164(phone, 'DE')")
        })
    };
    function.refusing(refuses).udf()
}

/// By its two letters.
fn country(text: &str) -> Option<Id> {
    text.trim().to_ascii_uppercase().parse().ok()
}

/// A number that there can be; one without its country's code is of the country that is given. Of what is no
/// country only numbers with a code are known.
fn e164(text: &str, of: &str) -> Option<String> {
    let text: String = clean(text).chars().map(in_ascii).collect();
    if text.len() > LONGEST {
        return None;
    }
    numbering::number(&text, country(of))
}

/// The zeros of scripts in which telephone numbers are written, too: Arabic, Persian, those of India, Thai, full width.
const ZEROS: [char; 10] = [
    '\u{660}', '\u{6f0}', '\u{966}', '\u{9e6}', '\u{a66}', '\u{ae6}', '\u{b66}', '\u{be6}',
    '\u{e50}', '\u{ff10}',
];

/// A digit, or a plus of full width, as ASCII has it.
fn in_ascii(character: char) -> char {
    if character == '\u{ff0b}' {
        return '+';
    }
    let digit =
        |zero: &char| u32::from(character).checked_sub(u32::from(*zero)).filter(|of| *of < 10);
    ZEROS.iter().find_map(digit).and_then(|digit| char::from_digit(digit, 10)).unwrap_or(character)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_number_is_the_same_however_it_is_written() {
        let berlin = Some("+4930123456");
        for (text, of, expected) in [
            ("030 123456", "DE", berlin),
            ("(030) 12 34-56", "de", berlin),
            ("0049 30 123456", "DE", berlin),
            ("+49 (0)30 123456", "DE", berlin),
            ("+49 30 123456", "US", berlin),
            ("+49 30 123456", "", berlin),
            ("tel:+49-30-123456", "DE", berlin),
            ("030 123456", "", None),
            // Numbers that begin like a prefix of the country they are dialled from.
            ("+49 1512 3456789", "US", Some("+4915123456789")),
            ("011 49 1512 3456789", "US", Some("+4915123456789")),
            ("(650) 253-0000", "US", Some("+16502530000")),
            ("1 650 253 0000", "US", Some("+16502530000")),
            ("06 6982", "IT", Some("+39066982")),
            ("8 495 123-45-67", "RU", Some("+74951234567")),
            ("8 (912) 345-67-89", "RU", Some("+79123456789")),
            ("912 345-67-89", "RU", Some("+79123456789")),
            ("06 1 234 5678", "HU", Some("+3612345678")),
            ("030 123456 ext. 12", "DE", berlin),
            ("tel:+49-30-123456;ext=12", "US", berlin),
            // In digits of other scripts.
            ("\u{ff10}\u{ff13}\u{ff10}\u{3000}123456", "DE", berlin),
            ("\u{ff0b}\u{664}\u{669}\u{663}\u{660}\u{6f1}\u{968}3456", "US", berlin),
            ("Tel. +49 30 123456", "US", berlin),
            ("+44 20 7946 0018", "GB", Some("+442079460018")),
            ("\u{a0}020 7946 0018\u{200b}", "GB", Some("+442079460018")),
            // Nothing that anybody has.
            ("12", "DE", None),
            ("0", "DE", None),
            ("", "DE", None),
            ("nobody", "DE", None),
            ("+999 123456", "DE", None),
            (&"1".repeat(5_000), "US", None),
        ] {
            assert_eq!(e164(text, of).as_deref(), expected, "{text} of {of}");
        }
    }

    proptest! {
        #[test]
        fn a_number_in_the_form_stays_as_it_is_wherever(
            text in "[+0-9 ()/-]{3,16}",
            of in prop::sample::select(vec!["DE", "US", "IT", "RU", "AR", "BR", "GB", "HU", "KZ"]),
            abroad in prop::sample::select(vec!["", "DE", "US", "RU", "MX", "no"]),
        ) {
            if let Some(number) = e164(&text, of) {
                let digits = number.strip_prefix('+').expect("a plus");
                prop_assert!(digits.len() <= 15 && digits.bytes().all(|byte| byte.is_ascii_digit()));
                prop_assert_eq!(e164(&number, abroad), Some(number));
            }
        }
    }
}
