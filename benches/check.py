#!/usr/bin/env python3
"""check.py DIR ORACLE_DIR [--json]: compares the tables that an engine wrote with those of the oracle.

A folder holds latest, road_1m, road_5m, city_1m and city_now, each as CSV, or as Parquet where the module duckdb is
installed. `ts` and `w` are milliseconds since the epoch. Equal means: the same keys, equal integers and words, and
fractions within 1e-6. The exit code is 0 where everything is equal, 1 where something differs, 2 where a folder has
nothing to compare.
"""

import csv
import json
import os
import sys

# The first columns, as many as named here, are the key.
TABLES = {
    "latest": (1, ["device_id", "ts", "lat", "lon", "speed", "road_id"]),
    "road_1m": (2, ["road_id", "w", "n", "vehicles", "avg_speed", "r", "level"]),
    "road_5m": (2, ["road_id", "w", "n", "vehicles", "avg_speed", "r", "level"]),
    "city_1m": (1, ["w", "vehicles", "avg_speed", "congested_roads"]),
    "city_now": (0, ["vehicles", "avg_speed", "congested_roads"]),
}
FRACTIONS = {"lat", "lon", "speed", "avg_speed", "r"}
TOLERANCE = 1e-6
# A mean that lies on a threshold of a level is put on either side of it by sums of binary fractions, and by the same engine
# now on one and now on the other, as its threads add up. Nearer to a threshold than this both levels are right.
THRESHOLDS = (0.2, 0.4, 0.6, 0.8)
ON_THRESHOLD = 1e-12
SHOWN = 3


class Unreadable(Exception):
    pass


def read(folder, table):
    """The table as {key: values}, every cell as text; None where the folder has no such table."""
    keys, columns = TABLES[table]
    path = os.path.join(folder, table)
    if os.path.exists(path + ".csv"):
        with open(path + ".csv", newline="") as file:
            rows = csv.reader(file)
            header = next(rows, [])
            rows = list(rows)
    elif os.path.exists(path + ".parquet"):
        header, rows = read_parquet(path + ".parquet")
    else:
        return None
    missing = [name for name in columns if name not in header]
    if missing:
        raise Unreadable(f"{path}: no column {', '.join(missing)}")
    places = [header.index(name) for name in columns]
    found = {}
    for number, row in enumerate(rows, 1):
        if len(row) != len(header):
            raise Unreadable(f"{path}: row {number} has {len(row)} cells, the header {len(header)}")
        cells = [row[place] for place in places]
        key = tuple(cells[:keys])
        if key in found:
            raise Unreadable(f"{path}: two rows have the key {key}")
        found[key] = cells[keys:]
    return found


def read_parquet(path):
    try:
        import duckdb
    except ImportError:
        raise Unreadable(f"{path}: reading Parquet needs the module duckdb") from None
    db = duckdb.connect()
    db.execute("SET TimeZone = 'UTC'")
    described = db.execute(f"DESCRIBE SELECT * FROM '{path}'").fetchall()
    cells = [f"epoch_ms({name})" if kind.startswith("TIMESTAMP") else name for name, kind, *_ in described]
    rows = db.execute(f"SELECT {', '.join(cells)} FROM '{path}'").fetchall()
    return [name for name, *_ in described], [[str(cell) for cell in row] for row in rows]


def same(column, ours, theirs):
    if ours == theirs:
        return True
    try:
        if column in FRACTIONS:
            return abs(float(ours) - float(theirs)) <= TOLERANCE  # false for NaN
        return int(ours) == int(theirs)
    except ValueError:
        return False


def is_on_threshold(names, values):
    """Whether the row's ratio is one of the thresholds."""
    if "r" not in names:
        return False
    try:
        ratio = float(values[names.index("r")])
    except ValueError:
        return False
    return any(abs(ratio - threshold) <= ON_THRESHOLD for threshold in THRESHOLDS)


def compare(folder, oracle, tables=TABLES):
    """What differs, by table: {"rows", "missing", "extra", "cells", "columns": {name: cells}, "examples"}.

    A table that the engine did not write is {"absent": True}; one that only the engine has is not looked at.
    """
    report = {}
    for table in tables:
        truth = read(oracle, table)
        if truth is None:
            continue
        found = read(folder, table)
        if found is None:
            report[table] = {"absent": True, "rows": len(truth)}
            continue
        keys, columns = TABLES[table]
        names = columns[keys:]
        wrong, examples = {}, []
        for key in truth.keys() & found.keys():
            for name, ours, theirs in zip(names, found[key], truth[key]):
                if name == "level" and is_on_threshold(names, truth[key]):
                    continue
                if not same(name, ours, theirs):
                    wrong[name] = wrong.get(name, 0) + 1
                    if len(examples) < SHOWN:
                        examples.append(f"{'/'.join(key) or 'the row'}: {name} is {ours}, should be {theirs}")
        missing, extra = truth.keys() - found.keys(), found.keys() - truth.keys()
        for what, those in (("is missing", missing), ("should not be", extra)):
            examples += [f"{'/'.join(key) or 'the row'} {what}" for key in sorted(those)[:SHOWN]]
        report[table] = {
            "rows": len(truth),
            "missing": len(missing),
            "extra": len(extra),
            "cells": sum(wrong.values()),
            "columns": wrong,
            "examples": examples,
        }
    return report


def is_equal(report):
    return bool(report) and not any(
        part.get("absent") or part["missing"] or part["extra"] or part["cells"] for part in report.values()
    )


def verdict(report):
    """One phrase for a table of results."""
    if not report:
        return "not checked"
    if is_equal(report):
        return "equal to DuckDB"
    said = []
    for table, part in report.items():
        if part.get("absent"):
            said.append(f"{table}: absent")
            continue
        words = [f"{part[what]} {name}" for what, name in
                 (("missing", "rows missing"), ("extra", "rows too many"), ("cells", "cells differ")) if part[what]]
        if words:
            said.append(f"{table}: {', '.join(words)} of {part['rows']} rows")
    return "; ".join(said)


def main(given):
    folders = [word for word in given if not word.startswith("--")]
    if len(folders) != 2 or set(given) - set(folders) - {"--json"}:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        report = compare(*folders)
    except (Unreadable, OSError) as error:
        print(f"check: {error}", file=sys.stderr)
        return 2
    if not report:
        print(f"check: {folders[1]} has none of the tables {', '.join(TABLES)}", file=sys.stderr)
        return 2
    if "--json" in given:
        print(json.dumps({"equal": is_equal(report), "verdict": verdict(report), "tables": report}))
        return 0 if is_equal(report) else 1
    for table, part in report.items():
        if part.get("absent"):
            print(f"{table:9} absent: {part['rows']} rows expected")
            continue
        print(f"{table:9} {part['rows']} rows, {part['missing']} missing, {part['extra']} too many,"
              f" {part['cells']} cells differ {part['columns'] or ''}".rstrip())
        for example in part["examples"]:
            print(f"{'':9}   {example}")
    print(verdict(report))
    return 0 if is_equal(report) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
