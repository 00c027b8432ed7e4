//! What is known of operators in conditions.

use datafusion_expr::Operator;

use crate::definition::sql::instant::is_comparison;

/// Whether it compares two values by their order, or as equal, and is null where one of them is.
pub fn is_ordering(operator: Operator) -> bool {
    let of_nulls = matches!(operator, Operator::IsDistinctFrom | Operator::IsNotDistinctFrom);
    is_comparison(operator) && !of_nulls
}

/// Whether it is null where one of its sides is.
pub fn is_strict(operator: Operator) -> bool {
    use Operator::*;
    is_ordering(operator) || matches!(operator, Plus | Minus | Multiply | Divide | Modulo)
}
