//! The final views as CSV, for the check against another engine's answers.

use std::path::Path;

use anyhow::Context;
use smartcity::model::Id;
use smartcity::view::Snapshot;

use super::event::Speed;
use super::now::CITY_NOW;
use super::positions::LATEST;
use super::roads::{CITY_1M, ROAD_1M, ROAD_5M, Sum};

/// Writes `latest.csv`, `road_1m.csv`, `road_5m.csv`, `city_1m.csv` and `city_now.csv`; times are milliseconds since the
/// epoch.
pub(crate) fn write(folder: &Path, views: &Snapshot) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let names = views.names();
    let name = |id: Id| names.text(id).map_or_else(|| id.to_string(), |text| text.to_string());
    let table = |file: &str| {
        let path = folder.join(file);
        csv::Writer::from_path(&path).with_context(|| format!("cannot write {}", path.display()))
    };

    let mut latest = table("latest.csv")?;
    latest.write_record(["device_id", "ts", "lat", "lon", "speed", "road_id"])?;
    for (vehicle, row) in &views.rows(&LATEST) {
        let degrees = |micro: i32| f64::from(micro) / 1e6;
        let (lat, lon, speed) = (degrees(row.latitude), degrees(row.longitude), kmh(row.speed));
        latest.serialize((name(*vehicle), row.time.0, lat, lon, speed, name(row.road)))?;
    }
    latest.flush()?;

    for (file, view) in [("road_1m.csv", ROAD_1M), ("road_5m.csv", ROAD_5M)] {
        let mut roads = table(file)?;
        roads.write_record(["road_id", "w", "n", "vehicles", "avg_speed", "r", "level"])?;
        for ((road, start), row) in &views.rows(&view) {
            // A road that is not in the table has no level; the batch answer leaves it out.
            let Some(level) = row.level else { continue };
            let mean = mean(row.sum);
            let ratio = mean / kmh(row.free_flow);
            roads.serialize((name(*road), start.0, row.sum.events, row.vehicles, mean, ratio, level.name()))?;
        }
        roads.flush()?;
    }

    let mut minutes = table("city_1m.csv")?;
    minutes.write_record(["w", "vehicles", "avg_speed", "congested_roads"])?;
    for (start, row) in &views.rows(&CITY_1M) {
        minutes.serialize((start.0, row.vehicles, mean(row.sum), row.congested_roads))?;
    }
    minutes.flush()?;

    let mut now = table("city_now.csv")?;
    now.write_record(["vehicles", "avg_speed", "congested_roads"])?;
    if let Some(row) = views.row(&CITY_NOW, &0) {
        let mean = mean(Sum { events: row.vehicles, speeds: row.speeds });
        now.serialize((row.vehicles, mean, row.congested_roads))?;
    }
    now.flush()?;
    Ok(())
}

fn kmh(speed: Speed) -> f64 {
    f64::from(speed.0) / 1e4
}

fn mean(sum: Sum) -> f64 {
    sum.speeds as f64 / 1e4 / sum.events as f64
}
