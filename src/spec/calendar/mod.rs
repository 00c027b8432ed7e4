//! What expressions make of instants, days and intervals: all that looks at the calendar does so by the
//! clocks of the definition's time zone, as [`crate::time::zone`] reads them.

mod since;

pub use since::Since;
