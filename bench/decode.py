#!/usr/bin/env python3
"""What decoding costs: rows without any of the newer features against another build, and compressed files against
their own decompressors.

Nearly all rows are left out by `where`, so that what is measured is reading and decoding. The answers (rows, and the
sum of the few that count) are checked before a time is told.
"""

import argparse
import bz2
import gzip
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
MOST_AGAINST_OTHER = 1.03
MOST_AGAINST_TOOL = 1.10

DEFINITION = """
sources:
  rows:
    files: {path}
    format: {format}
    kind: events
    id: id
    time: at
    fields:
      id: text
      at: timestamp
      email: text
      kind: text
      amount: "decimal(12,2)"
      count: integer
      page: {page}
    where: kind = 'kept'
identity:
  email: {{from: {{rows: email}}, normalize: lower(trim(value)), at_most: 1}}
attributes:
  spent: {{from: rows, select: sum(amount)}}
outputs:
  profiles: {{files: out/profiles.ndjson}}
"""


def rows(number):
    """Each row as a dictionary; the thousandth of each thousand counts."""
    for at in range(number):
        second = at % 86_400
        yield {
            "id": f"e{at}",
            "at": f"2025-07-05T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}Z",
            "email": f"person{at * 7919 % 100_003}@example.com",
            "kind": "kept" if at % 1_000 == 0 else ("viewed", "added", "searched")[at % 3],
            "amount": f"{at * 31 % 100_000 / 100:.2f}",
            "count": at % 17,
            "page": f"/shop/{at * 13 % 999}/{at * 17 % 9_973}.html",
        }


def make(folder, number):
    """The files, unless they are there, and what the kept rows add up to."""
    json_path, csv_path = folder / "rows.ndjson", folder / "rows.csv"
    answer = folder / f"answer-{number}.txt"
    if not answer.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        total = Decimal(0)
        with open(json_path, "w") as lines, open(csv_path, "w") as cells:
            cells.write("id,at,email,kind,amount,count,page\n")
            for row in rows(number):
                if row["kind"] == "kept":
                    total += Decimal(row["amount"])
                cells.write(",".join(str(value) for value in row.values()) + "\n")
                nested = {**row, "amount": float(row["amount"]), "page": {"url": row["page"]}}
                lines.write(json.dumps(nested, separators=(",", ":")) + "\n")
        answer.write_text(str(total))
    return json_path, csv_path, Decimal(answer.read_text())


def timed(command, cwd, **streams):
    """Wall and processor seconds of a command that must succeed."""
    started = time.monotonic()
    process = subprocess.Popen(command, cwd=cwd, **streams)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - started
    if status != 0:
        sys.exit(f"{command[0]} failed ({status})")
    return wall, usage.ru_utime + usage.ru_stime


def run(selfsame, folder, path, number, total):
    """A run over one file, whose answers are checked."""
    work = folder / "work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    is_csv = ".csv" in path.name
    page = "text" if is_csv else "{type: text, path: page.url}"
    form = "csv" if is_csv else "json"
    (work / "d.yaml").write_text(DEFINITION.format(path=path, format=form, page=page))
    command = [selfsame, "run", "d.yaml", "--clock", "event", "--until-end", "--summary", "summary.json", "--quiet"]
    took = timed(command, work, stdout=subprocess.DEVNULL)
    summary = json.loads((work / "summary.json").read_text())["sources"]["rows"]
    found = summary["accepted"], summary["dropped"], summary["rejected"]
    kept = len(range(0, number, 1_000))
    if found != (kept, number - kept, 0):
        sys.exit(f"wrong answers for {path.name}: {found}")
    state = {}
    for line in open(work / "out/profiles.ndjson"):
        record = json.loads(line, parse_float=Decimal)
        state[record["key"]] = record["value"]["attributes"]["spent"]
    if sum(state.values()) != total:
        sys.exit(f"wrong sum for {path.name}: {sum(state.values())}, not {total}")
    return took


def compressed(path):
    """The file in each form that can be made here, each with the command of its own decompressor."""
    def by_library(opened):
        def write(to):
            with open(path, "rb") as source, opened(to, "wb") as target:
                shutil.copyfileobj(source, target, 1 << 20)
        return write

    def by_tool(*command):
        def write(to):
            with open(to, "wb") as target:
                subprocess.run([*command, path], stdout=target, check=True)
        return write

    forms = {
        "gz": (by_library(lambda to, mode: gzip.open(to, mode, 6)), ["gzip", "-dc"]),
        "bz2": (by_library(lambda to, mode: bz2.open(to, mode, 9)), ["bzip2", "-dc"]),
        "zst": (by_tool("zstd", "-q", "-c"), ["zstd", "-q", "-dc"]),
        "lz4": (by_tool("lz4", "-q", "-c"), ["lz4", "-q", "-dc"]),
    }
    # Debian has no tool for snappy's frame format: the library itself stands in for one.
    if python := with_package("cramjam", "2.14.0"):
        forms["sz"] = (by_tool(python, "-c", PACK), [python, "-c", UNPACK])
    else:
        print("sz: NOT MEASURED, cramjam can't be had of PyPI here")
    for ending, (write, tool) in forms.items():
        if shutil.which(tool[0]) is None:
            print(f"{ending}: NOT MEASURED, there is no {tool[0]} here")
            continue
        to = path.with_name(path.name + "." + ending)
        if not to.exists():
            part = to.with_suffix(".part")
            write(part)
            part.rename(to)
        yield ending, to, tool


PACK, UNPACK = (
    f"import sys, cramjam; cramjam.snappy.{way}_into(cramjam.File(sys.argv[1]), cramjam.File({to!r}, write=True))"
    for way, to in (("compress", "/dev/stdout"), ("decompress", "/dev/null"))
)


def with_package(package, version):
    """Python with a package of PyPI, in an environment that is kept for the next time; None where it can't be had."""
    folder = ROOT / "target/bench/venv"
    python = folder / "bin/python"

    def has():
        asked = [python, "-c", f"import {package}"]
        return python.exists() and subprocess.run(asked, stderr=subprocess.DEVNULL).returncode == 0

    if not has():
        subprocess.run([sys.executable, "-m", "venv", folder])
        subprocess.run([python, "-m", "pip", "install", "--quiet", f"{package}=={version}"])
    return str(python) if has() else None


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--selfsame", default=ROOT / "target/release/selfsame", type=Path)
    options.add_argument("--beside", type=Path, help="another build, to compare with")
    options.add_argument("--rows", type=int, default=3_000_000)
    options.add_argument("--runs", type=int, default=5)
    given = options.parse_args()
    folder = ROOT / "target/bench/decode"
    json_path, csv_path, total = make(folder, given.rows)
    builds = {"this": given.selfsame.resolve()}
    if given.beside:
        builds["other"] = given.beside.resolve()
    is_met = True
    plain = {}
    for path in (json_path, csv_path):
        took = {name: [] for name in builds}
        for _ in range(given.runs):
            # In turn, so that what else the machine does is shared.
            for name, build in builds.items():
                took[name].append(run(build, folder, path, given.rows, total))
        best = {name: (min(w for w, _ in all), min(c for _, c in all)) for name, all in took.items()}
        plain[path] = best["this"]
        middle = statistics.median(cpu for _, cpu in took["this"])
        print(
            f"{path.name}: {given.rows / best['this'][0]:,.0f} rows a second, {best['this'][1]:.2f} s of processor"
            f" (median {middle:.2f})"
        )
        if "other" in best:
            share = best["this"][1] / best["other"][1]
            is_met &= share <= MOST_AGAINST_OTHER
            print(f"  {share:.3f} of the other build's {best['other'][1]:.2f} s (at most {MOST_AGAINST_OTHER})")
    for ending, path, tool in compressed(json_path):
        ours = [run(builds["this"], folder, path, given.rows, total) for _ in range(given.runs)]
        theirs = [timed([*tool, path], folder, stdout=subprocess.DEVNULL) for _ in range(given.runs)]
        wall, cpu = min(w for w, _ in ours), min(c for _, c in ours)
        tool_wall, tool_cpu = min(w for w, _ in theirs), min(c for _, c in theirs)
        slower = max(plain[json_path][0], tool_wall)
        name = "cramjam" if ending == "sz" else tool[0]
        is_met &= wall <= MOST_AGAINST_TOOL * slower
        print(
            f"{ending}: {wall:.2f} s, {wall / slower:.2f} of the slower of plain rows ({plain[json_path][0]:.2f} s) and"
            f" {name} ({tool_wall:.2f} s) (at most {MOST_AGAINST_TOOL}); {cpu - plain[json_path][1]:.2f} s of"
            f" processor more than plain, {name} {tool_cpu:.2f} s"
        )
    print("target met" if is_met else "target MISSED")
    sys.exit(0 if is_met else 1)


if __name__ == "__main__":
    main()
