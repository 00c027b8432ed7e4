#!/usr/bin/env python3
"""How long a row takes from its append to a topic to the acknowledgement of what it caused.

A broker, the generator and the engine share this machine. The broker stamps each message when it is
appended (`LogAppendTime`), the engine measures from there; its own summary is the result. The
answers are checked first: counts, and every profile that was published, person by person.

A broker that has just been started compiles itself, for half a minute on a core of its own, and
brokers are not started for a run: so the same rows go through once before, at the same rate, into
other topics, by an engine that is then stopped.

Needs Java 17 or newer, and Maven or KAFKA_HOME.
"""

import argparse
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path

import retail
from idle import cpu_seconds
from throughput import ROOT, check, generate

TARGET_P99, TARGET_P999 = 100.0, 200.0
# Of a core, at 20,000 rows a second.
TARGET_SHARE = 1 / 3
# What the engine logs of a tick, a commit and a sync that took long.
SLOW = {
    "ticks": (
        r"tick \d+ took (\d+) ms: its records were handed over after (\d+), its rows durable after (\d+)",
        ("in all", "handed over", "durable"),
    ),
    "commits": (
        r"commit of tick \d+ took (\d+) ms: its records were acknowledged after (\d+), its progress after (\d+)",
        ("in all", "acknowledged", "progress"),
    ),
    "syncs": (r"bytes were durable after (\d+) ms", ("in all",)),
}
TOPICS = {
    "data/web/*.ndjson": "web.events",
    "data/orders/*.ndjson": "orders",
    "data/crm/*.ndjson": "crm.customers",
    "data/products.csv": "products",
}
# The middle of the history: half of it lies in windows that end here.
CLOCK = "fixed:2025-07-15T00:00:00Z"


def jars(folder):
    """The class path of a broker."""
    if home := os.environ.get("KAFKA_HOME"):
        return f"{home}/libs/*"
    libraries = folder / "kafka"
    if not libraries.is_dir():
        fresh = folder / "kafka.part"
        plugin = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"
        maven = ["mvn", "--quiet", "--batch-mode", "--file", ROOT / "tests/broker/pom.xml", plugin]
        subprocess.run([*maven, "-DincludeScope=runtime", f"-DoutputDirectory={fresh}"], check=True)
        fresh.rename(libraries)
    return f"{libraries}/*"


def free_ports(number):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@contextlib.contextmanager
def broker(classes):
    """A broker that stamps messages itself; gives its address and the folder of its logs."""
    with tempfile.TemporaryDirectory(prefix="selfsame-kafka-") as folder:
        own, controller = (f"127.0.0.1:{port}" for port in free_ports(2))
        properties = (ROOT / "tests/broker/server.properties").read_text()
        properties = (
            properties.replace("://BROKER", f"://{own}")
            .replace("://CONTROLLER", f"://{controller}")
            .replace("@CONTROLLER", f"@{controller}")
            .replace("FOLDER", folder)
        )
        file = Path(folder) / "server.properties"
        file.write_text(properties + "\nlog.message.timestamp.type=LogAppendTime\n")
        java = ["java", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", classes]
        tool = [*java, "kafka.tools.StorageTool", "format", "--config", file]
        subprocess.run([*tool, "--cluster-id", "c2VsZnNhbWUtYnJva2VyMA"], check=True, stdout=subprocess.DEVNULL)
        server = [*java, "-Xms512m", "-Xmx512m", "-XX:MaxGCPauseMillis=20", "kafka.Kafka", file]
        with open(Path(folder) / "broker.log", "w") as log:
            process = subprocess.Popen(server, stdout=log, stderr=log)
        try:
            until(lambda: answers(own), "the broker answers", process)
            yield own, Path(folder) / "logs"
        finally:
            process.kill()
            process.wait()


def answers(address):
    host, port = address.split(":")
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
        return True
    except OSError:
        return False


def until(holds, what, process):
    deadline = time.monotonic() + 60
    while not holds():
        if process.poll() is not None:
            sys.exit(f"ended before {what}")
        if time.monotonic() > deadline:
            sys.exit(f"not within a minute: {what}")
        time.sleep(0.1)


def definition(path, address, properties, prefix):
    """The retail definition, from topics and into topics whose names begin alike."""
    text = (ROOT / "dataflows/retail/retail.yaml").read_text()
    for files, topic in TOPICS.items():
        text = text.replace(f"files: {files}", f"kafka: {{topic: {topic}, start: latest}}")
    text = text.replace("format: csv", "format: json")
    for output in ("profiles", "segments", "identities", "rejects", "conflicts", "vips"):
        text = text.replace(f"files: out/{output}.ndjson", f"kafka: {{topic: {prefix}.{output}}}")
    kafka = f"kafka:\n  brokers: {address}\n  properties: {{{properties}}}\n\n"
    path.write_text(text.replace("sources:\n", kafka + "sources:\n", 1))


def check_profiles(selfsame, spec, answers):
    """What was published, read back."""
    tail = [selfsame, "--log", "warn", "tail", "profiles", "--spec", spec, "-n", str(10**9)]
    with subprocess.Popen(tail, stdout=subprocess.PIPE, text=True) as process:
        records = (json.loads(line, parse_float=Decimal) for line in process.stdout)
        profiles = retail.folded((record["key"], record["value"]) for record in records)
    return retail.check_profiles(answers, profiles)


def through(args, folder, address, logs, prefix, people, events):
    """Feeds a history to an engine that reads from where topics end; gives its definition, its
    summary, and what share of a core it took meanwhile."""
    spec, summary = folder / f"{prefix}.yaml", folder / f"{prefix}.json"
    definition(spec, address, args.properties, prefix)
    run = [args.selfsame, "run", spec, "--clock", CLOCK, "--workers", str(args.workers)]
    if args.data:
        shutil.rmtree(folder / f"{prefix}.data", ignore_errors=True)
        run += ["--data", folder / f"{prefix}.data"]
    log = folder / f"{prefix}.log"
    if args.stages:
        run += ["--log", "info,selfsame=debug"]
    with open(log, "w") as stderr:
        engine = subprocess.Popen([*run, "--summary", summary], stderr=stderr if args.stages else None)
    # Outputs are opened after the ends of the topics were asked for.
    until(lambda: (logs / f"{prefix}.vips-0").exists(), "the engine runs", engine)
    time.sleep(2)
    history = ["--people", str(people), "--events", str(events), "--rate", str(args.rate)]
    started, before = time.monotonic(), cpu_seconds(engine.pid)
    subprocess.run([args.selfsame, "generate", "--kafka", address, *history], check=True)
    share = (cpu_seconds(engine.pid) - before) / (time.monotonic() - started)
    # Whatever is not read by then is missed by the check.
    time.sleep(3)
    engine.send_signal(signal.SIGINT)
    if engine.wait() != 0:
        sys.exit("the engine failed")
    return spec, json.loads(summary.read_text()), share


def tell_stages(log):
    """What slow ticks, commits and syncs waited for: medians and the longest, in milliseconds."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", log.read_text())
    for what, (pattern, stages) in SLOW.items():
        found = [match if isinstance(match, tuple) else (match,) for match in re.findall(pattern, text)]
        columns = [sorted(map(int, column)) for column in zip(*found)] or [[0]] * len(stages)
        told = (f"{stage} {column[len(column) // 2]}, at most {column[-1]}" for stage, column in zip(stages, columns))
        print(f"  {len(found):,} slow {what}: {'; '.join(told)} ms")
    for line in re.findall(r".*(?:became columnar files|indexing|merging|compaction|checkpoint of tick).*", text):
        print(f"  {line}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--selfsame", default=ROOT / "target/release/selfsame", type=Path)
    parser.add_argument("--folder", default=ROOT / "target/bench", type=Path)
    parser.add_argument("--people", default=100_000, type=int)
    parser.add_argument("--rate", default=20_000, type=int)
    parser.add_argument("--seconds", default=75, type=int)
    parser.add_argument("--warm-up", default=40, type=int, help="seconds")
    parser.add_argument("--workers", default=1, type=int)
    parser.add_argument("--partitions", default=2, type=int)
    parser.add_argument("--data", action="store_true", help="rows are stored, and topics written in transactions")
    parser.add_argument("--properties", default="", help="librdkafka's, for the engine")
    parser.add_argument("--stages", action="store_true", help="tell also what slow ticks waited for, by the engine's log")
    args = parser.parse_args()
    folder = args.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)

    events = args.rate * args.seconds
    data = folder / f"people-{args.people}-events-{events}"
    generate(args.selfsame, data, args.people, events)
    expected = retail.Answers(data)
    with broker(jars(folder)) as (address, logs):
        # A few rows, so that the topics are there; the engines start behind them.
        few = ["--people", "1", "--events", "1", "--partitions", str(args.partitions)]
        create = [args.selfsame, "generate", "--kafka", address, *few]
        subprocess.run(create, check=True, stdout=subprocess.DEVNULL)
        if args.warm_up:
            share = args.warm_up / args.seconds
            warm = int(args.people * share), args.rate * args.warm_up
            through(args, folder, address, logs, "warm", *warm)
        spec, found, share = through(args, folder, address, logs, "out", args.people, events)
        check(expected.summary(), found)
        people = check_profiles(args.selfsame, spec, expected)
    print(f"answers: {people:,} people are as they should be, each with orders and lifetime value")
    latency = found["latency"]
    is_met = latency["p99"] <= TARGET_P99 and latency["p999"] <= TARGET_P999
    met = "met" if is_met else "MISSED"
    print(
        f"{latency['count']:,} rows at {args.rate:,} a second, append to acknowledged output: "
        f"p50 {latency['p50']:.1f}  p90 {latency['p90']:.1f}  p99 {latency['p99']:.1f}  "
        f"p99.9 {latency['p999']:.1f}  max {latency['max']:.1f} ms; "
        f"targets p99 {TARGET_P99:.0f} and p99.9 {TARGET_P999:.0f} ms: {met}"
    )
    is_little = share <= TARGET_SHARE
    print(
        f"the engine took {share:.0%} of a core meanwhile; "
        f"target at 20,000 rows a second {TARGET_SHARE:.0%}: {'met' if is_little else 'MISSED'}"
    )
    if args.stages:
        tell_stages(folder / "out.log")
    return not (is_met and is_little)


if __name__ == "__main__":
    sys.exit(main())
