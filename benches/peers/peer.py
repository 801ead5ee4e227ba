"""What every peer's script shares: its command line, its facts, its tables.

A peer is run as `SCRIPT DATA OUT [--workers N] [--rows N] [--form NAME]`. It reads DATA/gps/*.ndjson and DATA/roads.csv,
writes OUT/{latest,road_1m,road_5m,city_1m,city_now}.csv with `ts` and `w` as milliseconds since the epoch, and prints one
line of JSON with its own facts. `mark_ready` tells the driver that everything before the job itself is done, `mark_done`
that the engine has finished where making the tables is other work.
"""

import argparse
import csv
import json
import os
import time

CONGESTED = 0.4
LEVELS = [(0.8, "free"), (0.6, "light"), (0.4, "moderate"), (0.2, "heavy")]
WORST = "severe"

TABLES = {
    "latest": ["device_id", "ts", "lat", "lon", "speed", "road_id"],
    "road_1m": ["road_id", "w", "n", "vehicles", "avg_speed", "r", "level"],
    "road_5m": ["road_id", "w", "n", "vehicles", "avg_speed", "r", "level"],
    "city_1m": ["w", "vehicles", "avg_speed", "congested_roads"],
    "city_now": ["vehicles", "avg_speed", "congested_roads"],
}


def arguments(*forms):
    parser = argparse.ArgumentParser()
    parser.add_argument("data", help="a folder with gps/*.ndjson and roads.csv")
    parser.add_argument("out", help="where the tables go")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rows", type=int, default=0, help="how many rows gps/ has, for those who cannot see its end")
    parser.add_argument("--form", choices=forms or None, default=forms[0] if forms else None)
    given = parser.parse_args()
    os.makedirs(given.out, exist_ok=True)
    return given


def mark_ready():
    print(json.dumps({"ready": True}), flush=True)


def mark_done():
    """What comes after this is not the engine's work; the pause lets the driver look."""
    print(json.dumps({"done": True}), flush=True)
    time.sleep(0.2)


def facts(**what):
    print(json.dumps(what), flush=True)


def steps(milliseconds):
    """The latencies of a peer's steps, as two of its facts."""
    if not milliseconds:
        return {}
    ordered = sorted(milliseconds)
    at = lambda share: round(ordered[min(len(ordered) - 1, int(len(ordered) * share))], 3)
    return {"steps": len(ordered), "step_p50_ms": at(0.50), "step_p99_ms": at(0.99)}


def level(r):
    return next((name for least, name in LEVELS if r >= least), WORST)


def level_in_sql(r="r"):
    cases = " ".join(f"WHEN {r} >= {least} THEN '{name}'" for least, name in LEVELS)
    return f"CASE {cases} ELSE '{WORST}' END"


def write(out, table, rows):
    """Writes rows, each a tuple in the order of the table's columns."""
    with open(os.path.join(out, f"{table}.csv"), "w", newline="") as file:
        to = csv.writer(file)
        to.writerow(TABLES[table])
        to.writerows(rows)


def free_flows(data):
    with open(os.path.join(data, "roads.csv"), newline="") as file:
        return {row["road_id"]: float(row["free_flow"]) for row in csv.DictReader(file)}
