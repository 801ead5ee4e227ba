//! The routes that clients written for the pipeline before use: fields, order, errors, CORS, on the raw text.

use std::sync::{Arc, Mutex};

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use smartcity_api::{Api, Settings};
use smartcity_dataflow::city::vehicles::VEHICLES;
use smartcity_dataflow::health::Health;
use smartcity_dataflow::model::{Id, Kmh, Namespace};
use smartcity_dataflow::testing::FilledViews;

use crate::city::{NOW, api, ask, filled, get, get_text, vehicle};

#[tokio::test]
async fn a_vehicle_has_the_fields_of_the_contract_in_their_order() {
    let body = get_text("/api/vehicles/locations").await;
    let taxi = r#"{"vehicle_id":"taxi-1","latitude":37.7749,"longitude":-122.4194,"timestamp":"2026-11-23T14:17:48.500+00:00","speed":23.5,"direction":45.25}"#;
    assert!(body.contains(taxi), "{body}");
}

#[tokio::test]
async fn a_vehicle_that_reports_no_motion_has_speed_zero_and_no_direction() {
    let body = get_text("/api/vehicles/locations").await;
    let bus = r#"{"vehicle_id":"bus-3","latitude":37.77,"longitude":-122.42,"timestamp":"2026-11-23T14:17:48.500+00:00","speed":0.0,"direction":null}"#;
    assert!(body.contains(bus), "{body}");
}

#[tokio::test]
async fn a_limit_leaves_out_rows_and_a_hundred_are_the_default() {
    let mut views = FilledViews::new(NOW);
    let ids = (0..150).map(|n| Id::new(Namespace::Device, &n.to_string()));
    views.change(&VEHICLES, ids.map(|id| (id, vehicle(37.0, -122.0, Some(Kmh(1)), None), 1)));
    let router = Api::new(views.commit(), Settings::default()).router();
    for (query, rows) in [("", 100), ("?limit=7", 7), ("?limit=10000", 150), ("?limit=7&limit=9", 9)] {
        let path = format!("/api/vehicles/locations{query}");
        let answer = ask(router.clone(), Method::GET, &path, &[]).await;
        assert_eq!(answer.json().as_array().map(Vec::len), Some(rows), "{path}");
    }
}

#[tokio::test]
async fn a_limit_that_is_none_is_refused_in_fastapi_s_words() {
    let text = "Input should be a valid integer, unable to parse string as an integer";
    for (limit, r#type, msg) in [
        ("ten", "int_parsing", text),
        ("", "int_parsing", text),
        ("0", "greater_than_equal", "Input should be greater than or equal to 1"),
        ("-3", "greater_than_equal", "Input should be greater than or equal to 1"),
        ("10001", "less_than_equal", "Input should be less than or equal to 10000"),
    ] {
        let answer = get(&format!("/api/vehicles/locations?limit={limit}")).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        let expected =
            format!(r#"{{"detail":[{{"type":"{type}","loc":["query","limit"],"msg":"{msg}","input":"{limit}"}}]}}"#);
        assert_eq!(answer.body, expected);
    }
}

#[tokio::test]
async fn a_road_is_found_by_its_id_an_alias_or_a_segment_and_keeps_the_name_it_was_asked_by() {
    for (road, rest) in [
        ("market_street", r#""average_speed":12.5,"vehicle_count":7,"congestion_level":"heavy""#),
        ("market_st", r#""average_speed":12.5,"vehicle_count":7,"congestion_level":"heavy""#),
        ("mission_st", r#""average_speed":48.0,"vehicle_count":3,"congestion_level":"light""#),
        ("way-7", r#""average_speed":20.0,"vehicle_count":2,"congestion_level":"moderate""#),
    ] {
        let body = get_text(&format!("/api/traffic/live/{road}")).await;
        assert_eq!(body, format!(r#"{{"road_id":"{road}",{rest},"timestamp":"2026-11-23T14:17:50.001+00:00"}}"#));
    }
}

#[tokio::test]
async fn an_unknown_road_is_404() {
    for (path, road) in [("broadway", "broadway"), ("%C3%A9toile", "étoile")] {
        let answer = get(&format!("/api/traffic/live/{path}")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
        assert_eq!(answer.body, format!(r#"{{"detail":"No traffic data found for road {road}"}}"#));
    }
    assert_eq!(get("/api/traffic/live/%FF").await.body, r#"{"detail":"Not Found"}"#);
}

#[tokio::test]
async fn emergencies_are_listed_newest_first() {
    let report = |id, severity, time| {
        format!(
            r#"{{"incident_id":"{id}","incident_type":"accident","latitude":37.7755,"longitude":-122.4185,"severity":"{severity}","status":"active","timestamp":"2026-11-23T14:{time}+00:00"}}"#
        )
    };
    let expected = format!("[{},{}]", report("inc-2", "medium", "15:50"), report("inc-1", "high", "08:50"));
    assert_eq!(get_text("/api/emergencies/active").await, expected);
}

#[tokio::test]
async fn the_summary_is_one_object() {
    let expected = r#"{"total_vehicles":3,"active_emergencies":2,"average_city_speed":18.25,"congested_roads":1,"timestamp":"2026-11-23T14:17:50.001+00:00"}"#;
    assert_eq!(get_text("/api/analytics/city-summary").await, expected);
}

#[tokio::test]
async fn weather_is_listed_by_station() {
    let expected = r#"[{"temperature":14.5,"humidity":81.0,"condition":"Rain","wind_speed":12.0,"visibility":null,"timestamp":"2026-11-23T14:17:50+00:00","station_id":"station-1","latitude":37.76,"longitude":-122.45}]"#;
    assert_eq!(get_text("/api/weather/current").await, expected);
}

#[tokio::test]
async fn the_service_its_health_and_its_statistics() {
    let root = r#"{"service":"Smart City Real-Time API","status":"operational","timestamp":"2026-11-23T14:17:50+00:00","redis_healthy":true}"#;
    assert_eq!(get_text("/").await, root);
    let health = r#"{"service":"Smart City API","status":"healthy","components":{"redis":{"connected":true,"responsive":true,"configured":false},"websockets":{"active_connections":0},"engine":{"generation":1,"through":1795443470001,"age_ms":0,"responsive":true}},"timestamp":"2026-11-23T14:17:50+00:00"}"#;
    assert_eq!(get_text("/api/health").await, health);
    let stats = r#"{"data_points":{"vehicles":3,"emergencies":2,"traffic_conditions":2},"api_status":{"websocket_connections":0,"redis_healthy":true},"timestamp":"2026-11-23T14:17:50+00:00"}"#;
    assert_eq!(get_text("/api/stats").await, stats);
}

#[tokio::test]
async fn a_component_that_is_down_shows_at_once_and_so_does_its_return() {
    let api = api();
    let state = Arc::new(Mutex::new(Health::Running));
    let (asked, reason) = (Arc::clone(&state), "no server answers");
    api.components()
        .ask(move || vec![("redis".to_owned(), asked.lock().unwrap().clone()), ("lake".to_owned(), Health::Running)]);
    for (now, status, healthy) in
        [(Health::Waiting(reason.to_owned()), "degraded", false), (Health::Running, "healthy", true)]
    {
        *state.lock().unwrap() = now;
        let health = ask(api.router(), Method::GET, "/api/health", &[]).await;
        assert_eq!(health.status, StatusCode::OK);
        assert_eq!(health.json()["status"], status);
        let redis = match healthy {
            true => json!({ "connected": true, "responsive": true }),
            false => json!({ "connected": false, "responsive": false, "detail": reason }),
        };
        assert_eq!(health.json()["components"]["redis"], redis);
        assert_eq!(health.json()["components"]["lake"], json!({ "connected": true, "responsive": true }));
        let root = ask(api.router(), Method::GET, "/", &[]).await.json();
        assert_eq!(root["redis_healthy"], healthy);
        let stats = ask(api.router(), Method::GET, "/api/stats", &[]).await.json();
        assert_eq!(stats["api_status"]["redis_healthy"], healthy);
    }
}

#[tokio::test]
async fn an_engine_without_ticks_is_degraded_and_its_age_is_told() {
    let empty = smartcity_dataflow::view::Views::new(4, || NOW);
    let answer = ask(Api::new(empty, Settings::default()).router(), Method::GET, "/health", &[]).await;
    assert_eq!(answer.json()["status"], "degraded");
    assert_eq!(answer.json()["components"]["engine"]["responsive"], false);
    assert_eq!(answer.header("x-smartcity-age-ms"), NOW.to_string());
    assert_eq!(answer.header("x-smartcity-generation"), "4");
}

#[tokio::test]
async fn an_alias_answers_as_the_route_it_names() {
    for (alias, of) in [
        ("/api/gps/data", "/api/vehicles/locations"),
        ("/vehicles", "/api/vehicles/locations"),
        ("/gps", "/api/vehicles/locations"),
        ("/traffic", "/api/traffic/conditions"),
        ("/weather", "/api/weather/current"),
        ("/api/emergency/incidents", "/api/emergencies/active"),
        ("/emergency", "/api/emergencies/active"),
        ("/api/analytics/summary", "/api/analytics/city-summary"),
        ("/health", "/api/health"),
    ] {
        assert_eq!(get_text(alias).await, get_text(of).await, "{alias}");
    }
}

#[tokio::test]
async fn the_list_of_roads_has_the_row_of_one_road() {
    let list: Value = serde_json::from_str(&get_text("/api/traffic/conditions").await).unwrap();
    let one: Value = serde_json::from_str(&get_text("/api/traffic/live/mission_st").await).unwrap();
    assert!(list.as_array().is_some_and(|roads| roads.len() == 2 && roads.contains(&one)), "{list}");
}

#[tokio::test]
async fn errors_have_fastapi_s_shape_and_405_says_what_is_allowed() {
    let answer = get("/api/nothing").await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::NOT_FOUND, r#"{"detail":"Not Found"}"#));
    let answer = ask(api().router(), Method::POST, "/api/stats", &[]).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(answer.body, r#"{"detail":"Method Not Allowed"}"#);
    assert_eq!(answer.header("allow"), "GET,HEAD");
}

#[tokio::test]
async fn every_answer_says_which_snapshot_it_is_made_of() {
    let mut city = filled();
    let views = city.commit();
    city.change(&VEHICLES, []);
    city.commit();
    let router = Api::new(views, Settings::default()).router();
    for path in ["/", "/api/vehicles/locations", "/api/nothing", "/v1/views", "/openapi.json", "/docs"] {
        let answer = ask(router.clone(), Method::GET, path, &[]).await;
        assert_eq!(answer.header("x-smartcity-through"), (NOW + 2).to_string(), "{path}");
        assert_eq!(answer.header("x-smartcity-generation"), "1", "{path}");
        assert_eq!(answer.header("x-smartcity-age-ms"), "0", "{path}");
    }
}

const PREFLIGHT: [(&str, &str); 3] = [
    ("origin", "http://localhost:3000"),
    ("access-control-request-method", "GET"),
    ("access-control-request-headers", "content-type,x-own"),
];

#[tokio::test]
async fn a_preflight_is_mirrored_without_credentials() {
    for path in ["/api/vehicles/locations", "/v1/views"] {
        let answer = ask(api().router(), Method::OPTIONS, path, &PREFLIGHT).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.header("access-control-allow-origin"), "http://localhost:3000");
        assert_eq!(answer.header("access-control-allow-methods"), "GET");
        assert_eq!(answer.header("access-control-allow-headers"), "content-type,x-own");
        assert!(!answer.headers.contains_key("access-control-allow-credentials"));
    }
    let answer = ask(api().router(), Method::GET, "/api/stats", &PREFLIGHT[..1]).await;
    assert_eq!(answer.header("access-control-allow-origin"), "http://localhost:3000");
    let exposed = answer.header("access-control-expose-headers");
    assert_eq!(exposed, "x-smartcity-through,x-smartcity-generation,x-smartcity-age-ms");
}

#[tokio::test]
async fn only_allowed_origins_are_mirrored_where_some_are_named() {
    let allowed_origins = vec!["https://city.example".to_owned()];
    let router = Api::new(filled().commit(), Settings { allowed_origins, ..Settings::default() }).router();
    for (origin, mirrored) in [("https://city.example", true), ("https://city.example.evil", false)] {
        let answer = ask(router.clone(), Method::GET, "/api/stats", &[("origin", origin)]).await;
        assert_eq!(answer.headers.contains_key("access-control-allow-origin"), mirrored, "{origin}");
    }
}

#[test]
fn a_setting_that_does_not_exist_is_refused() {
    let settings: Settings = serde_json::from_value(json!({ "allowed_origins": ["https://a.example"] })).unwrap();
    assert_eq!(settings.websocket, Settings::default().websocket);
    let error = serde_json::from_value::<Settings>(json!({ "allowed_origin": [] })).unwrap_err();
    assert!(error.to_string().contains("unknown field `allowed_origin`"), "{error}");
}
