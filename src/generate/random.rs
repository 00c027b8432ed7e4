//! Numbers that look random and are a function of the seed and what they are for.

/// Mixes all bits of a number (the finaliser of SplitMix64: Steele, Lea and Flood, OOPSLA 2014).
pub fn mix(mut number: u64) -> u64 {
    number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// The draws for one thing: a person, an event.
#[derive(Clone, Copy)]
pub struct Draws(u64);

impl Draws {
    pub fn new(seed: u64, of: u64, number: u64) -> Self {
        Draws(mix(
            mix(seed.wrapping_add(of.wrapping_mul(0x9e37_79b9_7f4a_7c15))).wrapping_add(number)
        ))
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// From 0 to below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        ((self.next() as u128 * end as u128) >> 64) as u64
    }

    /// From 0 to below 1.
    pub fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    pub fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }
}
