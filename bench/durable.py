#!/usr/bin/env python3
"""What it costs that a run outlives its process: the lite load with a data folder and without, in turn, and started again:
with the outputs as they are, from the stored rows alone and with the checkpoint that the run made, which is the ordinary
restart; and with outputs that are gone, with the checkpoint and without.

The answers are checked before any time is told: of the run with a folder, and of those that go on with it. Outputs that are
as they are have to stay so.
"""

import argparse
import hashlib
import re
import shutil
import statistics
import sys
from pathlib import Path

import lite

LEAST = 0.85
# Rows that are read back in a second, where outputs are as they are.
TARGET = 1_000_000
# Seconds until what a million people and 20 million rows come to is back, with a checkpoint.
TARGET_RESTART = 15


def bytes_of(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


class Durable(lite.Engine):
    """The engine with a data folder: `run` goes on with it, and its outputs, which are gone, are told all again."""

    read_back, restarted = [], []

    def __init__(self, selfsame, workers, folder, data):
        super().__init__("durable", selfsame, workers, folder, data)
        self.data = self.folder / "data"
        self.command += ["--data", self.data]

    def anew(self):
        shutil.rmtree(self.data, ignore_errors=True)
        return self.run(leaves=True)

    def outputs(self):
        files = sorted((self.folder / "out").iterdir())
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    def in_place(self):
        """With the outputs that the run before has left; how long it took to come to what that knew is the log's word."""
        before = self.outputs()
        ran = self.run(finds=True, leaves=True)
        if self.outputs() != before:
            sys.exit("outputs that were as they are were told something")
        return ran, (self.folder / "log").read_text()

    def with_checkpoint(self):
        ran, log = self.in_place()
        # A run that is over soon makes none.
        if told := re.search(r"is back after ([\d.]+) s", log):
            self.restarted.append(float(told[1]))
        return ran

    def from_rows_alone(self):
        checkpoints, aside = self.data / "checkpoints", self.folder / "checkpoints"
        shutil.rmtree(aside, ignore_errors=True)
        # A run that is over soon makes none.
        if checkpoints.exists():
            checkpoints.rename(aside)
        ran, log = self.in_place()
        # The next one is to begin with them.
        shutil.rmtree(checkpoints, ignore_errors=True)
        if aside.exists():
            aside.rename(checkpoints)
        self.read_back.append(float(re.search(r"read back in ([\d.]+) s", log)[1]))
        return ran

    def without_checkpoints(self):
        shutil.rmtree(self.data / "checkpoints", ignore_errors=True)
        return self.run()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--selfsame", default=lite.ROOT / "target/release/selfsame", type=Path)
    parser.add_argument("--folder", default=lite.ROOT / "target/bench", type=Path)
    parser.add_argument("--people", default=200_000, type=int)
    parser.add_argument("--events", default=2_000_000, type=int)
    parser.add_argument("--workers", default=2, type=int)
    parser.add_argument("--runs", default=3, type=int)
    args = parser.parse_args()
    args.folder = args.folder.resolve()
    args.folder.mkdir(parents=True, exist_ok=True)
    data = lite.generate(args.folder, args.people, args.events)
    known = lite.answers_of(data)
    fleeting = lite.Engine("fleeting", args.selfsame, args.workers, args.folder, data)
    durable = Durable(args.selfsame, args.workers, args.folder, data)
    told = {"without": [], "with": [], "rows alone": [], "checkpoint": [], "again": [], "from rows": []}
    ways = [fleeting.run, durable.anew, durable.from_rows_alone, durable.with_checkpoint]
    ways += [durable.run, durable.without_checkpoints]
    checkpoint = 0
    for _ in range(args.runs):
        for name, run in zip(told, ways):
            said, took, usage, _ = run()
            if name == "again" and (kept := sorted((durable.data / "checkpoints").glob("*"))):
                checkpoint = bytes_of(kept[-1])
            wrong = {key: (value, known[key]) for key, value in said.items() if known[key] != value}
            if wrong:
                sys.exit(f"{name}: {wrong}")
            told[name].append((took, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024))
    print("answers: right\n")
    print(f"{'':<10}{'seconds':>9}{'cpu s':>9}{'MiB':>9}{'rows/s':>11}")
    medians = {}
    for name, runs in told.items():
        took, cpu, peak = (statistics.median(column) for column in zip(*runs))
        medians[name] = took, cpu
        print(f"{name:<10}{took:>9.2f}{cpu:>9.2f}{peak:>9.0f}{args.events / took:>11,.0f}")
    stored = bytes_of(durable.data / "rows")
    ratio = medians["without"][1] / medians["with"][1]
    print(f"\non disk {stored / args.events:.1f} bytes a row, and the latest checkpoint of {checkpoint:,} bytes")
    print(f"rows per second of processor, with a folder: {ratio:.2f} of those without (at least {LEAST})")
    read_back = args.events / statistics.median(durable.read_back)
    print(f"read back, with outputs in place: {read_back:,.0f} rows a second (at least {TARGET:,})")
    restarted = statistics.median(durable.restarted) if durable.restarted else None
    if restarted is not None:
        print(f"back with a checkpoint after {restarted:.1f} s (of 1,000,000 people and 20,000,000 events at most {TARGET_RESTART})")
    shutil.rmtree(durable.data)
    is_back_in_time = restarted is None or restarted <= TARGET_RESTART
    sys.exit(0 if ratio >= LEAST and read_back >= TARGET and is_back_in_time else 1)


if __name__ == "__main__":
    main()
