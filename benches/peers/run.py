#!/usr/bin/env python3
"""run.py DATA [--out FILE]: city-v1 on smartcity and each peer, on the same files, one after the other; one JSON of results.

DATA is a folder with gps/*.ndjson and roads.csv. Each peer has an environment of its own in the cache ($SMARTCITY_CACHE,
else ~/.cache/smartcity). A peer that cannot be installed or run is skipped by name, with the reason. Slow peers get the
first files alone, as many as hold --slow-events rows. Every answer is compared with DuckDB's, on the same files.
"""

import argparse
import fcntl
import hashlib
import json
import os
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

HERE = Path(__file__).resolve().parent
ENGINE = Path(os.environ.get("CARGO_TARGET_DIR") or HERE.parents[1] / "target") / "release" / "smartcity"
sys.path.insert(0, str(HERE.parent))
import check
import measure

COLUMNS = [
    "engine", "kind", "workers", "rows per step", "events", "wall s", "CPU-s", "CPU-s per 1M", "peak MiB", "step p50 ms",
    "step p99 ms", "answers",
]  # fmt: skip
FACTS = [
    "engine", "workers", "rows per step", "version", "CPU-s before the job", "job s", "CPU-s of the job per 1M",
    "first steps p50 ms", "last steps p50 ms", "changes given out", "rows dropped as late",
]  # fmt: skip


SECOND = ["engine", "rows per step", "rows/s of one", "rows/s of two", "throughput ratio"]


class Skipped(Exception):
    pass


@dataclass
class Peer:
    name: str
    key: str  # of its script, its requirements, and --only
    kind: str
    workers: int = 2
    step: int | None = None
    form: str | None = None
    slow: bool = False
    java: bool = False


FLOOR = "the floor: hash maps, one thread"
COPIES = "two copies of the floor, which share nothing"
ORACLE = Peer("DuckDB, one batch", "duckdb", "batch", form="direct")
PEERS = [
    ORACLE,
    Peer(FLOOR, "smartcity", "floor", 1, form="floor"),
    Peer(COPIES, "smartcity", "floor", 2, form="floors"),
    *(Peer("smartcity", "smartcity", "incremental", workers, step) for step in (100_000, 10_000, 1_000) for workers in (1, 2)),
    Peer("DuckDB, one batch, shared reduction", "duckdb", "batch", form="shared"),
    Peer("Polars, one batch, shared reduction", "polars", "batch"),
    *(Peer("dbsp", "dbsp", "incremental", workers, step) for step in (100_000, 10_000, 1_000) for workers in (1, 2)),
    Peer("Pathway", "pathway", "incremental", 1, slow=True),
    Peer("Pathway", "pathway", "incremental", 2, slow=True),
    Peer("Spark Structured Streaming", "spark", "incremental", slow=True, java=True),
    Peer("Flink SQL, window functions", "flink", "incremental", form="windows", slow=True, java=True),
    Peer("Flink SQL, updating aggregates", "flink", "incremental", form="updating", slow=True, java=True),
]


def say(text):
    print(text, flush=True)


def last_line(path):
    lines = [line.strip() for line in Path(path).read_text(errors="replace").splitlines() if line.strip()]
    causes = [line for line in lines if line.startswith("Caused by:")]
    return ((causes or lines)[-1] if lines else "it said nothing")[:300]


# What a peer runs on


def environment(key, cache):
    """The Python of a peer's virtual environment, made where it is not yet there."""
    wanted = HERE / "requirements" / f"{key}.txt"
    version = platform.python_version()
    digest = hashlib.sha256(wanted.read_bytes() + version.encode()).hexdigest()[:12]
    folder = cache / "peers" / f"{key}-{digest}"
    python = folder / "bin" / "python"
    if (folder / "complete").exists():
        return python
    say(f"  installing {key} with pip, on Python {version}")
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    log = folder.parent / f"{key}-install.log"
    with open(log, "w") as out:
        for command in (
            [sys.executable, "-m", "venv", str(folder)],
            [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(wanted)],
        ):
            if subprocess.run(command, stdout=out, stderr=subprocess.STDOUT).returncode:
                raise Skipped(f"cannot be installed: {last_line(log)}")
    (folder / "complete").touch()
    return python


def dbsp_binary(cache, lock):
    """dbsp's program, built where it is not yet there; it is a crate of its own, with its own lock file."""
    if not shutil.which("cargo"):
        raise Skipped("no cargo")
    target = cache / "peers" / "dbsp-target"
    target.mkdir(parents=True, exist_ok=True)
    log = target.parent / "dbsp-build.log"
    command = ["cargo", "build", "--release", "--locked", "--manifest-path", str(HERE / "dbsp" / "Cargo.toml")]
    say("  building dbsp (several minutes the first time)")
    with open(log, "w") as out, lock():
        built = subprocess.run(command, stdout=out, stderr=out, env={**os.environ, "CARGO_TARGET_DIR": str(target)})
    if built.returncode:
        raise Skipped(f"cannot be built: {last_line(log)}")
    return target / "release" / "city-on-dbsp"


def program(peer, cache, lock):
    """The first words of a peer's command, everything installed and built."""
    if peer.java and not shutil.which("java"):
        raise Skipped("no java")
    if peer.key == "dbsp":
        return [dbsp_binary(cache, lock)]
    if peer.key == "smartcity":
        if not ENGINE.exists():
            raise Skipped(f"{ENGINE} is not there: cargo build --release")
        return [ENGINE, "bench", "city-v1"]
    return [environment(peer.key, cache), HERE / f"{peer.key}_city.py"]


def options(peer, data, rows, out):
    """What follows a peer's first words."""
    if peer.key == "smartcity":
        what = {"Floors": peer.workers}
        if peer.kind != "floor":
            what = {"Engine": {"workers": peer.workers, "rows_per_step": peer.step, "tables": str(out)}}
        return ["--once", json.dumps({"data": str(data), "what": what})]
    words = [data, out, "--workers", peer.workers]
    if peer.key == "dbsp":
        return words + ["--step", peer.step]
    return words + ["--rows", rows] + (["--form", peer.form] if peer.form else [])


# The files


def parts(data):
    """The event files with their numbers of rows, in order."""
    found = sorted((data / "gps").glob("*.ndjson"))
    counted = []
    for path in found:
        with open(path, "rb") as file:
            counted.append((path, sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 24), b""))))
    return counted


def first_files(data, counted, least, folder):
    """A folder with the first files, as many as hold `least` rows, and how many they hold."""
    (folder / "gps").mkdir(parents=True)
    rows = 0
    for path, count in counted:
        if rows >= least:
            break
        link(path, folder / "gps" / path.name)
        rows += count
    link(data / "roads.csv", folder / "roads.csv")
    return rows


def link(source, to):
    try:
        os.link(source, to)
    except OSError:
        shutil.copy(source, to)


# The runs


def run_peer(peer, first, data, rows, out, given, lock):
    words = [str(word) for word in [*first, *options(peer, data, rows, out)]]
    errors = given.cache / "peers" / f"{peer.key}-last.log"
    scratch = out.with_name("scratch")  # in our own folder, so that it goes even where the peer has to be killed
    runs = []
    for _ in range(given.repeat):
        for folder in (out, scratch):
            shutil.rmtree(folder, ignore_errors=True)
        scratch.mkdir()
        with lock():
            measured = measure.run(words, given.limit, errors, {"TMPDIR": str(scratch)})
        if measured.exit_code is None:
            raise Skipped(f"stopped after the limit of {given.limit:g} s")
        if measured.exit_code:
            raise Skipped(f"failed with exit code {measured.exit_code}: {last_line(errors)}")
        runs.append(measured)
    middle = statistics.median_low(run.cpu_s for run in runs)
    return next(run for run in runs if run.cpu_s == middle)


def row_of(peer, run, rows, answers):
    facts = run.facts
    return [
        peer.name, peer.kind, peer.workers, peer.step or (None if peer.kind == "floor" else facts.get("rows_per_step")), rows, round(run.wall_s, 2),
        round(run.cpu_s, 2), round(run.cpu_s / rows * 1e6, 2), round(run.peak_mib), facts.get("step_p50_ms"),
        facts.get("step_p99_ms"), answers,
    ]  # fmt: skip


def job_s(run):
    """Seconds of the job itself: without start, and the making of tables, where a peer says so."""
    return run.facts.get("job_s", run.facts.get("wall_s", run.wall_s))


def second_workers(runs):
    """How many rows two workers take in the time of one. Two programs that share nothing show what the machine allows."""
    table = []
    for (name, step, workers), (rows, seconds) in runs.items():
        of_one = FLOOR if name == COPIES else name
        if workers == 2 and (of_one, step, 1) in runs:
            rows_of_one, seconds_of_one = runs[of_one, step, 1]
            one, two = rows_of_one / seconds_of_one, rows / seconds
            table.append([name, step, round(one), round(two), round(two / one, 2)])
    return table


def facts_of(peer, run, rows):
    facts, before = run.facts, run.ready_cpu_s or 0.0
    return [
        peer.name, peer.workers, peer.step or facts.get("rows_per_step"), facts.get("version"), round(before, 2),
        round(job_s(run), 2), round((run.cpu_s - before) / rows * 1e6, 2),
        facts.get("first_steps_p50_ms"), facts.get("last_steps_p50_ms"), facts.get("updates"), facts.get("dropped_rows"),
    ]  # fmt: skip


def machine():
    def read(path, start, default):
        try:
            lines = Path(path).read_text().splitlines()
        except OSError:
            return default
        return next((line[len(start) :].strip(' :=\t"') for line in lines if line.startswith(start)), default)

    memory_kib = int(read("/proc/meminfo", "MemTotal", "0 kB").split()[0])
    return {
        "cpu": read("/proc/cpuinfo", "model name", platform.processor()),
        "cores": len(os.sched_getaffinity(0)),
        "memory_mib": memory_kib // 1024,
        "os": read("/etc/os-release", "PRETTY_NAME", platform.platform()),
    }


def commit():
    try:
        git = lambda *words: subprocess.run(
            ["git", "-C", str(HERE), *words], capture_output=True, text=True, check=True
        ).stdout.strip()
        return git("rev-parse", "--short", "HEAD") + ("+" if git("status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def arguments():
    cache = os.environ.get("SMARTCITY_CACHE") or os.path.expanduser("~/.cache/smartcity")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, default=Path("peers.json"))
    parser.add_argument("--cache", type=Path, default=Path(cache))
    parser.add_argument("--only", help="the peers to run, by comma: " + ",".join(dict.fromkeys(p.key for p in PEERS)))
    parser.add_argument("--slow-events", type=int, default=1_000_000, help="rows for the slow peers")
    parser.add_argument("--limit", type=float, default=420, help="seconds for one run")
    parser.add_argument("--repeat", type=int, default=1, help="runs of each peer; the median by CPU is kept")
    parser.add_argument("--lock", type=Path, help="a file to lock while a peer is built or runs, where others measure too")
    given = parser.parse_args()
    known = {peer.key for peer in PEERS}
    given.only = set(given.only.split(",")) if given.only else known
    if given.only - known:
        parser.error(f"no such peer: {', '.join(sorted(given.only - known))}")
    if not (given.data / "gps").is_dir():
        parser.error(f"{given.data} has no folder gps: generate the files of city-v1 first")
    given.data, given.cache = given.data.resolve(), given.cache.resolve()
    return given


def main():
    given = arguments()
    (given.cache / "peers").mkdir(parents=True, exist_ok=True)
    measure.adopt_orphans()
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, lambda number, _: sys.exit(128 + number))  # ends the peer too, and removes what was written

    @contextmanager
    def lock():
        if not given.lock:
            yield
            return
        with open(given.lock, "w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    counted = parts(given.data)
    whole = sum(rows for _, rows in counted)
    results, facts, notes, oracles, programs, of_workers = [], [], [], {}, {}, {}
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(dir=given.cache / "peers", prefix="run-") as work:
        work = Path(work)
        sets = {False: (given.data, whole)}
        few = work / "first"
        sets[True] = (few, first_files(given.data, counted, given.slow_events, few))
        if sets[True][1] == whole:
            sets[True] = sets[False]
        say(f"city-v1: {whole:,} events in {len(counted)} files; {sets[True][1]:,} of them for the slow peers")

        def do(peer, data, rows):
            title = f"{peer.name}, {peer.workers} worker{'s'[: peer.workers > 1]}"
            title += f", {peer.step:,} rows a step" if peer.step else ""
            say(f"{time.monotonic() - begun:5.0f} s  {title}, {rows:,} events")
            out = work / "out"
            try:
                if peer.key not in programs:
                    try:
                        programs[peer.key] = program(peer, given.cache, lock)
                    except Skipped as reason:
                        programs[peer.key] = reason
                if isinstance(programs[peer.key], Skipped):
                    raise programs[peer.key]
                run = run_peer(peer, programs[peer.key], data, rows, out, given, lock)
            except Skipped as reason:
                say(f"  skipped: {reason}")
                notes.append(f"Skipped: {title}: {reason}.")
                return
            if peer is ORACLE:
                answers = "the oracle"
                oracles[data] = work / f"oracle-{rows}"
                shutil.move(out, oracles[data])
            elif data in oracles and peer.kind != "floor":
                try:
                    answers = check.verdict(check.compare(out, oracles[data]))
                except check.Unreadable as error:
                    answers = str(error)
            else:
                answers = "not checked"
            copies = peer.workers if peer.name == COPIES else 1
            row = row_of(peer, run, rows * copies, answers)
            of_workers[peer.name, peer.step, peer.workers] = rows * copies, job_s(run)
            if copies == 1:
                results.append(row)
                facts.append(facts_of(peer, run, rows))
            say(f"  {row[5]} s wall, {row[7]} CPU-s per 1M, {row[8]} MiB, {answers}")
            save(given, sets, results, facts, of_workers, notes)

        for peer in PEERS:
            data, rows = sets[peer.slow]
            # The oracle comes first on each set of files, whichever peers are asked for.
            if data not in oracles:
                do(ORACLE, data, rows)
            if peer.key in given.only and peer is not ORACLE:
                do(peer, data, rows)
    save(given, sets, results, facts, of_workers, notes)
    say(f"{time.monotonic() - begun:5.0f} s  written to {given.out}")


def save(given, sets, results, facts, of_workers, notes):
    """Written after each peer, so that a run that is broken off is not lost."""
    fixed = [
        "CPU and memory are those of the whole tree of processes, from its start to its end; an engine on a JVM pays for"
        " its start there, which the second table takes off.",
        "Resident memory is summed over the processes and sampled ten times a second.",
    ]
    report = {
        "bench": "peers",
        "when": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "commit": commit(),
        "machine": machine(),
        "settings": {
            "workload": "city-v1", "events": sets[False][1], "events for slow peers": sets[True][1],
            "runs of each": given.repeat, "python": platform.python_version(),
        },
        "tables": [
            {"title": "city-v1 by engine", "columns": COLUMNS, "rows": results},
            {"title": "Peers' own facts", "columns": FACTS, "rows": facts},
            {"title": "What a second worker is worth", "columns": SECOND, "rows": second_workers(of_workers)},
        ],
        "notes": fixed + notes,
    }  # fmt: skip
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
