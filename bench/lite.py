#!/usr/bin/env python3
"""The lite load: 2 million events of 200,000 people, a definition as plain as that of other engines' benches.

The engine's answers are checked before any time is told, and so are those of the peers, which take the
same file side by side, in turn: `--peers duckdb,pathway,flink,limit`.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

from throughput import told

HERE = Path(__file__).resolve().parent / "lite"
ROOT = HERE.parent.parent
TARGET = 450_000
TARGET_BYTES = 700
# What each needs, at the versions that were measured; it goes into an environment of its own.
PACKAGES = {
    "generate": ["numpy==2.4.6", "orjson==3.13.0"],
    "duckdb": ["duckdb==2.0.1"],
    "pathway": ["pathway==0.33.0"],
    "flink": ["apache-flink==2.3.0"],
}
# Beside those, what two cores can do by hand.
PEERS = ("duckdb", "pathway", "flink", "limit")
# Of 200,000 people and 2,000,000 events, as several engines found them.
KNOWN = {"people": 337_600, "events": 2_000_000, "spend": "29989592.92", "big": 11_519}


def python_with(name, folder):
    """The interpreter of an environment that has what is needed."""
    environment = folder / f"python-{name}"
    if not (environment / "complete").exists():
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
        subprocess.run([environment / "bin/pip", "install", "--quiet", *PACKAGES[name]], check=True)
        (environment / "complete").touch()
    return environment / "bin/python"


def generate(folder, people, events):
    path = folder / f"people-{people}-events-{events}.ndjson"
    if not path.exists():
        part = path.with_suffix(".part")
        command = [python_with("generate", folder), HERE / "generate.py", str(people), str(events), part]
        subprocess.run(command, check=True)
        part.rename(path)
    return path


def answers_of(data, has_identity=True):
    """A plain reading of the events, which shares nothing with the engine; kept beside them."""
    kept = data.with_suffix(".answers.json" if has_identity else ".devices.json")
    if not kept.exists():
        kept.write_text(json.dumps(read(data, has_identity)))
    return json.loads(kept.read_text())


def read(data, has_identity):
    """Without identity, a person is a device."""
    parents, sums = {}, {}

    def root(identifier):
        while (parent := parents.setdefault(identifier, identifier)) != identifier:
            parents[identifier] = parents[parent]
            identifier = parent
        return identifier

    with open(data, "rb") as lines:
        for line in lines:
            row = json.loads(line, parse_float=Decimal)
            device = "device", row["device"]
            root(device)
            for kind in ("account", "email"):
                if has_identity and kind in row:
                    parents[root(device)] = root((kind, row[kind]))
            events, views, spend = sums.get(device, (0, 0, Decimal(0)))
            views += row["event"] == "view"
            spend += row["properties"]["amount"] if row["event"] == "buy" else 0
            sums[device] = events + 1, views, spend
    people = {}
    for device, (events, views, spend) in sums.items():
        person = people.setdefault(root(device), [0, 0, Decimal(0)])
        person[0] += events
        person[1] += views
        person[2] += spend
    return {
        "people": len(people),
        "events": sum(events for events, _, _ in people.values()),
        "spend": f"{sum(spend for _, _, spend in people.values()):.2f}",
        "big": sum(spend > 400 and views > 3 for _, views, spend in people.values()),
    }


def measured(command, **options):
    """Runs it to its end: what it printed, seconds, and its use of the machine."""
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **options)
    printed = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    took = time.monotonic() - started
    if status != 0:
        sys.exit(f"{command[0]} failed ({status})")
    return printed, took, usage


def published(path):
    """What the engine's changelog says in the end, by person."""
    state = {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line, parse_float=Decimal)
            if record["value"] is None:
                state.pop(record["key"], None)
            else:
                attributes = record["value"]["attributes"]
                spend = attributes["spend"] or Decimal(0)
                state[record["key"]] = attributes["events"], spend, bool(record["value"]["segments"])
    return {
        "people": len(state),
        "events": sum(events for events, _, _ in state.values()),
        "spend": f"{sum(spend for _, spend, _ in state.values()):.2f}",
        "big": sum(big for _, _, big in state.values()),
    }


class Engine:
    """The engine, from the events to the changelogs on disk. The first run's changelog is read whole."""

    def __init__(self, name, selfsame, workers, folder, data):
        here = folder / name
        here.mkdir(exist_ok=True)
        text = (HERE / "lite.yaml").read_text().replace("files: events.ndjson", f"files: {data}")
        (here / "lite.yaml").write_text(text)
        self.folder, self.is_checked = here, False
        self.command = [selfsame.resolve(), "run", here / "lite.yaml", "--clock", "event", "--until-end"]
        self.command += ["--workers", str(workers), "--summary", here / "summary.json"]

    def run(self, finds=False, leaves=False):
        """With outputs that are gone, unless it `finds` them; whether it `leaves` what it wrote."""
        if not finds:
            shutil.rmtree(self.folder / "out", ignore_errors=True)
        with open(self.folder / "log", "w", encoding="utf-8") as log:
            _, took, usage = measured(self.command, cwd=self.folder, stderr=log)
        said, summary = self.said(leaves)
        return said, took, usage, summary["identifiers"]

    def said(self, leaves=False):
        """What it has sent, and its summary."""
        summary = json.loads((self.folder / "summary.json").read_text())
        said = {"people": summary["people"], "big": summary["segments"]["big"]}
        if not self.is_checked:
            said |= published(self.folder / "out/profiles.ndjson")
            self.is_checked = True
        if not leaves:
            shutil.rmtree(self.folder / "out")
        return said, summary


class Peer:
    def __init__(self, name, threads, folder, data):
        if name == "limit":
            manifest = HERE / "limit/Cargo.toml"
            build = ["cargo", "build", "--release", "--manifest-path", manifest, "--target-dir", folder / "limit"]
            subprocess.run(build, check=True)
            self.command = [folder / "limit/release/limit", data]
        else:
            self.command = [python_with(name, folder), HERE / f"{name}_run.py", data, str(threads)]
        self.log = folder / f"{name}.log"

    def measured(self, *more):
        with open(self.log, "w", encoding="utf-8") as log:
            return measured([*self.command, *more], stderr=log)

    def run(self):
        printed, took, usage = self.measured()
        return json.loads(printed), took, usage, None


class Flink(Peer):
    """Sends what it says of people nowhere, so that its answers are asked for before, and are those of devices."""

    def __init__(self, name, threads, folder, data):
        super().__init__(name, threads, folder, data)
        printed, _, _ = self.measured("check")
        check(name, json.loads(printed), answers_of(data, has_identity=False))

    def run(self):
        _, took, _ = self.measured()
        # It works in another process, that of Java.
        return {}, took, None, None


def check(name, said, expected):
    wrong = [f"{of}: {value}, not {expected[of]}" for of, value in said.items() if value != expected[of]]
    if wrong:
        sys.exit(f"wrong answers of {name}:\n  " + "\n  ".join(wrong))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--selfsame", default=ROOT / "target/release/selfsame", type=Path)
    parser.add_argument("--beside", type=Path, help="another build of the engine, to run in turn with it")
    parser.add_argument("--folder", default=ROOT / "target/bench/lite", type=Path, help="for data and outputs")
    parser.add_argument("--people", default=200_000, type=int)
    parser.add_argument("--events", default=2_000_000, type=int)
    parser.add_argument("--workers", default=2, type=int, help="threads of each")
    parser.add_argument("--runs", default=3, type=int)
    parser.add_argument("--peers", default="", help=f"some of {','.join(PEERS)}")
    args = parser.parse_args()
    folder = args.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    names = [name for name in args.peers.split(",") if name]
    for name in names:
        if name not in PEERS:
            parser.error(f"there is no peer {name}: {', '.join(PEERS)}")

    data = generate(folder, args.people, args.events)
    expected = answers_of(data)
    if (args.people, args.events) == (200_000, 2_000_000) and expected != KNOWN:
        sys.exit(f"the generator made another history: {expected}, not {KNOWN}")

    runners = {"selfsame": Engine("selfsame", args.selfsame, args.workers, folder, data)}
    if args.beside:
        runners["beside"] = Engine("beside", args.beside, args.workers, folder, data)
    for name in names:
        runners[name] = (Flink if name == "flink" else Peer)(name, args.workers, folder, data)
    times, sizes = {name: [] for name in runners}, []
    for _ in range(args.runs):
        for name, runner in runners.items():
            said, took, usage, identifiers = runner.run()
            check(name, said, expected)
            times[name].append(took)
            use = ""
            if usage:
                memory = usage.ru_maxrss * 1024
                use = f"; {usage.ru_utime:.1f} s user, {usage.ru_stime:.1f} s system; peak {memory / 2**20:,.0f} MiB"
            if identifiers:
                use += f", {memory / identifiers:,.0f} bytes an identifier"
            if name == "selfsame":
                sizes.append(memory / identifiers)
            print(f"{name:9} {took:6.2f} s, {args.events / took:9,.0f} events a second{use}", flush=True)
    medians = {name: args.events / statistics.median(took) for name, took in times.items()}
    for name in [name for name in medians if name != "selfsame"]:
        print(f"median {medians[name]:,.0f} events a second of {name}")
    rate, size = medians["selfsame"], statistics.median(sizes)
    are_met = [
        told("events a second of selfsame", rate, TARGET, rate >= TARGET),
        told("bytes an identifier of selfsame", size, TARGET_BYTES, size <= TARGET_BYTES),
    ]
    return not all(are_met)


if __name__ == "__main__":
    sys.exit(main())
