//! Outputs that are other people's services, when the machine is lost: a table of PostgreSQL and a webhook hold in the end
//! what files hold.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::postgres::Postgres;
use crate::program::outputs::{folded, lines, said_of, undated, values};
use crate::receiver::Receiver;
use crate::servers::Server;
use crate::{DATA, DEFINITION, Shop};

#[test]
fn tables_and_webhooks_come_out_right_when_the_machine_is_lost_again_and_again() {
    let Some(server) = Server::versitygw() else { return };
    let Some(database) = Postgres::start() else { return };
    let receiver = Receiver::start(Vec::new());
    let mut shop = Shop::new(server);
    let services = format!(
        "  people: {{postgres: {{connection: \"{0}\", table: people}}, publish: profiles}}\n  \
           wrong: {{postgres: {{connection: \"{0}\", table: wrong}}, publish: rejects}}\n  \
           hook: {{webhook: {{url: \"{1}\"}}, publish: profiles}}\n",
        database.connection, receiver.url
    );
    fs::write(shop.path().join("shop.yaml"), DEFINITION.to_owned() + &services)
        .expect("it is written");
    let follow = ["run", "shop.yaml", "--data", DATA, "--follow"];
    let people =
        || database.ask("select md5(string_agg(key || value::text, ',' order by key)) from people");
    for round in 0..4 {
        shop.grow(120);
        let mut run = shop.start(&follow, "here", &[]);
        let before = receiver.taken().len();
        run.until("something is told", |_| receiver.taken().len() > before);
        if round == 1 {
            // A machine that is lost when all was told, too.
            let before = people();
            shop.grow(60);
            run.until("the table is told, too", |_| people() != before);
        }
        run.signal("KILL");
        drop(run.end());
        shop.lose("here");
    }
    shop.run("there").well();
    shop.lose("there");
    shop.run("elsewhere").well();
    shop.is_whole("machines were lost");
    let file = |output: &str| shop.path().join(format!("out/{output}.ndjson"));
    let expected = undated(folded(values(&file("profiles"))));
    let table =
        database.ask("select json_agg(json_build_object('key', key, 'value', value)) from people");
    let table: Vec<Value> = serde_json::from_str(&table).expect("JSON");
    assert_eq!(undated(folded(table)), expected);
    let posted = receiver.taken().into_iter().flat_map(|post| post.records);
    assert_eq!(undated(folded(posted)), expected);
    let wrong: BTreeSet<_> =
        lines(&file("rejects")).iter().map(|line| said_of("rejects", line).0).collect();
    let told = database.ask("select count(*), count(distinct value ->> 'raw') from wrong");
    assert_eq!(told.trim(), format!("{0}|{0}", wrong.len()));
}
