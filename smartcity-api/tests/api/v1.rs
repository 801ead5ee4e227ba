//! The routes of the engine's own: any view, incidents, the map; and their problems.

use axum::http::{Method, StatusCode};
use serde_json::json;
use smartcity_api::{Api, Settings};
use smartcity_dataflow::testing::FilledViews;
use smartcity_dataflow::view::View;

use crate::city::{NOW, api, ask, get, get_text};

#[tokio::test]
async fn the_views_are_listed_with_their_sizes() {
    let list = get("/v1/views").await.json();
    assert_eq!((&list["through"], &list["generation"]), (&json!(NOW + 1), &json!(1)));
    let views = list["views"].as_array().unwrap();
    assert!(views.contains(&json!({ "name": "vehicles", "rows": 3 })), "{list}");
    assert!(views.contains(&json!({ "name": "names", "rows": 14 })), "{list}");
}

#[tokio::test]
async fn a_view_is_shown_with_ids_as_text() {
    let aliases = get("/v1/views/city_aliases").await.json();
    assert_eq!(aliases["rows"][0]["row"], "market_street");
    let body = get_text("/v1/views/roads").await;
    let mission = r#"{"key":"mission_st","row":{"samples":6,"vehicles":3,"speed":48.0,"free_flow":50.0,"#;
    assert!(body.starts_with(&format!(r#"{{"through":{},"generation":1,"rows":["#, NOW + 1)), "{body}");
    assert!(body.contains(mission), "{body}");
    assert!(body.ends_with(r#"],"next":null}"#), "{body}");
}

/// Users' own capabilities are views like any other.
const SQUARES: View<u32, u64> = View::new("squares");

#[tokio::test]
async fn pages_of_a_view_join_to_the_whole() {
    let mut views = FilledViews::new(NOW);
    views.change(&SQUARES, (0..25_u32).map(|n| (n, u64::from(n) * u64::from(n), 1)));
    let router = Api::new(views.commit(), Settings::default()).router();
    let (mut rows, mut after) = (Vec::new(), String::new());
    for _ in 0..10 {
        let answer = ask(router.clone(), Method::GET, &format!("/v1/views/squares?limit=10{after}"), &[]).await.json();
        rows.extend(answer["rows"].as_array().unwrap().clone());
        match answer["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    let expected: Vec<_> = (0..25).map(|n| json!({ "key": n, "row": n * n })).collect();
    assert_eq!(rows, expected);
}

#[tokio::test]
async fn incidents_are_merged_reports() {
    let incidents = get("/v1/incidents").await.json();
    let expected = json!({
        "through": NOW + 1,
        "generation": 1,
        "incidents": [{
            "id": "inc-1", "incident_type": "accident", "latitude": 37.7755, "longitude": -122.4185, "severity": "high",
            "priority": "P1", "confidence": 0.75, "agencies": ["police", "ambulance"], "sources": ["dispatch-1"],
            "reports": ["inc-1", "inc-2"], "zone": null,
            "first": "2026-11-23T14:08:50+00:00", "last": "2026-11-23T14:15:50+00:00",
        }],
    });
    assert_eq!(incidents, expected);
}

#[tokio::test]
async fn the_map_has_every_segment_and_the_traffic_where_some_was_seen() {
    let answer = get("/v1/city/roads.geojson").await;
    assert_eq!(answer.header("content-type"), "application/geo+json");
    let map = answer.json();
    assert_eq!(map["type"], "FeatureCollection");
    let features = map["features"].as_array().unwrap();
    let seen = features.iter().find(|feature| feature["id"] == "way-7").unwrap();
    let expected = json!({
        "type": "Feature",
        "id": "way-7",
        "geometry": { "type": "LineString", "coordinates": [[-122.42, 37.77], [-122.419, 37.771]] },
        "properties": {
            "id": "way-7", "road": "market_street", "name": "Market Street", "class": "primary", "free_flow": 50.0,
            "speed": 20.0, "level": "slow",
        },
    });
    assert_eq!(*seen, expected);
    let unseen = features.iter().find(|feature| feature["id"] != "way-7").unwrap();
    assert_eq!((&unseen["properties"]["speed"], &unseen["properties"]["level"]), (&json!(null), &json!(null)));
}

#[tokio::test]
async fn problems_are_those_of_rfc_9457() {
    for (method, path, status, detail) in [
        (Method::GET, "/v1/views/x", 404, r#"there is no view called "x": GET /v1/views lists them"#),
        (Method::GET, "/v1/nothing", 404, "no such route: GET /openapi.json lists them"),
        (Method::GET, "/v1", 404, "no such route: GET /openapi.json lists them"),
        (Method::PUT, "/v1/views", 405, "no such method here: see the header Allow"),
        (Method::GET, "/v1/views/roads?limit=0", 422, "limit=0: Input should be greater than or equal to 1"),
        (Method::GET, "/v1/views/roads?after=3", 422, "after=3: not a mark: take it from the page before"),
    ] {
        let answer = ask(api().router(), method, path, &[]).await;
        assert_eq!(answer.status.as_u16(), status, "{path}");
        assert_eq!(answer.header("content-type"), "application/problem+json", "{path}");
        let title = StatusCode::from_u16(status).unwrap().canonical_reason();
        let expected = json!({ "type": "about:blank", "title": title, "status": status, "detail": detail });
        assert_eq!(answer.json(), expected, "{path}");
    }
    assert_eq!(get("/v10").await.body, r#"{"detail":"Not Found"}"#, "only what is under /v1");
}
