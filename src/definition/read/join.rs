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

use super::column::{TIME, column};
use super::object::{Object, ReadContext, SqlText};
use crate::definition::file::diagnostic::suggest;
use crate::definition::file::yaml::YamlKey;
use crate::definition::sql::describe::describe;
use crate::definition::sql::names::QUALIFIED;
use crate::plan::{Expression, Joined, JoinedTable, Kind, Source};

/// A source of the file, as far as it has been read.
pub struct DeclaredSource {
    pub name: String,
    /// Whether it joins tables itself: these are read last.
    pub joins: bool,
    pub source: Option<Source>,
}

/// The tables that a source joins, as its definition is read.
pub struct Tables {
    tables: Vec<DeclaredTable>,
    /// Their columns, under the names that they have here.
    columns: Vec<FieldRef>,
    /// Derived columns that look at them, or at each other.
    pub derived: Vec<DerivedColumn>,
}

struct DeclaredTable {
    name: String,
    /// Index into the sources.
    source: usize,
    /// All but the pseudo-column `time`.
    columns: Vec<FieldRef>,
}

/// A derived column that looks at joined ones.
pub struct DerivedColumn {
    pub text: SqlText,
    pub planned: Expr,
    pub column: FieldRef,
}

impl Tables {
    /// Finds the tables of a source that has these fields.
    pub fn read(
        context: &mut ReadContext,
        object: &Object<'_>,
        fields: &Schema,
        known: &[DeclaredSource],
    ) -> Self {
        let entries = object.map(context, "join");
        let found = entries.iter().filter_map(|(key, _)| table(context, &object.what, key, known));
        let tables: Vec<DeclaredTable> = found.collect();
        let fields = fields.fields().iter().map(|field| field.name().as_str());
        let derived = object.map(context, "derive").iter().map(|(key, _)| key.name.as_str());
        let sessions: &[&str] =
            object.get("sessions").map_or(&[], |_| &crate::definition::sql::names::COLUMNS);
        let taken = [TIME].iter().chain(sessions).copied();
        let own: BTreeSet<&str> = fields.chain(derived).chain(taken).collect();
        let all = tables.iter().flat_map(|table| &table.columns);
        let all: Vec<&String> = all.map(|column| column.name()).collect();
        let is_taken = |name: &String| {
            own.contains(name.as_str()) || all.iter().filter(|other| **other == name).count() > 1
        };
        let columns = tables.iter().flat_map(|table| {
            table.columns.iter().map(|column| {
                let qualified = format!("{}.{}", table.name, column.name());
                let name = if is_taken(column.name()) { &qualified } else { column.name() };
                let column = Field::new(name, column.data_type().clone(), true);
                let metadata = [(QUALIFIED.to_owned(), qualified)].into();
                Arc::new(column.with_metadata(metadata))
            })
        });
        let columns: Vec<FieldRef> = columns.collect();
        let mut names = own;
        if let Some(twice) = columns.iter().find(|column| !names.insert(column.name())) {
            let message = format!(
                "'join' of {}: a column of a table is called '{}' here, and so is another column: give that one another \
                 name",
                object.what,
                twice.name()
            );
            context.complain(object.place_of("join"), message);
        }
        Tables { columns, tables, derived: Vec::new() }
    }

    /// The columns that come by joins: those of tables, and those derived from them.
    pub fn all_columns(&self) -> Vec<FieldRef> {
        let derived = self.derived.iter().map(|derived| &derived.column);
        self.columns.iter().chain(derived).cloned().collect()
    }

    /// The source's own columns and, beside them, these.
    pub fn beside(&self, own: &Schema) -> SchemaRef {
        Arc::new(Schema::new([own.fields(), &*self.all_columns()].concat()))
    }

    /// One of these columns that an expression looks at.
    pub fn looked_at(&self, planned: &Expr) -> Option<String> {
        let used = planned.column_refs();
        let is_used = |column: &&FieldRef| used.iter().any(|used| used.name == *column.name());
        self.all_columns().iter().find(is_used).map(|column| column.name().clone())
    }

    /// Compiles what is derived, behind all of the source's own columns.
    pub fn joined(
        self,
        context: &mut ReadContext,
        object: &Object<'_>,
        own: &SchemaRef,
    ) -> Option<Joined> {
        object.get("join")?;
        let joined = self.all_columns();
        let mut first = own.fields().len();
        let mut tables = Vec::new();
        for table in self.tables {
            let (source, columns) = (table.source, table.columns.len());
            if let Some(key) = key(context, object, &table.name, own, &joined) {
                tables.push(JoinedTable { source, key, first, columns });
            }
            first += columns;
        }
        let mut fields = [own.fields(), &*self.columns].concat();
        let mut derived = Vec::new();
        for DerivedColumn { text, planned, column } in self.derived {
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

/// The table that a source joins under a name.
fn table(
    context: &mut ReadContext,
    source: &str,
    key: &YamlKey,
    known: &[DeclaredSource],
) -> Option<DeclaredTable> {
    let (what, name) = (format!("'join' of {source}"), &key.name);
    let Some(index) = known.iter().position(|known| known.name == *name) else {
        if !context.is_broken(name) {
            let names: Vec<&str> = known.iter().map(|known| known.name.as_str()).collect();
            let hint = suggest(name, &names);
            context.complain(key.place, format!("{what}: unknown source '{name}': {hint}"));
        }
        return None;
    };
    if known[index].joins {
        let message = format!(
            "{what}: source '{name}' joins tables itself, and what is joined may not: join those \
             tables here"
        );
        context.complain(key.place, message);
        return None;
    }
    let table = known[index].source.as_ref()?;
    if table.kind == Kind::Events {
        let message =
            format!("{what}: source '{name}' has events, and a table has records: one row a key");
        context.complain(key.place, message);
    }
    let columns = table.fields.len() + table.derived.len();
    let columns = table.schema.fields()[..columns.min(table.schema.fields().len())].to_vec();
    Some(DeclaredTable { name: name.clone(), source: index, columns })
}

/// The column whose text is the key of a table's record.
fn key(
    context: &mut ReadContext,
    object: &Object<'_>,
    table: &str,
    own: &Schema,
    joined: &[FieldRef],
) -> Option<usize> {
    let (_, node) = object.map(context, "join").iter().find(|(key, _)| key.name == table)?;
    let what = format!("'join' of {}, table '{table}'", object.what);
    let name = super::object::text(context, &what, node)?;
    let key = column(context, &what, &name, node.place, own, joined)?;
    let found = own.field(key).data_type();
    if matches!(found, DataType::List(_) | DataType::Float64) {
        let found = describe(found);
        let message = format!("{what}: '{name}' is of type {found}, and no table has such a key");
        context.complain(node.place, message);
    }
    Some(key)
}

/// Once all is read: leaves out what nobody looks at, and tells each side what the other needs of
/// its rows.
pub fn finish(sources: &mut [Source]) {
    for index in 0..sources.len() {
        let Some(mut joined) = sources[index].joined.take() else { continue };
        if joined.condition.is_none() && joined.inputs.is_empty() {
            continue;
        }
        let used = used(&joined);
        joined.derived.retain(|(column, _)| used.contains(column));
        let (mut tables, others): (Vec<_>, Vec<_>) = std::mem::take(&mut joined.tables)
            .into_iter()
            .partition(|table| used.range(table.range()).next().is_some());
        // What is true of any record (`price > 1 or true`) is said beside some table all the same.
        if tables.is_empty() {
            tables.extend(others.into_iter().next());
        }
        joined.tables = tables;
        joined.carried = used.range(..sources[index].schema.fields().len()).copied().collect();
        for table in &joined.tables {
            let key = sources[table.source].key;
            let looked_up = &mut sources[table.source].looked_up;
            looked_up.extend(used.range(table.range()).map(|column| column - table.first));
            if looked_up.is_empty() {
                looked_up.extend(key);
            }
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
