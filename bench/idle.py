#!/usr/bin/env python3
"""What an engine costs that has nothing to do: its share of a core, once it has read all there is."""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

from throughput import ROOT, definition, generate

TARGET = 0.01
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid):
    """User and system time of all of a process's threads (proc(5): fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def settle(process):
    """Waits until a second passes in which next to nothing is done."""
    before = cpu_seconds(process.pid)
    while process.poll() is None:
        time.sleep(1)
        now = cpu_seconds(process.pid)
        if now > 0.1 and now - before < 0.05:
            return
        before = now
    sys.exit("the engine ended before it was idle")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--workers", default="2")
    options = parser.parse_args()
    selfsame = ROOT / "target/release/selfsame"
    folder = ROOT / "target/bench"
    generate(selfsame, folder / "small", 2_000, 60_000)
    spec = definition(folder / "idle", folder / "small")
    command = [selfsame, "run", spec, "--clock", "wall", "--follow", "--workers", options.workers]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        settle(process)
        before = cpu_seconds(process.pid)
        time.sleep(options.seconds)
        share = (cpu_seconds(process.pid) - before) / options.seconds
    finally:
        process.terminate()
        process.wait()
    said = "met" if share < TARGET else "MISSED"
    print(f"idle: {share:.2%} of a core over {options.seconds} s; target {TARGET:.0%}: {said}")
    sys.exit(0 if share < TARGET else 1)


if __name__ == "__main__":
    main()
