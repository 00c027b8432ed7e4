#!/usr/bin/env python3
"""How long it takes to find a person's stored rows: `rows` and `why` over HTTP, by the indexes of the data folder and, once
these are taken away, by all rows. What is answered is compared before any time is told.
"""

import argparse
import json
import random
import re
import shutil
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import lite

LARGE = 1 << 20


def asked(address, path):
    began = time.monotonic()
    with urllib.request.urlopen(f"http://{address}{path}", timeout=3_600) as answer:
        said = json.load(answer)
    return time.monotonic() - began, said


def without_tick(said):
    return {key: value for key, value in said.items() if key != "tick"}


def has_indexes(data):
    rows = list((data / "rows").rglob("*.parquet"))
    large = [path for path in rows if path.stat().st_size >= LARGE]
    made = len(list((data / "index").rglob("*.index")))
    if rows and not large:
        sys.exit("no file of rows is so large that it has an index: ask for more --events")
    return rows and made >= len(large)


def bytes_of(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--selfsame", default=lite.ROOT / "target/release/selfsame", type=Path)
    parser.add_argument("--folder", default=lite.ROOT / "target/bench", type=Path)
    parser.add_argument("--people", default=1_000_000, type=int)
    parser.add_argument("--events", default=5_000_000, type=int)
    parser.add_argument("--asked", default=100, type=int)
    args = parser.parse_args()
    args.folder = args.folder.resolve()
    args.folder.mkdir(parents=True, exist_ok=True)
    data = lite.generate(args.folder, args.people, args.events)
    engine = lite.Engine("found", args.selfsame, 2, args.folder, data)
    stored = engine.folder / "data"
    shutil.rmtree(stored, ignore_errors=True)
    command = [part for part in engine.command if part != "--until-end"]
    command += ["--data", stored, "--http", "127.0.0.1:0"]
    log = (engine.folder / "log").open("w+")
    running = subprocess.Popen(command, cwd=engine.folder, stderr=log, stdout=log)
    try:
        address = None
        while running.poll() is None:
            said = (engine.folder / "log").read_text()
            address = re.search(r"listens at http://([0-9.:]+)", said)
            if address and "selfsame_people " in (page := urllib.request.urlopen(f"http://{address[1]}/metrics").read().decode()):
                rows = float(re.search(r'selfsame_source_rows_total\{source="events"\} (\S+)', page)[1])
                if rows >= args.events and has_indexes(stored):
                    break
            time.sleep(1)
        if running.poll() is not None:
            sys.exit((engine.folder / "log").read_text())
        address = address[1]
        with data.open() as lines:
            devices = [json.loads(line)["device"] for _, line in zip(range(200_000), lines)]
        paths = [
            f"/v1/profiles/device:{device}/{what}"
            for device in random.Random(1).sample(devices, args.asked)
            for what in ["rows", "why"]
        ]
        found = {path: asked(address, path) for path in paths}
        index, rows = bytes_of(stored / "index"), bytes_of(stored / "rows")
        # What is taken away is made anew for files that are new alone, until the run is started again.
        for path in (stored / "index").rglob("*.index"):
            path.unlink()
        told = {"rows": [], "why": []}
        whole = {"rows": [], "why": []}
        for path, (took, said) in found.items():
            what = path.rsplit("/", 1)[1]
            told[what].append(took)
            if len(whole[what]) < 2:
                took, all_said = asked(address, path)
                if without_tick(said) != without_tick(all_said):
                    sys.exit(f"{path}: {said}\nand by all rows\n{all_said}")
                whole[what].append(took)
    finally:
        running.terminate()
        running.wait()
    print(f"{args.events} rows of {args.people} people: {rows / args.events:.1f} bytes a row, and {index / args.events:.1f} of indexes")
    for what, times in told.items():
        times = sorted(1_000 * of for of in times)
        p99 = times[max(0, round(0.99 * len(times)) - 1)]
        all_rows = statistics.median(whole[what])
        print(f"{what}: p50 {statistics.median(times):.0f} ms, p99 {p99:.0f} ms; by all rows {all_rows:.1f} s")


if __name__ == "__main__":
    main()
