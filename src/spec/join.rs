//! Joined tables: what their columns are called, and which expressions look at them.
//!
//! What a row is (its id, key and time, whether it is deleted, its identifiers) depends on the row
//! alone; what it says may depend on the present record of a table. So expressions that look at a
//! joined column are kept apart from the source's others, and are evaluated anew when the table
//! changes.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion_expr::Expr;

use super::aggregate::describe;
use super::diagnostic::suggest;
use super::plan::{Joined, JoinedTable, Kind, Source};
use super::read::{Context, Object, SqlText};
use super::sources::column;
use super::sql::{Expression, QUALIFIED};

/// The tables that a source joins, as its definition is read.
#[derive(Default)]
pub struct Tables {
    tables: Vec<Table>,
    /// Their columns, under the names that they have here.
    pub columns: Vec<FieldRef>,
    /// Derived columns that look at them, or at each other.
    pub derived: Vec<Derived>,
}

struct Table {
    name: String,
    /// Index into the sources.
    source: usize,
    columns: usize,
}

/// A derived column that looks at joined ones.
pub struct Derived {
    pub text: SqlText,
    pub planned: Expr,
    pub column: FieldRef,
}

/// A source of the file, as far as it has been read.
pub struct Known {
    pub name: String,
    /// Whether it joins tables itself: these are read last.
    pub joins: bool,
    pub source: Option<Source>,
}

/// Finds the tables. `taken` are the names that columns of the source's own have.
pub fn tables(
    context: &mut Context,
    object: &Object<'_>,
    taken: &BTreeSet<&str>,
    known: &[Known],
) -> Tables {
    let mut tables: Vec<Table> = Vec::new();
    for (key, _) in object.map(context, "join") {
        let what = format!("'join' of {}", object.what);
        let name = &key.name;
        let Some(index) = known.iter().position(|known| known.name == *name) else {
            let names: Vec<&str> = known.iter().map(|known| known.name.as_str()).collect();
            let hint = suggest(name, &names);
            context.complain(key.place, format!("{what}: unknown source '{name}': {hint}"));
            continue;
        };
        if known[index].joins {
            let message = format!(
                "{what}: source '{name}' joins tables itself, and a joined table may not: join \
                 those tables here"
            );
            context.complain(key.place, message);
            continue;
        }
        let Some(table) = &known[index].source else { continue };
        if table.kind == Kind::Events {
            let message = format!(
                "{what}: source '{name}' has events, and a joined table has records: one row a key"
            );
            context.complain(key.place, message);
            continue;
        }
        let columns = table.fields.len() + table.derived.len();
        tables.push(Table { name: name.clone(), source: index, columns });
    }
    let columns_of = |table: &Table| {
        let source = known[table.source].source.as_ref().expect("just found");
        source.schema.fields()[..table.columns].to_vec()
    };
    let all: Vec<FieldRef> = tables.iter().flat_map(columns_of).collect();
    let is_taken = |name: &String| {
        taken.contains(name.as_str()) || all.iter().filter(|other| other.name() == name).count() > 1
    };
    let mut columns = Vec::with_capacity(all.len());
    for table in &tables {
        for column in columns_of(table) {
            let qualified = format!("{}.{}", table.name, column.name());
            let name = if is_taken(column.name()) { &qualified } else { column.name() };
            let metadata = [(QUALIFIED.to_owned(), qualified.clone())].into();
            let column = Field::new(name, column.data_type().clone(), true);
            columns.push(Arc::new(column.with_metadata(metadata)));
        }
    }
    Tables { tables, columns, derived: Vec::new() }
}

impl Tables {
    /// The columns that come by joins: those of tables, and those derived from them.
    pub fn all_columns(&self) -> Vec<FieldRef> {
        let derived = self.derived.iter().map(|derived| &derived.column);
        self.columns.iter().chain(derived).cloned().collect()
    }

    /// Whether an expression looks at one of them.
    pub fn looks_at(&self, planned: &Expr) -> bool {
        let columns = self.all_columns();
        planned
            .column_refs()
            .iter()
            .any(|used| columns.iter().any(|known| *known.name() == used.name))
    }

    /// Compiles what is derived, behind all of the source's own columns.
    pub fn joined(
        self,
        context: &mut Context,
        object: &Object<'_>,
        own: &SchemaRef,
    ) -> Option<Joined> {
        object.get("join")?;
        let mut first = own.fields().len();
        let mut tables = Vec::new();
        for table in &self.tables {
            let (source, columns) = (table.source, table.columns);
            if let Some(key) = key(context, object, &table.name, own, &self.all_columns()) {
                tables.push(JoinedTable { source, key, first, columns });
            }
            first += columns;
        }
        let mut fields = [own.fields().to_vec(), self.columns].concat();
        let mut derived = Vec::new();
        for Derived { text, planned, column } in self.derived {
            let schema: SchemaRef = Arc::new(Schema::new(fields.clone()));
            let compiled = context.dialect.compile(planned, &schema, None, &text.text);
            derived.push((fields.len(), context.check(&text, compiled)?));
            fields.push(column);
        }
        Some(Joined {
            tables,
            schema: Arc::new(Schema::new(fields)),
            derived,
            condition: None,
            inputs: Vec::new(),
            carried: Vec::new(),
        })
    }
}

/// The column whose text is the key of a table's record.
fn key(
    context: &mut Context,
    object: &Object<'_>,
    table: &str,
    own: &Schema,
    joined: &[FieldRef],
) -> Option<usize> {
    let (_, node) = object.map(context, "join").iter().find(|(key, _)| key.name == table)?;
    let what = format!("'join' of {}, table '{table}'", object.what);
    let name = super::read::text(context, &what, node)?;
    let key = column(context, &what, &name, node.place, own, joined)?;
    let found = own.field(key).data_type();
    if matches!(found, DataType::List(_) | DataType::Float64) {
        let message =
            format!("{what}: '{name}' is a {}, and no table has such a key", describe(found));
        context.complain(node.place, message);
    }
    Some(key)
}

/// Once all is read: leaves out what nobody looks at, and tells each side what the other needs of
/// its rows.
pub fn settle(sources: &mut [Source]) {
    for index in 0..sources.len() {
        let Some(mut joined) = sources[index].joined.take() else { continue };
        if joined.condition.is_none() && joined.inputs.is_empty() {
            continue;
        }
        let used = used(&joined);
        joined.derived.retain(|(column, _)| used.contains(column));
        joined.tables.retain(|table| used.range(table.range()).next().is_some());
        joined.carried = used.range(..sources[index].schema.fields().len()).copied().collect();
        for table in &joined.tables {
            let looked_up = &mut sources[table.source].looked_up;
            looked_up.extend(used.range(table.range()).map(|column| column - table.first));
            looked_up.sort_unstable();
            looked_up.dedup();
        }
        sources[index].joined = Some(joined);
    }
}

/// The columns that conditions and inputs look at, directly or through derived ones.
fn used(joined: &Joined) -> BTreeSet<usize> {
    let inputs = joined.inputs.iter();
    let of_inputs = inputs.flat_map(|input| [input.condition.as_ref(), input.argument.as_ref()]);
    let asking = of_inputs.chain([joined.condition.as_ref()]).flatten();
    let mut used: BTreeSet<usize> = asking.flat_map(Expression::columns).collect();
    for (column, expression) in joined.derived.iter().rev() {
        if used.contains(column) {
            used.extend(expression.columns());
        }
    }
    used
}
