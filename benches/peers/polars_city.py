"""city-v1 as one batch on Polars: the events are reduced once, by road, minute and vehicle, and the rest asks that."""

import os
import time

import peer

given = peer.arguments()
os.environ["POLARS_MAX_THREADS"] = str(given.workers)
import polars as pl

start = time.monotonic()
peer.mark_ready()
roads = pl.read_csv(f"{given.data}/roads.csv").select("road_id", "free_flow")
events = (
    pl.scan_ndjson(
        f"{given.data}/gps/*.ndjson",
        schema={
            "id": pl.String, "device_id": pl.String, "timestamp": pl.String, "latitude": pl.Float64,
            "longitude": pl.Float64, "speed": pl.Float64, "direction": pl.Float64, "road_id": pl.String,
        },
    )  # fmt: skip
    .unique("id")
    .select(
        "device_id", pl.col("timestamp").str.to_datetime("%Y-%m-%dT%H:%M:%S%.3fZ", time_unit="ms").cast(pl.Int64).alias("ts"),
        pl.col("latitude").alias("lat"), pl.col("longitude").alias("lon"), "speed", "road_id",
    )  # fmt: skip
    .collect(engine="streaming")
)

MINUTE = 60_000
newest = pl.col("ts").arg_max()
latest = events.group_by("device_id").agg(pl.col(c).get(newest) for c in peer.TABLES["latest"][1:])
visits = events.group_by("road_id", "device_id", w=pl.col("ts") - pl.col("ts") % MINUTE).agg(
    n=pl.len().cast(pl.Int64), speeds=pl.col("speed").sum()
)
windows = pl.concat([visits.with_columns(pl.col("w") - back * MINUTE) for back in range(5)])


def graded(rows):
    r = pl.col("r")
    grade = pl
    for least, name in peer.LEVELS:
        grade = grade.when(r >= least).then(pl.lit(name))
    rated = rows.join(roads, on="road_id").with_columns(r=pl.col("avg_speed") / pl.col("free_flow"))
    return rated.with_columns(level=grade.otherwise(pl.lit(peer.WORST)))


MEAN = pl.col("speeds").sum() / pl.col("n").sum()


def by_road(rows):
    # One row a vehicle in a minute; in five of them it may come again.
    return graded(
        rows.group_by("road_id", "w").agg(pl.col("n").sum(), vehicles=pl.col("device_id").n_unique(), avg_speed=MEAN)
    )


road_1m = by_road(visits)
congested = road_1m.group_by("w").agg(congested_roads=(pl.col("r") < peer.CONGESTED).sum())
city_1m = visits.group_by("w").agg(vehicles=pl.col("device_id").n_unique(), avg_speed=MEAN).join(congested, on="w")
now = latest.group_by("road_id").agg(avg_speed=pl.col("speed").mean())
city_now = latest.select(
    vehicles=pl.len(),
    avg_speed=pl.col("speed").mean(),
    congested_roads=graded(now).filter(pl.col("r") < peer.CONGESTED).height,
)
tables = {
    "latest": latest, "road_1m": road_1m, "road_5m": by_road(windows), "city_1m": city_1m, "city_now": city_now,
}  # fmt: skip
for table, names in peer.TABLES.items():
    tables[table].select(names).write_csv(os.path.join(given.out, f"{table}.csv"))
peer.facts(engine="Polars", version=pl.__version__, job_s=time.monotonic() - start)
