#!/usr/bin/env python3
"""How long a row takes at half of the rate that the engine sustains: the lite load, on standard input.

The rate is measured first, over files. Then each row is written when it is due, whatever became of the ones
before; the engine measures from a row's arrival until what follows from it is sent, and its own summary is the
result. How late the writer was says whether rows waited in the pipe. The answers are lite's.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import lite
from idle import cpu_seconds
from lite import ROOT

TARGET_P99 = 20.0
# Seconds between two writes.
STEP = 0.001


class Fed(lite.Engine):
    """The engine, fed in a pipe."""

    def feed(self, events, lines, rate):
        """What it said, its summary, how late the latest write was, and what share of a core it took."""
        shutil.rmtree(self.folder / "out", ignore_errors=True)
        with open(self.folder / "log", "w", encoding="utf-8") as log:
            process = subprocess.Popen(self.command, cwd=self.folder, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=log)
            # It is up before the first row is due.
            time.sleep(2)
            started, before = time.monotonic(), cpu_seconds(process.pid)
            late, written = 0.0, 0
            while written < len(lines) - 1:
                due = started + written / rate
                if (early := due - time.monotonic()) > 0:
                    time.sleep(max(early, STEP))
                upto = min(int((time.monotonic() - started) * rate) + 1, len(lines) - 1)
                process.stdin.write(events[lines[written] : lines[upto]])
                process.stdin.flush()
                written = upto
                late = max(late, time.monotonic() - started - (written - 1) / rate)
            share = (cpu_seconds(process.pid) - before) / (time.monotonic() - started)
            process.stdin.close()
            status = process.wait()
        if status != 0:
            sys.exit(f"the engine failed ({status}): see {self.folder / 'log'}")
        said, summary = self.said()
        return said, summary, late, share


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--selfsame", default=ROOT / "target/release/selfsame", type=Path)
    parser.add_argument("--folder", default=ROOT / "target/bench/lite", type=Path, help="for data and outputs")
    parser.add_argument("--people", default=200_000, type=int)
    parser.add_argument("--events", default=2_000_000, type=int)
    parser.add_argument("--workers", default=2, type=int)
    parser.add_argument("--runs", default=3, type=int)
    parser.add_argument("--rate", type=int, help="rows a second, instead of half of what is measured")
    args = parser.parse_args()
    folder = args.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    data = lite.generate(folder, args.people, args.events)
    expected = lite.answers_of(data)

    rate = args.rate
    if not rate:
        engine, rates = lite.Engine("selfsame", args.selfsame, args.workers, folder, data), []
        for _ in range(args.runs):
            said, took, _, _ = engine.run()
            lite.check("selfsame", said, expected)
            rates.append(args.events / took)
        print(f"median {statistics.median(rates):,.0f} events a second, over files", flush=True)
        rate = statistics.median(rates) / 2
    events = data.read_bytes()
    lines, end = [0], -1
    while (end := events.find(b"\n", end + 1)) >= 0:
        lines.append(end + 1)
    fed, p99s = Fed("half", args.selfsame, args.workers, folder, '"-"'), []
    for _ in range(args.runs):
        said, summary, late, share = fed.feed(events, lines, rate)
        lite.check("selfsame", said, expected)
        latency = summary["latency"]
        p99s.append(latency["p99"])
        print(
            f"{latency['count']:,} rows at {rate:,.0f} a second: p50 {latency['p50']:.1f}  p90 {latency['p90']:.1f}  "
            f"p99 {latency['p99']:.1f}  p99.9 {latency['p999']:.1f}  max {latency['max']:.1f} ms; "
            f"written at most {late * 1_000:.0f} ms late; {share:.0%} of a core",
            flush=True,
        )
    p99 = statistics.median(p99s)
    is_met = p99 <= TARGET_P99
    print(f"median p99 {p99:.1f} ms, target {TARGET_P99:.0f}: {'met' if is_met else 'MISSED'}")
    return not is_met


if __name__ == "__main__":
    sys.exit(main())
