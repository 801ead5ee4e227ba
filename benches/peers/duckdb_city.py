"""city-v1 as one batch on DuckDB. `direct` asks each question of the events as it stands in the workload, and is what every
other answer is compared with; `shared` reduces the events once, by road, minute and vehicle, and asks that."""

import os
import time

import duckdb

import peer

given = peer.arguments("direct", "shared")
start = time.monotonic()
db = duckdb.connect()
db.execute(f"SET threads = {given.workers}")
db.execute("SET TimeZone = 'UTC'")
peer.mark_ready()

columns = {
    "id": "VARCHAR", "device_id": "VARCHAR", "timestamp": "TIMESTAMP", "latitude": "DOUBLE", "longitude": "DOUBLE",
    "speed": "DOUBLE", "direction": "DOUBLE", "road_id": "VARCHAR",
}  # fmt: skip
db.execute(f"CREATE TABLE road AS SELECT road_id, free_flow FROM read_csv('{given.data}/roads.csv')")
db.execute(f"""
    CREATE TABLE event AS
    SELECT DISTINCT ON (id) device_id, epoch_ms(timestamp) AS ts, latitude AS lat, longitude AS lon, speed, road_id
    FROM read_json('{given.data}/gps/*.ndjson', format = 'newline_delimited', columns = {columns})
""")
db.execute("""
    CREATE TABLE latest AS
    SELECT device_id, newest.ts, newest.lat, newest.lon, newest.speed, newest.road_id
    FROM (SELECT device_id, arg_max({'ts': ts, 'lat': lat, 'lon': lon, 'speed': speed, 'road_id': road_id}, ts) AS newest
          FROM event GROUP BY device_id)
""")

MINUTE = 60_000
if given.form == "direct":
    relation, n, speeds = "event", "count(*)", "sum(speed)"
    minute = f"ts - ts % {MINUTE}"
else:
    db.execute(f"""
        CREATE TABLE visit AS
        SELECT road_id, device_id, ts - ts % {MINUTE} AS minute, count(*) AS n, sum(speed) AS speeds
        FROM event GROUP BY ALL
    """)
    relation, n, speeds = "visit", "sum(n)", "sum(speeds)"
    minute = "minute"

for table, minutes in [("road_1m", 1), ("road_5m", 5)]:
    db.execute(f"""
        CREATE TABLE {table} AS
        SELECT *, {peer.level_in_sql()} AS level
        FROM (SELECT road_id, w, n, vehicles, avg_speed, avg_speed / free_flow AS r
              FROM (SELECT road_id, {minute} - {MINUTE} * back AS w, {n}::BIGINT AS n,
                           count(DISTINCT device_id) AS vehicles, {speeds} / {n} AS avg_speed
                    FROM {relation}, range({minutes}) AS earlier(back) GROUP BY ALL)
              JOIN road USING (road_id))
    """)
db.execute(f"""
    CREATE TABLE city_1m AS
    SELECT w, vehicles, avg_speed, congested_roads
    FROM (SELECT {minute} AS w, count(DISTINCT device_id) AS vehicles, {speeds} / {n} AS avg_speed
          FROM {relation} GROUP BY ALL)
    JOIN (SELECT w, count(*) FILTER (r < {peer.CONGESTED}) AS congested_roads FROM road_1m GROUP BY w) USING (w)
""")
db.execute(f"""
    CREATE TABLE city_now AS
    SELECT count(*) AS vehicles, avg(speed) AS avg_speed,
           (SELECT count(*)
            FROM (SELECT road_id, avg(speed) AS mean FROM latest GROUP BY road_id) JOIN road USING (road_id)
            WHERE mean / free_flow < {peer.CONGESTED}) AS congested_roads
    FROM latest
""")
for table, names in peer.TABLES.items():
    path = os.path.join(given.out, f"{table}.csv")
    db.execute(f"COPY (SELECT {', '.join(names)} FROM {table}) TO '{path}' (HEADER)")
peer.facts(engine="DuckDB", version=duckdb.__version__, job_s=time.monotonic() - start)
