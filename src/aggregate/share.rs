//! A share of all values, such as a percentile: exact, in billionths.

/// From 0 to a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ValueShare(u32);

const WHOLE: u32 = 1_000_000_000;

impl ValueShare {
    pub const HALF: ValueShare = ValueShare(WHOLE / 2);

    /// A number of so many digits behind the point; `None` where it is no share, or has more than nine.
    pub fn new(unscaled: i128, behind: i8) -> Option<Self> {
        let power = |of: u32| 10i128.checked_pow(of);
        let billionths = match 9 - i32::from(behind) {
            more @ 0.. => unscaled.checked_mul(power(more.unsigned_abs())?)?,
            fewer => {
                let by = power(fewer.unsigned_abs())?;
                (unscaled % by == 0).then(|| unscaled / by)?
            }
        };
        u32::try_from(billionths).ok().filter(|share| *share <= WHOLE).map(ValueShare)
    }

    pub const fn billionths(self) -> u32 {
        self.0
    }

    /// The place of the value that so much of `values` lies up to, from 0, and the billionths that lie beyond
    /// it: SQL's `percentile_cont`. There is a value.
    pub fn between(self, values: u64) -> (u64, u32) {
        let place = u128::from(self.0) * u128::from(values - 1);
        let whole = u128::from(WHOLE);
        ((place / whole) as u64, (place % whole) as u32)
    }

    /// The place of the first value, from 0, that at least so much of `values` lies up to: SQL's
    /// `percentile_disc`. There is a value.
    pub fn first(self, values: u64) -> u64 {
        let up_to = (u128::from(self.0) * u128::from(values)).div_ceil(u128::from(WHOLE));
        up_to.max(1) as u64 - 1
    }
}
