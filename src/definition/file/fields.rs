//! What a definition file may contain: the one table behind the reader's checks, the JSON Schema and
//! the reference.

pub use super::shape::{FieldShape, Shape};
use super::shape::{field, required};

/// A small whole of what has these fields, for messages.
pub fn example(fields: &[FieldShape]) -> &'static str {
    let examples = [
        (DEFINITION, "{sources: …, identity: …, outputs: …}"),
        (LIMITS, "{bytes: 100000}"),
        (DATA, "{url: \"s3://people/shop\", region: eu-central-1}"),
        (KAFKA, "{brokers: \"localhost:9092\"}"),
        (HTTP, "{listen: \"127.0.0.1:8080\"}"),
        (HTTP_TLS, "{certificate: tls/server.pem, key: tls/server.key}"),
        (HTTP_KEYS, "{read: \"0123456789abcdef\"}"),
        (HTTP_LIMITS, "{read: {rate: 100}}"),
        (HTTP_LIMIT, "{rate: 100, burst: 500}"),
        (SOURCE, "{files: \"data/*.ndjson\", kind: events, fields: {email: text}}"),
        (SESSIONS, "{gap: 30 minutes}"),
        (SOURCE_KAFKA, "{topic: web.events}"),
        (SOURCE_HTTP, "{collector: segment}"),
        (SOURCE_FIELD, "{type: text, path: properties.email}"),
        (IDENTIFIER, "{from: {crm: email}}"),
        (DECISIONS, "{from: decisions, one: left, other: right, verdict: verdict}"),
        (ATTRIBUTE, "{from: orders, select: count(*)}"),
        (SEGMENT, "{where: lifetime_value > 500}"),
        (OUTPUT, "{files: out/profiles.ndjson}"),
        (OUTPUT_KAFKA, "{topic: profiles}"),
        (OUTPUT_WEBHOOK, "{url: \"https://example.com/hooks\"}"),
        (OUTPUT_POSTGRES, "{connection: \"host=localhost user=selfsame\", table: profiles}"),
    ];
    let known = examples.iter().find(|(known, _)| std::ptr::eq(*known, fields));
    known.map_or("{name: value}", |(_, example)| example)
}

/// The fields of `limits`.
pub static LIMITS: &[FieldShape] = &[
    field(
        "bytes",
        Shape::Count,
        "How many bytes it may make, at most 2000000. Default: 1048576.",
        "100000",
    ),
    field(
        "steps",
        Shape::Count,
        "How many steps it may take, each of some nanoseconds: characters that are looked at, and the \
         like. Default: 100000000.",
        "1000000",
    ),
];

/// The whole file.
pub static DEFINITION: &[FieldShape] = &[
    field("name", Shape::Text, "The definition's name; the file's name unless given.", "retail"),
    field(
        "time_zone",
        Shape::Text,
        "By whose clocks days, months and hours are told: a name of the IANA time zone database. Default: UTC.",
        "Europe/Berlin",
    ),
    field(
        "target_latency",
        Shape::Duration,
        "The latency that the run's histogram is held against. Default: 200 ms.",
        "200 ms",
    ),
    field(
        "limits",
        Shape::Object(LIMITS),
        "What a call of a function or operator may make and do for one row or person; beyond, it fails.",
        "{bytes: 100000}",
    ),
    field(
        "kafka",
        Shape::Object(KAFKA),
        "The brokers shared by every topic.",
        "{brokers: \"localhost:9092\"}",
    ),
    field(
        "http",
        Shape::Object(HTTP),
        "Where a run is posted to and asked, over HTTP.",
        "{listen: \"127.0.0.1:8080\"}",
    ),
    field(
        "data",
        Shape::Either(&[Shape::Text, Shape::Object(DATA)]),
        "The folder in which accepted rows are stored, so that a run goes on where the last one ended, however that \
         was; relative to the definition's folder, or s3://BUCKET/PREFIX, also with how that is reached. The command's \
         --data takes its place. Default: none, and nothing outlives a run.",
        "data/shop",
    ),
    required(
        "sources",
        Shape::MapOf(&Shape::Object(SOURCE)),
        "Where records come from, by name.",
        "{orders: {files: \"data/orders/*.ndjson\", kind: events, fields: {email: text}}}",
    ),
    required(
        "identity",
        Shape::MapWith(IDENTITY, &Shape::Object(IDENTIFIER)),
        "The types of identifiers, most trusted first; beside them `at_most`, how many a person may have in \
         all, and `decisions`, what people decided about single identifiers.",
        "{email: {from: {orders: email}}}",
    ),
    field(
        "attributes",
        Shape::MapOf(&Shape::Object(ATTRIBUTE)),
        "What is known about each person, by name.",
        "{orders: {from: orders, select: count(*)}}",
    ),
    field(
        "segments",
        Shape::MapOf(&Shape::Either(&[Shape::Sql, Shape::Object(SEGMENT)])),
        "Which people belong together, by name: SQL over attributes, other segments, \
         identifiers['type'] and now(). Null counts as not in.",
        "{big_spenders: lifetime_value > 500}",
    ),
    required(
        "outputs",
        Shape::MapOf(&Shape::Object(OUTPUT)),
        "Changelogs: profiles, segments, identities, rejects, conflicts (links withheld, identifiers \
         shared, sources that disagree, people whom one source alone knows), and variants of profiles \
         by any name.",
        "{profiles: {files: out/profiles.ndjson}}",
    ),
];

/// Where in a request a bucket is named.
pub const ADDRESSING: &[&str] = &["path", "host"];

pub static DATA: &[FieldShape] = &[
    required("url", Shape::Text, "The bucket, and the folder in it.", "s3://people/shop"),
    field(
        "endpoint",
        Shape::Text,
        "The server, where it is not Amazon's; http:// goes unencrypted. Default: AWS_ENDPOINT_URL_S3 or \
         AWS_ENDPOINT_URL, or Amazon's of the region.",
        "https://minio.example:9000",
    ),
    field(
        "region",
        Shape::Text,
        "The bucket's region. Default: AWS_REGION or AWS_DEFAULT_REGION, or us-east-1.",
        "eu-central-1",
    ),
    field(
        "access_key_id",
        Shape::Text,
        "Whose requests are. Default: AWS_ACCESS_KEY_ID and the like, or the machine's or the container's role.",
        "AKIAIOSFODNN7EXAMPLE",
    ),
    field(
        "secret_access_key",
        Shape::Text,
        "What requests are signed with; better from a variable, as ${SHOP_S3_SECRET}.",
        "wJalrXUtnFEMI",
    ),
    field("session_token", Shape::Text, "Of keys that are lent for a while.", "FwoGZXIvYXdz"),
    field(
        "addressing",
        Shape::Choice(ADDRESSING),
        "Where a request names the bucket: in the path, or as a part of the host's name. Default: path.",
        "host",
    ),
    field(
        "working_folder",
        Shape::Text,
        "The folder on this machine in which a run works, relative to the definition's. Default: selfsame/s3/BUCKET-… \
         below XDG_CACHE_HOME or ~/.cache.",
        "/var/lib/selfsame/shop",
    ),
];

pub static KAFKA: &[FieldShape] = &[
    field("brokers", Shape::Text, "host:port, several separated by commas.", "localhost:9092"),
    field(
        "properties",
        Shape::MapOf(&Shape::Scalar),
        "Any properties of librdkafka.",
        "{security.protocol: plaintext}",
    ),
    field(
        "commit_every",
        Shape::Duration,
        "How often the outputs of a run that outlives its process are committed; 50 ms unless set.",
        "50 ms",
    ),
    field(
        "transactions",
        Shape::Choice(&["on", "off"]),
        "Whether these commits are transactions. `off` is for brokers without them: then a kill may send \
         records twice.",
        "on",
    ),
];

/// The fields of `http`.
pub static HTTP: &[FieldShape] = &[
    field(
        "listen",
        Shape::Text,
        "The address and the port. The command's --http takes its place. Of several processes on one machine each takes the \
         port behind the one before. Default: none, and nothing is served.",
        "127.0.0.1:8080",
    ),
    field(
        "tls",
        Shape::Object(HTTP_TLS),
        "What encrypts: then the port speaks TLS alone. Default: none, and nothing is encrypted.",
        "{certificate: tls/server.pem, key: tls/server.key}",
    ),
    field(
        "keys",
        Shape::Object(HTTP_KEYS),
        "Who may do what: then nothing is done without a key. Without keys only this machine is listened to.",
        "{read: \"0123456789abcdef\"}",
    ),
    field(
        "origins",
        Shape::Texts,
        "Whose pages may read in a browser: origins such as https://shop.example, or \"*\" for all. Default: none but the \
         console's own. Pages of all origins may send to a collector.",
        "[\"https://shop.example\"]",
    ),
    field(
        "limits",
        Shape::Object(HTTP_LIMITS),
        "How many requests a key may send. Default: as many as it likes.",
        "{read: {rate: 100, burst: 500}, write: {rate: 50}}",
    ),
    field(
        "kept_changes_mib",
        Shape::Count,
        "How many MiB of what /v1/changes told last are kept in the data folder for those who come back, of outputs that \
         are no files of JSON; at most 65536. Default: 256.",
        "1024",
    ),
];

/// The fields of `tls`.
pub static HTTP_TLS: &[FieldShape] = &[
    required(
        "certificate",
        Shape::Text,
        "The path of a file with the certificate in PEM, and behind it those that vouch for it, relative to the \
         definition's folder. It is read anew when it changes.",
        "tls/server.pem",
    ),
    required(
        "key",
        Shape::Text,
        "The path of a file with its private key in PEM, not encrypted.",
        "tls/server.key",
    ),
];

/// The fields of `limits`.
pub static HTTP_LIMITS: &[FieldShape] = &[
    field(
        "read",
        Shape::Object(HTTP_LIMIT),
        "Of each read key; of each client's address for reads without a key that there is.",
        "{rate: 100, burst: 500}",
    ),
    field(
        "write",
        Shape::Object(HTTP_LIMIT),
        "Of each write key; of each client's address for posts without a key that there is.",
        "{rate: 50}",
    ),
    field("admin", Shape::Object(HTTP_LIMIT), "Of each admin key.", "{rate: 10}"),
];

/// The fields of `limits: NAME`.
pub static HTTP_LIMIT: &[FieldShape] = &[
    required("rate", Shape::Count, "Requests a second.", "100"),
    field(
        "burst",
        Shape::Count,
        "Requests at once, after as long without any as they take at that rate. Default: `rate`.",
        "500",
    ),
];

/// The fields of `keys`.
pub static HTTP_KEYS: &[FieldShape] = &[
    field(
        "read",
        Shape::Texts,
        "Keys that open what is read: each as it is (16 characters at least), as `sha256:` and its hash in hexadecimal \
         digits, or as `file:` and the path of a file with a key a line, which is read anew when it changes.",
        "file:keys/read.txt",
    ),
    field(
        "write",
        Shape::MapOf(&Shape::Texts),
        "Keys that rows are posted with, by source.",
        "{web: \"sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"}",
    ),
    field("admin", Shape::Texts, "Keys that open everything.", "file:keys/admin.txt"),
];

pub static SOURCE: &[FieldShape] = &[
    field("kafka", Shape::Object(SOURCE_KAFKA), "A topic to read.", "{topic: web.events}"),
    field(
        "files",
        Shape::Texts,
        "Files to read, in the order of their names: globs, relative to the definition's folder. Alone, \"-\" \
         (or /dev/stdin) is standard input, which one source can read.",
        "data/web/*.ndjson",
    ),
    field(
        "http",
        Shape::Object(SOURCE_HTTP),
        "Rows are posted over HTTP, as JSON or NDJSON, to `/v1/sources/NAME`.",
        "{collector: segment}",
    ),
    field(
        "format",
        Shape::Choice(&["json", "csv", "parquet"]),
        "json (in files: a document a line, or one list), csv or parquet. Default: json.",
        "json",
    ),
    field(
        "encoding",
        Shape::Text,
        "How the texts of files and of standard input are written, by a name of the WHATWG's encodings: utf-8, utf-16, \
         utf-16le, utf-16be, latin1, windows-1252, shift_jis, gbk and others. Default: utf-8.",
        "windows-1252",
    ),
    field(
        "delimiter",
        Shape::Text,
        "Of csv: the character between cells, by itself or as comma, semicolon, tab, pipe or space. Default: comma.",
        "tab",
    ),
    field(
        "quote",
        Shape::Text,
        "Of csv: the character that cells may be enclosed in, or none. Default: \".",
        "none",
    ),
    field(
        "comment",
        Shape::Text,
        "Of csv: the character that lines begin with which are no rows. Default: none are.",
        "\"#\"",
    ),
    field(
        "columns",
        Shape::Texts,
        "Of csv: the names of the columns, in their order, of files without a header.",
        "[sku, title, price]",
    ),
    required(
        "kind",
        Shape::Choice(&["events", "records"]),
        "events: every row is a new fact. records: a table, one row a key.",
        "events",
    ),
    field(
        "id",
        Shape::Text,
        "Of events: the column with the event's id. The same id twice is one event.",
        "message_id",
    ),
    field(
        "id_window",
        Shape::Duration,
        "Events with one id that arrive within this long of the one that stands are dropped. They arrive \
         by the run's clock, and with --clock event at their own times. Default: 1 hour.",
        "24 hours",
    ),
    field("key", Shape::Text, "Of records: the column with the record's key.", "customer_id"),
    field(
        "time",
        Shape::Text,
        "The timestamp column with the row's time. Default: the broker's timestamp, or the order of \
         the file.",
        "updated_at",
    ),
    field(
        "deleted",
        Shape::Sql,
        "Of records: rows that mean that the record is gone.",
        "status = 'erased'",
    ),
    field(
        "max_ahead",
        Shape::Duration,
        "A row dated further past the wall clock is rejected as time_ahead, and with --clock event now() \
         does not follow one that is dated further past every other row. Default: 1 day.",
        "1 day",
    ),
    field(
        "time_zone",
        Shape::Text,
        "By whose clocks its timestamps are read that say neither an offset nor a zone. Without it such a timestamp is \
         rejected, unless its field says otherwise.",
        "Europe/Berlin",
    ),
    required(
        "fields",
        Shape::MapOf(&Shape::Either(&[Shape::Type, Shape::Object(SOURCE_FIELD)])),
        "What to take out of a row, and as what type: text, integer, number, decimal(p,s), boolean, \
         timestamp, date, json, or a list such as [text].",
        "{user_id: text, amount: \"decimal(12,2)\"}",
    ),
    field(
        "unnest",
        Shape::Text,
        "A list of which each element is a row, by its path: fields with a path below it are the element's, the others \
         the row's own, and # is the element's position. A row that changes changes all that its elements said.",
        "items",
    ),
    field(
        "derive",
        Shape::MapOf(&Shape::Sql),
        "Further columns, by SQL over the fields, the derived columns before and the columns of \
         joined tables.",
        "{domain: \"split_part(url, '/', 3)\"}",
    ),
    field(
        "where",
        Shape::Sql,
        "Rows that count; the others are dropped and counted.",
        "event is not null",
    ),
    field(
        "sessions",
        Shape::Object(SESSIONS),
        "Of events with a time: parts each person's rows where they pause. 'select' and 'where' of \
         attributes from this source alone then know session (a number from 1 for the person), \
         session_start, session_seconds (from its first row to its last, whole seconds) and \
         session_events (its rows). Where an expression over these fails, it is null or does not \
         hold, and the row keeps its place in the session.",
        "{gap: 30 minutes}",
    ),
    field(
        "join",
        Shape::MapOf(&Shape::Text),
        "Tables whose columns are brought in, each with the column of this source that holds the \
         table's key. A table is a source of records that joins nothing itself. Its columns come \
         under their own names, or as products.price where that name is taken (products.price can \
         always be written), and are null where there is no such record. When a record changes, all \
         that was said with it is corrected. derive, where and attributes can look at them; id, \
         key, time, deleted and identifiers cannot. A row that 'where' does not count with the \
         present record carries nothing until it does: no identifiers, no links, no values. Only \
         when these were first seen is told by it all the same, so that it does not depend on when \
         the table's records came. No row is rejected for what stands in another table: where an \
         expression over joined columns fails, a column is null, a condition does not hold, and \
         the failure is counted.",
        "{products: sku}",
    ),
];

pub static SESSIONS: &[FieldShape] = &[required(
    "gap",
    Shape::Duration,
    "A row that comes more than this after the one before begins a session.",
    "30 minutes",
)];

pub static SOURCE_KAFKA: &[FieldShape] = &[
    required("topic", Shape::Text, "The topic's name.", "web.events"),
    field(
        "start",
        Shape::Choice(&["earliest", "latest"]),
        "Where to start reading. Default: earliest.",
        "earliest",
    ),
];

pub static SOURCE_HTTP: &[FieldShape] = &[field(
    "collector",
    Shape::Choice(&["segment"]),
    "The API that it speaks beside: `segment` is that of Segment's and RudderStack's SDKs (`/v1/track`, \
     `/v1/batch` and so on).",
    "segment",
)];

pub static SOURCE_FIELD: &[FieldShape] = &[
    required("type", Shape::Type, "The type, as above.", "text"),
    field(
        "path",
        Shape::Text,
        "Where it stands in the row: keys separated by dots, items of lists in brackets, from 0, keys with a dot in \
         quotes; in CSV the column's name. Default: the field's name.",
        "items[0].sku",
    ),
    field("default", Shape::Scalar, "Stands in for a value that is absent or null.", "none"),
    field(
        "map",
        Shape::MapOf(&Shape::Value),
        "What codes mean: values by their texts, as they are written in the row, to values of the field's type, or to \
         null. Not of lists and json.",
        "{D: DE, GER: DE, \"?\": null}",
    ),
    field(
        "else",
        Shape::Value,
        "What becomes of a value that 'map' does not have: keep (it says itself what it is), reject (its row is set \
         aside as unmapped), null, or another value for all of them. Default: keep.",
        "reject",
    ),
    field(
        "format",
        Shape::Texts,
        "Of a timestamp or a date: how it is written, or several ways, of which the first that fits counts: \
         epoch_s, epoch_ms, epoch_us, epoch_ns (what is counted since 1970), rfc3339, iso (as SQL reads it, without an \
         offset too), or a pattern such as '%d.%m.%Y %H:%M:%S', as chrono has them. Default: rfc3339, and numbers as \
         epoch_ms.",
        "[epoch_s, '%d/%m/%Y %H:%M']",
    ),
    field(
        "time_zone",
        Shape::Text,
        "Of a timestamp: by whose clocks it is read where it says neither an offset nor a zone. Default: the source's, \
         or the definition's.",
        "America/New_York",
    ),
    field(
        "time_zone_from",
        Shape::Text,
        "Of a timestamp: the text field of the row that names the zone, where the row has it.",
        "shop_zone",
    ),
];

pub static IDENTIFIER: &[FieldShape] = &[
    required(
        "from",
        Shape::MapOf(&Shape::Texts),
        "Which columns hold it, by source: a column, or a list of columns. A column of type [text] \
         holds several.",
        "{crm: email, web: email}",
    ),
    field(
        "normalize",
        Shape::Sql,
        "SQL over `value` that brings spellings of the same together; null means none.",
        "lower(clean(value))",
    ),
    field(
        "placeholders",
        Shape::Choice(&["ignore", "keep"]),
        "What becomes of texts that programs write where there is no value: the empty text, null, \\N, nil, none, \
         nan, n/a, undefined, unknown, not set, anonymous, anon, guest, true, false, [object Object], [], {}, \
         {{user_id}} and the like, -1, and all that is made of zeros, dashes and the marks . _ : + ( ) { } alone, as 0 and 00000000-0000-0000-0000-000000000000; in any \
         case, with spaces or quotes around them, before 'normalize' and behind it; and the MD5 and SHA-256 of these in hexadecimal digits, as \
         exports of hashed e-mails have them. They are no identifier \
         at all, in decisions neither, unless a type keeps them. Default: ignore.",
        "keep",
    ),
    field(
        "ignore",
        Shape::Texts,
        "Values that are no identifier at all, once normalised: globs.",
        "[\"test@test.com\", \"noreply@*\"]",
    ),
    field(
        "at_most",
        Shape::Count,
        "How many of this type a person may have. Where a person would have more, links are admitted \
         one by one: most trusted first, then first seen first; those that would give a person more \
         are withheld.",
        "1",
    ),
    field(
        "shared_after",
        Shape::Count,
        "A value linked with more distinct identifiers of one more trusted type is shared: while it \
         is, none of its links count.",
        "5",
    ),
];

pub static IDENTITY: &[FieldShape] = &[
    field(
        "at_most",
        Shape::Count,
        "How many identifiers a person may have in all, of whatever types. Where a person would have more, \
         links are admitted one by one, as with a type's own `at_most`, and those that would give a person \
         more are withheld.",
        "500",
    ),
    field(
        "decisions",
        Shape::Object(DECISIONS),
        "A table of what people decided: rows that say of two identifiers that they are the same \
         person's, or different people's. Deleting a row takes the decision back.",
        "{from: rulings, one: left_id, other: right_id, verdict: verdict}",
    ),
];

pub static DECISIONS: &[FieldShape] = &[
    required("from", Shape::Text, "The source, of kind records.", "rulings"),
    required("one", Shape::Text, "The text column with one identifier, as type:value.", "left_id"),
    required("other", Shape::Text, "The text column with the other one.", "right_id"),
    required(
        "verdict",
        Shape::Text,
        "The text column that says `same` or `different`. `different` keeps the two apart, whatever \
         links them.",
        "verdict",
    ),
];

pub static ATTRIBUTE: &[FieldShape] = &[
    field(
        "from",
        Shape::Texts,
        "The source whose rows count, or several: then their common columns are known.",
        "orders",
    ),
    field(
        "select",
        Shape::Sql,
        "An aggregate over the person's rows, or SQL over several, as in sum(amount) / count(*): which there \
         are is said below Aggregates in the reference. `time` is the row's time.",
        "sum(amount)",
    ),
    field("where", Shape::Sql, "Which of the rows count.", "event = 'Product Viewed'"),
    field(
        "within",
        Shape::Duration,
        "How far back from now() a row counts: while time > now() - within. Of a funnel, how long a \
         chain may take from its first step to its last.",
        "30 days",
    ),
    field(
        "since",
        Shape::Sql,
        "A calendar window: a row counts while its time is not before date_trunc of now(), plus or \
         minus an interval. Units: second, minute, hour, day, week (from Monday), month, quarter, \
         year, by the clocks of the definition's time zone. Months and, beside units from a day on, \
         days of the interval are the calendar's.",
        "date_trunc('month', now())",
    ),
    field(
        "between",
        Shape::ListOf(&Shape::Duration, 2..=2),
        "How long ago a row counts, for comparing periods: from the first duration after its time to \
         the second, while now() - second < time <= now() - first.",
        "[30 days, 60 days]",
    ),
    field(
        "funnel",
        Shape::ListOf(&Shape::Sql, 2..=32),
        "Instead of 'select': the conditions of the steps. The attribute is the furthest step that \
         the person's rows reach in order of time (0 for none), and NAME_times the times of the steps \
         of the chain that comes so far: of several the one that begins latest, and from there each \
         step as early as it can be. A row may be several steps in turn.",
        "[\"event = 'Viewed'\", \"event = 'Added'\", \"event = 'Ordered'\"]",
    ),
    field(
        "sql",
        Shape::Sql,
        "Instead of all these: SQL over other attributes. ntile(x, n) is a person's rank by x among \
         all people for whom it is not null, from 1 to n (2 to 1,000), the greater value the higher; \
         equal values rank alike. The borders are percentile_disc(k / n) of the present values.",
        "lifetime_value / nullif(orders, 0)",
    ),
    field(
        "rfm",
        Shape::Object(RFM),
        "Instead of all these: recency, frequency and monetary value, each ranked over all people \
         like ntile. Gives NAME_recency, NAME_frequency and NAME_monetary (integers) and NAME itself, \
         a text such as 545; with more than 9 bins 5-4-5. NAME is null unless all three are there. 0 is \
         a value as any other: who never ordered is ranked by a count of 0, below all who did, unless \
         nullif makes it null.",
        "{recency: last_order, frequency: \"nullif(orders, 0)\", monetary: lifetime_value}",
    ),
];

pub static RFM: &[FieldShape] = &[
    required(
        "recency",
        Shape::Sql,
        "When the person was last active, over other attributes: the latest scores highest.",
        "last_order",
    ),
    required("frequency", Shape::Sql, "How often, over other attributes.", "\"nullif(orders, 0)\""),
    required("monetary", Shape::Sql, "How much, over other attributes.", "lifetime_value"),
    field("bins", Shape::Count, "The highest score, from 2 to 1,000. Default: 5.", "5"),
];

pub static SEGMENT: &[FieldShape] = &[
    required("where", Shape::Sql, "Who is in it.", "lifetime_value > 500"),
    field("description", Shape::Text, "For people.", "A basket left for an hour to three days"),
];

pub static OUTPUT: &[FieldShape] = &[
    field(
        "webhook",
        Shape::Object(OUTPUT_WEBHOOK),
        "Changes are posted, a few at a time, at least once each.",
        "{url: \"https://example.com/hooks\", secret: \"whsec_c2VjcmV0\"}",
    ),
    field(
        "postgres",
        Shape::Object(OUTPUT_POSTGRES),
        "A table of PostgreSQL that holds a row a key, as it is now; in a durable run each change once.",
        "{connection: \"host=localhost user=selfsame\", table: profiles}",
    ),
    field("kafka", Shape::Object(OUTPUT_KAFKA), "A topic to write.", "{topic: profiles}"),
    field(
        "files",
        Shape::Text,
        "A file to write, relative to the definition's folder. \"-\" (or /dev/stdout) is standard output.",
        "out/profiles.ndjson",
    ),
    field(
        "format",
        Shape::Choice(&["json", "csv"]),
        "How a file is written: json (a record a line), or csv (with a header, flat: not for conflicts). \
         Default: json.",
        "csv",
    ),
    field(
        "publish",
        Shape::Choice(&["profiles", "segments", "identities", "rejects", "conflicts"]),
        "What it holds. Default: what its name says.",
        "profiles",
    ),
    field("where", Shape::Sql, "Of profiles: who is in it.", "big_spenders"),
    field("attributes", Shape::Texts, "Of profiles: which attributes. Default: all.", "[name]"),
];

pub static OUTPUT_KAFKA: &[FieldShape] =
    &[required("topic", Shape::Text, "The topic's name; created if missing.", "profiles")];

pub static OUTPUT_WEBHOOK: &[FieldShape] = &[
    required("url", Shape::Text, "Where to post to.", "https://example.com/hooks"),
    field(
        "secret",
        Shape::Text,
        "What posts are signed with, as Standard Webhooks are: of an HMAC-SHA256 over the id, the time and the body. \
         Default: they are not signed.",
        "whsec_c2VjcmV0",
    ),
    field("batch", Shape::Count, "How many records a post has, at most. Default: 100.", "1"),
];

pub static OUTPUT_POSTGRES: &[FieldShape] = &[
    required(
        "connection",
        Shape::Text,
        "How the database is reached, as libpq has it; without TLS.",
        "host=localhost user=selfsame",
    ),
    required("table", Shape::Text, "The table; created if missing.", "profiles"),
];
