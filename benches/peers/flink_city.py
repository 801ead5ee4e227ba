"""city-v1 on Flink SQL.

`updating` groups by plain keys: every view changes with every row, and late rows amend it. `windows` is the form that Flink
advises for event time: a watermark and window functions, so a road's row comes once, when its window closes, and rows later
than the watermark are dropped. The newest positions and the city now are updating in both.

The views are written to files as changelogs, and those are read back into tables at the end.
"""

import glob
import json
import os
import shutil
import tempfile
import time
from datetime import datetime
from importlib.metadata import version

from pyflink.table import EnvironmentSettings, TableEnvironment

import peer

given = peer.arguments("updating", "windows")
folder = tempfile.TemporaryDirectory(prefix="city-flink-")  # removed at the end, however it comes
work = folder.name
flink = TableEnvironment.create(EnvironmentSettings.in_streaming_mode())
for key, value in {
    "parallelism.default": given.workers,
    "table.local-time-zone": "UTC",
    "taskmanager.numberOfTaskSlots": given.workers,
    "taskmanager.memory.managed.size": "1g",
    "taskmanager.memory.network.min": "256m",
    "taskmanager.memory.network.max": "256m",
    "table.exec.mini-batch.enabled": "true",
    "table.exec.mini-batch.allow-latency": "1 s",
    "table.exec.mini-batch.size": "50000",
}.items():
    flink.get_config().set(key, str(value))


def view(name, query):
    flink.execute_sql(f"CREATE VIEW {name} AS {query}")


windows = given.form == "windows"
time_attribute = (
    "WATERMARK FOR `timestamp` AS `timestamp` - INTERVAL '30' SECOND" if windows else "arrived AS PROCTIME()"
)
events = os.path.join(given.data, "gps")
if windows:
    # Two readers of files from different minutes would make the watermark drop rows: one file, read in order.
    parts, events = sorted(glob.glob(os.path.join(events, "*.ndjson"))), os.path.join(work, "gps.ndjson")
    with open(events, "wb") as whole:
        for part in parts:
            with open(part, "rb") as file:
                shutil.copyfileobj(file, whole)
flink.execute_sql(f"""
    CREATE TABLE gps (
        id STRING, device_id STRING, `timestamp` TIMESTAMP_LTZ(3), latitude DOUBLE, longitude DOUBLE, speed DOUBLE,
        road_id STRING, {time_attribute}
    ) WITH ('connector' = 'filesystem', 'path' = '{events}', 'format' = 'json',
            'json.timestamp-format.standard' = 'ISO-8601')
""")
# Flink's CSV takes a header for a row, so it gets a file without one.
with open(os.path.join(work, "roads.csv"), "w") as file:
    file.writelines(f"{road},{free_flow}\n" for road, free_flow in peer.free_flows(given.data).items())
flink.execute_sql(f"""
    CREATE TABLE road (road_id STRING, free_flow DOUBLE)
    WITH ('connector' = 'filesystem', 'path' = '{work}/roads.csv', 'format' = 'csv')
""")

COUNTS = "COUNT(*) AS n, COUNT(DISTINCT device_id) AS vehicles, AVG(speed) AS avg_speed"
if windows:
    # Exact duplicates share their time, so they meet in the same minute.
    view("event", """
        SELECT * FROM (
            SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end, id ORDER BY `timestamp`) AS nth
            FROM TABLE(TUMBLE(TABLE gps, DESCRIPTOR(`timestamp`), INTERVAL '1' MINUTE)))
        WHERE nth = 1
    """)
    view("minute_event", "SELECT device_id, speed, road_id, window_time AS at_minute FROM event")
    tumble = "TUMBLE(TABLE minute_event, DESCRIPTOR(at_minute), INTERVAL '1' MINUTE)"
    hop = "HOP(TABLE minute_event, DESCRIPTOR(at_minute), INTERVAL '1' MINUTE, INTERVAL '5' MINUTE)"
    for name, function in [("count_1m", tumble), ("count_5m", hop)]:
        view(name, f"""
            SELECT road_id, CAST(window_start AS TIMESTAMP_LTZ(3)) AS w, {COUNTS}
            FROM TABLE({function}) GROUP BY road_id, window_start, window_end
        """)
    view("city_count_1m", f"""
        SELECT CAST(window_start AS TIMESTAMP_LTZ(3)) AS w, {COUNTS}
        FROM TABLE({tumble}) GROUP BY window_start, window_end
    """)
    position = "gps"  # a duplicate changes nothing here
else:
    view("event", """
        SELECT device_id, `timestamp`, latitude, longitude, speed, road_id, FLOOR(`timestamp` TO MINUTE) AS w
        FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY id ORDER BY arrived) AS nth FROM gps) WHERE nth = 1
    """)
    view("event_5m", """
        SELECT road_id, device_id, speed, TIMESTAMPADD(MINUTE, -back, w) AS w
        FROM event CROSS JOIN (VALUES (0), (1), (2), (3), (4)) AS earlier (back)
    """)
    view("count_1m", f"SELECT road_id, w, {COUNTS} FROM event GROUP BY road_id, w")
    view("count_5m", f"SELECT road_id, w, {COUNTS} FROM event_5m GROUP BY road_id, w")
    view("city_count_1m", f"SELECT w, {COUNTS} FROM event GROUP BY w")
    position = "event"

for span in ("1m", "5m"):
    view(f"road_{span}", f"""
        SELECT road_id, w, n, vehicles, avg_speed, r, {peer.level_in_sql()} AS level
        FROM (SELECT c.*, avg_speed / free_flow AS r FROM count_{span} AS c JOIN road ON c.road_id = road.road_id)
    """)
view("city_1m", f"""
    SELECT c.w, vehicles, avg_speed, congested_roads
    FROM city_count_1m AS c
    JOIN (SELECT w, COUNT(*) FILTER (WHERE r < {peer.CONGESTED}) AS congested_roads FROM road_1m GROUP BY w) AS s
    ON c.w = s.w
""")
view("latest", f"""
    SELECT device_id, `timestamp` AS ts, latitude AS lat, longitude AS lon, speed, road_id
    FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY device_id ORDER BY `timestamp` DESC) AS nth FROM {position})
    WHERE nth = 1
""")
view("city_now", f"""
    SELECT vehicles, avg_speed, congested_roads
    FROM (SELECT 1 AS city, COUNT(*) AS vehicles, AVG(speed) AS avg_speed FROM latest) AS a
    JOIN (SELECT 1 AS city, COUNT(*) AS congested_roads
          FROM (SELECT road_id, AVG(speed) AS mean FROM latest GROUP BY road_id) AS m
          JOIN road ON m.road_id = road.road_id WHERE mean / free_flow < {peer.CONGESTED}) AS b
    ON a.city = b.city
""")

TYPES = {
    "device_id": "STRING", "road_id": "STRING", "level": "STRING", "ts": "TIMESTAMP_LTZ(3)", "w": "TIMESTAMP_LTZ(3)",
    "n": "BIGINT", "vehicles": "BIGINT", "congested_roads": "BIGINT",
}  # fmt: skip
inserts = flink.create_statement_set()
for table, names in peer.TABLES.items():
    columns = ", ".join(f"{name} {TYPES.get(name, 'DOUBLE')}" for name in names)
    flink.execute_sql(f"""
        CREATE TABLE changes_{table} ({columns}) WITH (
            'connector' = 'filesystem', 'path' = '{work}/{table}', 'format' = 'debezium-json',
            'debezium-json.timestamp-format.standard' = 'ISO-8601')
    """)
    inserts.add_insert_sql(f"INSERT INTO changes_{table} SELECT {', '.join(names)} FROM {table}")
peer.mark_ready()
start = time.monotonic()
inserts.execute().wait()
job_s = time.monotonic() - start
peer.mark_done()


def plain(name, cell):
    if name in ("ts", "w"):
        return round(datetime.fromisoformat(cell).timestamp() * 1000)
    return cell


# A row is what remains of its changes: the order between two writers' files does not matter.
updates = 0
for table, names in peer.TABLES.items():
    weights = {}
    for path in glob.glob(f"{work}/{table}/**/*", recursive=True):
        if os.path.isdir(path):
            continue
        with open(path) as file:
            for line in file:
                change = json.loads(line)
                row, weight = (change["after"], 1) if change["op"] == "c" else (change["before"], -1)
                row = tuple(row[name] for name in names)
                weights[row] = weights.get(row, 0) + weight
                updates += 1
    rows = [row for row, weight in weights.items() if weight]
    peer.write(given.out, table, ([plain(n, cell) for n, cell in zip(names, row)] for row in rows))
peer.facts(engine="Flink SQL", version=version("apache-flink"), job_s=job_s, updates=updates)
