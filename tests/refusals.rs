//! Every endpoint refuses what it can't answer, by a table over the routes of the document that it serves: a route that is
//! new there fails this until it has its cases, and so does an error that is declared and never provoked.

#[path = "serve/client.rs"]
mod client;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;

use client::{Answer, answer, connect, request};
use selfsame::{Definition, Engine, Running};
use serde_json::Value;

/// With a limit of one request for each kind of key: `LIMITED`.
const SHOP: &str = "
http: {keys: {read: reading-reading-r, write: {orders: writing-writing-w, web: telling-telling-t}, admin: admin-admin-admin}LIMITS}
sources:
  orders:
    http: {}
    kind: events
    id: id
    fields: {id: text, email: text, device: text, amount: 'decimal(12,2)'}
  web:
    http: {collector: segment}
    kind: events
    id: messageId
    fields: {messageId: text, userId: text, anonymousId: text}
  rulings:
    http: {}
    kind: records
    key: pair
    fields: {pair: text, one: text, other: text, verdict: text}
identity:
  email: {from: {orders: email}}
  device: {from: {orders: device}}
  user: {from: {web: userId}}
  decisions: {from: rulings, one: one, other: other, verdict: verdict}
attributes:
  spent: {from: orders, select: sum(amount)}
segments:
  big: spent > 100
outputs:
  profiles: {files: out/profiles.ndjson}
  segments: {files: out/segments.ndjson}
";
const LIMITS: &str =
    ", limits: {read: {rate: 1, burst: 1}, write: {rate: 1, burst: 1}, admin: {rate: 1, burst: 1}}";

/// What a route wants of who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wants {
    Nothing,
    Read,
    /// The key of the source that a row is posted to.
    Write,
    /// In a batch, where it may stand in the body as well.
    Collector,
    Admin,
}

impl Wants {
    fn key(self) -> &'static str {
        match self {
            Wants::Nothing => "",
            Wants::Read => "reading-reading-r",
            Wants::Write => "writing-writing-w",
            Wants::Collector => "telling-telling-t",
            Wants::Admin => "admin-admin-admin",
        }
    }

    /// One that is for something else.
    fn other(self) -> &'static str {
        if self == Wants::Read { "writing-writing-w" } else { "reading-reading-r" }
    }
}

/// What is sent, and how it is refused: the status, and the code.
type Wrong = (&'static str, u16, &'static str);

/// A route with its cases. What every route has follows from the rest: keys, limits, what is no name of anything, bodies
/// that are too large or slow.
#[derive(Clone)]
struct Route {
    method: &'static str,
    path: String,
    wants: Wants,
    /// A request that is answered well, and ends; empty: there is none.
    well: String,
    body: &'static str,
    /// By path: what is wrong in it, and how it is refused.
    wrong: &'static [Wrong],
    /// By body, likewise.
    wrong_bodies: &'static [Wrong],
    /// How many bytes are too many; none: it takes no body.
    too_many_bytes: Option<usize>,
    /// Whether it is refused to who asks too often.
    is_limited: bool,
    /// Errors that the document declares and that other tests look for, each with the test's file and function.
    elsewhere: &'static [(u16, &'static str)],
}

fn get(path: &str, wants: Wants) -> Route {
    Route {
        method: "GET",
        path: path.to_owned(),
        wants,
        well: path.to_owned(),
        body: "",
        wrong: &[],
        wrong_bodies: &[],
        too_many_bytes: None,
        is_limited: true,
        elsewhere: &[],
    }
}

fn post(path: &str, wants: Wants) -> Route {
    Route { method: "POST", ..get(path, wants) }
}

impl Route {
    fn well(self, well: &str) -> Self {
        Route { well: well.to_owned(), ..self }
    }

    fn wrong(self, wrong: &'static [Wrong]) -> Self {
        Route { wrong, ..self }
    }

    /// A body that does, some that do not, and how many bytes are too many.
    fn body(self, body: &'static str, wrong_bodies: &'static [Wrong], too_many: usize) -> Self {
        Route { body, wrong_bodies, too_many_bytes: Some(too_many), ..self }
    }

    fn without_limit(self) -> Self {
        Route { is_limited: false, ..self }
    }

    fn elsewhere(self, elsewhere: &'static [(u16, &'static str)]) -> Self {
        Route { elsewhere, ..self }
    }

    /// Errors of whatever asks the run for something: every one is refused once it ends.
    fn of_the_run(&self) -> Vec<(u16, &'static str)> {
        let always = ["/health/", "/openapi.json", "/v1/openapi.json"];
        let asks = !always.iter().any(|of| self.path.starts_with(of));
        asks.then_some(ENDING).into_iter().collect()
    }
}

const ENDING: (u16, &str) =
    (503, "src/serve/ending.rs::every_route_that_asks_the_run_for_something_says_when_it_ends");
const SEVERAL: (u16, &str) = (
    421,
    "tests/served_cluster.rs::the_first_process_answers_for_all_and_each_tells_its_own_share",
);
const CHANGING: (u16, &str) = (
    409,
    "tests/serve_admin.rs::one_change_is_made_at_a_time_and_none_where_nothing_is_stored_or_the_run_ends",
);
const UNSTORED: (u16, &str) =
    (409, "tests/serve_why.rs::what_cannot_be_explained_is_told_with_a_remedy");

/// By what stands in braces in a route's path: where it stands in a request that is answered well, and what may not stand
/// there.
type Misnamed = (&'static str, &'static str, &'static [Wrong]);

/// What is no name of anything, of whatever a route is about: it follows from the route's path alone.
const MISNAMED: [Misnamed; 5] = [
    (
        "/v1/profiles/{identifier}",
        "email:ada@example.com",
        &[
            ("email:nobody", 404, "nobody"),
            ("phone:1", 404, "unknown_type"),
            ("ada@example.com", 400, "bad_identifier"),
            (":", 404, "unknown_type"),
            ("email:%ff", 400, "bad_path"),
        ],
    ),
    (
        "/v1/persons/{id}",
        "ADA",
        &[
            ("ada", 400, "bad_person"),
            ("p_0", 400, "bad_person"),
            ("p_%ff", 400, "bad_path"),
            ("NOBODY", 404, "no_person"),
        ],
    ),
    ("/v1/segments/{name}", "big", &[("none", 404, "unknown_segment"), ("%ff", 400, "bad_path")]),
    ("/v1/sources/{name}", "orders", &[("none", 404, "no_source"), ("%ff", 400, "bad_path")]),
    ("/v1/projects/{key}", "telling-telling-t", &[("%ff", 400, "bad_path")]),
];

const NOBODY: &str = "p_00000000000000000000000000000000";
const MOST: usize = 64 << 20;
/// One more than the ids that may be asked for at once.
static ONE_TOO_MANY: std::sync::LazyLock<String> =
    std::sync::LazyLock::new(|| format!("{{\"ids\": [{}\"\"]}}", "\"\",".repeat(1_000)));

/// What is asked of people and segments.
fn reads() -> Vec<Route> {
    let profile = "/v1/profiles/email:ada@example.com";
    let is_of_store = |route: &Route| ["/why", "/rows"].iter().any(|end| route.path.ends_with(end));
    let of_several = |route: Route| match is_of_store(&route) {
        true => route.elsewhere(&[SEVERAL, UNSTORED]),
        false => route.elsewhere(&[SEVERAL]),
    };
    let routes = [
        get("/v1/profiles/{identifier}", Wants::Read).well(profile).wrong(&[
            ("/v1/profiles/email:ada@example.com?attributes=age", 404, "unknown_attribute"),
            ("/v1/profiles/email:ada@example.com?attribute=spent", 400, "bad_parameter"),
            (
                "/v1/profiles/email:ada@example.com?after=18000000000000&timeout=1",
                409,
                "not_reached",
            ),
        ]),
        get("/v1/persons/{id}", Wants::Read).well("/v1/persons/ADA").wrong(&[
            ("/v1/persons/ADA?attributes=age", 404, "unknown_attribute"),
            ("/v1/persons/ADA?after=18000000000000&timeout=1", 409, "not_reached"),
        ]),
        post("/v1/profiles:batch", Wants::Read)
            .wrong(&[
                ("/v1/profiles:batch?attributes=age", 404, "unknown_attribute"),
                ("/v1/profiles:batch?after=x", 400, "bad_parameter"),
                ("/v1/profiles:batch?after=18000000000000&timeout=1", 409, "not_reached"),
            ])
            .body(
                r#"{"ids": ["email:ada@example.com"]}"#,
                &[
                    ("no json", 400, "bad_body"),
                    ("[]", 400, "bad_body"),
                    (r#"[["email:ada@example.com"]]"#, 400, "bad_body"),
                    (r#"{"ids": 1}"#, 400, "bad_body"),
                ],
                2 << 20,
            ),
        get("/v1/segments", Wants::Read).wrong(&[
            ("/v1/segments?after=x", 400, "bad_parameter"),
            ("/v1/segments?after=18000000000000&timeout=1", 409, "not_reached"),
        ]),
        get("/v1/segments/{name}", Wants::Read).well("/v1/segments/big").wrong(&[
            ("/v1/segments/big?x=1", 400, "bad_parameter"),
            ("/v1/segments/big?after=18000000000000&timeout=1", 409, "not_reached"),
        ]),
        get("/v1/persons", Wants::Read).wrong(&[
            ("/v1/persons?limit=0", 400, "bad_limit"),
            ("/v1/persons?limit=1000000", 400, "bad_limit"),
            ("/v1/persons?cursor=x", 400, "bad_cursor"),
            ("/v1/persons?after=18000000000000&timeout=1", 409, "not_reached"),
        ]),
        get("/v1/segments/{name}/members", Wants::Read).well("/v1/segments/big/members").wrong(&[
            ("/v1/segments/big/members?limit=0", 400, "bad_limit"),
            ("/v1/segments/big/members?limit=1000000", 400, "bad_limit"),
            ("/v1/segments/big/members?cursor=x", 400, "bad_cursor"),
            ("/v1/segments/big/members?after=18000000000000&timeout=1", 409, "not_reached"),
        ]),
        get("/v1/persons/{id}/segments", Wants::Read).well("/v1/persons/ADA/segments").wrong(&[(
            "/v1/persons/ADA/segments?after=18000000000000&timeout=1",
            409,
            "not_reached",
        )]),
        get("/v1/persons/{id}/why", Wants::Read).well("/v1/persons/ADA/why").wrong(&[
            ("/v1/persons/ADA/why?segment=none", 404, "unknown_segment"),
            ("/v1/persons/ADA/why?after=18000000000000&timeout=1", 409, "not_reached"),
        ]),
        get("/v1/persons/{id}/rows", Wants::Read).well("/v1/persons/ADA/rows").wrong(&[
            ("/v1/persons/ADA/rows?limit=1001", 400, "bad_limit"),
            ("/v1/persons/ADA/rows?cursor=1", 400, "bad_cursor"),
            ("/v1/persons/ADA/rows?after=18000000000000&timeout=1", 409, "not_reached"),
        ]),
        get("/v1/profiles/{identifier}/why", Wants::Read).well(&format!("{profile}/why")).wrong(&[
            (
                "/v1/profiles/email:ada@example.com/why?segment=big&attribute=spent",
                400,
                "bad_parameter",
            ),
            (
                "/v1/profiles/email:ada@example.com/why?after=18000000000000&timeout=1",
                409,
                "not_reached",
            ),
        ]),
        get("/v1/profiles/{identifier}/rows", Wants::Read).well(&format!("{profile}/rows")).wrong(
            &[
                ("/v1/profiles/email:ada@example.com/rows?limit=x", 400, "bad_parameter"),
                (
                    "/v1/profiles/email:ada@example.com/rows?after=18000000000000&timeout=1",
                    409,
                    "not_reached",
                ),
            ],
        ),
        get("/v1/status", Wants::Read).wrong(&[
            ("/v1/status?x=1", 400, "bad_parameter"),
            ("/v1/status?after=x", 400, "bad_parameter"),
            ("/v1/status?after=18000000000000&timeout=1", 409, "not_reached"),
        ]),
        get("/v1/rejects", Wants::Read).wrong(&[
            ("/v1/rejects?x=1", 400, "bad_parameter"),
            ("/v1/rejects?after=x", 400, "bad_parameter"),
            ("/v1/rejects?after=18000000000000&timeout=1", 409, "not_reached"),
        ]),
        get("/v1/conflicts", Wants::Read).wrong(&[
            ("/v1/conflicts?limit=0", 400, "bad_limit"),
            ("/v1/conflicts?cursor=x", 400, "bad_parameter"),
            ("/v1/conflicts?kinds=x", 400, "bad_parameter"),
            ("/v1/conflicts?after=18000000000000&timeout=1", 409, "not_reached"),
        ]),
    ];
    let changes = get("/v1/changes", Wants::Read).well("").wrong(&[
        ("/v1/changes?output=none", 404, "unknown_output"),
        ("/v1/changes?last_event_id=x", 400, "bad_event_id"),
        ("/v1/changes?last_event_id=18446744073709551615.0.1", 400, "bad_event_id"),
    ]);
    let others = [
        changes.elsewhere(&[
            SEVERAL,
            (
                410,
                "tests/serve.rs::changes_are_followed_and_gone_on_with_behind_the_last_one_that_was_seen",
            ),
            (426, "tests/port/changes.rs::what_asks_for_a_websocket_wrongly_is_told_so"),
        ]),
        get("/metrics", Wants::Read),
    ];
    routes.into_iter().map(of_several).chain(others).collect()
}

/// What changes something.
fn changes() -> Vec<Route> {
    vec![
        get("/v1/definition", Wants::Admin),
        post("/v1/definition", Wants::Admin)
            .well("")
            .wrong(&[("/v1/definition?dry=true", 400, "bad_parameter")])
            .body(
                SHOP,
                &[("no: definition", 400, "bad_definition"), ("", 400, "bad_definition")],
                5 << 20,
            )
            .elsewhere(&[CHANGING]),
        post("/v1/persons/{id}:forget", Wants::Admin)
            .well("/v1/persons/ADA:forget?dry_run=true")
            .wrong(&[("/v1/persons/ADA:forget?dry=1", 400, "bad_parameter")])
            .elsewhere(&[CHANGING]),
        post("/v1/profiles/{identifier}:forget", Wants::Admin)
            .well("/v1/profiles/email:ada@example.com:forget?dry_run=true")
            .wrong(&[("/v1/profiles/email:ada@example.com:forget?dry_run=x", 400, "bad_parameter")])
            .elsewhere(&[CHANGING]),
        post("/v1/decisions", Wants::Admin)
            .body(
                r#"{"left": "email:ada@example.com", "right": "email:bob@example.com", "decision": "different"}"#,
                &[
                    ("no json", 400, "bad_body"),
                    (r#"["email:ada@example.com", "email:bob@example.com", "same"]"#, 400, "bad_body"),
                    (
                        r#"{"left": "email:ada@example.com", "right": "phone:1", "decision": "same"}"#,
                        404,
                        "unknown_type",
                    ),
                    (
                        r#"{"left": "email:ada@example.com", "right": "email:a", "decision": "maybe"}"#,
                        400,
                        "bad_body",
                    ),
                    (r#"{"same": null}"#, 400, "bad_body"),
                    (r#"{"same": ["email:ada@example.com"]}"#, 400, "bad_body"),
                    (r#"{"left": "email:ada@example.com", "decision": "same"}"#, 400, "bad_body"),
                    (
                        r#"{"left": "email:ada@example.com", "right": "email:a", "decision": {"same": null}}"#,
                        400,
                        "bad_body",
                    ),
                    (
                        r#"{"left": "email:ada@example.com", "right": "email:a", "decision": {"same": []}}"#,
                        400,
                        "bad_body",
                    ),
                    (
                        r#"{"left": "email:ada@example.com", "right": "email:a", "decision": ["same", "different"]}"#,
                        400,
                        "bad_body",
                    ),
                    (
                        r#"{"left": "email:ada@example.com", "right": "email:a", "decision": null}"#,
                        400,
                        "bad_body",
                    ),
                    (
                        r#"{"left": "email:ada@example.com", "right": "email:a", "decision": "same", "why": ""}"#,
                        400,
                        "bad_body",
                    ),
                    (
                        r#"{"left": "email:ada@example.com", "right": null, "decision": "same"}"#,
                        400,
                        "bad_body",
                    ),
                    (
                        r#"{"left": "email:ada@example.com", "right": "email:ada@example.com", "decision": "same"}"#,
                        409,
                        "one_identifier",
                    ),
                ],
                2 << 20,
            )
            .elsewhere(&[SEVERAL]),
    ]
}

/// Where rows come in.
fn posts() -> Vec<Route> {
    let rows = post("/v1/sources/{name}", Wants::Write).well("/v1/sources/orders").body(
        r#"{"id": "9", "email": "ada@example.com", "amount": "1"}"#,
        &[("no json", 400, "bad_body"), ("[1", 400, "bad_body")],
        MOST + 1,
    );
    let settings = |path: &str, well: &str| get(path, Wants::Nothing).well(well);
    let twice: &[Wrong] = &[("/sourceConfig?writeKey=a&writeKey=b", 400, "bad_parameter")];
    let mut all = vec![
        rows.elsewhere(&[SEVERAL]),
        settings("/v1/projects/{key}/settings", "/v1/projects/telling-telling-t/settings"),
        settings("/sourceConfig", "/sourceConfig?writeKey=telling-telling-t").wrong(twice),
        settings("/sourceConfig/", "/sourceConfig/?writeKey=telling-telling-t").wrong(&[(
            "/sourceConfig/?writeKey=a&writeKey=b",
            400,
            "bad_parameter",
        )]),
    ];
    let collected = |path: &str| post(path, Wants::Collector);
    let none: &[(u16, &str)] = &[
        SEVERAL,
        (404, "tests/collector.rs::what_sdks_send_is_refused_where_no_source_is_a_collector"),
    ];
    let one =
        ["track", "t", "identify", "i", "page", "p", "screen", "s", "group", "g", "alias", "a"];
    all.extend(one.map(|path| format!("/v1/{path}")).map(|path| {
        let wrong: &[Wrong] = &[("no json", 400, "bad_body"), ("[]", 400, "bad_body")];
        let body = r#"{"messageId": "1", "userId": "u", "event": "e"}"#;
        collected(&path).body(body, wrong, 32_769).elsewhere(none)
    }));
    all.extend(["/v1/batch", "/v1/b", "/v1/import", "/beacon/v1/batch"].map(|path| {
        let wrong: &[Wrong] = &[("no json", 400, "bad_body"), (r#"{"batch": 1}"#, 400, "bad_body")];
        let body =
            r#"{"batch": [{"type": "track", "messageId": "1", "userId": "u", "event": "e"}]}"#;
        collected(path).body(body, wrong, 512_001).elsewhere(none)
    }));
    all
}

/// What who watches asks for.
fn watching() -> Vec<Route> {
    let open = |path| get(path, Wants::Nothing).without_limit();
    vec![
        open("/health/live").elsewhere(&[(
            503,
            "tests/serve.rs::a_run_that_has_failed_is_neither_alive_nor_ready_and_takes_no_rows",
        )]),
        open("/health/ready").elsewhere(&[(
            503,
            "tests/watch/main.rs::a_run_that_reads_back_what_is_stored_is_not_ready_and_says_so",
        )]),
        open("/openapi.json"),
        open("/v1/openapi.json"),
    ]
}

fn routes() -> Vec<Route> {
    [reads(), changes(), posts(), watching()].concat()
}

/// What HTTP itself refuses, before any route sees it.
type Sent = fn() -> Vec<u8>;
const NO_REQUEST: &[(Sent, u16, &str)] = &[
    (|| b"\0\xff\xfe\r\n\r\n".to_vec(), 400, "bad_request"),
    (|| b"GET /\xff HTTP/1.1\r\nhost: localhost\r\n\r\n".to_vec(), 400, "bad_request"),
    (|| b"GET / HTTP/1.1\r\nho st: x\r\n\r\n".to_vec(), 400, "bad_request"),
    (
        || b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: x\r\n\r\n".to_vec(),
        400,
        "bad_request",
    ),
    (|| format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(65_600)).into_bytes(), 414, "long_path"),
    (|| format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(200)).into_bytes(), 431, "long_head"),
    // More than is ever read of it.
    (
        || format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(2_000_000)).into_bytes(),
        431,
        "long_head",
    ),
    // A little more than may be.
    (|| alive(&format!("host: x\r\na: {}\r\n", "b".repeat(65_536))), 431, "long_head"),
    (|| alive(""), 400, "bad_host"),
    (|| alive("host: x\r\nhost: x\r\n"), 400, "bad_host"),
    (|| alive("host: not a host\r\n"), 400, "bad_host"),
];

/// A request of what is always answered, by a connection that ends.
fn alive(headers: &str) -> Vec<u8> {
    format!("GET /health/live HTTP/1.1\r\nconnection: close\r\n{headers}\r\n").into_bytes()
}

struct Shop {
    running: Running,
    address: SocketAddr,
    ada: String,
}

impl Shop {
    fn open(folder: &Path, limits: &str) -> Self {
        let text = SHOP.replace("LIMITS", limits);
        let definition = Definition::parse(&text, folder.join("shop.yaml")).expect("it is right");
        let builder = Engine::builder(&definition).http("127.0.0.1:0").data(folder.join("data"));
        let running = builder.start().expect("it starts");
        let address = running.http().expect("it is served");
        Shop { running, address, ada: NOBODY.to_owned() }
    }

    fn filled(folder: &Path) -> Self {
        let mut shop = Shop::open(folder, "");
        let row = r#"{"id": "1", "email": "ada@example.com", "amount": "150"}"#;
        assert_eq!(shop.ask("POST", "/v1/sources/orders", "admin-admin-admin", row).status, 200);
        // What is durable is published soon.
        let found = (0..2_000).find_map(|_| {
            let path = "/v1/profiles/email:ada@example.com";
            let answer = shop.ask("GET", path, "reading-reading-r", "");
            std::thread::sleep(std::time::Duration::from_millis(5));
            (answer.status == 200).then(|| answer.json()["profile"]["person"].clone())
        });
        shop.ada = found.expect("somebody").as_str().expect("an id").to_owned();
        shop
    }

    fn ask(&self, method: &str, path: &str, key: &str, body: &str) -> Answer {
        let path = path.replace("ADA", &self.ada).replace("NOBODY", NOBODY);
        let authorization = format!("Bearer {key}");
        let headers = [("authorization", &*authorization)];
        let headers = if key.is_empty() { &[][..] } else { &headers };
        request(self.address, method, &path, headers, body.as_bytes())
    }
}

/// By method and path: the errors that the document declares.
fn declared(document: &Value) -> BTreeMap<(String, String), BTreeSet<u16>> {
    let paths = document["paths"].as_object().expect("paths").iter();
    let operations = paths.flat_map(|(path, of)| {
        let of = of.as_object().expect("operations").iter();
        let of = of.filter(|(method, _)| ["get", "post"].contains(&method.as_str()));
        of.map(move |(method, of)| {
            let responses = of["responses"].as_object().expect("responses").keys();
            let errors = responses.filter_map(|status| status.parse().ok());
            let errors = errors.filter(|status| *status >= 400).collect();
            ((method.to_uppercase(), path.clone()), errors)
        })
    });
    operations.collect()
}

/// What a test does, named by its file and its function; `None`: there is none.
fn test_of(named: &str) -> Option<String> {
    let (path, name) = named.split_once("::")?;
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).ok()?;
    // As it is formatted: an attribute, the function, and a brace as far in as they are.
    let (before, body) = text.split_once(&format!("fn {name}() {{\n"))?;
    let indent = before.rsplit('\n').next()?;
    before.ends_with(&format!("#[test]\n{indent}")).then_some(())?;
    body.split_once(&format!("\n{indent}}}\n")).map(|(body, _)| body.to_owned())
}

#[test]
fn what_others_are_said_to_look_for_they_look_for() {
    let routes = routes();
    let named = routes.iter().flat_map(|route| {
        let elsewhere = route.of_the_run().into_iter().chain(route.elsewhere.iter().copied());
        elsewhere.map(|(status, test)| (&route.path, status, test))
    });
    for (path, status, test) in named {
        let body = test_of(test).unwrap_or_else(|| panic!("{status} of {path}: no test is {test}"));
        assert!(body.contains(&status.to_string()), "{test} says nothing of {status} of {path}");
    }
    for nothing in ["tests/watch", "tests/watch/main.rs::nothing", "tests/refusals.rs::test_of"] {
        assert_eq!(test_of(nothing), None, "{nothing}");
    }
}

#[test]
fn every_error_of_every_route_is_told_with_a_code_and_a_remedy() {
    let (folder, strict) =
        (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let shop = Shop::filled(folder.path());
    let limited = Shop::open(strict.path(), LIMITS);
    let document = shop.ask("GET", "/openapi.json", "", "").json();
    let declared = declared(&document);
    let routes = routes();
    let of = |route: &Route| (route.method.to_owned(), route.path.clone());
    let table: BTreeSet<_> = routes.iter().map(of).collect();
    assert_eq!(
        table,
        declared.keys().cloned().collect(),
        "the routes of the document, and of this table"
    );

    let mut wrong = Vec::new();
    let mut slow = Vec::new();
    let mut statuses: BTreeMap<String, BTreeSet<u16>> = BTreeMap::new();
    for route in &routes {
        let name = format!("{} {}", route.method, route.path);
        let elsewhere = route.of_the_run().into_iter().chain(route.elsewhere.iter().copied());
        let mut seen: BTreeSet<u16> = elsewhere.map(|(status, _)| status).collect();
        let mut look = |what: &str, answer: &Answer, status: u16, code: &str| {
            let found = answer.refusal();
            seen.insert(found.0);
            statuses.entry(found.1.clone()).or_default().insert(found.0);
            if found != (status, code.to_owned()) {
                wrong.push(format!("{name}, {what}: {found:?}, and not {status} {code}"));
            }
            if status == 429 && answer.header("retry-after").is_none() {
                wrong.push(format!("{name}, {what}: no Retry-After"));
            }
        };
        let key = route.wants.key();
        let well = if route.well.is_empty() { &route.path } else { &route.well };
        for (begin, named, wrong) in MISNAMED {
            if !route.path.starts_with(begin) {
                continue;
            }
            for (wrong, status, code) in wrong {
                let path = well.replacen(named, wrong, 1);
                assert_ne!(path, *well, "{name} names it");
                // Who is to be forgotten may be known by what is stored alone.
                let code = match (*code, route.wants) {
                    ("no_person", Wants::Admin) => "nobody",
                    (code, _) => code,
                };
                look(&path, &shop.ask(route.method, &path, key, route.body), *status, code);
            }
        }
        for (path, status, code) in route.wrong {
            look(path, &shop.ask(route.method, path, key, route.body), *status, code);
        }
        for (body, status, code) in route.wrong_bodies {
            look(body, &shop.ask(route.method, well, key, body), *status, code);
        }
        if route.wants != Wants::Nothing {
            look("no key", &shop.ask(route.method, well, "", route.body), 401, "no_key");
            let made_up = "nobodys-nobodys-n";
            look("wrong key", &shop.ask(route.method, well, made_up, route.body), 401, "wrong_key");
            let other = route.wants.other();
            look("another key", &shop.ask(route.method, well, other, route.body), 403, "other_key");
        }
        if route.is_limited {
            // One is taken by what comes first, whatever is answered; changes would be told for ever.
            let path = route.wrong.first().map_or(&**well, |(path, ..)| path);
            limited.ask(route.method, path, key, "");
            let many = limited.ask(route.method, path, key, "");
            look("too many", &many, 429, "too_many_requests");
        }
        if let Some(bytes) = route.too_many_bytes {
            let (status, code) = match route.wants {
                Wants::Collector => (400, "large_body"),
                _ => (413, "too_large"),
            };
            let long = format!("{{\"a\": \"{}\"}}", "x".repeat(bytes));
            look("too large", &shop.ask(route.method, well, key, &long), status, code);
            let mut stream = connect(shop.address);
            let well = well.replace("ADA", &shop.ada);
            let head = format!(
                "{} {well} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {key}\r\nconnection: close\r\ncontent-length: 100\r\n\r\n{{",
                route.method, shop.address
            );
            stream.write_all(head.as_bytes()).expect("it is sent");
            seen.insert(408);
            slow.push((name.clone(), stream));
        }
        if !route.well.is_empty() {
            let answer = shop.ask(route.method, &route.well, key, route.body);
            if answer.status != 200 {
                let told = String::from_utf8_lossy(&answer.body);
                wrong.push(format!("{name} is not answered well: {} {told}", answer.status));
            }
        }
        let of_route = &declared[&of(route)];
        let never: Vec<_> = of_route.difference(&seen).collect();
        let undeclared: Vec<_> = seen.difference(of_route).collect();
        if !never.is_empty() {
            wrong.push(format!(
                "{name}: the document declares {never:?}, and nothing here is answered so"
            ));
        }
        if !undeclared.is_empty() {
            wrong.push(format!("{name}: {undeclared:?} is not declared"));
        }
    }
    // All have been silent for about as long.
    for (name, mut stream) in slow {
        let found = answer(&mut stream).refusal();
        if found != (408, "slow_body".to_owned()) {
            wrong.push(format!("{name}, a slow body: {found:?}"));
        }
    }
    let many = shop.ask("POST", "/v1/profiles:batch", "reading-reading-r", &ONE_TOO_MANY);
    assert_eq!(many.refusal(), (413, "too_many".to_owned()));
    let rows = format!("[{}{{}}]", "{},".repeat(10_000));
    let many = shop.ask("POST", "/v1/sources/orders", "admin-admin-admin", &rows);
    assert_eq!(many.refusal(), (413, "too_many".to_owned()));
    statuses.retain(|_, of| of.len() > 1);
    assert!(statuses.is_empty(), "a code has one status: {statuses:?}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for (sent, status, code) in NO_REQUEST {
        let mut stream = connect(shop.address);
        stream.write_all(&sent()).expect("it is sent");
        let found = answer(&mut stream).refusal();
        assert_eq!(found, (*status, (*code).to_owned()));
    }
    let before = alive("host: x\r\na: \r\n").len();
    let old = b"GET /health/live HTTP/1.0\r\n\r\n".to_vec();
    let most = alive(&format!("host: x\r\na: {}\r\n", "b".repeat(65_536 - before)));
    for sent in [old, most] {
        let mut stream = connect(shop.address);
        stream.write_all(&sent).expect("it is sent");
        assert_eq!(answer(&mut stream).status, 200, "{} bytes", sent.len());
    }
    let unknown = shop.ask("GET", "/v1/none", "reading-reading-r", "");
    assert_eq!(unknown.refusal(), (404, "unknown_path".to_owned()));
    let deleted = shop.ask("DELETE", "/v1/status", "reading-reading-r", "");
    assert_eq!(deleted.refusal(), (405, "method_not_allowed".to_owned()));
    shop.running.stop().expect("it ends, whatever was sent to it");
}

#[test]
fn who_sends_more_than_is_read_is_told_that_the_connection_ends() {
    let (folder, strict) =
        (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let shop = Shop::open(folder.path(), "");
    let limited = Shop::open(strict.path(), LIMITS);
    let send = |shop: &Shop, method: &str, path: &str, key: &str, bytes: usize| {
        let mut stream = connect(shop.address);
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {key}\r\ncontent-length: {bytes}\r\n\r\n",
            shop.address
        );
        stream.write_all(head.as_bytes()).expect("it is sent");
        // Who refuses early need not read all of it.
        let _ = stream.write_all(&vec![b' '; bytes]);
        answer(&mut stream)
    };
    let (read, write, collector) = (Wants::Read.key(), Wants::Write.key(), Wants::Collector.key());
    for (method, path, key, bytes, status, code) in [
        ("POST", "/v1/sources/orders", write, (16 << 20) + 1, 413, "too_large"),
        ("POST", "/v1/profiles:batch", read, 2 << 20, 413, "too_large"),
        ("POST", "/v1/batch", collector, 512_001, 400, "large_body"),
        ("POST", "/v1/sources/orders", "nobodys-nobodys-n", 1 << 20, 401, "wrong_key"),
        ("POST", "/v1/sources/orders", read, 1 << 20, 403, "other_key"),
        ("POST", "/v1/none", read, 1 << 20, 404, "unknown_path"),
        ("DELETE", "/v1/status", read, 1 << 20, 405, "method_not_allowed"),
    ] {
        let answer = send(&shop, method, path, key, bytes);
        assert_eq!(answer.refusal(), (status, code.to_owned()), "{method} {path}");
        assert_eq!(answer.header("connection"), Some("close"), "{status} of {method} {path}");
    }
    limited.ask("POST", "/v1/profiles:batch", read, "{}");
    let many = send(&limited, "POST", "/v1/profiles:batch", read, 1 << 20);
    assert_eq!(many.refusal(), (429, "too_many_requests".to_owned()));
    assert_eq!(many.header("connection"), Some("close"));
    // A small body that comes along is taken, and what is asked next is answered.
    let mut stream = connect(shop.address);
    let next = String::from_utf8(alive("host: x\r\n")).expect("text");
    let both = format!("POST /v1/none HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{{}}{next}");
    stream.write_all(both.as_bytes()).expect("it is sent");
    let first = answer(&mut stream);
    assert_eq!((first.status, first.header("connection")), (404, None));
    assert!(String::from_utf8_lossy(&first.body).contains("HTTP/1.1 200 OK"), "{first:?}");
}
