//! A call of a function or an operator, held to what it may make and do for one row.
//!
//! What it is given is looked at before it runs, where it might make much of little or take long, and what
//! it gives is looked at behind it: so nothing is made that is many times what there was.
//!
//! What it gives up on, by a panic or an error that speaks of its inside, is told in words of ours, with what it was
//! given.
//!
//! A null among its arguments means the same wherever it comes from: a constant one is given as a column has it,
//! since functions have ways of their own for constants, which do not always agree.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, RecordBatchOptions, UInt32Array,
    new_null_array,
};
use arrow::compute::{cast, filter, nullif, take};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use datafusion_common::{DataFusionError, Result, ScalarValue, exec_datafusion_err};
use datafusion_expr::ColumnarValue;
use datafusion_physical_expr::PhysicalExpr;
use datafusion_physical_expr::expressions::{Column, Literal};

use super::arithmetic;
use super::cost::{self, Argument};
use super::pattern::Pattern;
use crate::plan::Limits;
use crate::plan::caught::caught;

/// Functions that forget, where all that they are given is null or empty, that of a null nothing is known.
const STRICT: [&str; 2] = ["array_has_all", "array_has_any"];

/// A call whose arguments are evaluated here, and the rest by DataFusion.
#[derive(Debug)]
pub struct LimitedCall {
    name: String,
    arguments: Vec<Arc<dyn PhysicalExpr>>,
    /// By argument, its value where it is a constant and not null.
    constants: Vec<Option<ArrayRef>>,
    /// The call over the columns of `schema`: those arguments that are no constants, or null.
    inner: Arc<dyn PhysicalExpr>,
    schema: SchemaRef,
    /// The column of `schema` that says how much is reserved, if one does.
    reserves: Option<usize>,
    output: DataType,
    limits: Limits,
}

impl LimitedCall {
    /// A call of what DataFusion would evaluate over columns of a schema.
    pub fn new(
        name: &str,
        node: Arc<dyn PhysicalExpr>,
        schema: &Schema,
        limits: Limits,
    ) -> Result<Self> {
        let arguments: Vec<_> = node.children().into_iter().map(Arc::clone).collect();
        let mut fields = Vec::new();
        let mut inner = Vec::new();
        let mut reserves = None;
        for (place, argument) in arguments.iter().enumerate() {
            let is_reserved = reserved(name) == Some(place);
            if constant(argument).is_some() && !is_reserved {
                inner.push(Arc::clone(argument));
                continue;
            }
            if is_reserved {
                reserves = Some(fields.len());
            }
            let column: Arc<dyn PhysicalExpr> = Arc::new(Column::new("", fields.len()));
            let field = argument.return_field(schema)?;
            fields.push(Field::new("", field.data_type().clone(), true));
            inner.push(column);
        }
        if let Some(pattern) = pattern_of(name, &arguments) {
            Pattern::hold(pattern, name == "~*", limits)?;
        }
        let constants = constants(&arguments)?;
        let output = node.data_type(schema)?;
        let inner = node.with_new_children(inner)?;
        let schema = Arc::new(Schema::new(fields));
        Ok(LimitedCall {
            name: name.to_owned(),
            arguments,
            constants,
            inner,
            schema,
            reserves,
            output,
            limits,
        })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// What DataFusion evaluates.
    pub fn inner(&self) -> &Arc<dyn PhysicalExpr> {
        &self.inner
    }

    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// What comes of some arguments.
    fn made(&self, given: &[Argument], rows: usize) -> Result<ColumnarValue> {
        cost::hold(&self.name, given, rows, self.limits)?;
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(self.schema.fields().len());
        for (place, given) in given.iter().enumerate() {
            match given {
                Argument::Many(values) => columns.push(Arc::clone(values)),
                Argument::One(value) if reserved(&self.name) == Some(place) => {
                    let value = ScalarValue::try_from_array(value, 0)?;
                    columns.push(value.to_array_of_size(rows)?);
                }
                Argument::One(_) => {}
            }
        }
        if let Some(column) = self.reserves {
            columns[column] = to_reserve(&columns[column], given, rows)?;
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?;
        let mut made = caught(|| self.inner.evaluate(&batch))
            .map_err(|error| not_taken(error, &self.name, given, rows))?;
        if STRICT.contains(&self.name.as_str()) {
            made = null_with(made, given, rows)?;
        }
        self.limits.hold(&self.name, &made)?;
        arithmetic::finite(made)
    }

    /// What comes of arguments that it fails on, unless it does so without the rows for which there is a null among them
    /// that makes null of it.
    fn made_where_not_null(
        &self,
        why: DataFusionError,
        given: &[Argument],
        rows: usize,
    ) -> Result<ColumnarValue> {
        let is_null = |row: usize| {
            let mut each = given.iter().enumerate();
            each.any(|(place, given)| given.is_null(row) && !takes_null(&self.name, place))
        };
        let others: BooleanArray = (0..rows).map(|row| Some(!is_null(row))).collect();
        let number = others.true_count();
        if number == rows {
            return Err(why);
        }
        let of_others = |given: &Argument| -> Result<Argument> {
            Ok(match given {
                Argument::One(value) => Argument::One(Arc::clone(value)),
                Argument::Many(values) => Argument::Many(filter(values, &others)?),
            })
        };
        let given = given.iter().map(of_others).collect::<Result<Vec<_>>>()?;
        // Without any row it fails on what is the same for all rows, as on a pattern that is none.
        let made = self.made(&given, number)?.into_array(number)?;
        if number == 0 {
            return Ok(ColumnarValue::Array(new_null_array(&self.output, rows)));
        }
        let mut next = 0..number as u32;
        let places: UInt32Array =
            (0..rows).map(|row| if others.value(row) { next.next() } else { None }).collect();
        Ok(ColumnarValue::Array(take(&made, &places, None)?))
    }
}

/// Whether a function makes something of a null at a place: at others it makes null of it, whatever is beside it.
pub fn takes_null(name: &str, place: usize) -> bool {
    match name {
        "concat" | "concat_ws" | "greatest" | "least" | "make_array" | "struct"
        | "named_struct" | "map" | "nvl2" | "nullif" | "arrow_typeof" | "array_append"
        | "array_prepend" | "array_concat" | "array_union" | "array_except" | "array_intersect"
        | "arrays_zip" | "nanvl" => true,
        // Formats count for texts alone.
        name if name.starts_with("to_") => place > 0,
        "array_repeat" => place == 0,
        "array_resize" | "array_to_string" => place == 2,
        "array_has" | "array_position" | "array_positions" | "array_remove"
        | "array_remove_all" | "array_remove_n" | "string_to_array" | "cast_to_type"
        | "try_cast_to_type" => place > 0,
        "array_replace" | "array_replace_n" | "array_replace_all" => place == 1 || place == 2,
        _ => false,
    }
}

/// The value of an argument that is the same for all rows, and not null.
fn constant(argument: &Arc<dyn PhysicalExpr>) -> Option<&ScalarValue> {
    let literal = argument.downcast_ref::<Literal>()?;
    (!literal.value().is_null()).then(|| literal.value())
}

/// By argument, its value where it is a constant and not null.
fn constants(arguments: &[Arc<dyn PhysicalExpr>]) -> Result<Vec<Option<ArrayRef>>> {
    let of = |argument| constant(argument).map(ScalarValue::to_array).transpose();
    arguments.iter().map(of).collect()
}

/// The regular expression that a call looks for in all rows.
fn pattern_of<'a>(name: &str, arguments: &'a [Arc<dyn PhysicalExpr>]) -> Option<&'a str> {
    let takes_one = name.starts_with('~') || name.starts_with("regexp_");
    let pattern = arguments.get(1).filter(|_| takes_one)?;
    constant(pattern)?.try_as_str()?
}

/// The argument whose number a function reserves for each row, whatever else it is given: a negative one would be
/// without end, and one beside a null counts for nothing.
fn reserved(name: &str) -> Option<usize> {
    matches!(name, "lpad" | "rpad").then_some(1)
}

/// The numbers without what would be reserved for nothing.
fn to_reserve(numbers: &ArrayRef, given: &[Argument], rows: usize) -> Result<ArrayRef> {
    let numbers = cast(numbers, &DataType::Int64)?;
    let numbers = numbers.as_primitive::<Int64Type>();
    let is_null = |row: usize| given.iter().any(|given| given.is_null(row));
    let number = |row: usize| (!is_null(row)).then(|| numbers.value(row).max(0));
    Ok(Arc::new((0..rows).map(number).collect::<Int64Array>()))
}

/// What a function that speaks of its inside gave up on. Of rows together it is another look that tells.
fn not_taken(
    error: DataFusionError,
    name: &str,
    given: &[Argument],
    rows: usize,
) -> DataFusionError {
    if rows != 1 || !matches!(error.find_root(), DataFusionError::Internal(_)) {
        return error;
    }
    let said: Vec<String> = given.iter().map(|given| given.said(0)).collect();
    exec_datafusion_err!("{name} does not take ({})", said.join(", "))
}

/// What was made, null where an argument is.
fn null_with(made: ColumnarValue, given: &[Argument], rows: usize) -> Result<ColumnarValue> {
    let made = made.into_array(rows)?;
    let is_null = |row: usize| given.iter().any(|given| given.is_null(row));
    let nulls: BooleanArray = (0..rows).map(|row| Some(is_null(row))).collect();
    Ok(ColumnarValue::Array(nullif(&made, &nulls)?))
}

impl PhysicalExpr for LimitedCall {
    fn data_type(&self, _: &Schema) -> Result<DataType> {
        Ok(self.output.clone())
    }

    fn nullable(&self, _: &Schema) -> Result<bool> {
        Ok(true)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        let rows = batch.num_rows();
        let mut given: Vec<Argument> = Vec::with_capacity(self.arguments.len());
        for (argument, of_all) in self.arguments.iter().zip(&self.constants) {
            given.push(match of_all {
                Some(of_all) => Argument::One(Arc::clone(of_all)),
                None => Argument::Many(argument.evaluate(batch)?.into_array(rows)?),
            });
        }
        self.made(&given, rows).or_else(|why| self.made_where_not_null(why, &given, rows))
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        self.arguments.iter().collect()
    }

    fn with_new_children(
        self: Arc<Self>,
        arguments: Vec<Arc<dyn PhysicalExpr>>,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        Ok(Arc::new(LimitedCall {
            name: self.name.clone(),
            constants: constants(&arguments)?,
            arguments,
            inner: Arc::clone(&self.inner),
            schema: Arc::clone(&self.schema),
            reserves: self.reserves,
            output: self.output.clone(),
            limits: self.limits,
        }))
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for LimitedCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arguments: Vec<String> = self.arguments.iter().map(ToString::to_string).collect();
        write!(f, "{}({})", self.name, arguments.join(", "))
    }
}

impl PartialEq for LimitedCall {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.arguments == other.arguments && self.inner.eq(&other.inner)
    }
}

impl Eq for LimitedCall {}

impl Hash for LimitedCall {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.name, &self.arguments).hash(state);
    }
}
