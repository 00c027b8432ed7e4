//! What is evaluated in the place of DataFusion's own: it loses no null and wraps no number.

use std::fmt;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch, new_null_array};
use arrow::compute::kernels::zip::zip;
use arrow::compute::{cast, is_null};
use arrow::datatypes::{DataType, Schema};
use datafusion_common::Result;
use datafusion_expr::{ColumnarValue, Operator};
use datafusion_physical_expr::PhysicalExpr;

use super::arithmetic;
use super::decimals::decimals;

/// A part of an expression that is evaluated.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct ExpressionNode {
    pub kind: NodeKind,
    pub parts: Vec<Arc<dyn PhysicalExpr>>,
    pub output: DataType,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum NodeKind {
    /// The first that is not null.
    Coalesce,
    /// A text as a decimal, or an error or null where it is none.
    Decimal {
        or_null: bool,
    },
    /// Sum, difference, product or rest of two decimals.
    Decimals(Operator),
    /// A double, or an error or null where it is none that is finite.
    Finite {
        or_null: bool,
    },
    Negated,
    /// To the left or to the right.
    Shift(Operator),
}

impl PhysicalExpr for ExpressionNode {
    fn data_type(&self, _: &Schema) -> Result<DataType> {
        Ok(self.output.clone())
    }

    fn nullable(&self, _: &Schema) -> Result<bool> {
        Ok(true)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        let part = |place: usize| self.parts[place].evaluate(batch);
        let array = |place: usize| part(place)?.into_array(batch.num_rows());
        match self.kind {
            NodeKind::Coalesce => self.coalesce(batch),
            NodeKind::Decimal { or_null } => {
                let texts = array(0)?;
                Ok(ColumnarValue::Array(decimals(&texts, &self.output, or_null)?))
            }
            NodeKind::Decimals(op) => {
                arithmetic::of_decimals(op, &part(0)?, &part(1)?, &self.output)
            }
            NodeKind::Finite { or_null: false } => arithmetic::finite(part(0)?),
            NodeKind::Finite { or_null: true } => arithmetic::finite_or_null(&array(0)?),
            NodeKind::Negated => arithmetic::finite(arithmetic::negated(part(0)?)?),
            NodeKind::Shift(op) => arithmetic::shifted(op, &array(0)?, &array(1)?),
        }
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        self.parts.iter().collect()
    }

    fn with_new_children(
        self: Arc<Self>,
        parts: Vec<Arc<dyn PhysicalExpr>>,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        Ok(Arc::new(ExpressionNode { kind: self.kind.clone(), parts, output: self.output.clone() }))
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl ExpressionNode {
    /// Each value is evaluated once, for the rows for which those before it are null: so it may fail for
    /// others.
    fn coalesce(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        let rows = batch.num_rows();
        let of_type = |value: ColumnarValue| -> Result<ArrayRef> {
            let value = value.into_array(rows)?;
            match value.data_type() == &self.output {
                true => Ok(value),
                false => Ok(cast(&value, &self.output)?),
            }
        };
        let mut found = new_null_array(&self.output, rows);
        let mut missing = BooleanArray::from(vec![true; rows]);
        for (place, value) in self.parts.iter().enumerate() {
            if place == 0 {
                found = of_type(value.evaluate(batch)?)?;
            } else {
                let next = of_type(value.evaluate_selection(batch, &missing)?)?;
                found = zip(&missing, &next, &found)?;
            }
            if found.logical_null_count() == 0 {
                break;
            }
            missing = is_null(&found)?;
        }
        Ok(ColumnarValue::Array(found))
    }
}

impl fmt::Display for ExpressionNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self.parts.iter().map(ToString::to_string).collect();
        match self.kind {
            NodeKind::Coalesce => write!(f, "coalesce({})", parts.join(", ")),
            NodeKind::Decimals(op) | NodeKind::Shift(op) => {
                write!(f, "({})", parts.join(&format!(" {op} ")))
            }
            NodeKind::Decimal { .. } | NodeKind::Finite { .. } => f.write_str(&parts.join(" ")),
            NodeKind::Negated => write!(f, "(- {})", parts.join(" ")),
        }
    }
}
