#!/usr/bin/env python3
"""How long it takes to find a person's stored rows: `rows` and `why` over HTTP, of Parquet files with their indexes and of a
log with the newest tenth of all rows, and, once the indexes are taken away, by all rows. What is answered is compared before
any time is told.
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
import urllib.error
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
    return {key: value for key, value in said.items() if key not in ("tick", "now")}


def without_indexes(data):
    rows = list((data / "rows").rglob("*.parquet"))
    large = [path for path in rows if path.stat().st_size >= LARGE]
    if not large:
        sys.exit("no file of rows is so large that it has an index: ask for more --events")
    return len(large) - len(list((data / "index").rglob("*.index")))


def bytes_of(folder, ending="*"):
    return sum(path.stat().st_size for path in folder.rglob(ending) if path.is_file())


class Run:
    """A run that is served, until it is ended; `rows` are those that it has taken in."""

    def __init__(self, engine, command):
        self.log = engine.folder / "log"
        output = self.log.open("w")
        self.process = subprocess.Popen(command, cwd=engine.folder, stderr=output, stdout=output)
        self.address = self.until(lambda: re.search(r"listens at http://([0-9.:]+)", self.log.read_text()))[1]

    def until(self, found):
        while self.process.poll() is None:
            if known := found():
                return known
            time.sleep(0.2)
        sys.exit(self.log.read_text())

    def is_ready(self):
        try:
            return urllib.request.urlopen(f"http://{self.address}/health/ready").status == 200
        except urllib.error.HTTPError:
            return False

    def rows(self):
        page = urllib.request.urlopen(f"http://{self.address}/metrics").read().decode()
        counted = re.search(r'selfsame_source_rows_total\{source="events"\} (\S+)', page)
        return float(counted[1]) if counted else 0

    def end(self):
        self.process.terminate()
        self.process.wait()


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
    # A file of the run's own, so that it grows.
    growing, definition = engine.folder / "events.ndjson", engine.folder / "lite.yaml"
    definition.write_text(definition.read_text().replace(str(data), str(growing)))
    with data.open("rb") as lines, growing.open("wb") as begin:
        lines = lines.readlines()
        newest = lines[len(lines) * 9 // 10 :]
        begin.writelines(lines[: len(lines) - len(newest)])
    subprocess.run([*engine.command, "--data", stored, "--quiet"], cwd=engine.folder, check=True, stdout=subprocess.DEVNULL)
    command = [part for part in engine.command if part != "--until-end"]
    run = Run(engine, [*command, "--follow", "--data", stored, "--http", "127.0.0.1:0"])
    try:
        run.until(run.is_ready)
        run.until(lambda: run.rows() >= args.events - len(newest))
        run.until(lambda: without_indexes(stored) <= 0)
        with growing.open("ab") as end:
            end.writelines(newest)
        run.until(lambda: run.rows() >= args.events)
        devices = [json.loads(line)["device"] for line in random.Random(1).sample(lines, args.asked)]
        paths = [f"/v1/profiles/device:{device}/{what}" for device in devices for what in ["rows", "why"]]
        first = asked(run.address, paths[0])[0]
        logs = bytes_of(stored / "log")
        found = {path: asked(run.address, path) for path in paths}
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
                took, all_said = asked(run.address, path)
                if without_tick(said) != without_tick(all_said):
                    sys.exit(f"{path}: {said}\nand by all rows\n{all_said}")
                whole[what].append(took)
    finally:
        run.end()
    print(f"{args.events} rows of {args.people} people: {rows} bytes of Parquet, {index} of indexes, {logs} of logs")
    print(f"the first who asked waited {1_000 * first:.0f} ms")
    for what, times in told.items():
        times = sorted(1_000 * of for of in times)
        p99 = times[max(0, round(0.99 * len(times)) - 1)]
        all_rows = statistics.median(whole[what])
        print(f"{what}: p50 {statistics.median(times):.0f} ms, p99 {p99:.0f} ms; by all rows {all_rows:.1f} s")


if __name__ == "__main__":
    main()
