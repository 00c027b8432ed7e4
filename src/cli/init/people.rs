//! What names of columns and tables say of people, in the languages that exports are usually in.

/// Words for what people are, each group of which is one in one language.
#[rustfmt::skip]
const PEOPLE: [&[&str]; 46] = [
    &["user", "usr"], &["customer", "cust"], &["client"], &["member"], &["person"], &["contact"], &["profile"], &["lead"],
    &["subscriber"], &["buyer"], &["requester"], &["owner"], &["shopper"], &["guest"], &["household"], &["patient", "patienten"],
    &["student"], &["donor"], &["player"], &["passenger"], &["cardholder"],
    &["kunde", "kunden", "kd"], &["mitglied", "mitglieds"], &["nutzer", "benutzer", "anwender"], &["kontakt"],
    &["abonnent", "abonnenten"], &["käufer", "kaeufer"], &["gast"],
    &["utilisateur"], &["membre"], &["abonne", "abonné"], &["adherent", "adhérent"], &["acheteur"],
    &["cliente"], &["usuario"], &["miembro"], &["socio"], &["suscriptor"], &["comprador"], &["klant"],
    &["debitor", "debitoren"], &["顧客", "お客様"], &["会員"], &["客户", "客戶"], &["고객"], &["клиент", "клиента"],
];

/// Words for what is one of each, likewise.
#[rustfmt::skip]
const IDS: [&[&str]; 7] = [
    &["id", "recordid", "ident", "identifiant"],
    &["no", "nr", "num", "n", "nº", "number", "nummer", "numero", "número", "numéro", "番号", "编号", "編號", "번호", "номер"],
    &["uuid", "guid"], &["key", "clave", "cle", "clé", "sk"], &["ref"], &["hash"],
    &["code", "codigo", "código", "codice", "kod", "код", "コード"],
];

/// What stands before a person's id where it is one in another system: not where it says what they are there for.
#[rustfmt::skip]
const ROLES: [&str; 28] = [
    "created", "updated", "modified", "changed", "assigned", "by", "parent", "previous", "old", "owner", "sales", "rep",
    "referrer", "referred", "referring", "referral", "manager", "agent", "seller", "employee", "staff", "author", "master",
    "merged", "into", "sender", "admin", "support",
];

/// What people are known by whose names have no word for them.
const PEOPLES_IDS: [&str; 4] = ["uid", "whoid", "externaluserid", "personalnummer"];

/// A name without what stands between its words.
pub fn bare(name: &str) -> String {
    name.replace('_', "")
}

/// Which word for people a name has, and which for what is one of each, if it has nothing beside: numbers of these groups.
pub fn whose(name: &str) -> Option<(usize, Option<usize>)> {
    let bare = bare(name);
    let bare = bare.strip_prefix("associated").unwrap_or(&bare);
    PEOPLE
        .iter()
        .enumerate()
        .find_map(|(at, words)| Some((at, words.iter().find_map(|word| id_beside(bare, word))?)))
}

/// Which word for what is one of each a name has beside another word, if it has nothing else.
fn id_beside(bare: &str, word: &str) -> Option<Option<usize>> {
    let id = |text: &str| IDS.iter().position(|words| words.contains(&text));
    if bare == word {
        return Some(None);
    }
    let before = bare.strip_suffix(word).and_then(|text| {
        let mut links = ["del", "de", "du", "of", "dos", "do", "da"].iter();
        id(text).or_else(|| links.find_map(|link| text.strip_suffix(link)).and_then(id))
    });
    // A letter behind a word is its plural's.
    let behind = || bare.strip_prefix(word).filter(|text| *text != "n").and_then(id);
    before.or_else(behind).map(Some)
}

/// Whether a name is one of the ids of what a word says, as `order_id`, `OrderNumber` and `idOrder` are of an order.
pub fn is_id_of(name: &str, word: &str) -> bool {
    id_beside(&bare(name), &bare(word)).is_some()
}

/// Whether a table is one of people, by what a row of it is one of.
pub fn is_people(entity: &str) -> bool {
    let last = entity.rsplit('_').next().unwrap_or(entity);
    [entity, last].iter().any(|of| matches!(whose(of), Some((_, None))))
}

/// Whether a name is one of people's ids in another system, as `shopify_customer_id` is.
pub fn is_of_person_elsewhere(name: &str) -> bool {
    let words: Vec<&str> = name.split('_').collect();
    let Some((system, own)) = words.len().checked_sub(2).map(|at| words.split_at(at)) else {
        return false;
    };
    !system.is_empty()
        && !system.iter().chain(own).any(|word| ROLES.contains(word))
        && matches!(whose(&own.join("_")), Some((_, Some(_))))
        && whose(name).is_none()
}

/// Whether a name says how somebody is reached, which may be by an address or a phone.
pub fn is_contact(name: &str) -> bool {
    ["contact", "kontakt", "contacto", "contatto"].contains(&bare(name).as_str())
}

/// Whether a name is one that people are known by.
pub fn is_of_person(name: &str) -> bool {
    whose(name).is_some()
        || PEOPLES_IDS.contains(&bare(name).as_str())
        || is_of_person_elsewhere(name)
}

#[cfg(test)]
mod tests {
    use super::super::names::snake;
    use super::*;

    #[test]
    fn names_of_people_are_known_as_exports_write_them() {
        for name in [
            "customer",
            "CustomerID",
            "customerkey",
            "Kd.-Nr.",
            "Kundennummer",
            "KundenID",
            "Kunden-Nr.",
            "Kunde",
            "id_client",
            "numero_cliente",
            "Numéro de client",
            "ID del cliente",
            "uid",
            "Record ID - Contact",
            "Associated Contact ID",
            "user.id",
            "usuario_id",
            "household_id",
            "Mitgliedsnummer",
            "cust_no",
            "N° client",
            "Code client",
            "Código do Cliente",
            "Debitor",
            "Debitorennummer",
            "顧客ID",
            "Shopify Customer ID",
            "stripe_customer_id",
        ] {
            assert!(is_of_person(&snake(name)), "{name}: {}", snake(name));
        }
        for name in [
            "order_id",
            "customer_name",
            "id",
            "client_city",
            "kundengruppe",
            "user_agent",
            "manufacturer_id",
            "no",
            "contact_email",
            "device_id",
            "guide",
            "userid_count",
            "created_by_user_id",
            "parent_customer_id",
            "people",
        ] {
            assert!(!is_of_person(&snake(name)), "{name}");
        }
        let same = ["Kd.-Nr.", "Kundennummer", "Kunden-Nr."].map(|name| whose(&snake(name)));
        assert!(same[0].is_some() && same.iter().all(|of| *of == same[0]), "{same:?}");
        assert_ne!(whose("customer_id"), whose("customer_uuid"));
    }

    #[test]
    fn ids_and_tables_are_told_by_what_they_are_of() {
        assert!(is_id_of("ordernumber", "order") && is_id_of("order_item_id", "order_item"));
        assert!(!is_id_of("order_id", "item") && !is_id_of("product_name", "product"));
        assert!(is_people("customer") && is_people("crm_contact") && is_people("kunden"));
        assert!(!is_people("customer_order") && !is_people("account"));
    }
}
