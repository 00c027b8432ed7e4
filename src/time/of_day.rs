//! What a format says of the time of the day: all of it from the hour on, or nothing.

use chrono::format::{Fixed, Item, Numeric, StrftimeItems};

/// What is wrong with a format by which instants are to be read, where it says a time that is ambiguous, or that would be
/// read as another one than is written.
pub(super) fn fault(items: &[Item<'_>]) -> Option<&'static str> {
    let is_whole = |item: &Item<'_>| {
        matches!(
            item,
            Item::Numeric(Numeric::Timestamp, _) | Item::Fixed(Fixed::RFC2822 | Fixed::RFC3339)
        )
    };
    let digits: Vec<Item<'_>> = StrftimeItems::new("%3f%6f%9f").collect();
    let says = |of: &dyn Fn(&Item<'_>) -> bool| items.iter().any(of);
    let number =
        |of: Numeric| says(&|item| matches!(item, Item::Numeric(found, _) if *found == of));
    if number(Numeric::Nanosecond) {
        return Some(
            "counts nanoseconds by %f: write %.f for a fraction with its point before it, and %3f, %6f or %9f for one of \
             so many digits without a point",
        );
    }
    if says(&is_whole) {
        return None;
    }
    let (of_24, of_12) = (number(Numeric::Hour), number(Numeric::Hour12));
    let half = says(&|item| matches!(item, Item::Fixed(Fixed::LowerAmPm | Fixed::UpperAmPm)));
    let (minute, second) = (number(Numeric::Minute), number(Numeric::Second));
    let fraction = says(&|item| {
        use Fixed::{Nanosecond, Nanosecond3, Nanosecond6, Nanosecond9};
        matches!(item, Item::Fixed(Nanosecond | Nanosecond3 | Nanosecond6 | Nanosecond9))
            || digits.contains(item)
    });
    match (of_24 || of_12, minute, second) {
        (false, ..) if half => Some("says am or pm and no hour: add %I"),
        (true, ..) if !of_24 && !half => Some(
            "says an hour of twelve, and neither am nor pm: add %p, or write %H for an hour of 24",
        ),
        (true, false, _) => Some("says an hour and no minute: add %M"),
        (false, true, _) => Some("says a minute and no hour: add %H"),
        (_, false, true) => Some("says a second and no minute: add %M"),
        (.., false) if fraction => Some("says a fraction of a second and no second: add %S"),
        _ => None,
    }
}

/// Whether a format reads offsets, and `Z` as none of them.
pub(super) fn reads_no_z(items: &[Item<'_>]) -> bool {
    items.iter().any(|item| {
        use Fixed::{
            TimezoneOffset, TimezoneOffsetColon, TimezoneOffsetDoubleColon,
            TimezoneOffsetTripleColon,
        };
        matches!(
            item,
            Item::Fixed(
                TimezoneOffset
                    | TimezoneOffsetColon
                    | TimezoneOffsetDoubleColon
                    | TimezoneOffsetTripleColon
            )
        )
    })
}
