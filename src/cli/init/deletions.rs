//! Columns that say that a record is gone.

use selfsame::internals::definition::sql::parse::name_in_sql;

use super::fit::Guess;
use super::sample::Sample;
use super::tally::distinct;

/// Values of a status that say so.
const GONE: [&str; 5] = ["erased", "deleted", "removed", "purged", "void"];

/// Words of the names of columns that say so by themselves, in the languages that exports are usually in.
#[rustfmt::skip]
const WORDS: [&str; 12] = [
    "deleted", "erased", "removed", "purged", "gelöscht", "geloescht", "supprimé", "supprime", "eliminado", "borrado",
    "excluido", "excluído",
];

/// The condition by which a record is gone, as rows say it.
pub fn deletion(sample: &Sample, fields: &[(String, Guess)]) -> Option<String> {
    let by_word = |(at, (name, guess)): (usize, &(String, Guess))| {
        let values = distinct(&sample.columns[at]);
        let is_flag = || !values.is_empty() && values.iter().all(|of| ["0", "1"].contains(of));
        let is_now_and_then = sample.columns[at].present() < sample.rows;
        let sql = name_in_sql(name);
        if !name.split('_').any(|word| WORDS.contains(&word)) {
            return None;
        }
        match guess.data_type.as_str() {
            "boolean" => Some(sql),
            "integer" if is_flag() => Some(format!("{sql} = 1")),
            // When it was deleted, if it was.
            "timestamp" | "date" if is_now_and_then => Some(format!("{sql} is not null")),
            _ => None,
        }
    };
    let by_status = |(at, (name, _)): (usize, &(String, Guess))| {
        let is_status = ["status", "state", "lifecycle"].contains(&name.as_str());
        let values = distinct(&sample.columns[at]);
        let word = GONE.into_iter().find(|word| is_status && values.contains(word))?;
        Some(format!("{} = '{word}'", name_in_sql(name)))
    };
    let all = || fields.iter().enumerate();
    all().find_map(by_word).or_else(|| all().find_map(by_status))
}
