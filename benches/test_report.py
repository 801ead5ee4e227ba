"""Tests of check.py, report.py, svg.py and the peers' measuring: `python3 -m unittest discover benches`."""

import json
import os
import sys
import tempfile
import unittest
import xml.etree.ElementTree as xml

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "peers")]
import check
import measure
import peer
import report
import svg

LATEST = "device_id,ts,lat,lon,speed,road_id\nveh-1,1000,52.1,4.9,30.5,R-1\nveh-2,2000,52.2,4.8,10,R-2\n"
CITY = "vehicles,avg_speed,congested_roads\n2,20.25,1\n"
ENGINES = ["engine", "kind", "workers", "rows per step", "events", "CPU-s per 1M", "answers"]


def run(bench, tables, when="2026-01-02T03:04:05Z", **more):
    machine = {"cpu": "a processor", "cores": 2, "memory_mib": 2048, "os": "an OS"}
    tables = [{"title": title, "columns": columns, "rows": rows} for title, columns, rows in tables]
    return {"bench": bench, "when": when, "commit": "abc", "machine": machine, "settings": {}, "tables": tables, **more}


class Folders(unittest.TestCase):
    def setUp(self):
        self.work = tempfile.TemporaryDirectory()
        self.addCleanup(self.work.cleanup)

    def folder(self, name, **files):
        path = os.path.join(self.work.name, name)
        os.makedirs(path)
        for file, text in files.items():
            with open(os.path.join(path, file + ".csv"), "w") as to:
                to.write(text)
        return path


class Check(Folders):
    def compared(self, found):
        oracle = self.folder("oracle", latest=LATEST, city_now=CITY)
        return check.compare(self.folder("found", latest=found, city_now=CITY), oracle)

    def test_other_orders_of_rows_and_columns_and_last_digits_are_equal(self):
        told = self.compared(
            "road_id,device_id,ts,lat,lon,speed\nR-2,veh-2,2000,52.2,4.8,10.0\nR-1,veh-1,1000,52.1000000001,4.9,30.5\n"
        )
        self.assertTrue(check.is_equal(told))
        self.assertEqual(check.verdict(told), "equal to DuckDB")

    def test_a_fraction_beyond_the_tolerance_and_a_wrong_word_differ(self):
        told = self.compared(LATEST.replace("30.5", "30.500002").replace("10,R-2", "10,R-3"))
        self.assertEqual(told["latest"]["columns"], {"speed": 1, "road_id": 1})
        self.assertEqual(check.verdict(told), "latest: 2 cells differ of 2 rows")

    def test_a_level_is_free_on_its_threshold_alone(self):
        names = check.TABLES["road_1m"][1][2:]
        row = {"n": "809", "vehicles": "3", "avg_speed": "30.0", "r": "0.5999999999999999", "level": "moderate"}
        self.assertTrue(check.is_on_threshold(names, [row[name] for name in names]))
        row["r"] = "0.599999"
        self.assertFalse(check.is_on_threshold(names, [row[name] for name in names]))

    def test_no_number_is_no_equal_of_a_number(self):
        self.assertFalse(check.is_equal(self.compared(LATEST.replace("30.5", "nan"))))
        self.assertFalse(check.same("n", "3.0", "3"))

    def test_a_missing_and_an_extra_row_are_told_apart(self):
        told = self.compared(LATEST.replace("veh-2", "veh-3"))
        self.assertEqual((told["latest"]["missing"], told["latest"]["extra"]), (1, 1))
        self.assertFalse(check.is_equal(told))

    def test_an_absent_table_is_no_equal(self):
        told = check.compare(self.folder("found", latest=LATEST), self.folder("oracle", latest=LATEST, city_now=CITY))
        self.assertFalse(check.is_equal(told))
        self.assertEqual(check.verdict(told), "city_now: absent")

    def test_one_key_twice_is_refused(self):
        with self.assertRaises(check.Unreadable):
            self.compared(LATEST + "veh-1,1000,52.1,4.9,30.5,R-1\n")

    def test_nothing_to_compare_with_is_an_error(self):
        self.assertEqual(check.main([self.folder("found", latest=LATEST), self.folder("oracle")]), 2)

    def test_the_peers_write_the_columns_that_are_compared(self):
        self.assertEqual(peer.TABLES, {table: columns for table, (_, columns) in check.TABLES.items()})


class Report(Folders):
    def test_ratios_are_to_like_steps_and_to_the_floor(self):
        rows = [
            ["smartcity", "incremental", 1, 1000, 10, 6.0, "equal"],
            ["smartcity", "incremental", 1, 10000, 10, 2.0, "equal"],
            ["raw", "floor", 1, None, 10, 1.0, "equal"],
            ["dbsp", "incremental", 1, 1000, 10, 12.0, "equal"],
            ["DuckDB", "batch", 2, None, 10, 3.0, "equal"],
        ]
        found = report.comparison(report.engines([report.Table("t", ENGINES, rows)]))
        ratios = {(row[0], row[3]): (found.cell(row, "x ours"), found.cell(row, "x floor")) for row in found.rows}
        self.assertEqual(ratios["dbsp", 1000], (2.0, 12.0))
        self.assertEqual(ratios["DuckDB", None], (1.5, 3.0))
        self.assertEqual(ratios["smartcity", 10000], (None, 2.0))

    def test_a_newer_run_of_the_same_replaces_the_older(self):
        old = run("peers", [("t", ENGINES, [["dbsp", "incremental", 1, 1000, 10, 9.0, "equal"]])])
        new = run("peers", [("t", ENGINES, [["dbsp", "incremental", 1, 1000, 10, 8.0, "equal"]])], "2026-02-02T00:00:00Z")
        self.assertEqual([row[5] for row in report.joined([old, new])[0].rows], [8.0])

    def test_tables_are_drawn_as_their_plots_say(self):
        latency = run("latency", [("open loop", ["views", "workers", "rows per s", "p99 ms"], [
            [views, workers, rate, 1.5] for views in ("all", "five") for workers in (1, 2) for rate in (1000, 50000)
        ])])  # fmt: skip
        latency["tables"][0]["plots"] = [
            {"title": "The slowest", "x": "rows per s", "y": [["p99 ms", "p99"]], "unit": "ms", "by": ["views", "workers"]}
        ]
        split = run("pipeline", [("split", ["capability", "seconds"], [["Locate", 2.0], ["Idle", 0.0]])])
        split["tables"][0]["plots"] = [{"title": "Time", "x": "capability", "y": [["seconds", "one worker"]], "unit": "s", "by": []}]
        text, plots = report.render(
            [
                run("peers", [("e", ENGINES, [["x & y", "batch", 2, None, 10, 3.0, "equal"]])]),
                latency,
                split,
                run("odd", [("Odd | one", ["a|b"], [["c|d"]])], notes=["a note"]),
            ],
            "performance",
        )
        self.assertEqual(set(plots), {"cost-by-engine.svg", "latency-the-slowest.svg", "pipeline-time.svg"})
        lines = plots["latency-the-slowest.svg"]
        for name in ("all, 1 worker", "all, 2 workers", "five, 1 worker", "five, 2 workers"):
            self.assertIn(f">{name}<", lines)
        self.assertIn(">Locate<", plots["pipeline-time.svg"])
        self.assertNotIn(">Idle<", plots["pipeline-time.svg"])
        self.assertIn("| c\\|d |", text)
        self.assertIn("- a note", text)
        self.assertIn("2026-01-02 03:04:05 UTC, commit `abc`, a processor, 2 cores, 2.0 GiB, an OS", text)
        for name, picture in plots.items():
            self.assertIn(f"(performance/{name})", text)
            xml.fromstring(picture)

    def test_what_is_written_by_hand_outlives_a_new_run(self):
        before, report.NOTES = report.NOTES, self.folder("notes")
        self.addCleanup(setattr, report, "NOTES", before)
        with open(os.path.join(report.NOTES, "codec.md"), "w") as file:
            file.write("By hand.\n")
        for runs in ([], [run("codec", [])]):
            text, _ = report.render(runs, "performance")
            self.assertLess(text.index("## Codecs"), text.index("By hand."))

    def test_a_row_of_the_wrong_length_is_refused(self):
        results = self.folder("results")
        with open(os.path.join(results, "x.json"), "w") as file:
            json.dump(run("codec", [("t", ["a", "b"], [[1]])]), file)
        with self.assertRaises(report.Malformed):
            report.load(results)


class Pictures(unittest.TestCase):
    def test_ticks_hold_all_values(self):
        for values in ([0.8, 108], [3], [1, 1e6], [2.1, 2.9]):
            for log in (True, False):
                axis = svg.Axis(values, 0, 100, log)
                self.assertTrue(axis.ticks[0] <= min(values) and axis.ticks[-1] >= max(values), (values, log, axis.ticks))
                self.assertTrue(all(0 <= axis.at(value) <= 100 for value in values))

    def test_names_of_lines_keep_apart_inside_the_plot(self):
        placed = [y for y, *_ in svg.apart([[95, 0, "a", 0], [96, 0, "b", 1], [97, 0, "c", 2]], 0, 100)]
        self.assertTrue(all(below - above >= 17 for above, below in zip(placed, placed[1:])))
        self.assertLessEqual(placed[-1], 100)


class Measure(Folders):
    def test_the_work_and_the_facts_of_a_tree_are_counted(self):
        measure.adopt_orphans()
        burn = "import time; t = time.process_time()\nwhile time.process_time() < t + 0.3: pass"
        # The child outlives its parent: its CPU counts all the same.
        program = f"import subprocess, sys; print('{{\"steps\": 3}}', flush=True); subprocess.Popen([sys.executable, '-c', {burn!r}])"
        measured = measure.run([sys.executable, "-c", program], 20, os.path.join(self.work.name, "errors"))
        self.assertEqual((measured.exit_code, measured.facts), (0, {"steps": 3}))
        self.assertGreaterEqual(measured.cpu_s, 0.3)

    def test_work_after_the_end_is_not_counted(self):
        measure.adopt_orphans()
        program = "import time; print('{\"done\": true}', flush=True); time.sleep(0.2)\nwhile time.process_time() < 0.5: pass"
        measured = measure.run([sys.executable, "-c", program], 20, os.path.join(self.work.name, "errors"))
        self.assertLess(measured.cpu_s, 0.4)

    def test_what_exceeds_the_limit_is_ended(self):
        measure.adopt_orphans()
        slow = [sys.executable, "-c", "import time; time.sleep(60)"]
        measured = measure.run(slow, 0.3, os.path.join(self.work.name, "errors"))
        self.assertIsNone(measured.exit_code)
        self.assertLess(measured.wall_s, 20)


if __name__ == "__main__":
    unittest.main()
