//! `GET /openapi.json`: what there is to ask for, for tools. It holds nothing that a key would have to guard.
//!
//! The document is written by hand (`openapi.json`). A test holds its paths and methods against the routes that there
//! are, and another one asks a run for all of it by a tool that is not ours (`tests/openapi`).

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;

pub const DOCUMENT: &str = include_str!("openapi.json");

pub fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let document = || async { ([(CONTENT_TYPE, "application/json")], DOCUMENT) };
    Router::new().route("/openapi.json", get(document)).route("/v1/openapi.json", get(document))
}

#[cfg(test)]
mod tests {
    use regex::Regex;
    use serde_json::Value;
    use std::collections::{BTreeMap, BTreeSet};
    use tokio::sync::watch;

    use super::*;
    use crate::serve::unserved::unserved_shop;
    use crate::serve::{page, router};

    /// What a router has, by path: methods. Axum tells it to those who debug.
    fn routes_of(router: &Router) -> BTreeMap<String, BTreeSet<String>> {
        let text = format!("{router:?}");
        let (routes, paths) =
            text.split_once("node: Node { paths: {").expect("paths behind routes");
        let path = Regex::new(r#"RouteId\((\d+)\): "([^"]*)""#).expect("a pattern");
        let allowed =
            Regex::new(r#"RouteId\((\d+)\): MethodRouter.*?allow_header: Bytes\(b"([A-Z,]*)"\)"#);
        let allowed = allowed.expect("a pattern");
        let paths: BTreeMap<&str, &str> = path
            .captures_iter(paths.split_once("} }").expect("an end").0)
            .map(|found| (found.extract::<2>().1[0], found.extract::<2>().1[1]))
            .collect();
        let methods = allowed.captures_iter(routes).map(|found| {
            let [id, methods] = found.extract::<2>().1;
            let methods = methods.split(',').filter(|method| *method != "HEAD");
            (paths[id].to_owned(), methods.map(str::to_lowercase).collect())
        });
        methods.collect()
    }

    #[test]
    fn every_route_is_in_the_document_and_none_other() {
        let mut routes = routes_of(&router(&unserved_shop(watch::channel(false).1)));
        let pages = routes_of(&page::routes());
        assert!(pages.contains_key("/"), "{pages:?}");
        routes.retain(|path, _| !pages.contains_key(path));
        let document: Value = serde_json::from_str(DOCUMENT).expect("JSON");
        assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
        let mut described: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (path, operations) in document["paths"].as_object().expect("paths") {
            let operations = operations.as_object().expect("operations").keys().cloned();
            // What stands behind who is meant is found by looking at the end of the path.
            let path = path.strip_suffix(":forget").unwrap_or(path);
            let path = match path.strip_prefix("/v1/profiles/{identifier}") {
                Some(_) => "/v1/profiles/{*identifier}",
                None => path,
            };
            described.entry(path.to_owned()).or_default().extend(operations);
        }
        assert!(routes.len() > 20, "{routes:?}");
        assert_eq!(described, routes);
    }

    #[test]
    fn all_that_the_document_refers_to_is_there_and_is_referred_to() {
        let document: Value = serde_json::from_str(DOCUMENT).expect("JSON");
        let reference = Regex::new(r##""\$ref": ?"#([^"]*)""##).expect("a pattern");
        let named: BTreeSet<&str> =
            reference.captures_iter(DOCUMENT).map(|found| found.extract::<1>().1[0]).collect();
        for pointer in &named {
            assert!(document.pointer(pointer).is_some(), "{pointer}");
        }
        for kind in ["schemas", "responses", "parameters"] {
            for name in document["components"][kind].as_object().expect("components").keys() {
                let pointer = format!("/components/{kind}/{name}");
                assert!(named.contains(&*pointer), "nothing refers to {pointer}");
            }
        }
    }
}
