"""DuckDB computes the lite answers once, from the file: `duckdb_run.py EVENTS THREADS`.

Who is the same person is found by rounds: every identifier takes the least label of those it is linked to,
until none changes.
"""

import json
import sys

import duckdb

COLUMNS = """{ts: 'bigint', device: 'varchar', event: 'varchar', account: 'varchar', email: 'varchar',
              properties: 'struct(amount decimal(12,2))'}"""


def main():
    database = duckdb.connect()
    database.execute(f"set threads = {int(sys.argv[2])}")
    database.execute(
        f"create table events as select * from read_json(?, format = 'newline_delimited', columns = {COLUMNS})",
        [sys.argv[1]],
    )
    database.execute(
        """create table links as select distinct 'd:' || device a, coalesce('a:' || account, 'e:' || email) b
           from events where account is not null or email is not null"""
    )
    database.execute("create table ties as select a, b from links union all select b, a from links")
    database.execute(
        """create table labels as select distinct id, id as label from (
             select 'd:' || device id from events union all select b from links)"""
    )
    changed = 1
    while changed:
        database.execute(
            """create or replace table relabelled as
               select labels.id, least(labels.label, coalesce(least_beside, labels.label)) label, labels.label before from labels
               left join (select ties.a id, min(label) least_beside from ties join labels on labels.id = ties.b
                          group by ties.a) using (id)"""
        )
        changed = database.execute("select count(*) from relabelled where label <> before").fetchone()[0]
        database.execute("create or replace table labels as select id, label from relabelled")
    people, events, spend, big = database.execute(
        """with people as (
             select label, count(*) events, sum(properties.amount) filter (event = 'buy') spend,
                    count(*) filter (event = 'view') views, min(ts) first, max(ts) last
             from events join labels on id = 'd:' || device group by label)
           select count(*), sum(events), sum(spend), count(*) filter (spend > 400 and views > 3) from people"""
    ).fetchone()
    print(json.dumps({"people": people, "events": int(events), "spend": str(spend), "big": big}))


if __name__ == "__main__":
    main()
