//! The first rows of files that nobody has described yet: their format, their columns and their values.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::Read;
use std::path::{Path, PathBuf};

use encoding_rs::Encoding;
use selfsame::internals::plan::Format;
use selfsame::internals::source::{foreign, text_of};
use serde_json::{Map, Value};

pub use super::sampled::{SampledCell, SampledColumn, StoredType};
use super::{letters, odd, preamble, tables};

/// Rows of a file that are looked at.
pub const ROWS: usize = 20_000;
/// And bytes of it.
pub const BYTES: u64 = 64 << 20;

/// So many of the values are shown that have no room in the type that they are stored in.
pub const SHOWN: usize = 3;

/// How deep objects are looked into.
const DEPTH: usize = 4;

/// A file, or several that are alike, or a topic.
pub struct Sample {
    pub origin: Origin,
    pub form: TextShape,
    pub columns: Vec<SampledColumn>,
    pub rows: usize,
    /// Lines that are no rows.
    pub bad: usize,
    /// What no field can be made of, and why.
    pub passed_over: Vec<String>,
}

/// Where rows come from.
#[derive(Clone, Debug)]
pub enum Origin {
    Files(Vec<PathBuf>),
    /// With how many of its messages have no payload: what is said so is gone.
    Topic {
        name: String,
        nulls: usize,
    },
}

/// How a file is written.
#[derive(Clone, Debug, PartialEq)]
pub struct TextShape {
    pub format: Format,
    pub encoding: Option<&'static str>,
    pub delimiter: u8,
    /// Names that stand in for a header.
    pub columns: Option<Vec<String>>,
    /// Lines that begin so are no rows.
    pub comment: Option<u8>,
}

impl Default for TextShape {
    fn default() -> Self {
        let (format, delimiter) = (Format::Json, b',');
        TextShape { format, encoding: None, delimiter, columns: None, comment: None }
    }
}

impl Sample {
    /// Whether its rows are records of an output.
    pub fn is_changelog(&self) -> bool {
        let roots: HashSet<&str> = self
            .columns
            .iter()
            .map(|column| column.path.split('.').next().unwrap_or_default())
            .collect();
        let may_have = |root: &&str| ["output", "key", "value", "merged_into"].contains(root);
        self.form.format == Format::Json
            && ["output", "key"].iter().all(|root| roots.contains(root))
            && roots.iter().all(may_have)
    }
}

/// Looks at a file.
pub fn sample(path: &Path) -> Result<Sample, String> {
    let unreadable = |why: std::io::Error| format!("{}: {why}", path.display());
    let mut head = vec![0; 64 << 10];
    let raw = |format, encoding| text_of(path, format, encoding).map_err(unreadable);
    let length = read(&mut raw(Format::Csv, None)?, &mut head).map_err(unreadable)?;
    head.truncate(length);
    let mut encoding = foreign::wide(&head[..head.len().min(1 << 10)]);
    if encoding.is_none() {
        let of_text = |byte: &u8| *byte >= 0x20 || matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c);
        let why = foreign::told(&head[..head.len().min(1 << 10)]);
        let none = head.iter().any(|byte| !of_text(byte)).then(|| "it is no text".to_owned());
        if let Some(why) = why.or(none) {
            return Err(format!("{}: {why}", path.display()));
        }
    }
    let of = encoding.and_then(|name| Encoding::for_label(name.as_bytes()));
    let text = match of {
        Some(of) => of.decode(&head).0,
        None => String::from_utf8_lossy(&head),
    };
    let start = text.trim_start_matches('\u{feff}').trim_start();
    let is_json = start.starts_with('{')
        || start.starts_with("[{")
        || start.starts_with('[') && start[1..].trim_start().starts_with('{');
    let format = if is_json { Format::Json } else { Format::Csv };
    let mut bytes = Vec::new();
    raw(format, of)?.take(BYTES).read_to_end(&mut bytes).map_err(unreadable)?;
    let is_utf_8 = encoding.is_some() || has_utf_8(&bytes);
    if !is_utf_8 {
        encoding = Some(letters::encoding_of(&bytes));
    }
    let named = encoding.and_then(|name| Encoding::for_label(name.as_bytes()));
    let text = match named.filter(|_| !is_utf_8) {
        Some(named) => named.decode(&bytes).0,
        None => String::from_utf8_lossy(&bytes),
    };
    let text = text.trim_start_matches('\u{feff}');
    let name = path.display().to_string();
    let above = || if format == Format::Csv { preamble::told(text, &name) } else { None };
    if let Some(odd) = odd::told(text, &name).or_else(above) {
        return Err(format!("{}: {odd}", path.display()));
    }
    let mut form = TextShape { format, encoding, ..TextShape::default() };
    let origin = Origin::Files(vec![path.to_owned()]);
    let mut passed_over = Vec::new();
    let (columns, rows, bad) = match format {
        Format::Json => of_json(text),
        _ => match of_csv(text, &mut form, &mut passed_over) {
            Ok(of) => of,
            Err((header, cells)) => {
                let why = odd::uneven(&name, form.delimiter, &header, &cells);
                return Err(format!("{name}: {why}"));
            }
        },
    };
    if text.trim().is_empty() {
        return Err(format!("{}: it is empty", path.display()));
    }
    if rows == 0 {
        return Err(format!("{}: no row of JSON or CSV is found in it", path.display()));
    }
    if let [one] = &columns[..]
        && let Some(why) = odd::aligned(&one.texts().collect::<Vec<_>>(), path)
    {
        return Err(format!("{name}: {why}"));
    }
    Ok(Sample { origin, form, columns, rows, bad, passed_over })
}

fn read(from: &mut impl Read, into: &mut [u8]) -> std::io::Result<usize> {
    let mut length = 0;
    while length < into.len() {
        match from.read(&mut into[length..])? {
            0 => break,
            read => length += read,
        }
    }
    Ok(length)
}

/// Whether letters beyond ASCII are UTF-8's for the most part: rows in which one is not are rejected alone.
fn has_utf_8(bytes: &[u8]) -> bool {
    let (mut letters, mut broken) = (0, 0);
    for chunk in bytes.utf8_chunks() {
        letters += chunk.valid().chars().filter(|letter| !letter.is_ascii()).count();
        broken += usize::from(!chunk.invalid().is_empty());
    }
    // The last one may be cut off.
    broken
        <= letters
            + usize::from(
                std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none()),
            )
}

fn of_json(text: &str) -> SampledRows {
    let lines = text.lines().filter(|line| !line.trim().is_empty()).take(ROWS);
    of_objects(lines.map(|line| match serde_json::from_str(line) {
        Ok(Value::Object(object)) => Some(object),
        _ => None,
    }))
}

/// What rows have, with how many there are, and how many that are none.
pub type SampledRows = (Vec<SampledColumn>, usize, usize);

/// What rows of JSON have.
pub fn of_objects(objects: impl Iterator<Item = Option<Map<String, Value>>>) -> SampledRows {
    let mut order: Vec<String> = Vec::new();
    let mut columns: BTreeMap<String, Vec<Option<SampledCell>>> = BTreeMap::new();
    let (mut rows, mut bad) = (0, 0);
    for object in objects {
        let Some(object) = object else {
            bad += 1;
            continue;
        };
        let mut found = Vec::new();
        flatten(&object, "", 1, &mut found);
        for (path, cell) in found {
            let values = columns.entry(path.clone()).or_insert_with(|| {
                order.push(path);
                Vec::new()
            });
            values.resize(rows, None);
            values.push(cell);
        }
        rows += 1;
    }
    // An object, which is null in some rows, is no column, but what it has are. Where some rows have something else
    // there, it is one as a whole.
    let is_nothing = |cell: &Option<SampledCell>| matches!(cell, Some(SampledCell::Nothing));
    let is_object = |cell: &Option<SampledCell>| {
        is_nothing(cell) || matches!(cell, None | Some(SampledCell::Other))
    };
    let (mut objects, mut mixed) = (HashSet::new(), HashSet::new());
    for path in &order {
        let above = path.match_indices('.').map(|(at, _)| &path[..at]);
        for above in above.filter(|above| columns.contains_key(*above)) {
            let all_are = columns[above].iter().all(is_object);
            if all_are { &mut objects } else { &mut mixed }.insert(above.to_owned());
        }
    }
    order.retain(|path| {
        let mut above = path.match_indices('.').map(|(at, _)| &path[..at]);
        let cells = &columns[path];
        let says_nothing = cells.iter().any(is_nothing)
            && cells.iter().all(|cell| cell.is_none() || is_nothing(cell));
        !objects.contains(path) && !says_nothing && !above.any(|above| mixed.contains(above))
    });
    let column = |path: String| {
        let mut values = columns.remove(&path).unwrap_or_default();
        values.resize(rows, None);
        SampledColumn { path, stored: None, values }
    };
    (order.into_iter().map(column).collect(), rows, bad)
}

/// The path to what is below another one by a key; `None` where no path can say so.
pub fn step(above: &str, key: &str) -> Option<String> {
    let is_plain = !key.is_empty() && key != "$" && !key.contains(['.', '[', '"', '\'']);
    let key = match is_plain {
        true => key.to_owned(),
        false if !key.contains('"') => format!("\"{key}\""),
        false if !key.contains('\'') => format!("'{key}'"),
        false => return None,
    };
    Some(if above.is_empty() { key } else { format!("{above}.{key}") })
}

fn flatten(
    object: &Map<String, Value>,
    above: &str,
    depth: usize,
    found: &mut Vec<(String, Option<SampledCell>)>,
) {
    for (key, value) in object {
        let Some(path) = step(above, key) else { continue };
        let cell = match value {
            Value::Null => None,
            Value::String(text) => Some(SampledCell::Text(text.clone())),
            Value::Number(number) => Some(SampledCell::Number(number.to_string())),
            Value::Bool(truth) => Some(SampledCell::Boolean(*truth)),
            Value::Array(items) if items.iter().any(Value::is_object) => Some(SampledCell::Objects),
            Value::Array(items) if items.iter().any(Value::is_array) => Some(SampledCell::Other),
            Value::Array(items) => {
                let texts = items.iter().filter_map(Value::as_str).map(str::to_owned);
                Some(SampledCell::List(texts.collect()))
            }
            Value::Object(inner) if inner.is_empty() => Some(SampledCell::Nothing),
            Value::Object(inner) if depth < DEPTH => {
                found.push((path.clone(), Some(SampledCell::Other)));
                flatten(inner, &path, depth + 1, found);
                continue;
            }
            Value::Object(_) => Some(SampledCell::Other),
        };
        found.push((path, cell));
    }
}

/// What rows of cells have. Fails with the header and how many cells most rows have, where these are not as many as it names.
fn of_csv(
    text: &str,
    form: &mut TextShape,
    passed_over: &mut Vec<String>,
) -> Result<SampledRows, (Vec<String>, tables::UsualCells)> {
    form.comment = text.lines().next().filter(|line| line.starts_with('#')).map(|_| b'#');
    let rows: String = text
        .split_inclusive('\n')
        .filter(|line| form.comment.is_none() || !line.starts_with('#'))
        .collect();
    let text = rows.as_str();
    form.delimiter = tables::delimiter_of(text);
    let mut reader = csv::ReaderBuilder::new();
    let mut reader = reader
        .has_headers(false)
        .flexible(true)
        .delimiter(form.delimiter)
        .from_reader(text.as_bytes());
    let mut records = reader.records().filter_map(Result::ok);
    let Some(first) = records.next() else { return Ok((Vec::new(), 0, 0)) };
    let mut names: Vec<String> = first.iter().map(str::to_owned).collect();
    let mut rest: Vec<csv::StringRecord> = records.take(ROWS).collect();
    if !tables::is_header(&first, &rest) {
        names = (1..=names.len()).map(|number| format!("column_{number}")).collect();
        form.columns = Some(names.clone());
        rest.insert(0, first);
    }
    if let Some(cells) = tables::uneven(names.len(), &rest).filter(|_| form.columns.is_none()) {
        return Err((names, cells));
    }
    let bad = rest.iter().filter(|row| row.len() != names.len()).count();
    rest.retain(|row| row.len() == names.len());
    let column = |(at, path): (usize, String)| {
        let cell = |row: &csv::StringRecord| {
            let text = row.get(at).filter(|text| !text.is_empty())?;
            Some(SampledCell::Text(text.to_owned()))
        };
        SampledColumn { path, stored: None, values: rest.iter().map(cell).collect() }
    };
    let mut counts: HashMap<&String, usize> = HashMap::new();
    names.iter().for_each(|name| *counts.entry(name).or_default() += 1);
    let mut told: Vec<String> = counts
        .iter()
        .filter(|(name, number)| **number > 1 && !name.is_empty())
        .map(|(name, number)| format!("{number} columns are named {name:?}"))
        .collect();
    told.extend(counts.contains_key(&String::new()).then(|| "a column without a name".to_owned()));
    told.sort();
    passed_over.extend(told);
    let is_one = |(_, name): &(usize, String)| !name.is_empty() && counts[name] == 1;
    let columns = names.iter().cloned().enumerate().filter(is_one).map(column);
    Ok((columns.collect(), rest.len(), bad))
}
