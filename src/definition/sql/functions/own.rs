//! A function of texts that gives a text, as DataFusion calls one.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion_common::{Result, ScalarValue, plan_err};
use datafusion_expr::{
    ColumnarValue, DocSection, Documentation, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, Volatility,
};

/// Where functions of ours are listed in the reference.
pub const SECTION: DocSection =
    DocSection { include: true, label: "Of selfsame's own", description: None };

/// What a function makes of a row's texts; `None` is null.
pub type Does = fn(&[Option<&str>]) -> Option<String>;

/// A function that is the same for the same texts.
pub struct OfTexts {
    name: &'static str,
    /// How it is written, such as `clean(x)`: with so many arguments.
    written: &'static str,
    places: usize,
    does: Does,
    /// What is wrong with an argument that is the same for all rows, by its place.
    refuses: fn(usize, &str) -> Option<String>,
    signature: Signature,
    about: Documentation,
}

impl OfTexts {
    pub fn new(name: &'static str, written: &'static str, places: usize, does: Does) -> Self {
        let signature = Signature::user_defined(Volatility::Immutable);
        let about = Documentation::builder(SECTION, "", written).build();
        OfTexts { name, written, places, does, refuses: |_, _| None, signature, about }
    }

    /// A function of one text, to which null stays null.
    pub fn of_one(name: &'static str, written: &'static str, does: Does) -> ScalarUDF {
        OfTexts::new(name, written, 1, does).udf()
    }

    /// The same, where some constants are mistakes.
    pub fn refusing(self, refuses: fn(usize, &str) -> Option<String>) -> Self {
        OfTexts { refuses, ..self }
    }

    /// What it does to a row's texts.
    pub fn does(&self) -> Does {
        self.does
    }

    pub fn udf(self) -> ScalarUDF {
        ScalarUDF::new_from_impl(self)
    }
}

impl ScalarUDFImpl for OfTexts {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        if given.len() != self.places {
            let (name, found) = (self.name, given.len());
            return plan_err!("{name} is written {}: found {found} arguments", self.written);
        }
        let text = |of: &DataType| matches!(of, DataType::Null) || of.is_string();
        match given.iter().find(|of| !text(of)) {
            Some(other) => {
                plan_err!(
                    "{} takes text, found {other}: make text of it, as in cast(x as text)",
                    self.name
                )
            }
            None => Ok(vec![DataType::Utf8; self.places]),
        }
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn return_field_from_args(&self, given: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        for (place, value) in given.scalar_arguments.iter().enumerate() {
            let text = value.and_then(|value| value.try_as_str().flatten());
            if let Some(wrong) = text.and_then(|text| (self.refuses)(place, text)) {
                return plan_err!("{wrong}");
            }
        }
        Ok(Arc::new(Field::new(self.name, DataType::Utf8, true)))
    }

    fn invoke_with_args(&self, given: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let is_one = given.args.iter().all(|side| matches!(side, ColumnarValue::Scalar(_)));
        let columns = ColumnarValue::values_to_arrays(&given.args)?;
        let columns: Vec<ArrayRef> =
            columns.iter().map(|of| Ok(cast(of, &DataType::Utf8)?)).collect::<Result<_>>()?;
        let columns: Vec<&StringArray> = columns.iter().map(AsArray::as_string).collect();
        let rows = columns.first().map_or(0, |column| column.len());
        let mut texts: Vec<Option<&str>> = Vec::with_capacity(columns.len());
        let made = (0..rows).map(|row| {
            texts.clear();
            texts.extend(columns.iter().map(|of| of.is_valid(row).then(|| of.value(row))));
            (self.does)(&texts)
        });
        let made: ArrayRef = Arc::new(made.collect::<StringArray>());
        Ok(match is_one {
            true => ColumnarValue::Scalar(ScalarValue::try_from_array(&made, 0)?),
            false => ColumnarValue::Array(made),
        })
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&self.about)
    }
}

impl std::fmt::Debug for OfTexts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.written)
    }
}

impl PartialEq for OfTexts {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for OfTexts {}

impl Hash for OfTexts {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}
