//! What `now()` follows.

use super::admit::ArrivalTime;
use crate::row::{Row, RowArrival};
use crate::time::{Micros, read_rfc3339, rfc3339};

/// What `now()` follows.
#[deny(missing_docs)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// The wall clock, read by the leader for each tick.
    Wall,
    /// The greatest event time of the rows that have been read, unless it stands alone (see
    /// `decode::latest`); before the first, the epoch.
    Event,
    /// This instant, in microseconds since the epoch.
    Fixed(Micros),
}

impl Clock {
    /// What `id_window` counts from.
    pub fn arrival(self) -> ArrivalTime {
        match self {
            Clock::Event => ArrivalTime::OwnTime,
            Clock::Wall => ArrivalTime::Now,
            Clock::Fixed(_) => ArrivalTime::Held,
        }
    }
}

/// When rows arrive, one behind the other.
#[derive(Clone, Copy, Debug)]
pub struct ArrivalClock {
    by: ArrivalTime,
    read_back: Micros,
}

impl ArrivalClock {
    pub fn new(by: ArrivalTime) -> Self {
        ArrivalClock { by, read_back: Micros::MIN }
    }

    /// When a row arrives that is taken in at this reading of the run's clock.
    pub fn at(&mut self, row: &Row, reading: Micros) -> Micros {
        match (self.by, row.arrived) {
            // A row that is read back arrives when it did; the clock does not go back.
            (ArrivalTime::Now, RowArrival { at, .. })
                if row.arrived != RowArrival::WITH_ITS_TICK =>
            {
                self.read_back = self.read_back.max(at);
                self.read_back
            }
            _ => reading,
        }
    }
}

/// As it is read.
impl std::fmt::Display for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Clock::Wall => f.write_str("wall"),
            Clock::Event => f.write_str("event"),
            Clock::Fixed(at) => write!(f, "fixed:{}", rfc3339(*at)),
        }
    }
}

impl std::str::FromStr for Clock {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "wall" => Ok(Clock::Wall),
            "event" => Ok(Clock::Event),
            _ => {
                let instant = text.strip_prefix("fixed:").ok_or(
                    "a clock is `wall`, `event`, or `fixed:` and an instant such as \
                     fixed:2025-07-05T00:00:00Z",
                )?;
                let at = read_rfc3339(instant);
                at.map(Clock::Fixed).map_err(|why| format!("'{instant}' is no instant: {why}"))
            }
        }
    }
}
