#!/usr/bin/env python3
"""How many lookups a second are answered, and how soon, while events come in.

A million people are read from a file. Then events go to the collector at a steady rate, in batches as SDKs send
them, while `oha` looks people up by their addresses, at a steady rate too: what comes late is counted from when it was
due. Engine, sender and `oha` share this machine. The answers are checked before a time is told: people before the
load, and people and all that was sent after it, one by one.
"""

import argparse
import http.client
import json
import os
import random
import re
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from throughput import ROOT

OHA = "1.16.0"
LOOKUPS, P99, P999 = 20_000, 5.0, 200.0
# With which these are to be met.
PEOPLE, RATE = 1_000_000, 20_000
BATCH = 200
TRIES = 20
DEFINITION = """name: served
target_latency: 200 ms
http: {{listen: "127.0.0.1:0"}}
sources:
  people:
    files: {data}
    kind: events
    id: id
    fields: {{id: text, user: text, email: text, amount: integer}}
  web:
    http: {{collector: segment}}
    kind: events
    id: messageId
    time: timestamp
    fields:
      messageId: text
      timestamp: timestamp
      userId: text
      event: text
      amount: {{type: integer, path: properties.amount}}
identity:
  user: {{from: {{people: user, web: userId}}, at_most: 1}}
  email: {{from: {{people: email}}, normalize: lower(trim(value))}}
attributes:
  orders: {{from: web, select: count(*), where: "event = 'Order Completed'"}}
  spent: {{from: web, select: sum(amount)}}
  started: {{from: people, select: sum(amount)}}
  last_event: {{from: web, select: last(event)}}
segments:
  big: spent > 100
outputs:
  profiles: {{files: out/profiles.ndjson}}
"""


def email(person):
    return f"Person.{person}@Example.com"


def write_people(path, people):
    if path.exists():
        return
    fresh = path.with_suffix(".part")
    with open(fresh, "w", encoding="utf-8") as lines:
        for person in range(people):
            row = {"id": f"p{person}", "user": f"u{person}", "email": email(person), "amount": person % 7}
            lines.write(json.dumps(row) + "\n")
    fresh.rename(path)


def event(number, people):
    """Of whom, and how much: without any pattern that a table would like."""
    return (number * 7_368_787 + number // people) % people, number % 50


def batch(first, people, now):
    messages = []
    for number in range(first, first + BATCH):
        person, amount = event(number, people)
        messages.append(
            f'{{"type":"track","messageId":"m{number}","userId":"u{person}","event":"Order Completed",'
            f'"timestamp":"{now}","properties":{{"amount":{amount}}}}}'
        )
    return f'{{"sentAt":"{now}","batch":[{",".join(messages)}]}}'.encode()


def post(connection, path, body):
    """Posts a body as SDKs do: what is not taken is sent again, after as long as the answer asks for, and over another
    connection where one is lost. Its messages have ids, so that none counts twice. Says how often it was sent again."""
    for tries in range(TRIES):
        wait = min(0.1 * 2**tries, 5.0)
        try:
            connection.request("POST", path, body, {"content-type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException) as error:
            # What was said before the connection went can't be known any more.
            said = f"{type(error).__name__}: {error}"
            connection.close()
        else:
            if answer.status == 200:
                return tries
            if answer.status not in (429, 503):
                raise SystemExit(f"{path}: {answer.status} {text.decode()}")
            said = f"{answer.status} {text.decode()}"
            wait = float(answer.headers.get("retry-after", wait))
        time.sleep(wait)
    raise SystemExit(f"{path} was not taken in {TRIES} tries: {said}")


def send(address, people, rate, first, number, connections=24):
    """Sends so many events, each batch when it is due; a process of its own. It ends once all are safe."""
    started = time.monotonic()
    again = [0] * connections

    def lane(own):
        try:
            sent(own)
        except BaseException as error:
            print(f"the sender failed: {error!r}", file=sys.stderr, flush=True)
            os._exit(1)

    def sent(own):
        connection = http.client.HTTPConnection(address, timeout=60)
        for place in range(own, number // BATCH, connections):
            due = started + place * BATCH / rate
            time.sleep(max(0.0, due - time.monotonic()))
            now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            again[own] += post(connection, "/v1/batch", batch(first + place * BATCH, people, now))

    lanes = [threading.Thread(target=lane, args=(own,)) for own in range(connections)]
    for each in lanes:
        each.start()
    for each in lanes:
        each.join()
    if any(again):
        print(f"{sum(again)} batches were sent again", flush=True)
    os._exit(0)


def ask(address, path, body=None):
    connection = http.client.HTTPConnection(address, timeout=60)
    connection.request("GET" if body is None else "POST", path, body)
    answer = connection.getresponse()
    text = answer.read().decode()
    if answer.status != 200:
        sys.exit(f"{path}: {answer.status} {text}")
    return text


def until_read(address, people, engine):
    while json.loads(ask(address, "/v1/segments"))["people"] < people:
        if engine.poll() is not None:
            sys.exit("the engine ended")
        time.sleep(0.5)


def check_people(address, chosen, people, sent):
    """That each of some people is as the rows say, all of them of one tick a thousand."""
    expected = {person: [0, 0] for person in chosen}
    for number in range(sent):
        person, amount = event(number, people)
        if person in expected:
            expected[person][0] += 1
            expected[person][1] += amount
    for start in range(0, len(chosen), 1_000):
        part = chosen[start : start + 1_000]
        body = json.dumps({"ids": [f"email: {email(person).upper()} " for person in part]})
        found = json.loads(ask(address, "/v1/profiles:batch", body))["profiles"]
        for person, profile in zip(part, found, strict=True):
            values = profile["profile"]["attributes"]
            orders, spent = expected[person]
            wanted = [orders, spent if orders else None, person % 7]
            if [values["orders"], values["spent"], values["started"]] != wanted:
                sys.exit(f"wrong answers: {email(person)} is {values}, expected {wanted}")
            if f"u{person}" not in json.dumps(profile["profile"]["identifiers"]):
                sys.exit(f"wrong answers: {email(person)} is {profile}")


def buckets(address):
    """How many latencies were at most so long, in ms, and the processor's seconds of the engine."""
    text = ask(address, "/metrics")
    found = re.findall(r'selfsame_latency_seconds_bucket\{le="([^"]+)"\} (\d+)', text)
    cpu = float(re.search(r"^process_cpu_seconds_total (\S+)", text, re.M)[1])
    return {float(bound) * 1_000: int(count) for bound, count in found}, cpu


def quantile(before, after, share):
    """The bound that so many were within."""
    grown = {bound: after[bound] - before[bound] for bound in after}
    all_of_it = max(grown.values())
    return min(bound for bound, count in grown.items() if count >= share * all_of_it)


def oha(kept):
    """The program, built once."""
    program = kept / f"oha-{OHA}/bin/oha"
    if not program.exists():
        install = ["cargo", "install", "oha", "--version", OHA, "--locked", "--root", kept / f"oha-{OHA}"]
        subprocess.run(install, check=True)
    return program


def look_up(program, args, address, urls):
    urls.write_text(
        "".join(
            f"http://{address}/v1/profiles/email:{email(random.randrange(args.people)).lower()}\n"
            for _ in range(50_000)
        )
    )
    options = ["-z", f"{args.seconds}s", "-q", str(args.lookups), "-c", str(args.connections), "--latency-correction"]
    command = [program, "--no-tui", "--output-format", "json", *options, "--urls-from-file", urls]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return json.loads(done.stdout), cpu


def listening(engine, log):
    while engine.poll() is None:
        if found := re.search(r"listens at http://([0-9.:]+)", log.read_text()):
            return found[1]
        time.sleep(0.1)
    sys.exit(f"the engine ended: {log.read_text()}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--selfsame", default=ROOT / "target/release/selfsame", type=Path)
    parser.add_argument("--folder", default=ROOT / "target/bench/serve", type=Path)
    parser.add_argument("--programs", default=Path.home() / ".cache/selfsame", type=Path, help="where oha is kept")
    parser.add_argument("--people", default=PEOPLE, type=int)
    parser.add_argument("--rate", default=RATE, type=int, help="events a second")
    parser.add_argument("--lookups", default=LOOKUPS, type=int, help="lookups a second")
    parser.add_argument("--connections", default=64, type=int)
    parser.add_argument("--seconds", default=30, type=int)
    parser.add_argument("--warm-up", default=5, type=int, help="seconds of events before the first lookup")
    parser.add_argument("--workers", default=1, type=int)
    args = parser.parse_args()
    random.seed(1)
    folder = args.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    program = oha(args.programs)

    data = folder / f"people-{args.people}.ndjson"
    write_people(data, args.people)
    spec, log, summary = folder / "served.yaml", folder / "engine.log", folder / "summary.json"
    spec.write_text(DEFINITION.format(data=data))
    command = [args.selfsame, "--log", "info", "run", spec, "--workers", str(args.workers), "--summary", summary]
    with open(log, "w") as said:
        engine = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=said)
    try:
        address = listening(engine, log)
        until_read(address, args.people, engine)
        chosen = random.sample(range(args.people), min(10_000, args.people))
        check_people(address, chosen[:1_000], args.people, 0)

        # More than oha takes, so that events come until it has ended.
        number = args.rate * (args.warm_up + args.seconds + 3) // BATCH * BATCH
        sender = os.fork()
        if sender == 0:
            send(address, args.people, args.rate, 0, number)
        time.sleep(args.warm_up)
        before, cpu_before = buckets(address)
        started = time.monotonic()
        found, cpu = look_up(program, args, address, folder / "urls.txt")
        took = time.monotonic() - started
        after, cpu_after = buckets(address)
        _, status, usage = os.wait4(sender, 0)
        if status != 0:
            sys.exit("the sender failed")

        check_people(address, chosen, args.people, number)
        codes = found["statusCodeDistribution"]
        if set(codes) != {"200"}:
            sys.exit(f"wrong answers: {codes} {found['errorDistribution']}")
        engine.send_signal(signal.SIGINT)
        if engine.wait() != 0:
            sys.exit("the engine failed")
        sources = json.loads(summary.read_text())["sources"]
        if (sources["web"]["accepted"], sources["people"]["accepted"]) != (number, args.people):
            sys.exit(f"wrong answers: {sources}")
    finally:
        engine.kill()
        engine.wait()

    print(f"answers: {len(chosen):,} people are as they should be; {number:,} events, each counted once")
    lookups, latency = found["summary"]["requestsPerSec"], found["latencyPercentiles"]
    p50, p99 = (latency[share] * 1_000 for share in ("p50", "p99"))
    p999 = quantile(before, after, 0.999)
    print(
        f"{lookups:,.0f} lookups a second beside {args.rate:,} events a second, {args.people:,} people: "
        f"p50 {p50:.2f}  p99 {p99:.2f} ms"
    )
    outputs = "  ".join(f"p{100 * share:g} {quantile(before, after, share):g}" for share in (0.5, 0.99, 0.999))
    print(f"rows, arrival to acknowledged output, at most: {outputs} ms")
    print(
        f"cores: engine {(cpu_after - cpu_before) / took:.2f}, oha {cpu / took:.2f}, "
        f"sender {(usage.ru_utime + usage.ru_stime) / (number / args.rate):.2f}"
    )
    target = f"target {LOOKUPS:,} lookups a second, p99 {P99:g} ms, outputs' p99.9 {P999:g} ms"
    if args.lookups < LOOKUPS or args.rate < RATE or args.people < PEOPLE:
        print(f"{target}: not tried, with {RATE:,} events a second and {PEOPLE:,} people as it is meant")
        return False
    # What is due in the last moment is not answered within it.
    met = lookups >= 0.99 * LOOKUPS and p99 <= P99 and p999 <= P999
    print(f"{target}: {'met' if met else 'MISSED'}")
    return not met


if __name__ == "__main__":
    sys.exit(main())
