//! Sources: which columns they have, where from, and which of their rows count.

use std::fmt::Write;

use selfsame::internals::plan::PathStep;

use super::choices::Choices;
use super::sql::{self, Column, Of};
use super::{Settings, quoted};

/// A source, as far as rows for it must know.
#[derive(Clone, Debug)]
pub struct Source {
    pub name: &'static str,
    pub is_topic: bool,
    pub is_csv: bool,
    /// What parts its cells, and what they may stand in.
    pub marks: (char, Option<char>),
    /// What a line of CSV begins with that is no row.
    pub comment: Option<char>,
    /// Its files have columns of text.
    pub is_columnar: bool,
    pub has_records: bool,
    /// How many keys its records have.
    pub keys: usize,
    pub has_decisions: bool,
    pub fields: Vec<Field>,
    /// All that expressions can name, of its own.
    pub columns: Vec<Column>,
    /// What its sessions add, for attributes from it alone.
    pub of_sessions: Vec<Column>,
    /// What comes by joins.
    pub joined: Vec<Column>,
    /// What it joins: the name of a table and the column with its key.
    joins: Vec<(&'static str, &'static str)>,
    /// The joined column with the key of the first table's record.
    key_of_table: Option<String>,
    /// Whether rows with the status `gone` delete.
    pub deletes: bool,
    /// Where its rows have a list whose elements are rows.
    pub list: Option<Path>,
    /// By which formats `born` and `day` are written, if by any.
    pub formats: Option<&'static str>,
    /// By which formats its rows' time is.
    pub time_formats: Option<&'static str>,
    /// By whose clocks its times are read that have no offset.
    pub zone: Option<&'static str>,
    /// Another field than `kind` and `n` whose codes have a meaning.
    pub mapped: Option<&'static str>,
    yaml: String,
}

/// Keys from a root down; `[1]` is an item of a list.
pub type Path = &'static [&'static str];

/// What to take out of a row.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    pub name: &'static str,
    pub of: Of,
    /// From the row's root down, or from the element of its list.
    pub path: Path,
    /// Whether it stands in the elements of the row's list.
    pub is_of_item: bool,
}

const fn field(name: &'static str, of: Of, path: Path) -> Field {
    Field { name, of, path, is_of_item: false }
}

const NAMES: [&str; 4] = ["web", "crm", "shop", "app"];
pub const ID: &str = "id";
pub const STATUS: &str = "status";
pub const ITEM: &str = "item";
pub const SHOP: &str = "place";
pub const LEFT: &str = "left";
pub const RIGHT: &str = "right";
pub const VERDICT: &str = "verdict";
/// What names the zone of local times.
pub const ZONE: &str = "zone";
/// Where lists may lie whose elements are rows, and the place in one.
static LISTS: [Path; 3] = [&["items"], &["items"], &["cart", "lines"]];
pub const POSITION: &str = "#";
/// What an element says of its kind, by the row's own path.
pub const FIRST: &str = "first";
/// Text in SQL, any JSON in a row.
pub const EXTRA: &str = "extra";
/// Columns that identifiers are taken from, with the paths that they may have.
static IDENTIFYING: [Field; 4] = [
    field("mail", Of::Text, &["who", "mail"]),
    field("user", Of::Text, &["user"]),
    field("device", Of::Text, &["who", "device", "id"]),
    field("mails", Of::Texts, &["mails"]),
];
static TELLING: [Field; 10] = [
    field("kind", Of::Text, &["kind"]),
    field("n", Of::Integer, &["n"]),
    field("amount", Of::Decimal, &["cart", "amount"]),
    field("x", Of::Number, &["x"]),
    field("ok", Of::Boolean, &["ok"]),
    field("day", Of::Date, &["day"]),
    field("born", Of::Timestamp, &["who", "born"]),
    field("ns", Of::Integers, &["ns"]),
    field(EXTRA, Of::Text, &["extra"]),
    field(ZONE, Of::Text, &["zone"]),
];

/// How instants and days may be written.
const FORMATS: [&str; 7] = [
    "['%d.%m.%Y %H:%M:%S', epoch_s, rfc3339, epoch_us]",
    "[iso, epoch_ms]",
    "[epoch_ns, '%d.%m.%Y %H:%M:%S', iso]",
    "iso",
    "[epoch_ms, '%d.%m.%Y %H:%M:%S', epoch_us]",
    "[rfc3339, epoch_ns]",
    "['%Y/%m/%d %H:%M', '%d.%m.%Y %H:%M:%S', iso]",
];

/// How a row's time may be: as rows that delete have it among others.
const TIME_FORMATS: [&str; 4] = [
    "['%d.%m.%Y %H:%M:%S', rfc3339, epoch_ms]",
    "[epoch_ms, iso]",
    "['%Y/%m/%d %H:%M', '%d.%m.%Y %H:%M:%S', iso, epoch_ms]",
    "[rfc3339, '%Y/%m/%d %H:%M', epoch_ms]",
];

/// Whose clocks are ahead of UTC, behind it, and ahead by half an hour.
const SOURCE_ZONES: [&str; 3] = ["Europe/Berlin", "America/New_York", "Asia/Kolkata"];

/// Fields of other types than text and whole numbers, with what their codes mean.
const CODES: [(&str, &str); 4] = [
    ("ok", "{\"true\": false, J: true}"),
    ("amount", "{\"2.50\": 3.75, 1e2: null, free: 0}"),
    ("day", "{\"2025-07-03\": 2025-07-05, soon: null, \"20250705\": 2025-07-04}"),
    (
        "born",
        "{\"9999-12-31T23:59:59.999999Z\": null, \"253402214400000\": null, soon: \"2025-07-04T00:00:00Z\", \
         \"-1\": \"2025-07-03T00:00:00Z\"}",
    ),
];

/// What becomes of others.
const OTHERS: [&str; 4] = ["", ", else: keep", ", else: reject", ", else: null"];

pub const DERIVED: [&str; 2] = ["one", "two"];

static DECIDING: [Field; 3] = [
    field(LEFT, Of::Text, &[LEFT]),
    field(RIGHT, Of::Text, &[RIGHT]),
    field(VERDICT, Of::Text, &[VERDICT]),
];

fn keys(settings: &Settings) -> usize {
    if settings.corrected { 2 } else { 6 }
}

impl Source {
    /// The table of decisions.
    pub fn decisions(choices: &mut Choices, settings: &Settings) -> Self {
        let is_topic = choices.one_in(3);
        let has_time = choices.below(2) == 0 || (settings.order_free && !is_topic);
        let mut source = Source {
            name: "rulings",
            is_topic,
            is_csv: false,
            marks: (',', Some('"')),
            comment: None,
            is_columnar: false,
            has_records: true,
            keys: keys(settings),
            has_decisions: true,
            fields: vec![field(ID, Of::Text, &["id"]), field(STATUS, Of::Text, &["status"])],
            columns: Vec::new(),
            of_sessions: Vec::new(),
            joined: Vec::new(),
            joins: Vec::new(),
            key_of_table: None,
            deletes: true,
            list: None,
            formats: None,
            time_formats: None,
            zone: None,
            mapped: None,
            yaml: String::new(),
        };
        if has_time {
            source.fields.push(field("at", Of::Timestamp, &["at"]));
        }
        source.fields.extend(&DECIDING);
        source.name_columns();
        source.write(&[], &mut Choices::default(), settings, true, has_time);
        source
    }

    fn name_columns(&mut self) {
        let column = |field: &Field| Column::new(field.name, field.of);
        self.columns = self.fields.iter().map(column).collect();
    }

    /// The next one; those before can be joined.
    pub fn new(before: &[Source], choices: &mut Choices, settings: &Settings) -> Self {
        let name = NAMES[before.len()];
        let is_table =
            |table: &&Source| table.has_records && table.joins.is_empty() && table.list.is_none();
        let tables = || before.iter().filter(is_table);
        let may_be_events = !settings.retractable || tables().next().is_some();
        let has_records = choices.below(2) == 1 || !may_be_events || settings.corrected;
        // Events that go when a table's record does.
        let depends = settings.retractable && !has_records;
        let is_topic = choices.one_in(3);
        let format = if is_topic { 0 } else { choices.below(6) };
        let (is_csv, is_columnar) = (format == 4, format == 5);
        let has_time = choices.below(6) < 5 || (settings.order_free && !is_topic);
        // For how long an id is remembered depends on what comes later.
        let has_key = has_records || choices.below(4) < 3 && !depends;
        let deletes = has_records && (choices.one_in(2) || settings.retractable);
        let integer_key = choices.one_in(4);

        let mut fields = vec![];
        if has_key {
            let of = if integer_key { Of::Integer } else { Of::Text };
            fields.push(field(ID, of, &["id"]));
        }
        if has_time {
            let name = if choices.one_in(6) { "time" } else { "at" };
            fields.push(field(name, Of::Timestamp, &["at"]));
        }
        if deletes {
            fields.push(field(STATUS, Of::Text, &["status"]));
        }
        let first = choices.below(IDENTIFYING.len());
        let identifying = IDENTIFYING.iter().enumerate();
        let identifying = identifying.filter(|(at, _)| *at == first || choices.below(2) == 0);
        fields.extend(identifying.map(|(_, field)| *field));
        fields.extend(choices.some(&TELLING));
        let mut joins = Vec::new();
        for (table, key) in tables().zip([ITEM, SHOP]) {
            if choices.below(2) == 0 && !(depends && joins.is_empty()) {
                continue;
            }
            joins.push((table.name, key));
            let of = if choices.one_in(3) { Of::Integer } else { Of::Text };
            let path: Path = if key == ITEM { &["item"] } else { &["where", "place"] };
            fields.push(field(key, of, path));
        }
        // It has one name, but not one type, with that of other sources.
        if choices.one_in(6)
            && let Some(amount) = fields.iter_mut().find(|field| field.name == "amount")
        {
            amount.of = Of::Number;
        }
        if is_columnar {
            fields.iter_mut().for_each(Field::flatten);
        }
        let delimiter = [',', ',', ';', '\t', '|'][choices.below(5)];
        let marks = (delimiter, [Some('"'), Some('"'), Some('\''), None][choices.below(4)]);
        let formats = choices.one_in(3).then(|| choices.pick(&FORMATS));
        let list = choices.one_in(5).then(|| LISTS[choices.below(LISTS.len())]);
        if let Some(list) = list {
            let moved = fields.iter_mut().filter(|_| choices.below(3) > 0);
            moved.for_each(|field| field.move_into_items(is_columnar));
            let is_named = fields.iter().any(|field| field.name == "kind" && field.is_of_item);
            if is_named && !is_csv && list.len() == 1 && choices.one_in(2) {
                fields.push(field(FIRST, Of::Text, &["items", "[0]", "kind"]));
            }
            let line = field("line", Of::Integer, &[POSITION]);
            fields.push(Field { is_of_item: true, ..line });
        }
        if !is_csv && !is_columnar && choices.one_in(3) {
            let own = fields.iter_mut().filter(|field| !field.is_of_item);
            own.for_each(|field| field.put_oddly(list));
        }
        let time_formats = (has_time && choices.one_in(4)).then(|| choices.pick(&TIME_FORMATS));
        let has_instants = fields.iter().any(|field| field.of == Of::Timestamp);
        let zone = (has_instants && choices.one_in(4)).then(|| choices.pick(&SOURCE_ZONES));
        let mapped = choices.one_in(2).then(|| CODES[choices.below(CODES.len())].0);
        let mut source = Source {
            name,
            is_topic,
            is_csv,
            marks,
            comment: is_csv.then(|| choices.pick(&["", "", "#", "%"]).chars().next()).flatten(),
            is_columnar,
            has_records,
            keys: keys(settings),
            has_decisions: false,
            fields,
            columns: Vec::new(),
            of_sessions: Vec::new(),
            joined: Vec::new(),
            joins,
            key_of_table: None,
            deletes,
            list,
            formats,
            time_formats,
            zone,
            mapped,
            yaml: String::new(),
        };
        source.name_columns();
        source.write(before, choices, settings, has_key, has_time);
        source
    }

    pub fn yaml(&self) -> &str {
        &self.yaml
    }

    /// Whether its rows have a time of their own.
    pub fn has_time(&self) -> bool {
        self.fields.iter().any(Field::is_time)
    }

    pub fn has(&self, name: &str) -> bool {
        self.columns.iter().any(|column| column.name == name)
    }

    /// All that attributes can be over.
    pub fn all_columns(&self) -> Vec<Column> {
        [&self.columns[..], &self.joined].concat()
    }

    fn write(
        &mut self,
        before: &[Source],
        choices: &mut Choices,
        settings: &Settings,
        key: bool,
        time: bool,
    ) {
        let mut yaml = format!("  {}:\n", self.name);
        let kind = if self.has_records { "records" } else { "events" };
        let from = if self.is_topic { "kafka: {topic: " } else { "files: " };
        let end = match self.is_topic {
            true => choices.pick(&["}", ", start: earliest}", ", start: latest}"]),
            false => "*.ndjson",
        };
        writeln!(yaml, "    {from}{}{end}\n    kind: {kind}", self.name).expect("to a string");
        if self.is_csv || self.is_columnar {
            let format = if self.is_csv { "csv" } else { "parquet" };
            writeln!(yaml, "    format: {format}").expect("to a string");
            if self.is_csv {
                yaml.push_str(&self.form(choices.one_in(3)));
            }
        } else if choices.one_in(4) {
            yaml.push_str("    format: json\n");
        }
        let mut say = |text: String| writeln!(yaml, "    {text}").expect("to a string");
        if let Some(list) = self.list {
            say(format!("unnest: {}", told(list)));
        }
        if key && self.has_records {
            say("key: id".to_owned());
        } else if key {
            say("id: id".to_owned());
            let windows = ["", "10 minutes", "1 day", "2 hours"];
            match choices.pick(&windows) {
                _ if settings.order_free && !settings.events => {
                    say("id_window: 5000 days".to_owned());
                }
                "" => {}
                window => say(format!("id_window: {window}")),
            }
        }
        let sessions = choices.below(3) >= if settings.retractable { 1 } else { 2 };
        if !self.has_records && time && sessions {
            say(format!("sessions: {{gap: {}}}", choices.pick(&["1 hour", "30 minutes", "1 day"])));
            self.of_sessions = vec![
                Column::new("session", Of::Integer),
                Column::new("session_start", Of::Timestamp),
                Column::new("session_seconds", Of::Integer),
                Column::new("session_events", Of::Integer),
            ];
        }
        match choices.pick(&["", "", "2 hours", "40 days"]) {
            _ if settings.order_free && !settings.events => {
                say("max_ahead: 5000 days".to_owned());
            }
            "" => {}
            ahead => say(format!("max_ahead: {ahead}")),
        }
        let default = choices.one_in(4);
        let is_mapped = choices.one_in(4);
        let others =
            choices.pick(&["", ", else: keep", ", else: reject", ", else: null", ", else: 3"]);
        let others = is_mapped.then_some(others);
        let codes = CODES.iter().find(|(name, _)| self.mapped == Some(name));
        let codes = codes.map(|(name, codes)| (*name, *codes, choices.pick(&OTHERS)));
        if let Some(zone) = self.zone {
            say(format!("time_zone: {zone}"));
        }
        let zone = if self.has(ZONE) { "time_zone_from: zone" } else { "time_zone: Asia/Tokyo" };
        let declared = Declared {
            list: self.list.unwrap_or_default(),
            default,
            others,
            codes,
            written: self.formats.map(|formats| (formats, zone)),
            time_formats: self.time_formats,
        };
        let fields = self.fields.iter().map(|field| field.yaml(&declared));
        say(format!("fields: {{{}}}", fields.collect::<Vec<_>>().join(", ")));
        if !self.joins.is_empty() {
            let joins = self.joins.iter().map(|(table, key)| format!("{table}: {key}"));
            say(format!("join: {{{}}}", joins.collect::<Vec<_>>().join(", ")));
        }
        let number = choices.below(6).saturating_sub(3);
        self.join(before, &DERIVED[..number], choices);
        let derived = self.derive(&DERIVED[..number], choices, settings);
        if !derived.is_empty() {
            say(format!("derive: {{{}}}", derived.join(", ")));
        }
        let instants = self.columns.iter().filter(|column| column.of == Of::Timestamp);
        let instants: Vec<&str> = instants.map(|column| column.name.as_str()).collect();
        if time {
            // The first is a field; and what has the name must be the time.
            let field = settings.retractable || self.has("time") || self.list.is_some();
            let which = choices.below(if field { 1 } else { instants.len() });
            say(format!("time: {}", instants[which]));
        }
        if !self.has("time") {
            self.columns.push(Column::new("time", Of::Timestamp));
        }
        if self.deletes {
            let others = ["status = 'gone'", "status = 'gone' or n = 3", "10 / n = 5"];
            let with_n = self.fields.iter().any(|field| field.name == "n" && !field.is_of_item)
                && !settings.retractable;
            let which = choices.below(if with_n { 3 } else { 1 });
            say(format!("deleted: {}", quoted(others[which])));
        }
        let mut conditions = Vec::new();
        if settings.retractable && !self.has_records {
            let key = self.key_of_table.as_ref().expect("it joins a table");
            conditions.push(format!("{key} is not null"));
        }
        if choices.one_in(4)
            && let Some(condition) = sql::condition(choices, &self.all_columns())
            // On a row that deletes and says nothing else, no condition may fail.
            && !(settings.retractable && condition.contains(" / "))
        {
            conditions.push(format!("({condition})"));
        }
        if !conditions.is_empty() {
            say(format!("where: {}", quoted(&conditions.join(" and "))));
        }
        self.yaml = yaml;
    }

    /// What is said of its files; where these have no header, also what it would be.
    fn form(&self, is_headless: bool) -> String {
        let (delimiter, quote) = self.marks;
        let mut said = match delimiter {
            ',' => String::new(),
            '\t' => "    delimiter: tab\n".to_owned(),
            other => format!("    delimiter: \"{other}\"\n"),
        };
        match quote {
            Some('"') => {}
            Some(other) => said += &format!("    quote: \"{other}\"\n"),
            None => said += "    quote: none\n",
        }
        if let Some(comment) = self.comment {
            writeln!(said, "    comment: \"{comment}\"").expect("to a string");
        }
        if is_headless {
            said += &format!("    columns: [{}]\n", self.header().replace(',', ", "));
        }
        said
    }

    /// What its fields' paths are, as steps from the row's root down.
    pub fn paths(&self) -> Vec<Vec<PathStep>> {
        let key = |key: &str| PathStep::Key(key.to_owned());
        let step = |step: &&str| match step.strip_prefix('[') {
            Some(item) => PathStep::Item(item.trim_end_matches(']').parse().expect("a number")),
            None => key(step),
        };
        let steps = |path: Path| match self.is_csv {
            true => vec![key(&path.join("."))],
            false => path.iter().map(step).collect(),
        };
        let path = |field: &Field| match self.list.filter(|_| field.is_of_item) {
            Some(list) => [steps(list), field.path.iter().map(step).collect()].concat(),
            None => steps(field.path),
        };
        self.fields.iter().map(path).collect()
    }

    /// The columns of its files of CSV: those of its own fields, and its list.
    pub fn cells(&self) -> Vec<Path> {
        let own = self.fields.iter().filter(|field| !field.is_of_item).map(|field| field.path);
        own.chain(self.list).collect()
    }

    /// The header of its files of CSV: its columns and another one.
    pub fn header(&self) -> String {
        self.cells().iter().map(|path| format!("{},", path.join("."))).collect::<String>() + "other"
    }

    /// Adds the columns of tables: under their own names where these are free.
    fn join(&mut self, before: &[Source], derived: &[&str], choices: &mut Choices) {
        let of_tables = self.joins.iter().flat_map(|(name, _)| {
            let table = before.iter().find(|table| table.name == *name).expect("it comes before");
            let is_own = |column: &&Column| {
                column.name != "time" || table.fields.iter().any(|field| field.name == "time")
            };
            table.columns.iter().filter(is_own).map(move |column| (*name, column.clone()))
        });
        let of_tables: Vec<(&str, Column)> = of_tables.collect();
        for (table, column) in &of_tables {
            let same = of_tables.iter().filter(|(_, other)| other.name == column.name).count();
            let name = &column.name;
            let taken = self.has(name) || derived.contains(&name.as_str()) || name == "time";
            let name = match (taken || same > 1, choices.below(2)) {
                (false, _) => name.clone(),
                (true, 0) => format!("{table}.{name}"),
                (true, _) => format!("\"{table}.{name}\""),
            };
            if column.name == ID {
                self.key_of_table.get_or_insert_with(|| name.clone());
            }
            self.joined.push(Column { name, of: column.of });
        }
    }

    /// Adds derived columns.
    fn derive(
        &mut self,
        names: &[&'static str],
        choices: &mut Choices,
        settings: &Settings,
    ) -> Vec<String> {
        let mut derived = Vec::new();
        for name in names {
            let mut own = sql::scalars(&self.columns);
            if self.has("mail") {
                own.insert(0, ("lower(trim(mail))".to_owned(), Of::Text));
            }
            let mut joined =
                [sql::scalars(&self.joined), sql::pairs(&self.columns, &self.joined)].concat();
            // On a row that deletes and says nothing else, nothing may fail.
            let may_fail = |(text, _): &(String, Of)| settings.retractable && text.contains(" / ");
            own.retain(|scalar| !may_fail(scalar));
            joined.retain(|scalar| !may_fail(scalar));
            if own.is_empty() && joined.is_empty() {
                break;
            }
            let which = choices.below(own.len() + joined.len());
            let (text, of) = own.get(which).unwrap_or_else(|| &joined[which - own.len()]);
            derived.push(format!("{name}: {}", quoted(text)));
            let columns = if which < own.len() { &mut self.columns } else { &mut self.joined };
            columns.push(Column::new(name, *of));
        }
        derived
    }
}

/// A path as definitions write it.
fn told(path: &[&str]) -> String {
    let mut text = String::new();
    for (place, step) in path.iter().enumerate() {
        let is_item = step.starts_with('[');
        text.push_str(if place > 0 && !is_item { "." } else { "" });
        let is_plain = !step.is_empty() && !step.contains(['.', '[', ' ', '"']);
        match (is_item || is_plain, step.contains('"')) {
            (true, _) => text.push_str(step),
            (_, true) => write!(text, "'{step}'").expect("to a string"),
            (_, false) => write!(text, "\"{step}\"").expect("to a string"),
        }
    }
    text
}

/// How the fields of a source are declared.
struct Declared<'a> {
    list: Path,
    /// Some stand in for what is absent.
    default: bool,
    /// `kind` and `n` have maps, and this says what becomes of others.
    others: Option<&'a str>,
    /// Another field with a map, the map, and what becomes of others.
    codes: Option<(&'a str, &'a str, &'a str)>,
    /// By which formats and whose clocks `born` and `day` are written.
    written: Option<(&'a str, &'a str)>,
    /// By which formats the row's time is.
    time_formats: Option<&'a str>,
}

impl Field {
    /// Whether it is when the row happened.
    pub fn is_time(&self) -> bool {
        self.path == ["at"]
    }

    /// Takes it from the elements of the row's list, if it may stand there.
    fn move_into_items(&mut self, is_columnar: bool) {
        static PATHS: [Path; 10] = [
            &["mail"],
            &["user"],
            &["kind"],
            &["n"],
            &["cart", "amount"],
            &["x"],
            &["ok"],
            &["mails"],
            &[EXTRA],
            &[ITEM],
        ];
        let path = PATHS.into_iter().find(|path| path.last() == Some(&self.name));
        if let Some(path) = path {
            self.path = if is_columnar { &path[path.len() - 1..] } else { path };
            self.is_of_item = true;
        }
    }

    /// Takes it from where paths have brackets and quotes, unless that is within the list that is unnested.
    fn put_oddly(&mut self, list: Option<Path>) {
        static PATHS: [(&str, Path); 8] = [
            ("mail", &["who", "mails", "[1]"]),
            ("user", &["the \"user\""]),
            ("kind", &["kind [0]", "a.b"]),
            ("n", &["of.n", "[2]", "[0]"]),
            ("ok", &["of.n", "[0]"]),
            ("x", &["", "x"]),
            ("amount", &["cart.", "[0]", "amount"]),
            ("day", &["cart.", "[2]"]),
        ];
        let path = PATHS.into_iter().find(|(name, _)| *name == self.name);
        let path = path.filter(|(_, path)| list.is_none_or(|list| list[0] != path[0]));
        self.path = path.map_or(self.path, |(_, path)| path);
    }

    /// Takes it from a column of its name.
    fn flatten(&mut self) {
        static PATHS: [&[&str]; 5] = [&["mail"], &["device"], &["amount"], &["born"], &["place"]];
        let path = PATHS.into_iter().find(|path| *path == [self.name]);
        self.path = path.unwrap_or(self.path);
    }

    /// Its path from the row's root down.
    fn whole_path(&self, list: Path) -> Vec<&'static str> {
        let list = if self.is_of_item { list } else { &[] };
        [list, self.path].concat()
    }

    fn yaml(&self, declared: &Declared<'_>) -> String {
        let (name, path) = (self.name, told(&self.whole_path(declared.list)));
        let of = match self.of {
            Of::Text if name == EXTRA => "json",
            Of::Text => "text",
            Of::Integer => "integer",
            Of::Number => "number",
            Of::Decimal => "\"decimal(12,2)\"",
            Of::Boolean => "boolean",
            Of::Timestamp => "timestamp",
            Of::Date => "date",
            Of::Texts => "\"[text]\"",
            Of::Integers => "\"[integer]\"",
            Of::List | Of::Sums | Of::Map => unreachable!("no field is one"),
        };
        let default = match name {
            _ if !declared.default => "",
            "kind" => ", default: c",
            "n" => ", default: 2",
            "user" => ", default: none",
            "amount" if self.of == Of::Decimal => ", default: 2.50",
            "x" => ", default: 0.1",
            "ok" => ", default: true",
            "day" => ", default: 2025-07-04",
            "born" => ", default: \"2025-07-04T00:00:00Z\"",
            _ => "",
        };
        let codes = declared.codes.filter(|(of, ..)| *of == name);
        let map = match (name, declared.others) {
            ("kind", Some(others)) => format!(", map: {{a: c, b: null, c: d, \"\": b}}{others}"),
            ("n", Some(others)) => format!(", map: {{1: 2, \"-1\": null, \"7\": 1}}{others}"),
            _ => {
                codes.map_or(String::new(), |(_, codes, others)| format!(", map: {codes}{others}"))
            }
        };
        let written = match declared.written.filter(|_| ["born", "day"].contains(&name)) {
            // What a code means does not depend on a zone that a row names, or names wrongly.
            Some((formats, _)) if codes.is_some() => {
                format!(", format: {formats}, time_zone: Asia/Tokyo")
            }
            Some((formats, zone)) => format!(", format: {formats}, {zone}"),
            None => match declared.time_formats.filter(|_| self.is_time()) {
                Some(formats) => format!(", format: {formats}"),
                None => String::new(),
            },
        };
        let more = format!("{default}{map}{written}");
        if path == name && more.is_empty() {
            return format!("{name}: {of}");
        }
        format!("{name}: {{type: {of}, path: {}{more}}}", quoted(&path))
    }
}
