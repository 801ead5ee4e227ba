//! A small city for the tests, and how to ask for it.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use serde_json::Value;
use smartcity_api::{Api, Settings};
use smartcity_dataflow::city::congestion::{Confidence, Level, ROADS, SEGMENTS, Traffic};
use smartcity_dataflow::city::incidents::{ActiveReport, INCIDENTS, Incident, REPORTS};
use smartcity_dataflow::city::statics::{CITY_ALIASES, CITY_ROADS, CITY_SEGMENTS, NAMES};
use smartcity_dataflow::city::summary::{SUMMARY, Summary};
use smartcity_dataflow::city::vehicles::{VEHICLES, Vehicle};
use smartcity_dataflow::city::weather::{StationWeather, WEATHER};
use smartcity_dataflow::model::{
    Heading, Id, Kind, Kmh, Milli, Millimetres, Millis, Namespace, Point, Priority, Ratio, ReportStatus, Road,
    RoadClass, Segment, Severity, Sky, Weather,
};
use smartcity_dataflow::testing::FilledViews;
use smartcity_dataflow::view::Views;
use tower::ServiceExt;

/// The engine's clock in these tests, 2026-11-23T14:17:50+00:00; the first tick is a millisecond later.
pub(crate) const NOW: u64 = 1_795_443_470_000;

pub(crate) fn point(lat: f64, lon: f64) -> Point {
    Point::from_degrees(lat, lon).expect("on earth")
}

pub(crate) fn vehicle(lat: f64, lon: f64, speed: Option<Kmh>, heading: Option<Heading>) -> Vehicle {
    Vehicle {
        time: Millis(NOW as i64 - 1_500),
        place: point(lat, lon),
        reported_speed: speed,
        reported_heading: heading,
        track_speed: None,
        track_heading: None,
        moving: speed > Some(Kmh(5_000)),
        implausible: None,
        segment: None,
        zone: None,
        kind: Kind::Gps,
        vehicle_type: None,
        details: None,
    }
}

pub(crate) fn traffic(speed: i64, vehicles: u32, level: Level) -> Traffic {
    let (speed, free_flow) = (Kmh(speed), Kmh(50_000));
    let ratio = Ratio::of(speed.0, free_flow.0).expect("free flow is positive");
    Traffic { samples: vehicles * 2, vehicles, speed, free_flow, ratio, level, confidence: Confidence::High }
}

pub(crate) fn summary(vehicles: u32) -> Summary {
    Summary {
        vehicles,
        moving: 1,
        average_speed: Kmh(18_250),
        active_emergencies: 2,
        incidents: 1,
        congested_roads: 1,
        observed_roads: 2,
    }
}

fn text(text: &str) -> Id {
    Id::new(Namespace::Text, text)
}

/// A city of three vehicles, two roads, two reports of one incident and a weather station, through tick `NOW + 1`.
pub(crate) fn filled() -> FilledViews {
    let mut views = FilledViews::new(NOW);
    let named = |namespace: Namespace, text: &str| (Id::new(namespace, text), Arc::<str>::from(text), 1);
    views.change(
        &NAMES,
        [
            named(Namespace::Device, "taxi-1"),
            named(Namespace::Device, "taxi-2"),
            named(Namespace::Device, "bus-3"),
            named(Namespace::Device, "station-1"),
            named(Namespace::Device, "dispatch-1"),
            named(Namespace::Road, "market_street"),
            named(Namespace::Road, "mission_st"),
            named(Namespace::Segment, "way-7"),
            named(Namespace::Incident, "inc-1"),
            named(Namespace::Incident, "inc-2"),
            named(Namespace::Text, "Market Street"),
            named(Namespace::Text, "accident"),
            named(Namespace::Text, "police"),
            named(Namespace::Text, "ambulance"),
        ],
    );
    let device = |name| Id::new(Namespace::Device, name);
    let north_east = Some(Heading::from_centidegrees(4_525));
    views.change(
        &VEHICLES,
        [
            (device("taxi-1"), vehicle(37.7749, -122.4194, Some(Kmh(23_500)), north_east), 1),
            (device("taxi-2"), vehicle(37.78, -122.41, Some(Kmh(0)), north_east), 1),
            (device("bus-3"), vehicle(37.77, -122.42, None, None), 1),
        ],
    );
    let road = |name| Id::new(Namespace::Road, name);
    views.change(
        &ROADS,
        [
            (road("market_street"), traffic(12_500, 7, Level::Stationary), 1),
            (road("mission_st"), traffic(48_000, 3, Level::Free), 1),
        ],
    );
    views.change(&SEGMENTS, [(Id::new(Namespace::Segment, "way-7"), traffic(20_000, 2, Level::Slow), 1)]);
    views.change(&CITY_ALIASES, [(road("market_st"), road("market_street"), 1)]);
    let market = Road { id: road("market_street"), name: text("Market Street") };
    views.change(&CITY_ROADS, [(market.id, market, 1)]);
    let segment = |name: &str| Segment {
        id: Id::new(Namespace::Segment, name),
        road: market.id,
        zone: None,
        class: RoadClass::Primary,
        lanes: 2,
        free_flow: Kmh(50_000),
        length: Millimetres(120_000),
        line: [point(37.77, -122.42), point(37.771, -122.419)].into(),
        next: [].into(),
    };
    views.change(&CITY_SEGMENTS, ["way-7", "way-8"].map(|name| (segment(name).id, segment(name), 1)));
    let report = |minutes: i64, severity, status| ActiveReport {
        time: Millis(NOW as i64 - minutes * 60_000),
        place: point(37.7755, -122.4185),
        incident_type: text("accident"),
        status,
        severity,
        priority: Priority::P1,
        device: device("dispatch-1"),
        description: None,
        zone: None,
    };
    let incident = |name| Id::new(Namespace::Incident, name);
    views.change(
        &REPORTS,
        [
            (incident("inc-1"), report(9, Severity::High, ReportStatus::Active), 1),
            (incident("inc-2"), report(2, Severity::Medium, ReportStatus::Active), 1),
        ],
    );
    let merged = Incident {
        first: Millis(NOW as i64 - 540_000),
        last: Millis(NOW as i64 - 120_000),
        place: point(37.7755, -122.4185),
        incident_type: text("accident"),
        severity: Severity::High,
        priority: Priority::P1,
        agencies: [text("police"), text("ambulance")].into(),
        reports: [incident("inc-1"), incident("inc-2")].into(),
        sources: [device("dispatch-1")].into(),
        confidence: Ratio(7_500),
        zone: None,
    };
    views.change(&INCIDENTS, [(incident("inc-1"), merged, 1)]);
    let weather = Weather {
        temperature: Some(Milli(14_500)),
        sky: Some(Sky::Rain),
        humidity: Some(Milli(81_000)),
        wind: Some(Kmh(12_000)),
        ..Weather::default()
    };
    let station = StationWeather { time: Millis(NOW as i64), place: Some(point(37.76, -122.45)), weather };
    views.change(&WEATHER, [(device("station-1"), station, 1)]);
    views.change(&SUMMARY, [((), summary(3), 1)]);
    views
}

pub(crate) fn api() -> Api {
    api_over(filled().commit())
}

pub(crate) fn api_over(views: Views) -> Api {
    Api::new(views, Settings::default())
}

/// An answer, read to its end.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {:?}", self.body))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no header {name}")).to_str().expect("text")
    }
}

pub(crate) async fn ask(router: Router, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = router.oneshot(request.body(Body::empty()).expect("a request")).await.expect("an answer");
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.expect("a body");
    Answer { status: parts.status, headers: parts.headers, body: String::from_utf8_lossy(&body).into_owned() }
}

pub(crate) async fn get(path: &str) -> Answer {
    ask(api().router(), Method::GET, path, &[]).await
}

/// The body of a successful answer in JSON.
pub(crate) async fn get_text(path: &str) -> String {
    let answer = get(path).await;
    assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.body);
    assert_eq!(answer.header(header::CONTENT_TYPE.as_str()), "application/json", "{path}");
    answer.body
}
