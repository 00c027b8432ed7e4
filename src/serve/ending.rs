//! The end of a run, as whoever asks sees it: what comes once the server closes is told so, and what has been asked before
//! is answered for a while yet. What is not answered by then is told so, too, before its connection is closed.

use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tokio::sync::watch;

use super::denial::Denial;

/// How long what has been asked before may take: connections stay a little longer (`server`).
const PATIENCE: Duration = Duration::from_secs(2);

/// Routes that answer for a run, as long as it is served.
pub fn until_the_end(router: Router, closing: &watch::Receiver<bool>) -> Router {
    router.route_layer(from_fn_with_state(closing.clone(), answered))
}

async fn answered(
    State(closing): State<watch::Receiver<bool>>,
    request: Request,
    next: Next,
) -> Response {
    if *closing.borrow() {
        return Denial::shutting_down().into_response();
    }
    tokio::select! {
        biased;
        answer = next.run(request) => answer,
        () = over(closing) => Denial::shutting_down().into_response(),
    }
}

/// Waits until nothing more is answered.
async fn over(mut closing: watch::Receiver<bool>) {
    // Nobody is left to say so when that fails.
    let _ = closing.wait_for(|closing| *closing).await;
    tokio::time::sleep(PATIENCE).await;
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{SocketAddr, TcpStream};

    use serde_json::Value;

    use super::*;
    use crate::serve::server::Bound;
    use crate::serve::unserved::{SHOP, unserved, unserved_shop};
    use crate::serve::{openapi, router};

    /// What does not ask the run for anything.
    const ALWAYS: [&str; 4] =
        ["/health/live", "/health/ready", "/openapi.json", "/v1/openapi.json"];

    fn asked(address: SocketAddr, method: &str, path: &str) -> (u16, String, Value) {
        let mut stream = TcpStream::connect(address).expect("it listens");
        let path = path
            .replace("{identifier}", "email:a@example.com")
            .replace("{name}", "orders")
            .replace("{id}", "p_00000000000000000000000000000000")
            .replace("{key}", "k");
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{{}}"
        );
        stream.write_all(request.as_bytes()).expect("it is sent");
        let mut told = String::new();
        stream.read_to_string(&mut told).expect("an answer");
        let (head, body) = told.split_once("\r\n\r\n").expect("an answer");
        let status = head.split(' ').nth(1).expect("a status").parse().expect("a number");
        (status, head.to_ascii_lowercase(), serde_json::from_str(body).expect("JSON"))
    }

    #[test]
    fn every_route_that_asks_the_run_for_something_says_when_it_ends() {
        let (close, closing) = watch::channel(false);
        let handles = unserved_shop(closing);
        let bound = Bound::at("127.0.0.1:0", 0, &handles.plan.http).expect("a port");
        let server = bound.serve(router(&handles)).expect("threads");
        let document: Value = serde_json::from_str(openapi::DOCUMENT).expect("JSON");
        let paths = document["paths"].as_object().expect("paths");
        let routes = paths.iter().flat_map(|(path, of)| {
            let methods = of.as_object().expect("operations").iter();
            methods.map(move |(method, of)| (method.to_uppercase(), path.as_str(), of))
        });
        close.send_replace(true);
        let mut refused = 0;
        for (method, path, of) in routes {
            let (status, head, told) = asked(server.address, &method, path);
            if ALWAYS.contains(&path) {
                assert!(status == 200 || told["reasons"].is_array(), "{method} {path}: {told}");
                continue;
            }
            let declared = &of["responses"]["503"];
            assert!(declared.is_object(), "{method} {path} does not declare 503");
            let error = if told["error"].is_object() { &told["error"] } else { &told };
            assert_eq!((status, &error["code"]), (503, &Value::from("shutting_down")), "{path}");
            assert!(head.contains("retry-after: 1"), "{method} {path}: {head}");
            refused += 1;
        }
        assert!(refused > 30, "{refused}");
    }

    #[test]
    fn what_is_not_answered_in_the_end_is_told_so() {
        let (close, closing) = watch::channel(false);
        let never = || async { std::future::pending::<()>().await };
        let router = Router::new().route("/", axum::routing::get(never));
        let plan = unserved(SHOP).plan;
        let bound = Bound::at("127.0.0.1:0", 0, &plan.http).expect("a port");
        let server = bound.serve(until_the_end(router, &closing)).expect("threads");
        let asking = std::thread::spawn(move || asked(server.address, "GET", "/"));
        // Whether it is asked before or behind that, it is told so.
        close.send_replace(true);
        let (status, _, told) = asking.join().expect("it is answered");
        assert_eq!((status, &told["error"]["code"]), (503, &Value::from("shutting_down")));
    }
}
