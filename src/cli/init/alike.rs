//! Which files are one source: those of one folder, or of one for each month, that are written
//! alike and have the same columns.

use std::collections::BTreeSet;

use selfsame::internals::plan::Format;

use super::places;
use super::sample::{Origin, SHOWN, Sample, SampledColumn};
use super::texts::shown;

/// In what columns of files differ that are alike otherwise.
pub struct Unlike {
    more: Vec<String>,
    less: Vec<String>,
}

impl Unlike {
    /// `name`: of the source of the other files.
    pub fn told(&self, name: &str) -> String {
        let list = |columns: &[String]| columns.join(", ");
        let what = match (&self.more[..], &self.less[..]) {
            ([], less) => format!("lack {}, which those of {name} have", list(less)),
            (more, []) => format!("have {}, which those of {name} lack", list(more)),
            (more, less) => {
                format!("have {} and lack {}, unlike those of {name}", list(more), list(less))
            }
        };
        format!(
            "its files {what}: one source reads all of them where each field that some lack has a `default`"
        )
    }
}

/// Files of one folder that are written alike and have the same columns are one source, and so are those of folders such as
/// `month=01` in it. So are those of folders such as `2024-01` that are called the same but for numbers.
pub fn add(samples: &mut Vec<Sample>, sample: Sample) {
    let Some(known) = samples.iter_mut().find(|known| are_one(known, &sample)) else {
        return samples.push(sample);
    };
    if let (Origin::Files(known), Origin::Files(more)) = (&mut known.origin, sample.origin) {
        known.extend(more);
    }
    for column in sample.columns {
        let had = known.rows;
        match known.columns.iter_mut().find(|of| of.path == column.path) {
            Some(of) => {
                // A column without any value may be stored as anything.
                if of.present() == 0 {
                    of.stored = column.stored;
                } else if let (Some(of), Some(more)) = (&mut of.stored, column.stored) {
                    of.misfits += more.misfits;
                    of.unfit.extend(more.unfit);
                    of.unfit.truncate(SHOWN);
                }
                of.values.extend(column.values);
            }
            None => {
                let values = vec![None; had].into_iter().chain(column.values).collect();
                known.columns.push(SampledColumn { values, ..column });
            }
        }
    }
    known.rows += sample.rows;
    known.bad += sample.bad;
    let rows = known.rows;
    known.columns.iter_mut().for_each(|column| column.values.resize(rows, None));
}

/// Whether one source reads both. A key that an object of JSON lacks is null, but a column that a file lacks is an error.
fn are_one(one: &Sample, other: &Sample) -> bool {
    if !are_written_alike(one, other) {
        return false;
    }
    let (ours, theirs) = (names(one), names(other));
    if one.form.format == Format::Json {
        let common = ours.intersection(&theirs).count();
        return common * 10 >= ours.len().max(theirs.len()) * 8;
    }
    let data_type = |of: &SampledColumn| of.stored.as_ref().map(|of| of.data_type.clone());
    let is_stored_alike = |column: &SampledColumn| {
        let other = other.columns.iter().find(|of| of.path == column.path);
        other.is_none_or(|of| {
            data_type(of) == data_type(column) || of.present() == 0 || column.present() == 0
        })
    };
    ours == theirs && one.columns.iter().all(is_stored_alike)
}

/// In what columns of two samples differ that are not one, but nearly.
pub fn nearly(one: &Sample, other: &Sample) -> Option<Unlike> {
    let (ours, theirs) = (names(one), names(other));
    let common = ours.intersection(&theirs).count();
    let are_nearly = are_written_alike(one, other)
        && ours != theirs
        && common > 1
        && common * 10 >= ours.len().min(theirs.len()) * 8;
    let without = |one: &BTreeSet<&str>, other: &BTreeSet<&str>| -> Vec<String> {
        one.difference(other).map(|name| shown(name)).collect()
    };
    are_nearly.then(|| Unlike { more: without(&theirs, &ours), less: without(&ours, &theirs) })
}

fn are_written_alike(one: &Sample, other: &Sample) -> bool {
    one.form == other.form && are_in_one_place(&one.origin, &other.origin)
}

fn are_in_one_place(one: &Origin, other: &Origin) -> bool {
    let (Origin::Files(one), Origin::Files(other)) = (one, other) else { return false };
    let (root, other) = (places::root(&other[0]), &other[0]);
    root.is_some() && places::root(&one[0]) == root
        || one.iter().any(|one| places::are_numbered_alike(one, other))
}

fn names(sample: &Sample) -> BTreeSet<&str> {
    sample.columns.iter().map(|column| column.path.as_str()).collect()
}
