"""Flink SQL keeps the lite sums up to date over the file: `flink_run.py EVENTS THREADS [check]`.

Without identity, since Flink has no components of any size: a person is a device. What is said of people goes
nowhere; with `check` it is added up instead, and the answers are printed. Needs Java 17.
"""

import json
import os
import sys

from pyflink.table import EnvironmentSettings, TableEnvironment

EVENTS = """create table events (ts bigint, device string, event string, properties row<amount decimal(12, 2)>)
            with ('connector' = 'filesystem', 'path' = 'file://{}', 'format' = 'json')"""
PEOPLE = """select device, count(*) events, sum(properties.amount) filter (where event = 'buy') spend,
                   count(*) filter (where event = 'view') looks, min(ts) first_ts, max(ts) last_ts
            from events group by device"""
NOWHERE = """create table people (device string, events bigint, spend decimal(38, 2), looks bigint, first_ts bigint,
                                 last_ts bigint, big boolean, primary key (device) not enforced)
             with ('connector' = 'blackhole')"""


def main():
    tables = TableEnvironment.create(EnvironmentSettings.in_streaming_mode())
    tables.get_config().set("parallelism.default", sys.argv[2])
    tables.execute_sql(EVENTS.format(os.path.abspath(sys.argv[1])))
    if "check" not in sys.argv:
        tables.execute_sql(NOWHERE)
        every = "device, events, spend, looks, first_ts, last_ts, spend > 400 and looks > 3"
        tables.execute_sql(f"insert into people select {every} from ({PEOPLE})").wait()
        return
    # Python takes a millisecond for each answer on the way: so there are few.
    for name, value in {"enabled": "true", "allow-latency": "1 min", "size": "1000000"}.items():
        tables.get_config().set(f"table.exec.mini-batch.{name}", value)
    answers = f"""select count(*), sum(events), sum(spend), count(*) filter (where spend > 400 and looks > 3)
                  from ({PEOPLE})"""
    with tables.execute_sql(answers).collect() as rows:
        for row in rows:
            # Each takes the place of the one before.
            people, events, spend, big = row
    print(json.dumps({"people": people, "events": events, "spend": str(spend), "big": big}))


if __name__ == "__main__":
    main()
