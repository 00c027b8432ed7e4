//! What a function over many values says of itself.

use std::fmt::Debug;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field};

use super::kept::partial::{Added, Moments, Partial, SumsByKey};
use super::pair::parts;
use super::room::{NoRoom, Types};
use crate::row::Datum;
use crate::time::Micros;

/// How many values functions that give lists may be asked for, and how many the others give.
pub const MOST_VALUES: u16 = 1_000;

/// A function that makes one value of many.
pub trait AggregateFunction {
    /// How definitions call it; `None` where they have other words for it.
    fn called(&self) -> Option<Called>;

    /// What is kept of the values, so that they can be taken back, and how its value is read from that.
    fn kept(&self) -> Kept;
}

/// How a function is called.
#[derive(Debug)]
pub struct Called {
    /// Its own name, then others that mean the same.
    pub names: &'static [&'static str],
    pub form: CallForm,
    /// A sentence for the reference.
    pub meaning: &'static str,
    /// What it gives of an argument, or in words what it takes instead.
    pub types: fn(&DataType) -> Result<Typed, &'static str>,
}

impl Called {
    pub fn name(&self) -> &'static str {
        self.names[0]
    }

    /// As it is written by each of its names, such as `count(distinct x)`.
    pub fn written(&self) -> Vec<String> {
        let by_name = |name: &&str| match self.form {
            CallForm::Each | CallForm::Either => vec![format!("{name}(x)")],
            CallForm::EachOrRows => vec![format!("{name}(*)"), format!("{name}(x)")],
            CallForm::Distinct => vec![format!("{name}(distinct x)")],
            CallForm::Number => vec![format!("{name}(x, n)")],
            CallForm::NumberBySum => vec![format!("{name}(x, n, sum(y))")],
            CallForm::BySum => vec![format!("{name}(x, sum(y))")],
            CallForm::ByKey if *name == "count" => {
                vec![format!("{name}(*) by k"), format!("{name}(x) by k")]
            }
            CallForm::ByKey => vec![format!("{name}(x) by k")],
            CallForm::Share => {
                vec![format!("{name}(p) within group (order by x)"), format!("{name}(x, p)")]
            }
        };
        self.names.iter().flat_map(by_name).collect()
    }
}

/// What a call looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallForm {
    /// `f(x)`.
    Each,
    /// `f(x)`, and of the rows themselves `f(*)`.
    EachOrRows,
    /// `f(distinct x)`.
    Distinct,
    /// `f(x)`; `f(distinct x)` is the same, since it does not matter how often a value is there.
    Either,
    /// `f(x, n)`: so many values.
    Number,
    /// `f(x, n, sum(y))`: so many values, by what another one comes to.
    NumberBySum,
    /// `f(x, sum(y))`: by what another value comes to.
    BySum,
    /// `f(x) by k`: for each key.
    ByKey,
    /// `f(p) within group (order by x)`, and `f(x, p)`: where such a share of the values ends.
    Share,
}

/// The type that an argument is brought to, and the type of the result.
#[derive(Debug)]
pub struct Typed {
    pub argument: DataType,
    pub output: DataType,
}

impl Typed {
    /// For functions that give one of the values.
    pub fn same(argument: &DataType) -> Result<Self, &'static str> {
        Typed::as_it_is(argument, argument.clone())
    }

    /// For functions that take values as they are.
    pub fn as_it_is(argument: &DataType, output: DataType) -> Result<Self, &'static str> {
        Ok(Typed { argument: argument.clone(), output })
    }

    /// For functions of numbers.
    pub fn of_number(argument: &DataType, output: DataType) -> Result<Self, &'static str> {
        match argument {
            DataType::Int64 | DataType::Float64 | DataType::Decimal128(..) => {
                Typed::as_it_is(argument, output)
            }
            _ => Err("a number"),
        }
    }

    /// For functions of truths.
    pub fn of_boolean(argument: &DataType) -> Result<Self, &'static str> {
        if argument == &DataType::Boolean { Typed::same(argument) } else { Err("a boolean") }
    }
}

/// A list of such values.
pub fn list_of(item: DataType) -> DataType {
    DataType::List(Arc::new(Field::new("item", item, true)))
}

/// What is kept of the values for a function: where its state is, and how its value is read from that.
#[derive(Clone)]
pub enum Kept {
    /// How many there are: that is the value.
    Count,
    /// How many there are, and their sum.
    Sum(fn(Added<'_>, Types<'_>) -> Result<Datum, NoRoom>),
    /// How many there are, their sum, and that of their squares.
    Moments(fn(&Moments) -> Result<Option<Datum>, NoRoom>),
    /// How many are true and how many are not, in this order.
    Truths(fn(i64, i64) -> bool),
    /// The one at an end of their order: that is the value.
    Extreme(Extreme),
    /// The newest so many: they are the value.
    Newest(u16),
    /// What the values of each key come to.
    ByKey(KeyedSums),
    /// The values themselves, at the person.
    Values(KeptValues),
    /// Each row's value with its time, for what parts a person's rows: of these there is no value.
    Rows,
}

/// How values are kept that add up by key.
#[derive(Clone)]
pub struct KeyedSums {
    /// What is kept for each key.
    pub each: Box<Kept>,
    /// What comes of a key's values.
    pub types: fn(&DataType) -> Result<Typed, &'static str>,
    pub asked: AskedSums,
    /// What is made of the keys that are asked for, with what their values come to.
    pub read: Arc<ReadSums>,
}

type ReadSums = dyn Fn(Vec<(&Datum, Datum)>) -> Option<Datum> + Send + Sync;

/// Which keys are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AskedSums {
    /// All, in their order. Where more than so many have a value, all of them have none.
    All { most: usize },
    /// So many with the greatest sums, the greatest first, of equal ones the least key first. Where one of all sums has no
    /// room, there is no value.
    Greatest(usize),
}

impl KeyedSums {
    fn value(&self, sums: &SumsByKey, types: Types<'_>) -> Result<Option<Datum>, NoRoom> {
        let pair = types.argument.and_then(parts);
        let (_, argument) = pair.expect("the plan gives it pairs");
        let output = (self.types)(argument).expect("the plan has typed it").output;
        let types = Types { argument: Some(argument), output: &output };
        let most = match self.asked {
            AskedSums::All { most } => most,
            AskedSums::Greatest(number) => {
                let (greatest, least) = sums.ends(number);
                // Between two that have room there are none that don't.
                least.map_or(Ok(None), |(_, sum)| self.each.value(sum, types))?;
                let value = |(key, sum)| Ok(self.each.value(sum, types)?.map(|sum| (key, sum)));
                let values = greatest.into_iter().filter_map(|sum| value(sum).transpose());
                return Ok((self.read)(values.collect::<Result<_, NoRoom>>()?));
            }
        };
        let mut values = Vec::with_capacity(sums.keys().min(most));
        for (key, partial) in sums.iter() {
            // A deviation of too few values is none.
            if let Some(value) = self.each.value(partial, types)? {
                values.push((key, value));
            }
            if values.len() > most {
                return Err(NoRoom);
            }
        }
        Ok((self.read)(values))
    }
}

/// Which value leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extreme {
    pub end: End,
    /// Whether the times of rows decide, and only then the values.
    pub by_time: bool,
}

/// An end of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Least,
    Greatest,
}

impl End {
    /// Whether one comes before another when looked at from this end.
    pub fn leads<T: Ord>(self, one: &T, other: &T) -> bool {
        match self {
            End::Least => one < other,
            End::Greatest => one > other,
        }
    }
}

/// How values are kept for a function that has to know them.
#[derive(Clone)]
pub struct KeptValues {
    pub travels: Travels,
    /// Whether it looks at the times of rows.
    pub with_times: bool,
    /// The value over no rows at all; `None` is null.
    pub of_nothing: Option<Datum>,
    /// Where they are gathered for a person.
    pub gather: Arc<NewGather>,
}

/// Begins to gather values for a person.
type NewGather = dyn Fn(Types<'_>) -> Box<dyn Gather> + Send + Sync;

/// What of values an identifier brings to its person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Travels {
    /// That it has a value, however many of its rows do.
    Presence,
    /// Each row's value.
    Rows,
}

impl KeptValues {
    /// For a function of undated values that is null over none.
    pub fn new<G: Gather + Default + 'static>(travels: Travels) -> Self {
        KeptValues::gathered(travels, |_| Box::new(G::default()))
    }

    pub fn gathered(
        travels: Travels,
        gather: impl Fn(Types<'_>) -> Box<dyn Gather> + Send + Sync + 'static,
    ) -> Self {
        KeptValues { travels, with_times: false, of_nothing: None, gather: Arc::new(gather) }
    }
}

/// The values that a person's identifiers hold together, kept so that one that comes or goes costs no walk
/// over the others.
pub trait Gather: Debug {
    /// Takes a value in `diff` times, or back: never more often than it is there.
    fn add(&mut self, time: Micros, value: &Datum, diff: i64);

    fn is_empty(&self) -> bool;

    /// The function's value; `None` is null.
    fn value(&self, types: Types<'_>) -> Result<Option<Datum>, NoRoom>;
}

impl Kept {
    /// Whether the person's value is the leading one of those that identifiers bring, or several of them.
    pub fn leads(&self) -> bool {
        match self {
            Kept::Extreme(_) | Kept::Newest(_) => true,
            Kept::Count | Kept::Sum(_) | Kept::Moments(_) | Kept::Truths(_) => false,
            Kept::ByKey(_) | Kept::Values(_) | Kept::Rows => false,
        }
    }

    /// What of the values travels to the person; `None` where what they come to does.
    pub fn travels(&self) -> Option<Travels> {
        match self {
            Kept::Values(values) => Some(values.travels),
            Kept::Rows => Some(Travels::Rows),
            Kept::Count | Kept::Sum(_) | Kept::Moments(_) | Kept::Truths(_) => None,
            Kept::Extreme(_) | Kept::Newest(_) | Kept::ByKey(_) => None,
        }
    }

    /// Whether the times of rows travel with their values.
    pub fn travels_with_times(&self) -> bool {
        match self {
            Kept::Values(values) => values.with_times,
            Kept::Rows => true,
            Kept::Count | Kept::Sum(_) | Kept::Moments(_) | Kept::Truths(_) => false,
            Kept::Extreme(_) | Kept::Newest(_) | Kept::ByKey(_) => false,
        }
    }

    /// Whether values are in the order of their rows' times, and only then in their own.
    pub fn is_by_time(&self) -> bool {
        match self {
            Kept::Extreme(extreme) => extreme.by_time,
            Kept::Newest(_) => true,
            Kept::Count | Kept::Sum(_) | Kept::Moments(_) | Kept::Truths(_) => false,
            Kept::ByKey(_) => false,
            Kept::Values(_) | Kept::Rows => self.travels_with_times(),
        }
    }

    /// What no value comes to, where values are added up.
    pub fn nothing(&self, argument: Option<&DataType>) -> Option<Partial> {
        Some(match self {
            Kept::Count => Partial::Count(0),
            Kept::Sum(_) => Partial::of_numbers(argument),
            Kept::Moments(_) => Partial::Moments(Box::default()),
            Kept::Truths(_) => Partial::Truths { yes: 0, no: 0 },
            Kept::ByKey(sums) => {
                let (_, value) = argument.and_then(parts)?;
                Partial::ByKey(Box::new(SumsByKey::new(sums.each.nothing(Some(value))?)))
            }
            Kept::Extreme(_) | Kept::Newest(_) | Kept::Values(_) | Kept::Rows => return None,
        })
    }

    /// What is added up so far to nothing, as a person holds it.
    pub fn at_person(&self, nothing: Partial) -> Partial {
        match (self, nothing) {
            (
                Kept::ByKey(KeyedSums { asked: AskedSums::Greatest(_), .. }),
                Partial::ByKey(sums),
            ) => Partial::ByKey(Box::new(sums.ranked())),
            (_, nothing) => nothing,
        }
    }

    /// The value of what is added up; `None` is null.
    pub fn value(&self, partial: &Partial, types: Types<'_>) -> Result<Option<Datum>, NoRoom> {
        match (self, partial) {
            (Kept::Count, Partial::Count(count)) => Ok(Some(Datum::Integer(*count))),
            (Kept::Sum(value), partial) => value(partial.added(), types).map(Some),
            (Kept::Moments(value), Partial::Moments(moments)) => value(moments),
            (Kept::Truths(value), Partial::Truths { yes, no }) => {
                Ok(Some(Datum::Boolean(value(*yes, *no))))
            }
            (Kept::ByKey(sums), Partial::ByKey(by_key)) => sums.value(by_key, types),
            (kept, partial) => unreachable!("{partial:?} is not what {kept:?} comes to"),
        }
    }

    /// The value over no rows at all; `None` is null.
    pub fn of_nothing(&self) -> Option<Datum> {
        match self {
            Kept::Count => Some(Datum::Integer(0)),
            Kept::Values(values) => values.of_nothing.clone(),
            Kept::Sum(_) | Kept::Moments(_) | Kept::Truths(_) => None,
            Kept::Extreme(_) | Kept::Newest(_) | Kept::ByKey(_) | Kept::Rows => None,
        }
    }
}

impl Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Kept::Count => "a count",
            Kept::Sum(_) => "a sum",
            Kept::Moments(_) => "moments",
            Kept::Truths(_) => "truths",
            Kept::Extreme(_) => "an extreme",
            Kept::Newest(_) => "the newest values",
            Kept::ByKey(_) => "sums by key",
            Kept::Values(_) => "values",
            Kept::Rows => "rows",
        })
    }
}
