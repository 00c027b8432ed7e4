//! Which of a row's times is the one that counts: when it was changed, or when it happened.

use super::fit::Guess;
use super::sample::Sample;

/// Parts of the names of times at which rows were changed.
#[rustfmt::skip]
const UPDATES: [&str; 19] = [
    "updated", "update", "modified", "changed", "systemmodstamp", "geändert", "geaendert", "aktualisiert", "änderung",
    "aenderung", "mis_à_jour", "mis_a_jour", "mise_à_jour", "modifié", "actualiz", "modificad", "atualiz", "aggiornat",
    "gewijzigd",
];

/// And of those at which somebody or something came to be, which stay when rows are changed.
#[rustfmt::skip]
const BEGINNINGS: [&str; 31] = [
    "created", "create", "creation", "registered", "registration", "register", "signup", "sign_up", "signed_up", "joined",
    "join_date", "member_since", "since", "opt_in", "first_seen", "added", "inserted", "angelegt", "anlage",
    "erstellt", "angemeldet", "anmeldung", "registriert", "créé", "cree_le", "création", "inscri", "creado", "creación",
    "alta", "criado",
];

const HAPPENS: [&str; 6] = ["timestamp", "time", "occurred", "created", "ordered", "_at"];

/// What a day is called on which something happened, if it says no more.
#[rustfmt::skip]
const DAY: [&str; 14] = [
    "date", "day", "datum", "tag", "jour", "fecha", "dia", "día", "data", "giorno", "dato", "dag", "buchungstag",
    "valutadatum",
];

/// And parts of the names of such days.
#[rustfmt::skip]
const HAPPENED: [&str; 35] = [
    "order", "purchase", "invoice", "transaction", "event", "visit", "payment", "sale", "bestell", "kauf", "auftrag",
    "rechnung", "buchung", "umsatz", "zahlung", "besuch", "transaktion", "commande", "achat", "facture", "vente", "paiement",
    "pedido", "compra", "venta", "factura", "pago", "venda", "fatura", "ordine", "acquisto", "vendita", "fattura",
    "bestelling", "aankoop",
];

/// Parts of the names of times at which no row happened.
#[rustfmt::skip]
const OTHERWISE: [&str; 11] = [
    "birth", "born", "dob", "geburt", "naissance", "nacimiento", "due", "until", "expir", "valid", "deleted",
];

/// What says when a row went from one program to another.
#[rustfmt::skip]
const HANDLING: [&str; 11] = [
    "original", "sent", "received", "server", "loaded", "ingest", "synced", "processed", "upload", "export", "import",
];

/// The times of a row.
pub struct TimeCandidates {
    /// When it was changed.
    pub updated: Option<usize>,
    /// That, or when it happened.
    pub chosen: Option<usize>,
    /// How many timestamps there are.
    pub number: usize,
    /// Whether all that they say is when somebody or something came to be.
    pub are_beginnings: bool,
}

impl TimeCandidates {
    pub fn of(sample: &Sample, fields: &[(String, Guess)]) -> Self {
        let name = |at: usize| fields[at].0.as_str();
        let counts = |at: &usize| !says_of_another_time(name(*at));
        let all = || (0..fields.len()).filter(counts);
        let times: Vec<usize> = all().filter(|at| fields[*at].1.data_type == "timestamp").collect();
        let nearly: Vec<usize> = all().filter(|at| fields[*at].1.nearly.is_some()).collect();
        let updated = |times: &[usize]| times.iter().copied().find(|at| is_update(name(*at)));
        let updated = updated(&times).or_else(|| updated(&nearly));
        let has = |at: usize, parts: &[&str]| parts.iter().any(|part| name(at).contains(part));
        let happened = |times: &[usize]| {
            let best = |at: &&usize| {
                let is_whole = ["timestamp", "time", "event_time"].contains(&name(**at));
                let is_sparse = sample.columns[**at].present() * 10 < sample.rows * 9;
                (is_sparse, has(**at, &HANDLING), !is_whole, !has(**at, &HAPPENS))
            };
            times.iter().min_by_key(best).copied()
        };
        let chosen = updated.or_else(|| happened(&times)).or_else(|| happened(&nearly));
        let is_beginning = |at: &usize| {
            is_beginning(name(*at)) || is_beginning(&sample.columns[*at].path.to_lowercase())
        };
        let are_beginnings = times.iter().chain(&nearly).all(is_beginning);
        TimeCandidates { updated, chosen, number: times.len(), are_beginnings }
    }
}

/// Whether a name says when a row was changed.
pub fn is_update(name: &str) -> bool {
    UPDATES.iter().any(|part| name.contains(part))
}

fn is_beginning(name: &str) -> bool {
    let words: Vec<&str> = name.split('_').collect();
    BEGINNINGS.iter().any(|part| match part.len() {
        // What is short is a part of many words.
        0..5 => words.contains(part),
        _ => name.contains(part),
    })
}

/// Whether a name says that it is not when a row happened: when somebody was born, or when something ends or is gone.
fn says_of_another_time(name: &str) -> bool {
    OTHERWISE.iter().any(|part| name.contains(part))
}

/// Where no column is an instant, a day on which something happened is as good: its midnight.
pub fn take_a_day_for_the_time(sample: &Sample, fields: &mut [(String, Guess)]) {
    if fields.iter().any(|(_, guess)| guess.data_type == "timestamp") {
        return;
    }
    let is_when = |name: &str| {
        let says = HAPPENED.iter().any(|part| name.contains(part))
            || is_update(name)
            || name.contains("created");
        (DAY.contains(&name) || says) && !says_of_another_time(name)
    };
    let found = fields.iter_mut().zip(&sample.columns).find(|((name, guess), column)| {
        let is_full = column.present() * 10 >= sample.rows * 9;
        guess.data_type == "date" && is_full && is_when(name)
    });
    let Some(((_, guess), column)) = found else { return };
    guess.data_type = "timestamp".to_owned();
    // What is stored as a day needs no format.
    if column.stored.is_none() && guess.formats.is_empty() {
        guess.formats.push("%Y-%m-%d".to_owned());
    }
    guess.evidence += "; its midnight, since nothing else says when";
}

#[cfg(test)]
mod tests {
    use super::super::names::snake;
    use super::*;

    #[test]
    fn times_are_told_by_what_they_say_of_a_row() {
        for name in [
            "last_update",
            "LAST_CHANGED",
            "lastModified",
            "geaendert am",
            "Geändert",
            "Mis à jour le",
            "Actualizado",
            "updated_at",
            "LastModifiedDate",
        ] {
            assert!(is_update(&snake(name)), "{name}");
        }
        for name in [
            "Angelegt am",
            "create_date",
            "Create Date (GMT+1)",
            "signup.at.$date",
            "Date registered",
        ] {
            let name = snake(name);
            assert!(is_beginning(&name) && !is_update(&name), "{name}");
        }
        for name in ["ordered_at", "timestamp", "visit_time", "salt_added_by"] {
            assert!(!is_update(&snake(name)), "{name}");
        }
        assert!(!is_beginning("ordered_at") && !is_beginning("exalted"));
    }
}
