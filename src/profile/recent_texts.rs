//! Texts that came lately, so that those that come again and again are held once.
//!
//! What rows say of categories, countries and the like are few texts, each of many rows; each row's own would take some
//! thirty bytes for every one of them.

use std::hash::BuildHasher;

use arcstr::ArcStr;
use hashbrown::DefaultHashBuilder;

use crate::row::Datum;

/// How many are known.
const NUMBER: usize = 1 << 10;
/// Longer ones are seldom the same.
const LONGEST: usize = 64;

#[derive(Default)]
pub struct RecentTexts {
    hasher: DefaultHashBuilder,
    /// By hash: a text takes the place of another. Empty until the first one comes.
    texts: Vec<ArcStr>,
}

impl RecentTexts {
    /// The value, its text one that is held already if it came lately.
    #[inline]
    pub fn shared(&mut self, value: &Datum) -> Datum {
        match value {
            Datum::Text(text) if text.len() <= LONGEST => {
                self.texts.resize(NUMBER, ArcStr::new());
                let place = self.hasher.hash_one(text.as_bytes()) as usize % NUMBER;
                let known = &mut self.texts[place];
                if known != text {
                    known.clone_from(text);
                }
                Datum::Text(known.clone())
            }
            value => value.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_value_is_the_same_and_a_text_that_came_just_before_is_held_once(
            text in "[a-c]{0,80}",
            others in prop::collection::vec("[a-c]{0,3}", 0..40),
        ) {
            let mut texts = RecentTexts::default();
            for other in others {
                let other = Datum::Text(other.into());
                prop_assert_eq!(texts.shared(&other), other);
            }
            let value = || Datum::Text(ArcStr::from(text.as_str()));
            let (one, other) = (texts.shared(&value()), texts.shared(&value()));
            prop_assert_eq!(&one, &value());
            let (Datum::Text(one), Datum::Text(other)) = (one, other) else { unreachable!() };
            prop_assert_eq!(ArcStr::ptr_eq(&one, &other), one.len() <= LONGEST);
            prop_assert_eq!(texts.shared(&Datum::Integer(1)), Datum::Integer(1));
        }
    }
}
