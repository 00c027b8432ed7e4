//! What says who somebody is: by the shape of values, by names, and by the values that several sources share.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashSet};

use super::belongings::is_of_somebody;
use super::hashed::add_hashed;
use super::names::{
    is_dialled, is_email, is_id, is_kind_of_device, is_of_device, is_of_former, is_of_phone,
    is_phone,
};
use super::parties::take_parties;
use super::people::{is_contact, is_of_person, whose};
use super::persons::persons;
use super::roles::{DraftIdentifier, DraftSource, IdentifierKind, add, are_counts};
use super::sample::{Sample, SampledColumn};
use super::shared::take_shared;
use super::staff::Staff;
use super::tally::distinct;
use super::texts::shown;
use super::{few, spoiled, words};
use selfsame::internals::console::{counted, grouped};

/// What says who somebody is; and of what does not, though its name says so, why.
pub fn identifiers(
    samples: &[Sample],
    sources: &[DraftSource],
    staff: &Staff,
) -> (Vec<DraftIdentifier>, Vec<String>) {
    let mut found: Vec<DraftIdentifier> = Vec::new();
    let mut people: Vec<(usize, usize, String)> = Vec::new();
    let mut told = Vec::new();
    let all = samples.iter().zip(sources).enumerate();
    for (number, (sample, source)) in all.filter(|(at, _)| !staff.tables.contains_key(at)) {
        for (at, (name, guess)) in source.fields.iter().enumerate() {
            let column = &sample.columns[at];
            if let Some(what) = listed_addresses(name, column) {
                let what = format!("{}.{name}: {what}", source.name);
                add(&mut found, "email", IdentifierKind::Email, (number, at), what);
                continue;
            }
            let texts: Vec<&str> = column.texts().collect();
            if texts.is_empty()
                || matches!(guess.data_type.as_str(), "timestamp" | "date" | "json" | "boolean")
                || guess.data_type.contains("decimal")
            {
                continue;
            }
            let mails = texts.iter().filter(|text| is_email(text)).count();
            let values = texts.iter().filter(|text| !words::is_none(text)).count();
            let are_mails = mails * 2 > values;
            let evidence = |what: String| format!("{}.{name}: {what}", source.name);
            let is_by_name = is_of_phone(name) || is_of_person(&source.called(name));
            let theirs =
                || (is_by_name || are_mails).then(|| staff.told(source, at, column)).flatten();
            if let Some(why) = theirs() {
                told.push(why);
            } else if is_by_name && spoiled::are_spoiled(column) {
                told.push(evidence(spoiled::told(column)));
            } else if are_mails {
                let what = evidence(format!(
                    "{} of {} {} e-mail addresses{}",
                    grouped(mails),
                    counted(texts.len(), "value", "values"),
                    if mails == 1 { "is" } else { "are" },
                    others(&texts)
                ));
                add(&mut found, "email", IdentifierKind::Email, (number, at), what);
            } else if is_of_phone(name)
                && texts.iter().filter(|text| is_phone(text)).count() * 2 > texts.len()
            {
                let what = evidence("by its name".to_owned());
                add(&mut found, "phone", IdentifierKind::Phone, (number, at), what);
            } else if let Some(dialled) = contacts_phones(name, &texts) {
                let what = evidence(format!(
                    "{} of {} {} phone numbers",
                    grouped(dialled),
                    counted(texts.len(), "value", "values"),
                    if dialled == 1 { "is" } else { "are" }
                ));
                add(&mut found, "phone", IdentifierKind::Phone, (number, at), what);
            } else if is_of_device(name) && is_told_apart(name, column) {
                let what =
                    evidence(format!("by its name, {} different values", distinct(column).len()));
                add(&mut found, name, IdentifierKind::Device, (number, at), what);
            } else if let Some(example) = full_name(name, &texts) {
                let example = shown(example);
                told.push(evidence(format!(
                    "names such as {example}, which several people may have"
                )));
            } else {
                let name = source.called(name);
                people.extend(is_of_person(&name).then_some((number, at, name)));
            }
        }
    }
    told.extend(take_parties(samples, sources, &mut found));
    let is_left_out = |number: usize| staff.tables.contains_key(&number);
    add_hashed(samples, sources, &is_left_out, &mut found);
    told.extend(few::take_kinds(samples, sources, &found, &mut people));
    let holders = holders(samples, sources, &people);
    people.extend(holders.into_iter().filter(|(of, ..)| !staff.tables.contains_key(of)));
    let is_guess = people.is_empty() && found.is_empty();
    if is_guess {
        people = repeated(samples, sources);
        people.retain(|(of, ..)| !staff.tables.contains_key(of));
    }
    found.extend(persons(samples, sources, people));
    few::mark(samples, &mut found);
    if is_guess {
        let said = "? nothing else says who somebody is, and these ids come again and again";
        found.iter_mut().for_each(|of| of.evidence.push(said.to_owned()));
    }
    told.extend(take_shared(samples, sources, &mut found));
    take_former(samples, sources, &mut found);
    found.iter_mut().for_each(|of| ignore_nobody(samples, of));
    found.sort_by_key(|of| of.kind);
    (found, told)
}

/// Takes what somebody was called before, as `previousId` of Segment's `alias` says it, for what it shares values with.
fn take_former(samples: &[Sample], sources: &[DraftSource], found: &mut [DraftIdentifier]) {
    for (number, source) in sources.iter().enumerate() {
        for (at, (name, _)) in source.fields.iter().enumerate() {
            let is_known = found.iter().any(|of| of.from.contains(&(number, at)));
            let values = distinct(&samples[number].columns[at]);
            if is_known || !is_of_former(name) || values.is_empty() || are_counts(&values) {
                continue;
            }
            let shared = |of: &DraftIdentifier| {
                let columns = of.from.iter().map(|(source, at)| &samples[*source].columns[*at]);
                let all: HashSet<&str> = columns.flat_map(SampledColumn::texts).collect();
                values.intersection(&all).count()
            };
            let most = found.iter().enumerate().map(|(of, found)| (shared(found), Reverse(of)));
            let Some((shared, Reverse(of))) = most.max().filter(|(shared, _)| *shared > 0) else {
                continue;
            };
            let of = &mut found[of];
            of.from.push((number, at));
            of.evidence.push(format!(
                "{}.{name}: by its name, and {} of its {} {} one that others have",
                source.name,
                grouped(shared),
                counted(values.len(), "value", "values"),
                if shared == 1 { "is" } else { "are" }
            ));
        }
    }
}

/// Leaves out values of a type that stand for nobody, as far as a run does not know them itself.
fn ignore_nobody(samples: &[Sample], of: &mut DraftIdentifier) {
    let columns: Vec<&SampledColumn> =
        of.from.iter().map(|(source, at)| &samples[*source].columns[*at]).collect();
    let texts = || columns.iter().flat_map(|column| column.texts()).map(str::trim);
    let has_spoiled = columns.iter().any(|column| spoiled::spoiled(column) > 0);
    let nobody: BTreeSet<&str> = texts().filter(|text| words::is_nobody(text)).collect();
    match of.kind {
        IdentifierKind::Email => {
            let items = columns.iter().flat_map(|column| column.items());
            of.has_others = texts().chain(items).any(|text| !text.contains('@'));
        }
        IdentifierKind::EmailHash => {}
        IdentifierKind::Phone => {
            of.ignored.extend(has_spoiled.then(|| spoiled::PHONES.to_owned()));
        }
        IdentifierKind::Person | IdentifierKind::Device | IdentifierKind::Row => {
            of.ignored = nobody.into_iter().map(glob::Pattern::escape).collect();
            of.ignored.extend(has_spoiled.then(|| spoiled::PATTERN.to_owned()));
        }
    }
}

/// What is said of lists of addresses that are somebody's, as their name says; others are lists of whom a message went to.
fn listed_addresses(name: &str, column: &SampledColumn) -> Option<String> {
    #[rustfmt::skip]
    let names = ["email", "emails", "email_address", "email_addresses", "mail", "mails", "e_mail", "e_mails", "emailaddresses"];
    let items: Vec<&str> = column.items().collect();
    let mails = items.iter().filter(|text| is_email(text)).count();
    (names.contains(&name) && mails * 2 > items.len()).then(|| {
        let all = counted(items.len(), "value", "values");
        format!(
            "{} of {all} in lists are e-mail addresses; ? all in one are one person's",
            grouped(mails)
        )
    })
}

/// How many of the values are phone numbers, where a column says how somebody is reached, and most of them are.
fn contacts_phones(name: &str, texts: &[&str]) -> Option<usize> {
    let dialled = texts.iter().filter(|text| is_dialled(text)).count();
    (is_contact(name) && dialled * 2 > texts.len()).then_some(dialled)
}

/// What is said of values that are no addresses in a column that has some.
fn others(texts: &[&str]) -> String {
    let others: Vec<&str> = texts.iter().copied().filter(|text| !is_email(text)).collect();
    let different: BTreeSet<&str> = others.iter().copied().collect();
    let some: Vec<String> =
        different.iter().take(3).map(|text| format!("'{}'", shown(text))).collect();
    match some.is_empty() {
        true => String::new(),
        false => format!(
            "; ? {}, such as {}, which identifies nobody",
            counted(others.len(), "is something else", "are something else"),
            some.join(" and ")
        ),
    }
}

/// One of the values, where these are names of people in full, of whom two may have the same.
fn full_name<'a>(name: &str, texts: &[&'a str]) -> Option<&'a str> {
    let is_bare = matches!(whose(name), Some((_, None)));
    let is_full = |text: &&&str| {
        let words: Vec<&str> = text.split_whitespace().collect();
        let is_word =
            |word: &&str| word.chars().all(|of| of.is_alphabetic() || "-.,'’".contains(of));
        words.len() > 1 && words.iter().all(is_word)
    };
    let full = texts.iter().filter(is_full).count();
    (is_bare && full * 2 > texts.len()).then(|| texts.iter().find(is_full).copied()).flatten()
}

/// The own ids of tables that hold all values of another table's person column: they are the same people's. What counts
/// from 1 holds whatever else does, so that there the table's name has to say that it is one of people.
fn holders(
    samples: &[Sample],
    sources: &[DraftSource],
    people: &[(usize, usize, String)],
) -> Vec<(usize, usize, String)> {
    let has_people = |number: usize| people.iter().any(|(of, ..)| *of == number);
    let own = |number: usize| {
        let (at, _) = sources[number].key.as_ref()?;
        let column = &samples[number].columns[*at];
        let values = distinct(column);
        let is_unique = values.len() == column.present() && !are_counts(&values);
        let name = &sources[number].fields[*at].0;
        (is_unique && is_id(name)).then(|| (*at, values, sources[number].called(name)))
    };
    let holds = |values: &HashSet<&str>| {
        people.iter().any(|(source, at, _)| {
            let held = distinct(&samples[*source].columns[*at]);
            held.len() > 2 && held.is_subset(values)
        })
    };
    (0..sources.len())
        .filter(|number| !has_people(*number))
        .filter_map(|number| own(number).map(|own| (number, own)))
        .filter(|(_, (_, values, _))| holds(values))
        .map(|(number, (at, _, name))| (number, at, name))
        .collect()
}

/// Whether values are those of browsers, and not of kinds of them.
fn is_told_apart(name: &str, column: &SampledColumn) -> bool {
    let values = distinct(column);
    let all = values.len();
    let kinds = values.iter().filter(|text| is_kind_of_device(text)).count();
    all > 1 && kinds * 2 < all && (is_id(name) || all * 20 >= column.present())
}

/// Where nothing else says who somebody is, ids may that come again and again: those whose name most sources have, else of
/// each source those that most different rows share.
fn repeated(samples: &[Sample], sources: &[DraftSource]) -> Vec<(usize, usize, String)> {
    let mut all: Vec<(usize, usize, usize, String)> = Vec::new();
    for (number, source) in sources.iter().enumerate() {
        for (at, (name, guess)) in source.fields.iter().enumerate() {
            let column = &samples[number].columns[at];
            let is_type = matches!(guess.data_type.as_str(), "text" | "integer");
            let (values, present) = (distinct(column).len(), column.present());
            let is_repeated = values > 1 && values * 100 < present * 85;
            if is_id(name) && !is_of_somebody(name) && is_type && is_repeated {
                all.push((values, number, at, source.called(name)));
            }
        }
    }
    let sources_with = |name: &str| {
        let has =
            |source: &&DraftSource| source.fields.iter().any(|(of, _)| source.called(of) == *name);
        sources.iter().filter(has).count()
    };
    let values_of = |name: &str| {
        all.iter().filter(|(.., of)| of == name).map(|(values, ..)| *values).max().unwrap_or(0)
    };
    let names: BTreeSet<&str> = all.iter().map(|(.., name)| name.as_str()).collect();
    let most = names.into_iter().max_by_key(|name| (sources_with(name), values_of(name)));
    if let Some(name) = most.filter(|name| sources_with(name) > 1) {
        let of_source = |(number, source): (usize, &DraftSource)| {
            let at = source.fields.iter().position(|(of, _)| source.called(of) == name)?;
            Some((number, at, name.to_owned()))
        };
        return sources.iter().enumerate().filter_map(of_source).collect();
    }
    let best = |number: usize| {
        let own = all.iter().filter(|(_, of, ..)| *of == number);
        let (_, _, at, name) = own.max_by_key(|(values, _, at, _)| (*values, Reverse(*at)))?;
        Some((number, *at, name.clone()))
    };
    (0..sources.len()).filter_map(best).collect()
}
