//! `hashed_email(x)`: an e-mail address as advertising platforms take it.

use datafusion_expr::ScalarUDF;

use super::clean::clean;
use super::digest::hashed;
use super::own::OfTexts;

pub fn function() -> ScalarUDF {
    OfTexts::of_one("hashed_email", "hashed_email(x)", |given| hashed_email(given[0]?))
}

/// The SHA-256 of the address without white space around it, in small letters. What is such a hash already is
/// the same person's and stays, in small letters; what is neither is nothing.
fn hashed_email(text: &str) -> Option<String> {
    let text = clean(text).to_lowercase();
    if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Some(text);
    }
    let (name, host) = text.rsplit_once('@')?;
    let is_address = !name.is_empty() && !host.is_empty() && !text.contains(' ');
    is_address.then(|| hashed(&text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_and_its_hash_are_one_identifier() {
        let hash = "b4c9a289323b21a01c3e940f150eb9b8c542587f1abfd8f0e1cc1ffc5e475514";
        for text in ["user@example.com", " User@Example.COM\u{a0}", hash, &hash.to_uppercase()] {
            assert_eq!(hashed_email(text).as_deref(), Some(hash), "{text}");
        }
        for text in ["", "nobody", "@x.org", "a@", "a b@x.org", &hash[1..]] {
            assert_eq!(hashed_email(text), None, "{text}");
        }
    }
}
