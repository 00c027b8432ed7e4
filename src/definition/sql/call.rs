//! A call of a function or an operator, held to what it may make and do for one row.
//!
//! What it is given is looked at before it runs, where it might make much of little or take long, and what
//! it gives is looked at behind it: so nothing is made that is many times what there was.
//!
//! A null among its arguments means the same wherever it comes from: a constant one is given as a column has it,
//! since functions have ways of their own for constants, which do not always agree.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions};
use arrow::compute::nullif;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion_common::{Result, ScalarValue};
use datafusion_expr::ColumnarValue;
use datafusion_physical_expr::PhysicalExpr;
use datafusion_physical_expr::expressions::{Column, Literal};

use super::arithmetic;
use super::cost::{self, Argument};
use super::pattern::Pattern;
use crate::plan::Limits;

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
        for argument in &arguments {
            if constant(argument).is_some() {
                inner.push(Arc::clone(argument));
                continue;
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
        Ok(LimitedCall { name: name.to_owned(), arguments, inner, schema, output, limits })
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
        for argument in &self.arguments {
            if let Some(value) = constant(argument) {
                given.push(Argument::One(value.to_array()?));
                continue;
            }
            let values = argument.evaluate(batch)?.into_array(rows)?;
            given.push(Argument::Many(Arc::clone(&values)));
            columns.push(values);
        }
        cost::hold(&self.name, &given, rows, self.limits)?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?;
        let mut made = self.inner.evaluate(&batch)?;
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
