//! `http`: where a run serves, and whom.

use std::net::SocketAddr;
use std::path::Path;

use super::object::{Object, ReadContext};
use crate::definition::file::diagnostic::{Place, suggest};
use crate::definition::file::fields;
use crate::plan::{
    HttpServing, KeyHash, RateLimit, RateLimits, Source, StatedKey, StatedKeys, TlsFiles,
};

/// What is read to the end of one file when a run begins, and is looked for among few, stays small.
const MOST_KEPT_CHANGES_MIB: u32 = 65_536;

pub fn read(
    context: &mut ReadContext,
    file: &Object<'_>,
    folder: &Path,
    sources: &[Source],
) -> HttpServing {
    let Some(node) = file.get("http") else { return HttpServing::default() };
    let Some(object) = Object::read(context, "'http'", node, fields::HTTP) else {
        return HttpServing::default();
    };
    let listen = object.text(context, "listen");
    let tls = object.get("tls").and_then(|node| {
        let files = Object::read(context, "'tls' of 'http'", node, fields::HTTP_TLS)?;
        let mut path = |name| Some(folder.join(files.text(context, name)?.0));
        let (certificate, key) = (path("certificate"), path("key"));
        Some(TlsFiles { certificate: certificate?, key: key? })
    });
    let keys = object.get("keys").map(|node| {
        let keys = Object::read(context, "'keys' of 'http'", node, fields::HTTP_KEYS);
        keys.map(|keys| of_keys(context, &keys, folder, sources)).unwrap_or_default()
    });
    let keys = keys.unwrap_or_default();
    let listen = listen.map(|(listen, place)| {
        if let Some(wrong) = not_listened_at(&listen, object.get("keys").is_some()) {
            context.complain(place, format!("'listen' of 'http': {wrong}"));
        }
        listen
    });
    let origins = origins(context, &object);
    let limits = object.get("limits").and_then(|node| {
        let limits = Object::read(context, "'limits' of 'http'", node, fields::HTTP_LIMITS)?;
        let mut of = |name| limit(context, &limits, name);
        Some(RateLimits { read: of("read"), write: of("write"), admin: of("admin") })
    });
    let limits = limits.unwrap_or_default();
    let kept_changes_mib = object.count(context, "kept_changes_mib");
    if let Some(mib) = kept_changes_mib.filter(|mib| *mib > MOST_KEPT_CHANGES_MIB) {
        let message = format!(
            "'kept_changes_mib' of 'http': {mib} is more than {MOST_KEPT_CHANGES_MIB}, which is 64 GiB"
        );
        context.complain(object.place_of("kept_changes_mib"), message);
    }
    HttpServing { listen, tls, keys, origins, limits, kept_changes_mib }
}

/// What is wrong with an address, as far as that can be told without asking for the names of machines.
fn not_listened_at(listen: &str, has_keys: bool) -> Option<String> {
    let address = listen.parse::<SocketAddr>();
    if let Ok(address) = address {
        let is_open = !address.ip().is_loopback() && !has_keys;
        return is_open.then(|| {
            format!(
                "'{listen}' can be reached from other machines, and there are no keys: give it keys: {{read: …, admin: \
                 …}}, or listen at 127.0.0.1"
            )
        });
    }
    let is_name = |name: &str| {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.' || c == '_';
        // What has digits and points alone would be an address.
        let is_number = name.chars().all(|c| c.is_ascii_digit() || c == '.');
        !name.is_empty() && name.chars().all(is_plain) && !is_number
    };
    let is_port = |port: &str| port.parse::<u16>().is_ok();
    let is_written =
        listen.rsplit_once(':').is_some_and(|(name, port)| is_name(name) && is_port(port));
    (!is_written).then(|| {
        format!(
            "'{listen}' is no address and port: write them as in 127.0.0.1:8080 or \"[::1]:8080\""
        )
    })
}

fn limit(context: &mut ReadContext, limits: &Object<'_>, name: &str) -> Option<RateLimit> {
    let what = format!("'{name}' of 'limits'");
    let limit = Object::read(context, what, limits.get(name)?, fields::HTTP_LIMIT)?;
    let (rate, burst) = (limit.count(context, "rate"), limit.count(context, "burst"));
    Some(RateLimit { rate: rate?, burst: burst.or(rate)? })
}

/// Origins as browsers write them: else none would ever be found to be the same.
fn origins(context: &mut ReadContext, object: &Object<'_>) -> Vec<String> {
    let mut origins = Vec::new();
    for (text, place) in object.texts(context, "origins").unwrap_or_default() {
        let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let is_written = |host: &str| {
            let plain = |c: char| c.is_ascii_graphic() && !c.is_ascii_uppercase();
            !host.is_empty() && host.chars().all(|c| plain(c) && !"/?#@*,\"".contains(c))
        };
        if text != "*" && !host.is_some_and(is_written) {
            let message = format!(
                "'origins' of 'http': '{text}' is no origin: write \"*\", or https:// and a host in small letters, with \
                 a port if it has one and nothing behind it, as in https://shop.example"
            );
            context.complain(place, message);
        }
        origins.push(text);
    }
    origins
}

fn of_keys(
    context: &mut ReadContext,
    object: &Object<'_>,
    folder: &Path,
    sources: &[Source],
) -> StatedKeys {
    let all = |context: &mut ReadContext, name: &str| {
        let texts = object.texts(context, name).unwrap_or_default();
        texts
            .into_iter()
            .filter_map(|(text, place)| stated(context, &text, place, folder))
            .collect()
    };
    let (read, admin) = (all(context, "read"), all(context, "admin"));
    let mut write = Vec::new();
    for (key, node) in object.map(context, "write") {
        let names: Vec<&str> = sources.iter().map(|source| source.name.as_str()).collect();
        if !names.contains(&key.name.as_str()) {
            let hint = suggest(&key.name, &names);
            context.complain(
                key.place,
                format!("'write' of 'keys': no source '{}': {hint}", key.name),
            );
        }
        let what = format!("'write' of 'keys' for '{}'", key.name);
        for (text, place) in super::object::texts(context, &what, node).unwrap_or_default() {
            let stated = stated(context, &text, place, folder);
            write.extend(stated.map(|of| (key.name.clone(), of)));
        }
    }
    StatedKeys { read, write, admin }
}

/// What a text says: a key, or a file that has some, which is looked at.
fn stated(context: &mut ReadContext, text: &str, place: Place, folder: &Path) -> Option<StatedKey> {
    let stated = match text.strip_prefix("file:") {
        Some(path) => Ok(StatedKey::File(folder.join(path))),
        // It is not shown: it is a secret.
        None => KeyHash::written(text)
            .map(StatedKey::Key)
            .map_err(|why| format!("a key of 'http' does not do: {why}")),
    };
    let looked_at = stated.and_then(|stated| stated.hashes().map(|_| stated));
    looked_at.map_err(|why| context.complain(place, why)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_looked_at_before_anything_listens() {
        let of = |listen: &str| not_listened_at(listen, false);
        for right in
            ["127.0.0.1:8080", "127.0.0.1:0", "[::1]:8080", "localhost:80", "shop-1.example:443"]
        {
            assert_eq!(of(right), None, "{right}");
        }
        for wrong in [
            "",
            ":",
            "8080",
            ":8080",
            "127.0.0.1",
            "localhost",
            "127.0.0.1:80800",
            "127.0.0.1:x",
            "127.0.0.300:80",
            "::1:8080",
            "[::1]",
            "http://localhost:80",
            "local host:80",
            "1.2.3:80",
        ] {
            let told = of(wrong).unwrap_or_else(|| panic!("{wrong}"));
            assert!(told.contains("127.0.0.1:8080"), "{told}");
            assert!(not_listened_at(wrong, true).is_some(), "{wrong}");
        }
        for open in ["0.0.0.0:80", "[::]:80", "10.0.0.1:8080"] {
            assert!(of(open).is_some_and(|told| told.contains("no keys")), "{open}");
            assert_eq!(not_listened_at(open, true), None, "{open}");
        }
    }
}
