"""city-v1 on Pathway, streaming. Its reader of files never ends, so the run ends when all `--rows` rows have been counted and
the process has come to rest.

Sums are kept in integers: Pathway 0.33 ignores a change of value in its sums of fractions.
"""

import datetime
import os
import threading
from importlib.metadata import version
from time import monotonic, process_time, sleep

import peer

given = peer.arguments()
os.environ["PATHWAY_THREADS"] = str(given.workers)  # read by the import
import pathway as pw

COMMIT_MS = 500
REST_S = 2
AT_REST = 0.15  # of a core: less is idling, with all of its threads
MINUTE = datetime.timedelta(minutes=1)


class Event(pw.Schema):
    event_id: str
    device_id: str
    timestamp: str
    latitude: float
    longitude: float
    speed: float
    road_id: str


class Road(pw.Schema):
    road_id: str = pw.column_definition(primary_key=True)
    free_flow: float


raw = pw.io.jsonlines.read(
    os.path.join(given.data, "gps"),
    schema=Event,
    mode="streaming",
    autocommit_duration_ms=COMMIT_MS,
    json_field_paths={"event_id": "/id"},
)
roads = pw.io.csv.read(os.path.join(given.data, "roads.csv"), schema=Road, mode="static")
either = pw.reducers.any
events = raw.groupby(raw.event_id).reduce(
    device_id=either(raw.device_id),
    timestamp=either(raw.timestamp),
    lat=either(raw.latitude),
    lon=either(raw.longitude),
    speed=either(raw.speed),
    road_id=either(raw.road_id),
)
events = events.with_columns(
    ts=pw.this.timestamp.dt.strptime("%Y-%m-%dT%H:%M:%S.%3fZ"),
    speed_100=pw.cast(int, pw.this.speed * 100 + 0.5),
)


def mean(speed_100, count):
    return speed_100 / 100 / count


def graded(table):
    rated = table.join(roads, table.road_id == roads.road_id).select(
        *[table[name] for name in table.column_names()], r=table.avg_speed / roads.free_flow
    )
    grade = peer.WORST
    for least, name in reversed(peer.LEVELS):
        grade = pw.if_else(rated.r >= least, name, grade)
    return rated.with_columns(level=grade)


def windows(window, instance):
    return events.windowby(events.ts, window=window, instance=instance).reduce(
        road_id=pw.this._pw_instance,
        w=pw.this._pw_window_start,
        n=pw.reducers.count(),
        vehicles=pw.reducers.count_distinct(pw.this.device_id),
        avg_speed=mean(pw.reducers.sum(pw.this.speed_100), pw.reducers.count()),
    )


newest = events.groupby(events.device_id).reduce(events.device_id, event=pw.reducers.argmax(events.ts))
of = events.ix(newest.event)
latest = newest.select(
    newest.device_id, ts=of.ts, lat=of.lat, lon=of.lon, speed=of.speed, road_id=of.road_id, speed_100=of.speed_100
)
road_1m = graded(windows(pw.temporal.tumbling(MINUTE), events.road_id))
road_5m = graded(windows(pw.temporal.sliding(hop=MINUTE, duration=5 * MINUTE), events.road_id))
slow = road_1m.groupby(road_1m.w).reduce(
    road_1m.w, congested_roads=pw.reducers.sum(pw.cast(int, road_1m.r < peer.CONGESTED))
)
whole = windows(pw.temporal.tumbling(MINUTE), None)
city_1m = whole.join(slow, whole.w == slow.w).select(whole.w, whole.vehicles, whole.avg_speed, slow.congested_roads)
now = graded(
    latest.groupby(latest.road_id).reduce(
        latest.road_id, avg_speed=mean(pw.reducers.sum(latest.speed_100), pw.reducers.count())
    )
)
slow_now = now.reduce(one=1, congested_roads=pw.reducers.sum(pw.cast(int, now.r < peer.CONGESTED)))
all_now = latest.reduce(
    one=1, vehicles=pw.reducers.count(), avg_speed=mean(pw.reducers.sum(latest.speed_100), pw.reducers.count())
)
city_now = all_now.join(slow_now, all_now.one == slow_now.one).select(
    all_now.vehicles, all_now.avg_speed, slow_now.congested_roads
)
views = {"latest": latest, "road_1m": road_1m, "road_5m": road_5m, "city_1m": city_1m, "city_now": city_now}

rows = {name: {} for name in views}
counted = updates = 0
last_change = None


def follow(name, table):
    held = rows[name]

    def change(key, row, time, is_addition):
        global last_change, updates
        updates += 1
        last_change = monotonic()
        if is_addition:
            held[key] = row
        elif held.get(key) == row:
            del held[key]

    pw.io.subscribe(table, on_change=change)


def count(key, row, time, is_addition):
    global counted
    if is_addition:
        counted = row["n"]


def finish_at_rest():
    spent = 0.0
    while True:
        sleep(REST_S)
        before, spent = spent, process_time()
        if counted >= given.rows and spent - before < REST_S * AT_REST:
            finish()


def plain(cell):
    if isinstance(cell, datetime.datetime):
        return round(cell.replace(tzinfo=datetime.timezone.utc).timestamp() * 1000)
    return cell


def finish():
    for name, columns in peer.TABLES.items():
        peer.write(given.out, name, ([plain(row[c]) for c in columns] for row in rows[name].values()))
    peer.facts(engine="Pathway", version=version("pathway"), job_s=last_change - start, updates=updates)
    os._exit(0)  # nothing else ends a streaming run


for name, table in views.items():
    follow(name, table.select(**{column: table[column] for column in peer.TABLES[name]}))
pw.io.subscribe(raw.reduce(n=pw.reducers.count()), on_change=count)
peer.mark_ready()
start = monotonic()
threading.Thread(target=finish_at_rest, daemon=True).start()
pw.run(monitoring_level=pw.MonitoringLevel.NONE)
