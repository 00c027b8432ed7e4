//! SQL expressions of the definition file, planned by DataFusion and evaluated by column.

use arrow::array::{ArrayRef, BooleanArray, RecordBatch};
use arrow::datatypes::DataType;
use std::sync::Arc;

/// A planned expression over a known schema.
#[derive(Debug, Clone)]
pub struct Expression {
    physical: Arc<dyn datafusion_physical_expr::PhysicalExpr>,
    pub data_type: DataType,
    /// As the user wrote it.
    pub text: Arc<str>,
}

impl Expression {
    /// One value a row of the batch, whose columns are a schema's (or its first ones, where the
    /// expression looks at no later one).
    pub fn evaluate(&self, _batch: &RecordBatch) -> Result<ArrayRef, String> {
        todo!()
    }

    /// Which rows of the batch it holds for; null counts as false.
    pub fn matches(&self, _batch: &RecordBatch) -> Result<BooleanArray, String> {
        todo!()
    }
}
