//! `md5(x)` and `sha256(x)`: hexadecimal digits of the hash of a text's bytes in UTF-8, in small letters.

use datafusion_expr::ScalarUDF;
use md5::Md5;
use sha2::{Digest, Sha256};

use super::own::OfTexts;

pub fn md5() -> ScalarUDF {
    OfTexts::of_one("md5", "md5(x)", |given| {
        given[0].map(|text| const_hex::encode(Md5::digest(text)))
    })
}

pub fn sha256() -> ScalarUDF {
    OfTexts::of_one("sha256", "sha256(x)", |given| given[0].map(hashed))
}

/// The SHA-256 of a text.
pub fn hashed(text: &str) -> String {
    const_hex::encode(Sha256::digest(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_their_standards() {
        // These are from RFC 1321 and from FIPS 180-2.
        assert_eq!(const_hex::encode(Md5::digest("abc")), "900150983cd24fb0d6963f7d28e17f72");
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hashed("abc"), abc);
    }
}
