#!/usr/bin/env python3
"""How many rows a second the engine sustains, in how much memory: the retail definition over files on disk.

The answers are checked first: person by person on a small history, by counts on the large one.
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

import retail

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
TARGET = 180_000
TARGET_BYTES = 1_200


def generate(selfsame, folder, people, events, extra=()):
    """Makes a history, unless it is there."""
    if not (folder / "products.csv").exists():
        fresh = folder.with_name(folder.name + ".part")
        shutil.rmtree(fresh, ignore_errors=True)
        command = [selfsame, "generate", "--people", str(people), "--events", str(events)]
        subprocess.run([*command, *extra, "--out", fresh], check=True)
        fresh.rename(folder)


def definition(folder, data):
    """The retail definition, reading from `data` and writing into the folder."""
    text = (ROOT / "dataflows/retail/retail.yaml").read_text()
    text = text.replace("files: data/", f"files: {data}/").replace("files: out/", f"files: {folder}/out/")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "retail.yaml"
    path.write_text(text)
    return path


def run(selfsame, spec, workers, clock):
    summary = spec.parent / "summary.json"
    command = [selfsame, "run", spec, "--clock", clock, "--until-end", "--workers", str(workers)]
    started = time.monotonic()
    process = subprocess.Popen([*command, "--summary", summary], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    took = time.monotonic() - started
    if status != 0:
        sys.exit(f"the engine failed ({status})")
    return json.loads(summary.read_text()), took, usage


def answers_of(data):
    """The history's answers, kept beside it."""
    kept = data.with_suffix(".answers.json")
    if not kept.exists():
        kept.write_text(json.dumps(retail.Answers(data).summary(), indent=1))
    return json.loads(kept.read_text())


def check(expected, summary):
    names = ("sources", "identifiers", "people", "segments")
    wrong = retail.differences({name: expected[name] for name in names}, summary)
    if wrong:
        sys.exit("wrong answers:\n  " + "\n  ".join(wrong))


def told(what, median, target, is_met):
    """Says whether a target is met."""
    print(f"median {median:,.0f} {what}, target {target:,}: {'met' if is_met else 'MISSED'}")
    return is_met


def check_small(selfsame, folder, workers):
    data = folder / "small"
    generate(selfsame, data, 2_000, 60_000)
    spec = definition(folder / "check", data)
    # A clock that stands: the first of two events with one id is then the first, however few there are.
    summary, *_ = run(selfsame, spec, workers, "fixed:2025-08-30T00:00:00Z")
    answers = retail.Answers(data)
    check(answers.summary(), summary)
    with open(spec.parent / "out/profiles.ndjson", encoding="utf-8") as lines:
        records = (json.loads(line, parse_float=Decimal) for line in lines)
        profiles = retail.folded((record["key"], record["value"]) for record in records)
    people = retail.check_profiles(answers, profiles)
    print(f"answers: {people:,} people are as they should be, each with orders and lifetime value")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--selfsame", default=ROOT / "target/release/selfsame", type=Path)
    parser.add_argument("--folder", default=ROOT / "target/bench", type=Path, help="for data and outputs")
    parser.add_argument("--people", default=1_000_000, type=int)
    parser.add_argument("--events", default=6_000_000, type=int)
    parser.add_argument("--workers", default=2, type=int)
    parser.add_argument("--clock", default="event")
    parser.add_argument("--runs", default=3, type=int)
    parser.add_argument("--keep", action="store_true", help="keep the outputs of the last run")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    folder = args.folder.resolve()

    check_small(args.selfsame, folder, args.workers)
    data = folder / f"people-{args.people}-events-{args.events}"
    generate(args.selfsame, data, args.people, args.events)
    expected = answers_of(data)
    spec = definition(folder / "throughput", data)
    rates, sizes = [], []
    for _ in range(args.runs):
        summary, took, usage = run(args.selfsame, spec, args.workers, args.clock)
        check(expected, summary)
        rows = sum(source["rows"] for source in summary["sources"].values())
        rates.append(rows / took)
        sizes.append(usage.ru_maxrss * 1024 / summary["identifiers"])
        latency = summary["latency"]
        print(
            f"{rows:,} rows in {took:.1f} s: {rows / took:,.0f} a second; "
            f"{usage.ru_utime:.0f} s user, {usage.ru_stime:.0f} s system; "
            f"peak {usage.ru_maxrss / 1024:,.0f} MiB, "
            f"{sizes[-1]:,.0f} bytes an identifier "
            f"({summary['identifiers']:,} identifiers, {summary['people']:,} people); "
            f"latency p50 {latency['p50']:.0f} p99 {latency['p99']:.0f} ms",
            flush=True,
        )
    if not args.keep:
        shutil.rmtree(spec.parent / "out", ignore_errors=True)
    rate, size = statistics.median(rates), statistics.median(sizes)
    are_met = [
        told("rows a second", rate, TARGET, rate >= TARGET),
        told("bytes an identifier", size, TARGET_BYTES, size <= TARGET_BYTES),
    ]
    return not all(are_met)


if __name__ == "__main__":
    sys.exit(main())
