//! Tables of who works for the firm, as agents, owners of contacts, or users of its back office: they are people, and not
//! those whom the other tables are about. Their addresses beside a customer's would make one person of all whom they serve.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use selfsame::internals::console::{counted, grouped};

use super::names::is_email;
use super::people::{is_of_person, is_people};
use super::roles::DraftSource;
use super::sample::{Sample, SampledColumn};
use super::tally::distinct;

/// Words for who works there, in the languages that exports are usually in.
#[rustfmt::skip]
const WORKERS: [&str; 41] = [
    "agent", "staff", "employee", "rep", "salesrep", "representative", "salesperson", "salesman", "teammate", "admin",
    "administrator", "operator", "assignee", "consultant", "advisor", "adviser", "recruiter", "worker", "colleague",
    "coworker", "mitarbeiter", "angestellte", "bearbeiter", "sachbearbeiter", "berater", "betreuer", "vertreter",
    "verkäufer", "verkaeufer", "personal", "empleado", "vendedor", "asesor", "employé", "salarié", "vendeur", "conseiller",
    "medewerker", "dipendente", "funcionario", "funcionário",
];

/// Words for who may work there, and may be whom all is about, as owners of pets are.
const EITHER: [&str; 4] = ["owner", "manager", "author", "seller"];

/// Words for who has an account, whoever it is.
#[rustfmt::skip]
const ANYBODY: [&str; 11] = [
    "user", "usr", "benutzer", "nutzer", "anwender", "utilisateur", "usuario", "login", "account", "person", "profile",
];

/// Where anybody may have an address.
#[rustfmt::skip]
const OPEN: [&str; 20] = [
    "gmail.com", "googlemail.com", "yahoo.com", "yahoo.de", "hotmail.com", "outlook.com", "live.com", "msn.com", "icloud.com",
    "me.com", "aol.com", "gmx.de", "gmx.net", "web.de", "t-online.de", "mail.ru", "yandex.ru", "qq.com", "163.com",
    "proton.me",
];

/// Who works there: addresses and ids, by the tables that say so.
#[derive(Default)]
pub struct Staff {
    /// By source, why it is one of them.
    pub tables: BTreeMap<usize, String>,
    addresses: HashSet<String>,
    /// By what their ids are called.
    ids: Vec<(String, HashSet<String>)>,
}

impl Staff {
    pub fn find(samples: &[Sample], sources: &[DraftSource]) -> Self {
        let mut staff = Staff::default();
        let all = Addresses::of(samples, sources);
        let is_named = |number: usize| works(&sources[number].entity).is_some();
        for (number, source) in sources.iter().enumerate() {
            let Some((key, _)) = source.key.as_ref().filter(|_| source.is_records) else {
                continue;
            };
            let own = all.of_source(number);
            let ids = owned(&distinct(&samples[number].columns[*key]));
            let others = AmongOthers { samples, sources, all: &all, number, own: &own, ids: &ids };
            let why = match works(&source.entity) {
                Some(is_sure) => others.by_name(is_sure, is_named),
                None => others.by_domain(is_named),
            };
            if let Some(why) = why {
                staff.tables.insert(number, why);
                staff.addresses.extend(own);
                staff.ids.push((source.called(&source.fields[*key].0), ids));
            }
        }
        staff
    }

    /// Why a column of another table says who works on a row and not whose it is, if it does.
    pub fn told(&self, source: &DraftSource, at: usize, column: &SampledColumn) -> Option<String> {
        let name = &source.fields[at].0;
        let values = distinct(column);
        let addresses: HashSet<String> = values.iter().filter_map(|text| address(text)).collect();
        let is_called = |own: &str| source.called(name) == own || has_worker(name);
        let mut ids = self.ids.iter().filter(|(own, _)| is_called(own));
        let are_theirs = are_in(&addresses, &self.addresses)
            || addresses.is_empty() && ids.any(|(_, ids)| are_in(&owned(&values), ids));
        let what = || {
            let all = counted(values.len(), "value is", "values are");
            format!(
                "{}.{name}: its {all} of who works there, and not of whose a row is",
                source.name
            )
        };
        are_theirs.then(what)
    }
}

/// Whether a table's rows are those of who works there, and whether its name alone says so.
fn works(entity: &str) -> Option<bool> {
    let last = entity.rsplit('_').next().unwrap_or(entity);
    if EITHER.contains(&last) {
        return Some(false);
    }
    let is_worker = |word: &str| WORKERS.contains(&word);
    let is_one = [entity, last].into_iter().any(is_worker);
    (is_one || has_worker(entity) && is_somebody(last)).then_some(true)
}

fn is_somebody(word: &str) -> bool {
    is_people(word) || ANYBODY.contains(&word)
}

/// Whether a name has a word for who works there.
fn has_worker(name: &str) -> bool {
    let mut words = name.split('_');
    words.any(|word| {
        WORKERS.contains(&word) || EITHER.contains(&word) || ["assigned", "created"].contains(&word)
    })
}

/// By source, its columns of addresses, and these.
struct Addresses(Vec<Vec<(usize, HashSet<String>)>>);

impl Addresses {
    fn of(samples: &[Sample], sources: &[DraftSource]) -> Self {
        let of_source = |(sample, source): (&Sample, &DraftSource)| {
            let all = source.fields.iter().zip(&sample.columns).enumerate();
            let texts = all.filter(|(_, ((_, guess), _))| guess.data_type == "text");
            let of = texts.filter_map(|(at, (_, column))| {
                let texts: Vec<&str> = column.texts().collect();
                let addresses: Vec<String> =
                    texts.iter().filter_map(|text| address(text)).collect();
                (addresses.len() * 2 > texts.len()).then(|| (at, addresses.into_iter().collect()))
            });
            of.collect()
        };
        Addresses(samples.iter().zip(sources).map(of_source).collect())
    }

    fn of_source(&self, number: usize) -> HashSet<String> {
        self.0[number].iter().flat_map(|(_, addresses)| addresses).cloned().collect()
    }
}

/// A table, with its addresses and ids, among the others.
struct AmongOthers<'a> {
    samples: &'a [Sample],
    sources: &'a [DraftSource],
    all: &'a Addresses,
    number: usize,
    own: &'a HashSet<String>,
    ids: &'a HashSet<String>,
}

impl AmongOthers<'_> {
    fn numbers(&self, is_named: impl Fn(usize) -> bool) -> impl Iterator<Item = usize> {
        (0..self.sources.len()).filter(move |other| *other != self.number && !is_named(*other))
    }

    /// Addresses of others that are not those of this table, by columns.
    fn addresses(&self, is_named: impl Fn(usize) -> bool) -> Vec<&HashSet<String>> {
        let columns = self.numbers(is_named).flat_map(|other| &self.all.0[other]);
        columns.map(|(_, addresses)| addresses).filter(|of| !are_in(of, self.own)).collect()
    }

    /// By its name, where the others are about other people.
    fn by_name(&self, is_sure: bool, is_named: impl Fn(usize) -> bool + Copy) -> Option<String> {
        let addresses = self.addresses(is_named);
        let known = |of: &&String| addresses.iter().any(|all| all.contains(*of));
        let are_the_same = self.own.iter().filter(known).count() * 5 > self.own.len();
        let is_person = |other: usize| {
            let mut fields = self.sources[other].fields.iter();
            fields.any(|(name, _)| {
                let name = self.sources[other].called(name);
                is_of_person(&name) && !has_worker(&name)
            })
        };
        let has_others = !addresses.is_empty() || self.numbers(is_named).any(is_person);
        if !has_others || are_the_same || !is_sure && !self.is_named_by_others(is_named) {
            return None;
        }
        let of = &self.sources[self.number].entity;
        Some(format!(
            "{of} is who works there, it seems by its name, and not whom the others are about"
        ))
    }

    /// Whether rows of somebody else name its rows, several of them the same, in a column for who works on them.
    fn is_named_by_others(&self, is_named: impl Fn(usize) -> bool) -> bool {
        let names = |other: usize| {
            let (sample, source) = (&self.samples[other], &self.sources[other]);
            source.fields.iter().zip(&sample.columns).any(|((name, _), column)| {
                let values = distinct(column);
                let addresses: HashSet<String> =
                    values.iter().filter_map(|text| address(text)).collect();
                let is_theirs = are_in(&owned(&values), self.ids) || are_in(&addresses, self.own);
                has_worker(name) && is_theirs && values.len() * 2 <= column.present()
            })
        };
        let has_own = |other: usize| {
            let own = self.all.0[other].iter().any(|(_, addresses)| !are_in(addresses, self.own));
            own || self.sources[other].key.is_some() && is_people(&self.sources[other].entity)
        };
        self.numbers(is_named).any(|other| has_own(other) && names(other))
    }

    /// By its addresses: all of them at one domain, where others have hardly any, and these at several.
    fn by_domain(&self, is_named: impl Fn(usize) -> bool + Copy) -> Option<String> {
        let entity = &self.sources[self.number].entity;
        let last = entity.rsplit('_').next().unwrap_or(entity);
        let domains: BTreeSet<&str> = self.own.iter().filter_map(|of| domain(of)).collect();
        let [own] = domains.into_iter().collect::<Vec<_>>()[..] else { return None };
        let addresses = self.addresses(is_named);
        let others: HashSet<&String> = addresses.iter().flat_map(|all| all.iter()).collect();
        let elsewhere: BTreeSet<&str> =
            others.iter().filter_map(|of| domain(of)).filter(|of| *of != own).collect();
        let alike = others.iter().filter(|of| domain(of) == Some(own)).count();
        let is_theirs = ANYBODY.contains(&last)
            && self.own.len() >= 3
            && !OPEN.contains(&own)
            && elsewhere.len() >= 3
            && alike * 10 <= others.len();
        is_theirs.then(|| {
            format!(
                "all {} addresses are at {own}, and those elsewhere at {} others: {entity} is who works there, it seems, and \
                 not whom the others are about",
                grouped(self.own.len()),
                grouped(elsewhere.len())
            )
        })
    }
}

/// Whether nearly all of some values are among others.
fn are_in(some: &HashSet<String>, all: &HashSet<String>) -> bool {
    let shared = some.iter().filter(|of| all.contains(*of)).count();
    shared > 0 && shared * 10 >= some.len() * 8
}

fn owned(values: &HashSet<&str>) -> HashSet<String> {
    values.iter().map(|text| (*text).to_owned()).collect()
}

/// An address as it is compared.
fn address(text: &str) -> Option<String> {
    is_email(text).then(|| text.trim().to_lowercase())
}

fn domain(address: &str) -> Option<&str> {
    address.rsplit_once('@').map(|(_, domain)| domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_of_who_works_there_are_known_by_their_names() {
        for name in [
            "agent",
            "support_agent",
            "sales_rep",
            "admin_user",
            "staff",
            "staff_member",
            "mitarbeiter",
        ] {
            assert_eq!(works(name), Some(true), "{name}");
        }
        for name in ["owner", "account_manager"] {
            assert_eq!(works(name), Some(false), "{name}");
        }
        for name in
            ["user", "customer", "user_agent_string", "order", "contact", "agent_commission"]
        {
            assert_eq!(works(name), None, "{name}");
        }
    }
}
