"""Pathway computes the lite answers by its incremental engine, from the file: `pathway_run.py EVENTS THREADS`.

Who is the same person is found by rounds: every identifier takes the least label of those it is linked to,
until none changes. What is known of people is added up, and the answers are printed.
"""

import json
import os
import sys

os.environ["PATHWAY_THREADS"] = sys.argv[2]
os.environ.setdefault("PATHWAY_MONITORING_SERVER", "")

import pathway as pw  # noqa: E402


class Event(pw.Schema):
    ts: int
    device: str
    event: str
    account: str | None = pw.column_definition(default_value=None)
    email: str | None = pw.column_definition(default_value=None)
    properties: pw.Json


def label(events):
    """Identifiers, and the least of those that they are one person's with."""
    links = events.filter(events.account.is_not_none() | events.email.is_not_none())
    account, email = "a:" + pw.coalesce(links.account, ""), "e:" + pw.coalesce(links.email, "")
    links = links.select(one=links.device, other=pw.if_else(links.account.is_not_none(), account, email))
    links = links.groupby(links.one, links.other).reduce(links.one, links.other)
    ties = pw.Table.concat_reindex(links, links.select(one=links.other, other=links.one))
    devices = events.groupby(events.device).reduce(id_=events.device)
    names = devices.concat_reindex(links.groupby(links.other).reduce(id_=links.other))
    labels = names.with_id_from(pw.this.id_).select(pw.this.id_, label=pw.this.id_)

    def step(labels, ties):
        beside = ties.join(labels, ties.other == labels.id_).select(id_=ties.one, label=labels.label)
        every = pw.Table.concat_reindex(beside, labels.select(labels.id_, labels.label))
        least = every.groupby(every.id_).reduce(every.id_, label=pw.reducers.min(every.label))
        return {"labels": least.with_id_from(pw.this.id_).with_universe_of(labels), "ties": ties}

    return pw.iterate(step, labels=labels, ties=ties).labels


def main():
    events = pw.io.jsonlines.read(sys.argv[1], schema=Event, mode="static")
    events = events.select(
        *pw.this.without("device", "properties"),
        device=pw.apply_with_type(lambda device: "d:" + device, str, events.device),
        amount=pw.unwrap(events.properties["amount"].as_float()),
    )
    labels = label(events)
    events = events.join(labels, events.device == labels.id_).select(*pw.left, person=labels.label)
    people = events.groupby(events.person).reduce(
        events=pw.reducers.count(),
        spend=pw.reducers.sum(pw.if_else(events.event == "buy", events.amount, 0.0)),
        views=pw.reducers.sum(pw.if_else(events.event == "view", 1, 0)),
        first=pw.reducers.min(events.ts),
        last=pw.reducers.max(events.ts),
    )
    answers = people.reduce(
        people=pw.reducers.count(),
        events=pw.reducers.sum(people.events),
        spend=pw.reducers.sum(people.spend),
        big=pw.reducers.sum(pw.if_else((people.spend > 400) & (people.views > 3), 1, 0)),
    )
    found = {}

    def note(key, row, time, is_addition):
        if is_addition:
            found.update(row)

    pw.io.subscribe(answers, on_change=note)
    pw.run(monitoring_level=pw.MonitoringLevel.NONE)
    print(json.dumps(found | {"spend": f"{found['spend']:.2f}"}))


if __name__ == "__main__":
    main()
