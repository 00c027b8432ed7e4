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

use arrow::array::{ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, RecordBatchOptions};
use arrow::compute::{cast, nullif};
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
        let output = node.data_type(schema)?;
        let inner = node.with_new_children(inner)?;
        let schema = Arc::new(Schema::new(fields));
        Ok(LimitedCall {
            name: name.to_owned(),
            arguments,
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
}

/// The value of an argument that is the same for all rows, and not null.
fn constant(argument: &Arc<dyn PhysicalExpr>) -> Option<&ScalarValue> {
    let literal = argument.downcast_ref::<Literal>()?;
    (!literal.value().is_null()).then(|| literal.value())
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
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(self.schema.fields().len());
        let mut given: Vec<Argument> = Vec::with_capacity(self.arguments.len());
        for (place, argument) in self.arguments.iter().enumerate() {
            if let Some(value) = constant(argument) {
                given.push(Argument::One(value.to_array()?));
                if self.reserves == Some(columns.len()) && reserved(&self.name) == Some(place) {
                    columns.push(value.to_array_of_size(rows)?);
                }
                continue;
            }
            let values = argument.evaluate(batch)?.into_array(rows)?;
            given.push(Argument::Many(Arc::clone(&values)));
            columns.push(values);
        }
        cost::hold(&self.name, &given, rows, self.limits)?;
        if let Some(column) = self.reserves {
            columns[column] = to_reserve(&columns[column], &given, rows)?;
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?;
        let mut made = caught(|| self.inner.evaluate(&batch))
            .map_err(|error| not_taken(error, &self.name, &given, rows))?;
        if STRICT.contains(&self.name.as_str()) {
            made = null_with(made, &given, rows)?;
        }
        self.limits.hold(&self.name, &made)?;
        arithmetic::finite(made)
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
