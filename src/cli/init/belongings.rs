//! What somebody has, or is at: by its name it says nothing of who they are, and two may have the same.

use super::names::{is_of_device, is_of_phone};
use super::people::bare;

/// Words for it, in the languages that exports are usually in.
#[rustfmt::skip]
const WORDS: [&str; 68] = [
    "postal", "postcode", "zip", "zipcode", "plz", "postleitzahl", "cep", "credit", "creditcard", "debit", "cc", "tax",
    "vat", "ust", "ustid", "steuer", "tva", "nif", "nie", "cif", "siret", "siren", "cpf", "cnpj", "rfc", "ssn", "social",
    "security", "national", "iban", "bic", "swift", "passport", "pass", "house", "haus", "street", "straße", "strasse",
    "apartment", "bank", "cvv", "cvc", "pin", "fax", "insurance", "licence", "license", "kreditkarte", "kreditkarten",
    "country", "state", "province", "region", "district", "city", "county", "area", "currency", "language", "locale",
    "extension", "promo", "coupon", "voucher", "discount", "gutschein", "rabatt",
];

/// Words that a card has beside it which is one of a shop's own, by which it knows people.
const OWN_CARDS: [&str; 5] = ["loyalty", "member", "customer", "club", "bonus"];

/// Whether a name is one of such things.
pub fn is_of_somebody(name: &str) -> bool {
    let is_word = |word: &str| WORDS.contains(&word);
    let bare = bare(name);
    let ends = ["nummer", "number", "num", "code", "key", "id", "no", "nr", ""];
    let is_whole = ends.iter().filter_map(|end| bare.strip_suffix(end)).any(is_word);
    let has = |word: &str| name.split('_').any(|part| part == word);
    let is_card = has("card") && !OWN_CARDS.iter().any(|own| has(own));
    is_whole || is_card || name.split('_').any(is_word) || is_of_phone(name) || is_of_device(name)
}

#[cfg(test)]
mod tests {
    use super::super::names::snake;
    use super::*;

    #[test]
    fn what_somebody_has_is_told_from_what_they_are_known_by() {
        for name in [
            "Phone Number",
            "Postal code",
            "POSTALCODE",
            "PLZ",
            "credit_card_number",
            "taxID",
            "vat_number",
            "Hausnummer",
            "house_no",
            "Steuernummer",
            "IBAN",
            "cookie_id",
            "Country Code",
            "promo_code",
            "Kreditkartennummer",
            "fax_number",
        ] {
            assert!(is_of_somebody(&snake(name)), "{name}");
        }
        for name in [
            "customer_id",
            "order_number",
            "Kd.-Nr.",
            "id",
            "loyalty_card_number",
            "invoice_no",
            "account_num",
            "sku",
            "ticket_id",
            "statement_id",
        ] {
            assert!(!is_of_somebody(&snake(name)), "{name}");
        }
    }
}
