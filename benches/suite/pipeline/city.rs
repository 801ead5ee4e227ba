//! The roads of city-v1 as a city: each is a segment and a named road of its own.

use std::collections::HashMap;
use std::path::Path;

use anyhow::Context;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use smartcity::model::{City, CityRow, Id, Kmh, Millimetres, Name, Namespace, Point, Road, RoadClass, Segment};

#[derive(Deserialize)]
struct Row {
    road_id: String,
    free_flow: f64,
    length_m: f64,
    lat: f64,
    lon: f64,
}

#[derive(Deserialize)]
struct End {
    road_id: String,
    lat: f64,
    lon: f64,
}

/// Where the roads end: a file that only our own generator writes.
const ENDS: &str = "road_ends.csv";

/// The city of a data folder; `None` where nothing says where its roads end.
pub(super) fn read(folder: &Path) -> anyhow::Result<Option<City>> {
    if !folder.join(ENDS).exists() {
        return Ok(None);
    }
    let ends = rows::<End>(&folder.join(ENDS))?;
    let ends: HashMap<_, _> =
        ends.into_iter().map(|end| (end.road_id, Point::from_degrees(end.lat, end.lon))).collect();
    let mut city = City::default();
    for row in rows::<Row>(&folder.join("roads.csv"))? {
        let ends = [Point::from_degrees(row.lat, row.lon), ends.get(&row.road_id).copied().flatten()];
        let [Some(start), Some(end)] = ends else { continue };
        let [id, road, name] = [Namespace::Segment, Namespace::Road, Namespace::Text].map(|of| {
            city.rows.insert(CityRow::Name(Name::new(of, &row.road_id)));
            Id::new(of, &row.road_id)
        });
        city.rows.insert(CityRow::Road(Road { id: road, name }));
        city.rows.insert(CityRow::Segment(Segment {
            id,
            road,
            zone: None,
            class: RoadClass::Primary,
            lanes: 2,
            free_flow: Kmh((row.free_flow * 1_000.0).round() as i64),
            length: Millimetres((row.length_m * 1_000.0).round() as i64),
            line: [start, end].into(),
            next: [].into(),
        }));
    }
    Ok(Some(city))
}

fn rows<R: DeserializeOwned>(path: &Path) -> anyhow::Result<Vec<R>> {
    let mut table = csv::Reader::from_path(path).with_context(|| format!("cannot read {}", path.display()))?;
    table.deserialize().collect::<Result<_, _>>().with_context(|| format!("in {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_road_is_a_segment_from_its_start_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let write = |file, text: &str| std::fs::write(folder.path().join(file), text).unwrap();
        write("roads.csv", "road_id,free_flow,length_m,lat,lon\nR-1,50.5,200,52.0,4.0\n");
        assert_eq!(read(folder.path()).unwrap(), None);
        write(ENDS, "road_id,lat,lon\nR-1,52.1,4.1\n");
        let city = read(folder.path()).unwrap().unwrap();
        let segments: Vec<_> = city.segments().collect();
        assert_eq!(segments.len(), 1);
        assert_eq!((segments[0].free_flow, segments[0].length), (Kmh(50_500), Millimetres(200_000)));
        assert_eq!(segments[0].line[1], Point { lat: 521_000_000, lon: 41_000_000 });
    }
}
