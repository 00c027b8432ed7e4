//! Values that stand as texts of their own, as cells of CSV do. Lists are written in JSON there.

use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::column::Column;
use super::instant;
use super::mapped::LookedUp;
use super::scalar::{self, ScalarFault, shown};
use crate::row::Datum;

impl Column {
    /// A value by its text.
    pub fn push_text(&mut self, text: &str) -> Result<(), ScalarFault> {
        self.push_written(text, None)
    }

    /// A cell that is not empty. White space alone that is no value of the field is none, as an empty cell is: the
    /// default stands in for it.
    pub fn push_cell(&mut self, text: &str, default: Option<&Datum>) -> Result<(), ScalarFault> {
        self.push_written(text, Some(default))
    }

    /// `absent`: what stands in for white space alone, if anything does. It is looked for where nothing else was found, so
    /// that values cost nothing for it.
    fn push_written(
        &mut self,
        text: &str,
        absent: Option<Option<&Datum>>,
    ) -> Result<(), ScalarFault> {
        let result = match self {
            Column::Text(builder) => {
                builder.append_value(text);
                Ok(())
            }
            Column::Json(builder) => match serde_json::from_str::<IgnoredAny>(text) {
                Ok(_) => {
                    builder.append_value(text);
                    Ok(())
                }
                Err(error) => Err(ScalarFault::wrong_type(format!("expected JSON: {error}"))),
            },
            Column::Integer(builder) => {
                scalar::integer(text).map(|value| builder.append_value(value))
            }
            Column::Number(builder) => {
                scalar::number(text).map(|value| builder.append_value(value))
            }
            Column::Decimal(builder, precision, scale) => {
                scalar::decimal(text, *precision, *scale).map(|value| builder.append_value(value))
            }
            Column::Boolean(builder) => match text {
                "1" => Ok(true),
                "0" => Ok(false),
                _ if text.eq_ignore_ascii_case("true") => Ok(true),
                _ if text.eq_ignore_ascii_case("false") => Ok(false),
                _ => Err(ScalarFault::wrong_type(format!(
                    "expected true or false (or 1 or 0), found {}",
                    shown(text)
                ))),
            }
            .map(|value| builder.append_value(value)),
            Column::Timestamp(builder) => {
                let digits = text.strip_prefix('-').unwrap_or(text);
                if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
                    instant::epoch_millis(text)
                } else {
                    instant::rfc3339(text)
                }
                .map(|value| builder.append_value(value))
            }
            Column::Written(times) => times.push(text),
            Column::Mapped(values, map) => match map.of_text(text) {
                Ok(LookedUp::Itself) => return values.push_written(text, absent),
                Ok(LookedUp::Other(value)) => {
                    values.push_default(value);
                    Ok(())
                }
                Err(fault) => Err(fault),
            },
            Column::Date(builder) => instant::date(text).map(|value| builder.append_value(value)),
            Column::List(list) => match serde_json::from_str::<&RawValue>(text) {
                Ok(raw) if raw.get().starts_with('[') => return list.push_json(raw.get()),
                _ => Err(ScalarFault::wrong_type(format!(
                    "expected a list in JSON such as [\"a\",\"b\"], found {}",
                    shown(text)
                ))),
            },
        };
        let Err(fault) = result else { return Ok(()) };
        match absent {
            Some(default) if text.trim().is_empty() => {
                self.push_default(default);
                Ok(())
            }
            _ => {
                self.push_null();
                Err(fault)
            }
        }
    }
}
