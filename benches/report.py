#!/usr/bin/env python3
"""report.py RESULTS_DIR OUT.md: turns all runs in RESULTS_DIR/*.json into a page with plots, and prints the comparison.

A run is {"bench", "when", "commit", "machine", "settings", "tables": [{"title", "columns", "rows", "plots"}], "notes"}. Tables
of one bench with one title and the same columns are joined; where two runs have the same row but for its figures, the newer
stays. Every table is shown, and drawn as its plots say: {"title", "x", "y": [[column, name]], "unit", "by"}, a line over x
for each column in y and each combination of values in the columns "by"; bars where x is words. The engines' costs are drawn
by engine and by rows per step.

Text written by hand stands in performance_notes beside this file: introduction.md, and BENCH.md for a bench; each is put in
under its own heading, so a new run keeps it. The plots go to a folder named as the page, beside it.
"""

import json
import os
import sys

import svg

NOTES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "performance_notes")
BENCHES = {
    "city-v1": "The city's views from a recording (city-v1)",
    "peers": "Peers on city-v1",
    "linear-road": "Linear Road",
    "linear-road-rating": "Linear Road, the largest L",
    "latency": "Latency at a given rate",
    "state": "Cost against state",
    "ticks": "Cost of a tick against those pending",
    "ndw": "Road sensors, replayed",
    "codec": "Codecs",
    "simulator": "Simulator",
    "guard": "Guards",
}
OURS, FLOOR = "smartcity", "floor"
COST = "CPU-s per 1M"


class Malformed(Exception):
    pass


# Runs and their tables


def load(folder):
    runs = []
    for name in sorted(os.listdir(folder)):
        if not name.endswith(".json"):
            continue
        path = os.path.join(folder, name)
        try:
            with open(path) as file:
                run = json.load(file)
            for table in run["tables"]:
                if any(len(row) != len(table["columns"]) for row in table["rows"]):
                    raise Malformed(f"{path}: a row of the table {table['title']!r} has not as many cells as columns")
            run["bench"], run["when"], run["machine"]["cpu"]
        except (ValueError, KeyError, TypeError) as error:
            raise Malformed(f"{path} is no run: {error!r}") from error
        runs.append(run)
    return sorted(runs, key=lambda run: run["when"])


def plain(column):
    return column.strip().lower().replace("µ", "u").replace("μ", "u")


class Table:
    def __init__(self, title, columns, rows=(), plots=()):
        self.title, self.columns, self.rows, self.plots = title, columns, list(rows), plots
        self.places = {plain(column): place for place, column in enumerate(columns)}

    def has(self, *columns):
        return all(plain(column) in self.places for column in columns)

    def cell(self, row, column, default=None):
        place = self.places.get(plain(column))
        return default if place is None or row[place] is None else row[place]

    def figure(self, row, column):
        """The cell as a number above zero, or None."""
        cell = self.cell(row, column)
        if isinstance(cell, str):
            try:
                cell = float(cell.replace(",", ""))
            except ValueError:
                return None
        return cell if isinstance(cell, (int, float)) and cell > 0 else None

    def identity(self, row):
        """What tells this row from others in a table of engines; elsewhere no row replaces another but its double."""
        if not self.has("engine"):
            return tuple(map(str, row))
        return tuple(str(self.cell(row, column)) for column in ("engine", "kind", "workers", "rows per step", "events"))


def joined(runs):
    """The tables of a bench's runs, each title once."""
    tables = {}
    for run in runs:
        for given in run["tables"]:
            table = Table(given["title"], given["columns"])
            key = (table.title, tuple(map(plain, table.columns)))
            table = tables.setdefault(key, table)
            new = {table.identity(row) for row in given["rows"]}
            table.rows = [row for row in table.rows if table.identity(row) not in new] + given["rows"]
            table.plots = given.get("plots", ())
    return list(tables.values())


# Ours, the floor and the peers


class Engine:
    def __init__(self, table, row):
        cell = lambda column: table.cell(row, column)
        self.name, self.kind = str(cell("engine")), str(cell("kind"))
        self.workers, self.step, self.events = cell("workers"), table.figure(row, "rows per step"), cell("events")
        self.cost, self.peak = table.figure(row, COST), table.figure(row, "peak MiB")
        self.p50, self.p99 = table.figure(row, "step p50 ms"), table.figure(row, "step p99 ms")
        self.answers = cell("answers") or "not checked"
        self.ours = self.name.lower().startswith(OURS) and self.kind != FLOOR
        self.floor = self.kind == FLOOR

    def group(self):
        return OURS if self.ours else self.kind

    def label(self):
        said = self.name
        if isinstance(self.workers, (int, float)) and "worker" not in said:
            said += f", {self.workers:g} w"
        if self.kind != "batch" and self.step and "rows a step" not in said:
            said += f", {svg.short(self.step)} a step"
        if not self.ours and not self.floor:
            return said + (f" ({svg.short(self.events)})" if isinstance(self.events, (int, float)) else "")
        return said


def engines(tables):
    found = [
        Engine(table, row)
        for table in tables
        if table.has("engine", "kind", COST)
        for row in table.rows
        if table.figure(row, COST)
    ]
    return sorted(found, key=lambda engine: engine.cost)


def measured(runs):
    """The engines of all runs of city-v1, ours and the peers', the cheapest first."""
    of = lambda bench: joined([run for run in runs if run["bench"] == bench])
    return engines([*of("city-v1"), *of("peers")])


def like(engine, ours):
    """Our row to compare with: as many rows a step and workers where we have such a row, else our cheapest."""
    def distance(candidate):
        return (
            engine.kind != "batch" and candidate.step != engine.step,
            candidate.workers != engine.workers,
            candidate.cost,
        )

    return min(ours, key=distance, default=None)


COMPARISON = [
    "engine", "kind", "workers", "rows per step", "events", COST, "x ours", "x floor", "peak MiB", "step p50 ms",
    "step p99 ms", "answers",
]  # fmt: skip


def comparison(found):
    ours = [engine for engine in found if engine.ours]
    floor = min((engine.cost for engine in found if engine.floor), default=None)
    rows = []
    for engine in found:
        own = like(engine, ours)
        rows.append([
            engine.name, engine.kind, engine.workers, engine.step, engine.events, engine.cost,
            engine.cost / own.cost if own and not engine.ours else None, engine.cost / floor if floor else None,
            engine.peak, engine.p50, engine.p99, engine.answers,
        ])  # fmt: skip
    return Table("Ours, the floor and the peers", COMPARISON, rows)


# Words


def shown(cell, column=""):
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float):
        return svg.number(cell)
    if isinstance(cell, int):
        return str(cell) if plain(column) in ("year", "seed") else f"{cell:,}"
    return str(cell)


def is_figures(table, place):
    cells = [row[place] for row in table.rows if row[place] is not None]
    return bool(cells) and all(isinstance(cell, (int, float)) and not isinstance(cell, bool) for cell in cells)


def markdown(table):
    safe = lambda words: words.replace("|", "\\|").replace("\n", " ")
    lines = [
        "| " + " | ".join(map(safe, table.columns)) + " |",
        "|" + "|".join("---:" if is_figures(table, place) else "---" for place in range(len(table.columns))) + "|",
    ]
    for row in table.rows:
        lines.append("| " + " | ".join(safe(shown(cell, name)) for cell, name in zip(row, table.columns)) + " |")
    return "\n".join(lines)


def terminal(table):
    """The table for a terminal: empty columns left out, figures to the right."""
    keep = [place for place in range(len(table.columns)) if any(row[place] is not None for row in table.rows)]
    cells = [[table.columns[place] for place in keep]]
    cells += [[shown(row[place], table.columns[place])[:60] for place in keep] for row in table.rows]
    widths = [max(len(line[column]) for line in cells) for column in range(len(keep))]
    right = [is_figures(table, place) for place in keep]
    return "\n".join(
        "  ".join(cell.rjust(width) if to_right else cell.ljust(width) for cell, width, to_right in zip(line, widths, right)).rstrip()
        for line in cells
    )


def provenance(runs):
    lines = []
    for run in runs:
        machine = run["machine"]
        settings = ", ".join(f"{name} {shown(value, name)}" for name, value in (run.get("settings") or {}).items())
        when = run["when"].replace("T", " ").rstrip("Z")
        memory = machine.get("memory_mib")
        facts = [f"{when} UTC", f"commit `{run.get('commit', 'unknown')}`", machine["cpu"]]
        facts += [f"{machine['cores']} cores"] if machine.get("cores") else []
        facts += [f"{memory / 1024:.1f} GiB"] if memory else []
        facts += [machine["os"]] if machine.get("os") else []
        lines.append("- " + ", ".join(facts) + (f"; {settings}" if settings else ""))
    return "\n".join(lines)


# Plots: each gives (name of the file, alternative text, SVG)


def cost_plots(found):
    if not found:
        return []
    groups = [g for g in (OURS, "incremental", "batch", FLOOR) if any(engine.group() == g for engine in found)]
    groups += sorted({engine.group() for engine in found} - set(groups))
    title = "What a million events cost, by engine"
    plots = [("cost-by-engine", title, svg.bars(
        title, "CPU-seconds per million events", [(e.label(), e.cost, e.group()) for e in found], groups))]  # fmt: skip
    curves = {}
    for engine in found:
        if engine.step and engine.kind == "incremental":
            name = engine.name.split(",")[0]
            line = curves.setdefault((name, engine.workers, engine.events), {})
            line[engine.step] = min(engine.cost, line.get(engine.step, engine.cost))
    curves = {key: line for key, line in curves.items() if len(line) > 1}
    if curves:
        title = "What small steps cost"
        order = sorted(curves, key=lambda key: (not key[0].lower().startswith(OURS), str(key)))
        name = lambda key: key[0] + (f", {key[1]:g} worker{'s'[: key[1] > 1]}" if isinstance(key[1], (int, float)) else "")
        series = [(name(key), list(curves[key].items())) for key in order]
        plots.append(("cost-by-step", title, svg.lines(title, "rows per step", "CPU-seconds per million events", series)))
    return plots


def spread(values):
    """Whether values are better told apart on a logarithmic axis."""
    return max(values) >= 20 * min(values)


def draw(table, plot):
    """The SVG of a plot; None where there is too little to draw."""
    title, x, ys, unit = plot["title"], plot["x"], plot["y"], plot["unit"]
    points = [
        (row, column, name, table.cell(row, x), table.figure(row, column)) for row in table.rows for column, name in ys
    ]
    points = [point for point in points if point[3] is not None and point[4]]
    part = lambda value, of: f"{value:g} {of[: -1 if value == 1 else None]}" if isinstance(value, int) else str(value)
    parts = lambda row: [part(table.cell(row, of), of) for of in plot["by"]]
    if any(isinstance(at, str) for *_, at, _ in points):
        rows = [(", ".join([at, *parts(row)]), value, name) for row, _, name, at, value in points]
        return svg.bars(title, unit, rows, [name for _, name in ys], log=False)
    lines = {}
    for row, _, name, at, value in points:
        said = parts(row) + [name] * (len(ys) > 1 or not plot["by"])
        lines.setdefault(", ".join(said), []).append((at, value))
    lines = [(name, line) for name, line in lines.items() if len(line) > 1]
    if not lines:
        return None
    ats, values = ([point[axis] for _, line in lines for point in line] for axis in (0, 1))
    whole = all(isinstance(at, int) for at in ats)
    return svg.lines(title, x, unit, lines, spread(ats), spread(values), whole)


# The page


def note(name):
    path = os.path.join(NOTES, f"{name}.md")
    if not os.path.exists(path):
        return []
    with open(path) as file:
        words = file.read().strip()
    shown_path = f"benches/performance_notes/{name}.md"
    return [f"<!-- by hand: {shown_path} -->", words, "<!-- end -->"] if words else []


def slug(words):
    return "-".join("".join(c if c.isalnum() else " " for c in words.lower()).split())


def render(runs, folder):
    """The page, and its plots as {name of the file: SVG}; `folder` is how the page refers to them."""
    by_bench = {}
    for run in runs:
        by_bench.setdefault(run["bench"], []).append(run)
    noted = [name[:-3] for name in (os.listdir(NOTES) if os.path.isdir(NOTES) else ()) if name.endswith(".md")]
    known = [bench for bench in BENCHES if bench in by_bench or bench in noted]
    others = sorted(set(by_bench) - set(BENCHES))
    parts = ["# Performance", "<!-- Written by benches/report.py from measured runs. By hand: benches/performance_notes. -->"]
    parts += note("introduction")
    plots = {}

    def plot(name, title, picture):
        plots[f"{name}.svg"] = picture
        parts.append(f"![{title}]({folder}/{name}.svg)")

    found = measured(runs)
    if found:
        table = comparison(found)
        parts.append("## Ours, the floor and the peers")
        parts.append(
            "CPU-seconds of the whole tree of processes per million events of the workload city-v1. `x ours` is against our own"
            " run of as many rows a step and workers where there is one, else our cheapest; `x floor` is against one thread"
            " that parses the rows and keeps the answers in hash maps."
        )
        for each in cost_plots(found):
            plot(*each)
        parts.append(markdown(table))
    for bench in [*known, *others]:
        runs_of = by_bench.get(bench, [])
        parts.append(f"## {BENCHES.get(bench, bench)}")
        if runs_of:
            parts.append(provenance(runs_of))
        for table in joined(runs_of):
            parts.append(f"### {table.title}")
            for drawn in table.plots:
                if picture := draw(table, drawn):
                    plot(f"{bench}-{slug(drawn['title'])}", drawn["title"], picture)
            parts.append(markdown(table) if table.rows else "No rows.")
        said = list(dict.fromkeys(words for run in runs_of for words in run.get("notes") or ()))
        if said:
            parts.append("\n".join(f"- {words}" for words in said))
        parts += note(bench)
    return "\n\n".join(parts) + "\n", plots


def main(given):
    if len(given) != 2 or not os.path.isdir(given[0]):
        print(__doc__, file=sys.stderr)
        return 2
    results, out = given
    try:
        runs = load(results)
    except Malformed as error:
        print(f"report: {error}", file=sys.stderr)
        return 2
    folder = os.path.splitext(out)[0]
    text, plots = render(runs, os.path.basename(folder))
    os.makedirs(folder, exist_ok=True)
    for name in os.listdir(folder):
        if name.endswith(".svg") and name not in plots:
            os.remove(os.path.join(folder, name))  # of a run that is no longer there
    for name, picture in plots.items():
        with open(os.path.join(folder, name), "w") as file:
            file.write(picture)
    with open(out, "w") as file:
        file.write(text)
    found = measured(runs)
    if found:
        print(terminal(comparison(found)))
    print(f"{len(runs)} runs, {len(plots)} plots: {out}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
