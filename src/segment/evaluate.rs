//! The evaluation of attributes and segments over many people at once.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Int64Array, ListBuilder, RecordBatch, StringBuilder, StructArray,
    TimestampMicrosecondArray, new_null_array,
};
use arrow::compute::{cast, concat};
use arrow::datatypes::{
    DataType, Field, Fields, Schema, SchemaRef, TimeUnit, TimestampMicrosecondType,
};

use super::changed::PeopleRows;
use super::sight::Sight;
use crate::columns;
use crate::metrics::SharedCounts;
use crate::plan::{Expression, Plan, Rank, Step};
use crate::row::IdentifierHash;
use crate::time::Micros;

pub struct Evaluator {
    plan: Arc<Plan>,
    sight: Sight,
    /// The first columns of the profile's schema, by how many.
    prefixes: Vec<SchemaRef>,
    counts: SharedCounts,
}

impl Evaluator {
    pub fn new(plan: Arc<Plan>, sight: Sight, counts: SharedCounts) -> Self {
        let fields = plan.profile_schema.fields();
        let prefix = |length| Arc::new(Schema::new(Fields::from(&fields[..length])));
        let prefixes = (0..=fields.len()).map(prefix).collect();
        Evaluator { prefixes, plan, sight, counts }
    }

    /// One row a person, the columns those of the profile's schema. `scores` are told by id.
    pub fn columns<'a>(
        &self,
        people: &PeopleRows,
        scores: impl Fn(&IdentifierHash) -> Option<&'a [u16]>,
        now: Micros,
    ) -> RecordBatch {
        let scores: Vec<_> = people.ids().iter().map(scores).collect();
        let score = |rank: usize| -> ArrayRef {
            let of = |scores: &Option<&[u16]>| Some(i64::from(scores.as_ref()?[rank]));
            let scores = scores.iter().map(of).map(|score| score.filter(|score| *score > 0));
            Arc::new(Int64Array::from_iter(scores))
        };
        self.first_columns(people, self.prefixes.len() - 1, now, score)
    }

    /// What each rank looks at, a column a rank. What fails for a person in it is counted, what
    /// fails in the columns below will be when they are evaluated for themselves.
    pub fn ranked(&self, people: &PeopleRows, counts: &SharedCounts) -> Vec<ArrayRef> {
        let number = self.plan.ranked_columns;
        let columns = self
            .first_columns(people, number, Micros::MIN, |_| unreachable!("ranks look at no rank"));
        let value = |rank: &Rank| value_or_null(&rank.expression, &columns, counts);
        self.plan.ranks.iter().map(value).collect()
    }

    fn first_columns(
        &self,
        people: &PeopleRows,
        number: usize,
        now: Micros,
        score: impl Fn(usize) -> ArrayRef,
    ) -> RecordBatch {
        let aggregates = self.aggregates(people);
        let identifiers = match self.sight.profile[0] {
            true => self.identifiers(people),
            false => null(self.plan.profile_schema.field(0), people),
        };
        let mut columns: Vec<ArrayRef> = vec![
            identifiers,
            now_column(self.plan.profile_schema.field(1).data_type(), people.len(), now),
        ];
        for step in &self.plan.steps[..number - columns.len()] {
            let failed = self.counts.borrow().failed_expressions;
            let column = match step {
                _ if !self.sight.profile[columns.len()] => {
                    null(self.plan.profile_schema.field(columns.len()), people)
                }
                Step::Aggregates(expression) => {
                    value_or_null(expression, &aggregates, &self.counts)
                }
                Step::Derived(expression) => {
                    value_or_null(expression, &self.batch(columns.clone()), &self.counts)
                }
                Step::Rank(rank) => score(*rank),
            };
            if self.counts.borrow().failed_expressions > failed {
                let name = self.plan.profile_schema.field(columns.len()).name();
                self.counts.borrow_mut().failed.insert(name.clone());
            }
            columns.push(column);
        }
        self.batch(columns)
    }

    /// For each person the next instant after `now` at which a condition on it can change.
    pub fn next_instants(&self, people: &RecordBatch, now: Micros) -> Vec<Option<Micros>> {
        let mut next = vec![None; people.num_rows()];
        for instant in &self.plan.instants {
            let at = value_or_null(&instant.at, people, &self.counts);
            let at = match at.data_type() {
                DataType::Timestamp(TimeUnit::Microsecond, _) => at,
                _ => cast(&at, &DataType::Timestamp(TimeUnit::Microsecond, None))
                    .expect("the plan makes instants timestamps"),
            };
            let at = at.as_primitive::<TimestampMicrosecondType>();
            for (next, at) in next.iter_mut().zip(at) {
                let at = at.map(|at| at.saturating_add(instant.after as i64));
                let later = at.filter(|at| *at > now);
                *next = match (*next, later) {
                    (Some(one), Some(other)) => Some(Micros::min(one, other)),
                    (one, other) => one.or(other),
                };
            }
        }
        next
    }

    fn batch(&self, columns: Vec<ArrayRef>) -> RecordBatch {
        let schema = Arc::clone(&self.prefixes[columns.len()]);
        RecordBatch::try_new(schema, columns).expect("columns are of the types of the plan")
    }

    fn aggregates(&self, people: &PeopleRows) -> RecordBatch {
        let schema = &self.plan.aggregate_schema;
        let mut values = Vec::with_capacity(people.len() * schema.fields().len());
        for (_, row) in people.iter() {
            row.read_aggregates(&self.sight.aggregates, &mut values);
        }
        let column = |(index, field): (usize, &Arc<Field>)| {
            if !self.sight.aggregates[index] {
                return null(field, people);
            }
            let values = values.iter().skip(index).step_by(schema.fields().len());
            columns::array(field.data_type(), values.map(Option::as_ref))
        };
        let columns = schema.fields().iter().enumerate().map(column).collect();
        let rows = arrow::array::RecordBatchOptions::new().with_row_count(Some(people.len()));
        RecordBatch::try_new_with_options(Arc::clone(schema), columns, &rows)
            .expect("aggregates are of the types of the plan")
    }

    /// A struct with a list of text for each type of identifier.
    fn identifiers(&self, people: &PeopleRows) -> ArrayRef {
        let DataType::Struct(fields) = self.plan.profile_schema.field(0).data_type() else {
            unreachable!("the plan makes identifiers a struct")
        };
        if fields.is_empty() {
            return Arc::new(StructArray::new_empty_fields(people.len(), None));
        }
        let lists = fields.iter().enumerate().map(|(kind, field)| {
            let DataType::List(item) = field.data_type() else {
                unreachable!("the plan makes identifiers of a type a list")
            };
            let mut lists = ListBuilder::new(StringBuilder::new()).with_field(Arc::clone(item));
            for (_, row) in people.iter() {
                let texts = row.identifiers().filter(|(of, _)| usize::from(*of) == kind);
                texts.for_each(|(_, text)| lists.values().append_value(text));
                lists.append(true);
            }
            Arc::new(lists.finish()) as ArrayRef
        });
        Arc::new(StructArray::new(fields.clone(), lists.collect(), None))
    }
}

/// The expression's value; null for a person for whom it fails, which is counted.
pub fn value_or_null(
    expression: &Expression,
    people: &RecordBatch,
    counts: &SharedCounts,
) -> ArrayRef {
    match expression.evaluate(people) {
        Ok(values) => values,
        Err(error) if people.num_rows() <= 1 => {
            tracing::debug!("{}: {error}", expression.text);
            counts.borrow_mut().failed_expressions += people.num_rows() as u64;
            new_null_array(&expression.data_type, people.num_rows())
        }
        Err(_) => {
            let half = people.num_rows() / 2;
            let first = value_or_null(expression, &people.slice(0, half), counts);
            let rest = people.slice(half, people.num_rows() - half);
            concat(&[&first, &value_or_null(expression, &rest, counts)]).expect("of one type")
        }
    }
}

fn null(field: &Field, people: &PeopleRows) -> ArrayRef {
    new_null_array(field.data_type(), people.len())
}

fn now_column(data_type: &DataType, rows: usize, now: Micros) -> ArrayRef {
    let values = TimestampMicrosecondArray::from_value(now, rows);
    match data_type {
        DataType::Timestamp(TimeUnit::Microsecond, zone) => {
            Arc::new(values.with_timezone_opt(zone.clone()))
        }
        other => unreachable!("the plan makes now() a timestamp, not {other}"),
    }
}
