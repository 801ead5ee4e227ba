//! The roads of city-v1 as a city: each is a segment and a named road of its own.

use std::path::Path;

use anyhow::Context;
use serde::Deserialize;
use smartcity::model::{City, CityRow, Id, Kmh, Millimetres, Name, Namespace, Point, Road, RoadClass, Segment};

#[derive(Deserialize)]
struct Row {
    road_id: String,
    free_flow: f64,
    length_m: f64,
    lat: f64,
    lon: f64,
    #[serde(default)]
    end_lat: Option<f64>,
    #[serde(default)]
    end_lon: Option<f64>,
}

/// The city of a data folder; `None` where its roads have no end.
pub(super) fn read(folder: &Path) -> anyhow::Result<Option<City>> {
    let path = folder.join("roads.csv");
    let mut table = csv::Reader::from_path(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut city = City::default();
    for row in table.deserialize() {
        let row: Row = row.with_context(|| format!("in {}", path.display()))?;
        let (Some(end_lat), Some(end_lon)) = (row.end_lat, row.end_lon) else { return Ok(None) };
        let ends = [Point::from_degrees(row.lat, row.lon), Point::from_degrees(end_lat, end_lon)];
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_road_is_a_segment_from_its_start_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let write = |text: &str| std::fs::write(folder.path().join("roads.csv"), text).unwrap();
        write("road_id,free_flow,length_m,lat,lon,end_lat,end_lon\nR-1,50.5,200,52.0,4.0,52.1,4.1\n");
        let city = read(folder.path()).unwrap().unwrap();
        let segments: Vec<_> = city.segments().collect();
        assert_eq!(segments.len(), 1);
        assert_eq!((segments[0].free_flow, segments[0].length), (Kmh(50_500), Millimetres(200_000)));
        assert_eq!(segments[0].line[1], Point { lat: 521_000_000, lon: 41_000_000 });
        write("road_id,free_flow,length_m,lat,lon\nR-1,50,200,52.0,4.0\n");
        assert_eq!(read(folder.path()).unwrap(), None);
    }
}
