//! A scalar function of instants, days and intervals, for DataFusion: what it takes, gives and does, by
//! column. It stands under the name of one of DataFusion's, or for a cast or an operator.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Field, FieldRef, TimeUnit, TimestampMicrosecondType,
};
use datafusion_common::{DataFusionError, Result, ScalarValue, exec_err};
use datafusion_expr::expr::ScalarFunction;
use datafusion_expr::{
    ColumnarValue, Documentation, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, Volatility,
};

use crate::time::zone::Zone;
use crate::time::{Micros, day_in_years, in_years};

/// Instants as a column has them.
pub type Instants = PrimitiveArray<TimestampMicrosecondType>;

/// What clocks show, as a type: a time of no zone.
pub const LOCAL: DataType = DataType::Timestamp(TimeUnit::Microsecond, None);

/// What a function does, beside its name.
pub struct Meaning {
    /// The types that the arguments are brought to.
    pub takes: fn(&CalendarFunction, &[DataType]) -> Result<Vec<DataType>>,
    /// The type of what it gives; a constant argument that means nothing is refused here.
    pub gives: fn(&CalendarFunction, &ReturnFieldArgs) -> Result<DataType>,
    pub does: fn(&CalendarFunction, &CalendarCall) -> Result<ArrayRef>,
}

pub struct CalendarFunction {
    name: &'static str,
    pub zone: &'static Zone,
    signature: Signature,
    meaning: Meaning,
    /// DataFusion's function of the name, for what is no matter of instants, and for what it is about.
    of_datafusion: Option<Arc<ScalarUDF>>,
    /// What it is told when an expression is planned, as a type to cast to.
    pub told: Option<Parameter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Parameter {
    /// The type that a cast leads to, and whether what does not fit is null.
    Cast { to: DataType, or_null: bool },
    /// Whether the second argument is taken off the first, and whether what lies beyond the years is null.
    Moved { back: bool, or_null: bool },
}

impl CalendarFunction {
    pub fn new(
        name: &'static str,
        zone: &'static Zone,
        meaning: Meaning,
        of_datafusion: Option<Arc<ScalarUDF>>,
    ) -> Self {
        let signature = Signature::user_defined(Volatility::Immutable);
        CalendarFunction { name, zone, signature, meaning, of_datafusion, told: None }
    }

    /// The same, told what to do.
    pub fn to(self, told: Parameter) -> Self {
        CalendarFunction { told: Some(told), ..self }
    }

    /// The same, with what DataFusion says of its own of the name.
    pub fn about(self, of_datafusion: Arc<ScalarUDF>) -> Self {
        CalendarFunction { of_datafusion: Some(of_datafusion), ..self }
    }

    /// The name that it is called by.
    pub fn called(&self) -> &'static str {
        self.name
    }

    pub fn is_cast(&self) -> bool {
        matches!(self.told, Some(Parameter::Cast { .. }))
    }

    pub fn udf(self) -> Arc<ScalarUDF> {
        Arc::new(ScalarUDF::new_from_impl(self))
    }

    /// The type of instants.
    pub fn timestamp(&self) -> DataType {
        timestamp(self.zone)
    }

    pub fn of_datafusion(&self) -> &Arc<ScalarUDF> {
        self.of_datafusion.as_ref().expect("it stands under a name of DataFusion's")
    }

    /// What is wrong with how it is called.
    pub fn unfit<T>(&self, types: &[DataType]) -> Result<T> {
        let types: Vec<String> = types.iter().map(ToString::to_string).collect();
        datafusion_common::plan_err!("{} takes no ({})", self.name, types.join(", "))
    }
}

pub fn timestamp(zone: &Zone) -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::from(zone.name())))
}

pub fn is_instant(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Timestamp(_, Some(_)))
}

pub fn is_local(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Timestamp(_, None))
}

pub fn is_day(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Date32 | DataType::Date64)
}

impl PartialEq for CalendarFunction {
    fn eq(&self, other: &Self) -> bool {
        (self.name, self.zone, &self.told) == (other.name, other.zone, &other.told)
    }
}

impl Eq for CalendarFunction {}

impl Hash for CalendarFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.name, self.zone, &self.told).hash(state);
    }
}

impl std::fmt::Debug for CalendarFunction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} in {:?}, {:?}", self.name, self.zone, self.told)
    }
}

impl ScalarUDFImpl for CalendarFunction {
    fn name(&self) -> &str {
        self.name
    }

    fn aliases(&self) -> &[String] {
        self.of_datafusion.as_ref().map_or(&[], |function| function.aliases())
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        (self.meaning.takes)(self, types)
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        datafusion_common::internal_err!("it depends on the arguments")
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        Ok(Arc::new(Field::new(self.name, (self.meaning.gives)(self, &args)?, true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let constant = args.args.iter().all(|value| matches!(value, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { args.number_rows };
        let call = CalendarCall { given: ScalarFunctionArgs { number_rows: rows, ..args } };
        let values = (self.meaning.does)(self, &call)?;
        match constant {
            true => Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&values, 0)?)),
            false => Ok(ColumnarValue::Array(values)),
        }
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.of_datafusion.as_ref()?.documentation()
    }
}

/// A call of a function on some rows.
pub struct CalendarCall {
    given: ScalarFunctionArgs,
}

impl CalendarCall {
    pub fn rows(&self) -> usize {
        self.given.number_rows
    }

    pub fn count(&self) -> usize {
        self.given.args.len()
    }

    pub fn type_of(&self, argument: usize) -> DataType {
        self.given.args[argument].data_type()
    }

    pub fn column(&self, argument: usize) -> Result<ArrayRef> {
        self.given.args[argument].to_array(self.rows())
    }

    /// Instants, or what clocks show.
    pub fn instants(&self, argument: usize) -> Result<Instants> {
        Ok(self.column(argument)?.as_primitive::<TimestampMicrosecondType>().clone())
    }

    pub fn texts(&self, argument: usize) -> Result<StringArray> {
        let column = cast(&self.column(argument)?, &DataType::Utf8)?;
        Ok(column.as_string::<i32>().clone())
    }

    /// The text that an argument is in every row; `None` if it is a null, or not the same in all.
    pub fn constant(&self, argument: usize) -> Option<&str> {
        match &self.given.args[argument] {
            ColumnarValue::Scalar(value) => value.try_as_str().flatten(),
            ColumnarValue::Array(_) => None,
        }
    }

    /// What DataFusion's function of the name makes of the arguments, with another in the place of one.
    pub fn of_datafusion(
        &self,
        function: &CalendarFunction,
        instead: Option<(usize, ArrayRef)>,
    ) -> Result<ArrayRef> {
        let mut given = self.given.clone();
        if let Some((place, column)) = instead {
            given.arg_fields[place] =
                Arc::new(Field::new("value", column.data_type().clone(), true));
            given.args[place] = ColumnarValue::Array(column);
        }
        function.of_datafusion().invoke_with_args(given)?.into_array(self.rows())
    }
}

/// A value for each that is not null.
pub fn each<From: ArrowPrimitiveType, To: ArrowPrimitiveType>(
    values: &PrimitiveArray<From>,
    mut of: impl FnMut(From::Native) -> Result<To::Native>,
) -> Result<PrimitiveArray<To>> {
    let mut made = Vec::with_capacity(values.len());
    for (row, value) in values.values().iter().enumerate() {
        made.push(if values.is_valid(row) { of(*value)? } else { To::Native::default() });
    }
    Ok(PrimitiveArray::new(made.into(), values.nulls().cloned()))
}

/// The instant, unless it lies beyond the years.
pub fn in_the_years(at: Micros) -> Result<Micros> {
    if in_years(at) { Ok(at) } else { beyond() }
}

/// The day, unless it lies beyond the years.
pub fn day_in_the_years(day: i64) -> Result<i32> {
    if day_in_years(day) { Ok(day as i32) } else { beyond() }
}

pub fn beyond<T>() -> Result<T> {
    exec_err!("what comes of it lies outside of the years 1 to 9999")
}

/// The message of what failed in here, for whoever reads a reject.
pub fn failed(message: impl ToString) -> DataFusionError {
    DataFusionError::Execution(message.to_string())
}

pub fn call(function: CalendarFunction, args: Vec<Expr>) -> Expr {
    Expr::ScalarFunction(ScalarFunction::new_udf(function.udf(), args))
}
