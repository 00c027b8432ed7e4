//! What a run answers over HTTP, on threads of its own: no worker waits for a client.
//!
//! Who is who and what is known is read, as of one tick, from what the sink has told ([`Published`]), which a thread
//! keeps up to date tick by tick ([`PublishingObserver`]). Whatever clients do costs nothing but their own connection.
//!
//! Each concern has a router of its own (`ingest`, …), merged in [`router`]; what is not done is told as a [`Denial`].
//! The port is taken before anything is read or written, and given back once the run has ended: until then whoever sent
//! rows can be told what became of them.

mod administration;
mod administrator;
mod batch;
mod body;
mod changes;
mod current;
mod decisions;
mod denial;
mod earlier;
mod ending;
mod following;
mod handles;
mod head;
mod health;
mod identified;
pub mod ingest;
mod journal;
mod journal_reading;
mod keeping;
mod keys;
mod keys_in_force;
mod limits;
mod metrics;
mod noted;
pub mod open_files;
mod openapi;
mod origins;
mod page;
mod patient;
mod person_pages;
mod places;
mod profile_json;
mod profiles;
mod published;
mod publishing;
mod recent;
mod refused;
mod reject_examples;
mod segments;
mod served_plan;
mod server;
mod sizes;
mod standing_conflicts;
mod status;
mod store_answers;
mod tls;
#[cfg(feature = "otel")]
mod traced;
mod trusted;
mod unpack;
mod unread;
#[cfg(test)]
mod unserved;
mod websocket;
mod why;

use std::any::Any;
use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::http::Uri;
use axum::middleware::from_fn_with_state;

use crate::plan::{Plan, Source};
use crate::source::Http;
use denial::not_allowed;
use ending::until_the_end;
use health::Health;
use ingest::{Ingest, IngestPatience, KeptTick};
use keys_in_force::KeyKind;
use limits::{Limiter, limited};

pub use administrator::{Administration, Undone};
pub use current::CurrentRouter;
pub use denial::Denial;
pub use handles::{Handles, Served, ServedProcess, SharedHandles};
pub use journal::delete as delete_kept_changes;
pub use keys_in_force::KeysInForce;
pub use published::{ProfileChange, Published, PublishedProfile, PublishedView};
pub use publishing::PublishingObserver;
pub use recent::RecentRecords;
pub use served_plan::ServedPlan;
pub use server::{Bound, ServeError, Server};
use tls::ReloadedTls;
use trusted::OpenHere;

/// Takes the port that a process of a run answers at, where one is to be had. Processes on one machine take one behind
/// the other.
///
/// # Errors
/// If it can't be had, or a source needs one and there is none.
pub fn bind(plan: &Plan, process: usize, hosts: &[String]) -> Result<Option<Bound>, ServeError> {
    let Some(listen) = &plan.http.listen else {
        let is_posted = |source: &&Source| (&*source.connector as &dyn Any).is::<Http>();
        return match plan.sources.iter().find(is_posted) {
            Some(source) => Err(ServeError::NotListening { source_name: source.name.clone() }),
            None => Ok(None),
        };
    };
    let machine = |host: &String| host.rsplit_once(':').map(|(machine, _)| machine.to_owned());
    let own = hosts.get(process).and_then(machine);
    let before = hosts.iter().take(process).filter(|host| machine(host) == own).count();
    Bound::at(listen, before as u16, &plan.http).map(Some)
}

/// Which process of a run it is, and where the first one answers for all, as far as that follows from what was said: not
/// where any port would do.
pub fn process(plan: &Plan, process: usize, hosts: &[String]) -> ServedProcess {
    let of = hosts.len().max(1);
    let first = || {
        let (listened, port) = plan.http.listen.as_ref()?.rsplit_once(':')?;
        let machine = |host: &String| host.rsplit_once(':').map(|(machine, _)| machine.to_owned());
        let (own, first) = (machine(hosts.get(process)?), machine(hosts.first()?)?);
        let bare = listened.trim_start_matches('[').trim_end_matches(']');
        let address = bare.parse::<IpAddr>().ok();
        let is_here = own.is_some_and(|own| own == first);
        let host = match address {
            // From another machine it is reached by its name.
            _ if !is_here
                && (bare == "localhost" || address.is_some_and(|of| of.is_loopback())) =>
            {
                return None;
            }
            Some(address) if !is_here || address.is_unspecified() => &*first,
            _ => listened,
        };
        let scheme = if plan.http.tls.is_some() { "https" } else { "http" };
        (process > 0 && port != "0").then(|| format!("{scheme}://{host}:{port}"))
    };
    ServedProcess { of, first: first() }
}

/// Looks at the files that a run would be served with.
///
/// # Errors
/// If they do not do.
pub fn check(plan: &Plan) -> Result<(), ServeError> {
    Ok(plan.http.tls.as_ref().map(ReloadedTls::load).transpose().map(drop)?)
}

/// All that is answered.
pub fn router(handles: &SharedHandles) -> Router {
    let posts = handles.posts.clone();
    let keys = Arc::clone(&handles.keys);
    let writing = keys::writing(&keys);
    let kept = Arc::clone(handles);
    let tick: KeptTick = Arc::new(move || kept.kept_tick());
    let (plan, process) = (&handles.plan, &handles.process);
    let ingest = Ingest::new(plan, posts, process, writing, tick, IngestPatience::default());
    let reads = [
        profiles::routes(),
        identified::routes(),
        batch::routes(),
        person_pages::routes(),
        segments::routes(),
        changes::routes(),
        why::routes(),
        noted::routes(),
        status::routes(),
    ];
    let reads = reads.into_iter().fold(Router::new(), Router::merge);
    let mut reads = reads.with_state(handles.clone());
    if let Some(live) = &handles.live {
        reads = reads.merge(metrics::router(&handles.plan, live, handles.started));
    }
    let reads = until_the_end(reads, &handles.closing);
    let limiter = Limiter::new(&keys, handles.plan.http.limits);
    let reads = reads.route_layer(from_fn_with_state(Arc::clone(&keys), keys::reading));
    let origins = handles.plan.http.origins.clone();
    let open = Arc::new(OpenHere { keys: Arc::clone(&keys), origins });
    let reads = reads.route_layer(from_fn_with_state(Arc::clone(&open), trusted::reading));
    let reads = limited(reads, &limiter, KeyKind::Read);
    let changes = administration::routes().merge(decisions::routes(&ingest));
    let changes = until_the_end(changes.with_state(handles.clone()), &handles.closing);
    let changes = changes.route_layer(from_fn_with_state(keys, trusted::changing));
    let changes = limited(changes, &limiter, KeyKind::Admin);
    let mut router = origins::read_from(reads, &handles.plan.http.origins).merge(changes);
    let guarded =
        |routes| limited(until_the_end(routes, &handles.closing), &limiter, KeyKind::Write);
    let ingest = ingest::router(
        &ingest,
        guarded,
        |rows| rows.route_layer(from_fn_with_state(open, trusted::posting)),
        |rows| origins::read_from(rows, &handles.plan.http.origins),
    );
    router = router.merge(ingest).merge(openapi::routes()).merge(page::routes());
    if let Some(live) = &handles.live {
        let (live, stop) = (Arc::clone(live), handles.stop.clone());
        router =
            router.merge(health::router(Health { live, stop, failure: handles.failure.clone() }));
    }
    let router = router.fallback(unknown).method_not_allowed_fallback(not_allowed);
    #[cfg(feature = "otel")]
    let router = router.layer(axum::middleware::from_fn(traced::traced));
    router
}

async fn unknown(uri: Uri) -> Denial {
    let message = format!("there is nothing at {}", uri.path());
    Denial::not_found("unknown_path", message, "the reference tells what there is")
}

#[cfg(test)]
mod tests {
    use super::unserved::unserved;
    use super::*;

    #[test]
    fn where_the_first_process_answers_is_told_as_far_as_it_is_known() {
        let here = ["127.0.0.1:2101", "127.0.0.1:2102"].map(str::to_owned);
        let apart = ["shop-0:2101", "shop-1:2101"].map(str::to_owned);
        let first = |listen: &str, tls: bool, number: usize, hosts: &[String]| {
            let tls = if tls { ", tls: {certificate: none, key: none}" } else { "" };
            let shop = format!(
                "
sources: {{orders: {{http: {{}}, kind: events, fields: {{email: text}}}}}}
identity: {{email: {{from: {{orders: email}}}}}}
outputs: {{profiles: {{files: unused}}}}
http: {{listen: \"{listen}\", keys: {{admin: admin-admin-admin}}{tls}}}
"
            );
            process(&unserved(&shop).plan, number, hosts).first
        };
        let told = |address: &str| Some(address.to_owned());
        assert_eq!(first("127.0.0.1:8080", false, 1, &here), told("http://127.0.0.1:8080"));
        assert_eq!(first("localhost:8080", true, 1, &here), told("https://localhost:8080"));
        assert_eq!(first("0.0.0.0:8080", false, 1, &here), told("http://127.0.0.1:8080"));
        assert_eq!(first("0.0.0.0:8080", false, 1, &apart), told("http://shop-0:8080"));
        assert_eq!(first("[::]:8443", true, 1, &apart), told("https://shop-0:8443"));
        assert_eq!(first("10.0.0.2:8080", false, 1, &apart), told("http://shop-0:8080"));
        // Any port, a machine whose port is its own, and the first one itself.
        assert_eq!(first("127.0.0.1:0", false, 1, &here), None);
        assert_eq!(first("127.0.0.1:8080", false, 1, &apart), None);
        assert_eq!(first("localhost:8080", false, 1, &apart), None);
        assert_eq!(first("127.0.0.1:8080", false, 0, &here), None);
        assert_eq!(first("127.0.0.1:8080", false, 0, &[]), None);
    }
}
