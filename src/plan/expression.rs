//! SQL expressions that have been planned, and are evaluated by column.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch};
use arrow::compute::prep_null_mask_filter;
use arrow::datatypes::DataType;
use datafusion_physical_expr::PhysicalExpr;
use datafusion_physical_expr::utils::collect_columns;

use super::caught::caught;
use super::failure::reason;
use super::own_rows::own_rows;

/// A planned expression over a known schema.
#[derive(Debug, Clone)]
pub struct Expression {
    physical: Arc<dyn PhysicalExpr>,
    pub data_type: DataType,
    /// As the user wrote it.
    pub text: Arc<str>,
}

impl Expression {
    /// An expression that gives this type; `text` is what the user wrote.
    pub fn new(physical: Arc<dyn PhysicalExpr>, data_type: DataType, text: &str) -> Self {
        Expression { physical, data_type, text: Arc::from(text.trim()) }
    }

    /// With another text, as it is told where it fails.
    pub fn told_as(mut self, text: &str) -> Self {
        self.text = Arc::from(text.trim());
        self
    }

    /// What evaluates it.
    pub fn physical(&self) -> &Arc<dyn PhysicalExpr> {
        &self.physical
    }

    /// One value a row of the batch, whose columns are the schema's, or its first ones where the
    /// expression looks at no later one.
    pub fn evaluate(&self, batch: &RecordBatch) -> Result<ArrayRef, String> {
        let evaluate = |batch: &RecordBatch| {
            caught(|| self.physical.evaluate(batch)?.into_array(batch.num_rows()))
        };
        let values = evaluate(batch).or_else(|why| match own_rows(batch) {
            Some(own) => evaluate(&own),
            None => Err(why),
        });
        values.map_err(reason)
    }

    /// Which rows of the batch it holds for; null counts as false.
    pub fn matches(&self, batch: &RecordBatch) -> Result<BooleanArray, String> {
        let values = self.evaluate(batch)?;
        Ok(match values.as_boolean_opt() {
            Some(values) if values.null_count() > 0 => prep_null_mask_filter(values),
            Some(values) => values.clone(),
            None => unreachable!("the plan makes conditions boolean"),
        })
    }

    /// Whether it looks at the column of this index.
    pub fn uses(&self, column: usize) -> bool {
        self.columns().contains(&column)
    }

    /// The columns that it looks at.
    pub fn columns(&self) -> Vec<usize> {
        collect_columns(&self.physical).iter().map(|used| used.index()).collect()
    }
}
