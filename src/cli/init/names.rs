//! What names of tables and columns say, in the languages that exports are usually in.

use super::people::{bare, whose};

/// Words for what is no person and has numbers of its own, as exports write them without a mark before `number` or `id`.
#[rustfmt::skip]
const THINGS: [&str; 50] = [
    "order", "purchase", "invoice", "bill", "receipt", "payment", "transaction", "txn", "product", "item", "article", "line",
    "lineitem", "orderline", "orderitem", "event", "message", "session", "visit", "ticket", "booking", "reservation",
    "shipment", "delivery", "subscription", "contract", "account", "store", "shop", "office", "employee", "rental",
    "inventory", "category", "cart", "basket", "check", "document", "record", "row", "campaign", "company", "address",
    "territory", "supplier", "vendor", "shipper", "bestell", "bestellung", "bestellungs",
];

/// What stands around the names of tables for where they are from.
#[rustfmt::skip]
const LAYERS: [&str; 17] = [
    "raw", "stg", "staging", "src", "dim", "fct", "fact", "tbl", "dwh", "export", "exports", "dataset", "data", "table",
    "dump", "extract", "all",
];

/// A name in lower case, with underscores between words.
pub fn snake(path: &str) -> String {
    let mut steps: Vec<&str> =
        steps(path).into_iter().filter(|step| step.contains(char::is_alphanumeric)).collect();
    // As `_id.$oid` is written, where a database says of what type a value is.
    while steps.len() > 1 && steps.last().is_some_and(|step| step.starts_with('$')) {
        steps.pop();
    }
    let mut steps = steps.into_iter().rev();
    let last = steps.next().unwrap_or_default().trim_matches(['"', '\'']);
    // What says little by itself says whose it is.
    let says_little = ["id", "name", "key", "type", "number", "at"].contains(&last);
    let above = steps.next().filter(|_| says_little);
    let last = &above.map_or(last.to_owned(), |above| format!("{above}_{last}"));
    let mut name = String::new();
    let mut before = ' ';
    for letter in last.chars() {
        if letter.is_alphanumeric() {
            if letter.is_uppercase() && before.is_lowercase() {
                name.push('_');
            }
            name.extend(letter.to_lowercase());
        } else if !name.ends_with('_') {
            name.push('_');
        }
        before = letter;
    }
    let name = name.trim_matches('_').to_owned();
    match name.chars().next() {
        None => "column".to_owned(),
        Some(first) if !first.is_alphabetic() => format!("c_{name}"),
        // What YAML has its own meaning for.
        Some(_) if ["null", "true", "false"].contains(&name.as_str()) => format!("c_{name}"),
        Some(_) => name,
    }
}

/// The name of a path with the key that stands above its last one, where another has the name already.
pub fn longer(path: &str) -> String {
    let steps = steps(path);
    match &steps[..] {
        [.., above, last] => snake(&format!("{}_{}", snake(above), snake(last))),
        _ => snake(path),
    }
}

/// The name of a path with all keys that lead to it.
pub fn whole(path: &str) -> String {
    let steps: Vec<String> = steps(path).into_iter().map(snake).collect();
    snake(&steps.join("_"))
}

/// The keys of a path. A point behind which no word begins ends an abbreviation, as in `Kd.-Nr.`.
fn steps(path: &str) -> Vec<&str> {
    let (mut steps, mut from) = (Vec::new(), 0);
    for (at, _) in path.match_indices('.') {
        let is_step =
            path[at + 1..].starts_with(|of: char| of.is_alphanumeric() || "_\"'$".contains(of));
        if is_step {
            steps.push(&path[from..at]);
            from = at + 1;
        }
    }
    steps.push(&path[from..]);
    steps
}

/// Whether a name is one of an id.
pub fn is_id(name: &str) -> bool {
    let ends = ["id", "uuid", "guid", "key", "sku", "code", "number", "no", "nr", "nummer"];
    let bare = bare(name);
    let of_thing = |end: &str| bare.strip_suffix(end).is_some_and(|stem| THINGS.contains(&stem));
    ends.iter().any(|end| name == *end || name.ends_with(&format!("_{end}")))
        || ["nr", "nummer"].iter().any(|end| name.ends_with(end))
        || ends.into_iter().any(of_thing)
        || whose(name).is_some_and(|(_, id)| id.is_some())
}

pub fn singular(name: &str) -> String {
    let (above, last) = name.rsplit_once('_').map_or(("", name), |(above, last)| (above, last));
    if ["people", "persons", "personen"].contains(&last) {
        return if above.is_empty() { "person".to_owned() } else { format!("{above}_person") };
    }
    match name.strip_suffix("ies") {
        Some(stem) if stem.len() > 1 => format!("{stem}y"),
        _ => name.strip_suffix('s').unwrap_or(name).to_owned(),
    }
}

/// By table, what a row of it is one of: its name without what all of them begin with, and what says where it is from.
pub fn entities(tables: &[String]) -> Vec<String> {
    let words = |name: &String| -> Vec<String> {
        let mut words: Vec<String> = name.split('_').map(str::to_owned).collect();
        while words.len() > 1
            && words.last().is_some_and(|word| !word.contains(char::is_alphabetic))
        {
            words.pop();
        }
        words
    };
    let mut all: Vec<Vec<String>> = tables.iter().map(words).collect();
    let differ = |all: &[Vec<String>]| all.iter().any(|words| *words != all[0]);
    while differ(&all) && all.iter().all(|words| words.len() > 1 && words[0] == all[0][0]) {
        all.iter_mut().for_each(|words| drop(words.remove(0)));
    }
    for words in &mut all {
        let is_layer = |word: &String| LAYERS.contains(&word.as_str());
        while words.len() > 1 && is_layer(&words[0]) {
            words.remove(0);
        }
        while words.len() > 1 && words.last().is_some_and(is_layer) {
            words.pop();
        }
    }
    all.into_iter().map(|words| singular(&words.join("_"))).collect()
}

/// Whether a name is one of a browser or a device, which people are known by before they say who they are.
pub fn is_of_device(name: &str) -> bool {
    let bare = name.replace('_', "");
    let is_word = |part: &&str| bare.contains(*part);
    let has = ["pseudo", "anonymous", "device", "cookie", "visitor", "browser", "fingerprint"];
    let own = ["domainuserid", "networkuserid", "distinctid", "amplitudeid", "ecid", "mcvisid"];
    // What says of what kind they are is no name of one.
    let is_name =
        ["id", "uuid", "guid", "key", "hash", "token"].iter().any(|end| bare.ends_with(end))
            || has.iter().any(|word| bare.ends_with(word));
    own.contains(&bare.as_str())
        || ["gaid", "idfa"].iter().any(is_word)
        || has.iter().any(is_word) && is_name
}

/// Whether a text says of what kind a browser or a device is, and not which one: `Chrome 126`, `iPhone14,3`.
pub fn is_kind_of_device(text: &str) -> bool {
    #[rustfmt::skip]
    let kinds = [
        "chrome", "chromium", "safari", "firefox", "edge", "opera", "brave", "vivaldi", "samsung", "internet", "msie", "mozilla",
        "webkit", "iphone", "ipad", "ipod", "mac", "apple", "android", "pixel", "galaxy", "sm-", "huawei", "xiaomi", "redmi",
        "oneplus", "nokia", "windows", "linux", "ubuntu", "desktop", "mobile", "tablet", "smart", "phone", "pc", "bot", "other",
    ];
    let text = text.trim().to_lowercase();
    text.contains(' ') || kinds.iter().any(|kind| text.starts_with(kind))
}

/// Whether a name is one of what somebody was known by before.
pub fn is_of_former(name: &str) -> bool {
    let former = ["previousid", "previoususerid", "previd", "anonid", "anondistinctid", "aliasid"];
    former.contains(&bare(name).as_str())
}

/// Whether a name is one of phone numbers.
pub fn is_of_phone(name: &str) -> bool {
    #[rustfmt::skip]
    let words = [
        "phone", "mobile", "tel", "telephone", "téléphone", "msisdn", "telefon", "handy", "mobil", "mobiltelefon", "ruf",
        "telefono", "teléfono", "movil", "móvil", "celular", "cell", "cellphone", "mobilephone", "phonemobile", "portable",
        "whatsapp",
    ];
    let is_word = |part: &str| {
        let ends = ["nummer", "number", "num", "nr", "no", ""];
        ends.iter().filter_map(|end| part.strip_suffix(end)).any(|stem| words.contains(&stem))
    };
    // A cell with a number of its own is an antenna's.
    !name.ends_with("cell_id") && name.split('_').any(is_word)
}

/// Whether a name is one of what rows of somebody come to together: money, or how many there were.
pub fn is_amount(name: &str) -> bool {
    #[rustfmt::skip]
    let words = [
        "amount", "total", "subtotal", "revenue", "value", "paid", "spent", "spend", "sales", "net", "gross", "turnover",
        "quantity", "qty", "count", "betrag", "summe", "umsatz", "menge", "anzahl", "netto", "brutto", "montant", "quantite",
        "quantité", "importe", "monto", "cantidad", "bedrag",
    ];
    // What is one of each, or a mean of several, comes to nothing together.
    let singles = [
        "unit", "average", "avg", "mean", "max", "min", "rate", "score", "lifetime", "ltv",
        "running",
    ];
    let mut parts = name.split('_');
    parts.clone().any(|part| words.contains(&part)) && !parts.any(|part| singles.contains(&part))
}

/// Whether a name is one of currencies.
pub fn is_currency(name: &str) -> bool {
    let words = ["currency", "curr", "ccy", "währung", "waehrung", "devise", "moneda", "valuta"];
    name.split('_').any(|part| words.contains(&part))
}

/// Whether a text may be a phone number.
pub fn is_phone(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let others = text.chars().filter(|of| of.is_alphabetic()).count();
    (5..=20).contains(&digits) && others <= 4
}

/// Whether a text is written as phone numbers are, and not as numbers of anything else.
pub fn is_dialled(text: &str) -> bool {
    let text = text.trim();
    let is_written =
        |text: &str| text.chars().all(|of| of.is_ascii_digit() || "+ -/().\u{a0}".contains(of));
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let is_parted = text.contains([' ', '-', '/', ')']);
    is_phone(text)
        && is_written(text)
        && (text.starts_with(['+', '(']) || digits >= 7 && (is_parted || text.starts_with('0')))
}

/// Whether a text may be an e-mail address.
pub fn is_email(text: &str) -> bool {
    let Some((before, domain)) = text.trim().split_once('@') else { return false };
    // What programs are cloned from, and messages are numbered by, looks nearly like one: `git@github.com:octo/cat.git`.
    let is_plain = |of: char| of.is_alphanumeric() || "-._".contains(of);
    !before.is_empty()
        && !before.contains([' ', ':', '<', '>'])
        && domain.contains('.')
        && domain.chars().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_known_without_a_mark_between_their_words() {
        for name in ["ORDERNUMBER", "orderid", "OrderID", "PRODUCTCODE", "checknumber", "Bestellnr"]
        {
            assert!(is_id(&snake(name)), "{name}");
        }
        for name in ["paid", "valid", "covid", "postcode", "grid", "bankid"] {
            assert!(!is_id(&snake(name)), "{name}");
        }
        assert_eq!(snake("_id.$oid"), "id");
        assert_eq!(snake("signup.at.$date"), "signup_at");
        assert_eq!(longer("customer.email"), "customer_email");
        assert_eq!(singular("people"), "person");
    }

    #[test]
    fn addresses_are_told_from_what_has_a_mark_like_theirs() {
        for text in [
            "ada@home.example",
            " Ada.O'Neil+tag@x.co.uk ",
            "用户@例子.广告",
            "hans@müller.example",
        ] {
            assert!(is_email(text), "{text}");
        }
        for text in [
            "git@github.com:octo/cat.git",
            "https://ada:secret@x.example/",
            "<17.abc@mail.example>",
            "ada@home",
            "@ada.x",
            "ada at home.example",
            "a@b@c.example",
        ] {
            assert!(!is_email(text), "{text}");
        }
    }

    #[test]
    fn names_of_phones_and_devices_are_known_as_exports_write_them() {
        for name in [
            "telefon",
            "handynr",
            "Telefon (mobil)",
            "phone",
            "home_phone",
            "Tel.",
            "Mobilnummer",
            "móvil",
        ] {
            assert!(is_of_phone(&snake(name)), "{name}");
        }
        assert!(
            !is_of_phone("cell_id")
                && !is_of_phone("telemetry")
                && !is_of_phone("number")
                && !is_of_phone("hotel")
        );
        assert!(
            is_phone("0170 1234567")
                && is_phone("+1 (555) 010-0199 ext 3")
                && !is_phone("iPhone 12")
        );
        assert!(
            is_dialled("0170 1234567")
                && is_dialled("+491701234567")
                && is_dialled("(555) 010-0199")
        );
        for text in ["10023", "12345678", "A-17", "cellular", "+", "17.50"] {
            assert!(!is_dialled(text), "{text}");
        }
        for name in
            ["user_pseudo_id", "domain_userid", "anonymous_id", "cookie", "fullVisitorId", "idfa"]
        {
            assert!(is_of_device(&snake(name)), "{name}");
        }
        for text in
            ["Chrome 126", "Mobile Safari 17.1", "iPhone14,3", "SM-G998B", "Moto G", "desktop"]
        {
            assert!(is_kind_of_device(text), "{text}");
        }
        for text in ["c-17", "1751328000.42", "f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "A17R"] {
            assert!(!is_kind_of_device(text), "{text}");
        }
        for name in ["device_category", "browser_version", "cookie_consent", "user_id"] {
            assert!(!is_of_device(name), "{name}");
        }
    }

    #[test]
    fn names_of_amounts_are_those_whose_rows_can_be_added_up() {
        for name in
            ["total", "Order Total", "amount_eur", "Betrag", "Menge", "importe", "num_items_count"]
        {
            assert!(is_amount(&snake(name)), "{name}");
        }
        for name in [
            "unit_value",
            "average_amount",
            "price",
            "age",
            "lifetime_value",
            "latitude",
            "discount",
        ] {
            assert!(!is_amount(&snake(name)), "{name}");
        }
        assert!(
            is_currency("currency") && is_currency("order_currency") && !is_currency("current")
        );
    }

    #[test]
    fn tables_are_called_without_what_says_where_they_are_from() {
        let called = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            entities(&names).join(" ")
        };
        assert_eq!(called(&["raw_customers", "raw_orders", "raw_items"]), "customer order item");
        assert_eq!(called(&["olist_customers_dataset", "olist_orders_dataset"]), "customer order");
        assert_eq!(called(&["dim_customer", "fct_orders"]), "customer order");
        assert_eq!(called(&["orders_2024", "orders_2025"]), "order order");
        assert_eq!(called(&["order", "order_items"]), "order order_item");
        assert_eq!(called(&["companies", "data"]), "company data");
        assert_eq!(called(&["users"]), "user");
    }
}
