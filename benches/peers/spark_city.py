"""city-v1 on Spark Structured Streaming: a trigger for each file, in update mode.

Spark allows no aggregate over an updating aggregate. So one query keeps everything that is a plain aggregate of the
events: each event is counted once for its vehicle, its road's minute, its road's five windows and the city's minute. What
stands on those results (the congested roads, the city now) is kept by the driver from the rows that changed.
"""

import os
import tempfile
import time

import pyspark
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

import peer

given = peer.arguments()
folder = tempfile.TemporaryDirectory(prefix="city-spark-", ignore_cleanup_errors=True)
checkpoints = folder.name
builder = SparkSession.builder.master(f"local[{given.workers}]").appName("city-v1")
for key, value in {
    "spark.driver.memory": "6g",
    "spark.ui.enabled": "false",
    "spark.local.dir": checkpoints,
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.shuffle.partitions": given.workers,
    "spark.sql.streaming.numRecentProgressUpdates": 10_000,
    "spark.sql.objectHashAggregate.sortBased.fallbackThreshold": 1_000_000,  # sets of vehicles are aggregated by hash
}.items():
    builder = builder.config(key, value)
spark = builder.getOrCreate()
spark.sparkContext.setLogLevel("ERROR")
free_flow = peer.free_flows(given.data)
peer.mark_ready()
start = time.monotonic()

MINUTE = 60_000
events = (
    spark.readStream.schema(
        "id STRING, device_id STRING, timestamp TIMESTAMP, latitude DOUBLE, longitude DOUBLE, speed DOUBLE,"
        " direction DOUBLE, road_id STRING"
    )
    .option("maxFilesPerTrigger", 1)
    .json(os.path.join(given.data, "gps"))
    .withWatermark("timestamp", "30 seconds")
    .dropDuplicatesWithinWatermark(["id"])
    .withColumn("ts", F.unix_millis("timestamp"))
    .withColumn("minute", F.expr(f"ts - ts % {MINUTE}"))
)
roles = ["named_struct('view', 'latest', 'key', device_id, 'w', 0L)", "named_struct('view', 'city_1m', 'key', '', 'w', minute)"]
roles += ["named_struct('view', 'road_1m', 'key', road_id, 'w', minute)"]
roles += [f"named_struct('view', 'road_5m', 'key', road_id, 'w', minute - {back * MINUTE}L)" for back in range(5)]
changes = (
    events.withColumn("role", F.explode(F.expr(f"array({', '.join(roles)})")))
    .groupBy("role.view", "role.key", "role.w")
    .agg(
        F.count("*").alias("n"),
        F.avg("speed").alias("avg_speed"),
        F.size(F.expr("collect_set(IF(role.view = 'latest', NULL, device_id))")).alias("vehicles"),
        F.expr(
            "max_by(IF(role.view = 'latest', struct(ts, latitude, longitude, speed, road_id), NULL),"
            " IF(role.view = 'latest', ts, NULL))"
        ).alias("newest"),
    )
)

views = {"latest": {}, "road_1m": {}, "road_5m": {}, "city_1m": {}}
congested = {}  # by minute: the roads
city_now = []


def take(batch, _):
    for row in batch.collect():
        if row.view == "latest":
            views["latest"][row.key] = (row.key, *row.newest)
        elif row.view == "city_1m":
            views["city_1m"][row.w] = (row.vehicles, row.avg_speed)
        else:
            r = row.avg_speed / free_flow[row.key]
            views[row.view][row.key, row.w] = (row.key, row.w, row.n, row.vehicles, row.avg_speed, r, peer.level(r))
            if row.view == "road_1m":
                roads = congested.setdefault(row.w, set())
                roads.add(row.key) if r < peer.CONGESTED else roads.discard(row.key)
    by_road = {}
    for *_, speed, road in views["latest"].values():
        by_road.setdefault(road, []).append(speed)
    total = sum(map(sum, by_road.values()))
    slow = sum(sum(speeds) / len(speeds) / free_flow[road] < peer.CONGESTED for road, speeds in by_road.items())
    if by_road:
        city_now[:] = [(len(views["latest"]), total / len(views["latest"]), slow)]


query = (
    changes.writeStream.outputMode("update")
    .foreachBatch(take)
    .option("checkpointLocation", os.path.join(checkpoints, "query"))
    .trigger(availableNow=True)
    .start()
)
query.awaitTermination()
took = [progress["batchDuration"] for progress in query.recentProgress if progress["numInputRows"]]
dropped = sum(o["numRowsDroppedByWatermark"] for p in query.recentProgress for o in p["stateOperators"])

for table in ("latest", "road_1m", "road_5m"):
    peer.write(given.out, table, views[table].values())
peer.write(given.out, "city_1m", ((w, *row, len(congested.get(w, ()))) for w, row in views["city_1m"].items()))
peer.write(given.out, "city_now", city_now)
peer.facts(
    engine="Spark Structured Streaming",
    version=pyspark.__version__,
    job_s=time.monotonic() - start,
    dropped_rows=dropped,
    rows_per_step=round(sum(p["numInputRows"] for p in query.recentProgress) / max(1, len(took))),
    **peer.steps(took),
)
spark.stop()
