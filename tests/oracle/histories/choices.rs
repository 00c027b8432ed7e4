//! Choices that are made for a generator: numbers that it spends one after the other.
//!
//! What is generated is a function of them in which nothing depends on how many others there are, so
//! that a failing history shrinks by leaving choices out and by making them smaller: 0 is always
//! the plainest.

use proptest::prelude::*;

/// Numbers to spend; when there are no more, 0.
#[derive(Clone, Debug, Default)]
pub struct Choices(std::vec::IntoIter<u16>);

impl Choices {
    /// Less than `number`.
    pub fn below(&mut self, number: usize) -> usize {
        usize::from(self.0.next().unwrap_or(0)) % number
    }

    /// True in one of `number` cases.
    pub fn one_in(&mut self, number: usize) -> bool {
        self.below(number) == number - 1
    }

    pub fn pick<'a, T: ?Sized>(&mut self, among: &[&'a T]) -> &'a T {
        among[self.below(among.len())]
    }

    /// About half of them, in their order; perhaps none.
    pub fn some<T: Clone>(&mut self, among: &[T]) -> Vec<T> {
        among.iter().filter(|_| self.below(2) == 0).cloned().collect()
    }

    /// Nearly all of them, in their order.
    pub fn most<T: Clone>(&mut self, among: &[T]) -> Vec<T> {
        among.iter().filter(|_| self.below(5) < 4).cloned().collect()
    }
}

/// Choices for one thing.
pub fn choices() -> impl Strategy<Value = Choices> {
    let numbers = prop::collection::vec(any::<u16>(), 0..120);
    numbers.prop_map(|numbers| Choices(numbers.into_iter()))
}

/// Choices for several things.
pub fn several(
    number: impl Into<prop::collection::SizeRange>,
) -> impl Strategy<Value = Vec<Choices>> {
    prop::collection::vec(choices(), number)
}
