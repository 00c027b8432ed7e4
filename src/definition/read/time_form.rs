//! How timestamps and dates are written: by which formats, and by whose clocks.

use std::sync::Arc;

use super::object::{Object, ReadContext};
use crate::definition::file::diagnostic::{Place, suggest};
use crate::plan::{EpochUnit, Field, TimeForm, TimeWriting, Type, ZoneField};
use crate::time::format::TimeFormat;
use crate::time::written_elsewhere;
use crate::time::zone::Zone;

/// What a definition says of how a field's times are written, before all fields are known.
pub struct StatedTimes {
    pub formats: Option<Vec<TimeWriting>>,
    pub zone: Option<&'static Zone>,
    /// The field that names a row's zone, and where that is said.
    pub zone_of: Option<(String, Place)>,
}

/// What a field says; whatever is wrong is noted.
pub fn of_field(
    context: &mut ReadContext,
    what: &str,
    object: &Object<'_>,
    data_type: Option<&Type>,
) -> StatedTimes {
    let named = ["format", "time_zone", "time_zone_from"];
    let is_dated = data_type.is_none_or(|of| matches!(of, Type::Timestamp | Type::Date));
    for name in named.into_iter().filter(|name| object.get(name).is_some() && !is_dated) {
        let message = format!(
            "'{name}' of {what} is for timestamps and dates: declare it as one, or leave '{name}' out"
        );
        context.complain(object.place_of(name), message);
    }
    let formats = object.texts(context, "format").map(|texts| {
        if texts.is_empty() {
            let message = format!(
                "'format' of {what} is an empty list, by which nothing is read: name a format in it, or leave 'format' out"
            );
            context.complain(object.place_of("format"), message);
        }
        let formats = texts.iter().filter_map(|(text, place)| {
            let format = writing(text, data_type == Some(&Type::Timestamp));
            format.map_err(|why| context.complain(*place, format!("in {what}: {why}"))).ok()
        });
        formats.collect::<Vec<_>>()
    });
    let zone_of = object.text(context, "time_zone_from");
    StatedTimes { formats, zone: zone(context, what, object), zone_of }
}

/// The zone that `time_zone` names.
pub fn zone(context: &mut ReadContext, what: &str, object: &Object<'_>) -> Option<&'static Zone> {
    let (name, place) = object.text(context, "time_zone")?;
    let found = Zone::named(&name);
    if found.is_none() {
        let names = Zone::names();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let hint = suggest(&name, &names);
        let hint = if hint.starts_with("did") { hint } else { "such as Europe/Berlin".to_owned() };
        let message =
            format!("'time_zone' of {what}: '{name}' is no time zone of the IANA database: {hint}");
        context.complain(place, message);
    }
    found
}

fn writing(text: &str, is_instant: bool) -> Result<TimeWriting, String> {
    if let Some((_, unit, ..)) = EpochUnit::ALL.iter().find(|(name, ..)| *name == text) {
        return Ok(TimeWriting::Epoch(*unit));
    }
    match text {
        "rfc3339" => return Ok(TimeWriting::Rfc3339),
        "iso" => return Ok(TimeWriting::Iso),
        _ => {}
    }
    if !text.contains('%') {
        let known = ["epoch_s", "epoch_ms", "epoch_us", "epoch_ns", "rfc3339", "iso"];
        let hint = match (written_elsewhere::meant(text), suggest(text, &known)) {
            (Some(meant), _) => format!("here that is '{meant}'"),
            (None, hint) if hint.starts_with("did") => hint,
            _ => format!("it is one such as '%d.%m.%Y %H:%M:%S', or one of {}", known.join(", ")),
        };
        return Err(format!("'{text}' is no format of times: {hint}"));
    }
    let format = TimeFormat::new(text)?;
    if !format.says_day() {
        return Err(format!("the format '{text}' says no day: %Y-%m-%d is one"));
    }
    if let Some(fault) = format.day_fault() {
        return Err(format!(
            "the format '{text}' {fault}: one is as in '%Y-%m-%d', or '%d.%m.%Y %H:%M:%S'"
        ));
    }
    if let Some(why) = format.time_fault().filter(|_| is_instant) {
        return Err(why);
    }
    Ok(TimeWriting::Format(Arc::new(format)))
}

/// What all say, brought together: `zone` is that of the source, or of the definition.
pub fn bring_together(
    context: &mut ReadContext,
    what: &str,
    fields: &mut [Field],
    stated: Vec<Option<StatedTimes>>,
    of_source: Option<&'static Zone>,
    zone: &'static Zone,
) {
    let names: Vec<(String, Type)> =
        fields.iter().map(|field| (field.name.clone(), field.data_type.clone())).collect();
    let meanings: Vec<_> =
        fields.iter().map(|field| (field.map.clone(), field.default.clone())).collect();
    for (field, stated) in fields.iter_mut().zip(stated) {
        if !matches!(field.data_type, Type::Timestamp | Type::Date) {
            continue;
        }
        let StatedTimes { formats, zone: of_field, zone_of } =
            stated.unwrap_or(StatedTimes { formats: None, zone: None, zone_of: None });
        let zone_of = zone_of.and_then(|(name, place)| {
            let at = names.iter().position(|(known, of)| *known == name && *of == Type::Text);
            if at.is_none() {
                let names: Vec<&str> = names.iter().filter(|(_, of)| *of == Type::Text).map(|(name, _)| name.as_str()).collect();
                let message = format!(
                    "'time_zone_from' of field '{}' of {what}: '{name}' is no text among its fields: {}",
                    field.name,
                    suggest(&name, &names)
                );
                context.complain(place, message);
            }
            let field = at?;
            let (map, default) = meanings[field].clone();
            Some(ZoneField { field, map, default })
        });
        // A date alone has no clock.
        let by_clocks = of_field.or(of_source.filter(|_| field.data_type == Type::Timestamp));
        if formats.is_none() && by_clocks.is_none() && zone_of.is_none() {
            continue;
        }
        let form = TimeForm {
            formats: formats.unwrap_or_else(TimeForm::usual),
            zone: by_clocks.unwrap_or(zone),
            zone_of,
        };
        field.written = Some(Arc::new(form));
    }
}
