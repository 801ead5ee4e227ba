//! The API's description is true, and its pages load nothing from elsewhere.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::city::{api, ask, get};

/// Requests that reach every described answer that can be had over HTTP: method is GET, and the path that describes it.
const REQUESTS: [(&str, &str); 34] = [
    ("/", "/"),
    ("/api/vehicles/locations", "/api/vehicles/locations"),
    ("/api/vehicles/locations?limit=x", "/api/vehicles/locations"),
    ("/api/gps/data", "/api/gps/data"),
    ("/api/gps/data?limit=0", "/api/gps/data"),
    ("/vehicles", "/vehicles"),
    ("/gps", "/gps"),
    ("/api/traffic/live/market_st", "/api/traffic/live/{road_id}"),
    ("/api/traffic/live/nowhere", "/api/traffic/live/{road_id}"),
    ("/api/traffic/conditions", "/api/traffic/conditions"),
    ("/api/traffic/conditions?limit=99999", "/api/traffic/conditions"),
    ("/traffic", "/traffic"),
    ("/api/weather/current", "/api/weather/current"),
    ("/api/weather/current?limit=-1", "/api/weather/current"),
    ("/weather", "/weather"),
    ("/api/emergencies/active", "/api/emergencies/active"),
    ("/api/emergency/incidents", "/api/emergency/incidents"),
    ("/emergency", "/emergency"),
    ("/api/analytics/city-summary", "/api/analytics/city-summary"),
    ("/api/analytics/summary", "/api/analytics/summary"),
    ("/api/health", "/api/health"),
    ("/health", "/health"),
    ("/api/stats", "/api/stats"),
    ("/metrics", "/metrics"),
    ("/ws/realtime", "/ws/realtime"),
    ("/v1/views", "/v1/views"),
    ("/v1/views/vehicles", "/v1/views/{name}"),
    ("/v1/views/vehicles?limit=1", "/v1/views/{name}"),
    ("/v1/views/names", "/v1/views/{name}"),
    ("/v1/views/nothing", "/v1/views/{name}"),
    ("/v1/views/names?limit=no", "/v1/views/{name}"),
    ("/v1/views/names?after=no", "/v1/views/{name}"),
    ("/v1/incidents", "/v1/incidents"),
    ("/v1/city/roads.geojson", "/v1/city/roads.geojson"),
];

#[tokio::test]
async fn every_answer_is_as_described() {
    let description = get("/openapi.json").await.json();
    assert_eq!(description["openapi"], "3.1.0");
    for (request, path) in REQUESTS {
        let answer = get(request).await;
        let described = &description["paths"][path]["get"]["responses"][answer.status.as_str()];
        let media = answer.header("content-type");
        let schema = &described["content"][media]["schema"];
        assert!(schema.is_object(), "{request}: {} {media} is not described", answer.status);
        let body = if media.contains("json") { answer.json() } else { Value::from(answer.body.as_str()) };
        let problems = problems(&description, schema, &body);
        assert!(problems.is_empty(), "{request}: {problems:?} in {}", answer.body);
    }
}

#[tokio::test]
async fn every_described_path_is_asked_for_and_served() {
    let description = get("/openapi.json").await.json();
    for path in description["paths"].as_object().unwrap().keys() {
        assert!(REQUESTS.iter().any(|(_, described)| described == path), "no request for {path}");
    }
    for (request, path) in REQUESTS {
        assert!(description["paths"][path].is_object(), "{request} is not described");
    }
}

#[tokio::test]
async fn operations_have_names_of_their_own() {
    let description = get("/openapi.json").await.json();
    let paths = description["paths"].as_object().unwrap().values();
    let mut names: Vec<_> = paths.map(|path| path["get"]["operationId"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
}

#[test]
fn a_description_that_does_not_fit_is_noticed() {
    let description = json!({ "components": { "schemas": { "Row": {
        "type": "object", "required": ["speed"], "properties": { "speed": { "type": "number" } },
    } } } });
    let schema = json!({ "$ref": "#/components/schemas/Row" });
    assert_eq!(problems(&description, &schema, &json!({ "speed": 1.5 })), Vec::<String>::new());
    assert_eq!(problems(&description, &schema, &json!({ "speed": null })).len(), 1);
    assert_eq!(problems(&description, &schema, &json!({ "speed": 1, "more": 1 })).len(), 1, "an undescribed field");
}

/// Where `value` departs from `schema`, or has a field that the schema does not describe.
fn problems(description: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut components = description["components"].clone();
    close(&mut components);
    let mut schema = schema.clone();
    schema["components"] = components;
    let validator = jsonschema::draft202012::new(&schema).expect("a schema");
    validator.iter_errors(value).map(|error| error.to_string()).collect()
}

/// Makes every object with described fields refuse others.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            fields.values_mut().for_each(close);
            if fields.get("properties").is_some_and(|properties| properties.get("type") != Some(&json!("string"))) {
                fields.entry("additionalProperties").or_insert(json!(false));
            }
        }
        Value::Array(schemas) => schemas.iter_mut().for_each(close),
        _ => {}
    }
}

#[tokio::test]
async fn the_documentation_comes_whole_from_the_binary() {
    let page = get("/docs").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.header("content-type").starts_with("text/html"));
    assert_loads_nothing_from_elsewhere(&page.body);
    for file in ["swagger-ui.css", "index.css", "swagger-ui-bundle.js", "swagger-ui-standalone-preset.js"] {
        assert!(page.body.contains(file), "{file}");
        assert_eq!(get(&format!("/docs/{file}")).await.status, StatusCode::OK, "{file}");
    }
    let start = get("/docs/swagger-initializer.js").await.body;
    assert!(start.contains("\"/openapi.json\""), "{start}");
    assert!(start.contains("\"validatorUrl\": \"none\""), "Swagger would ask a server elsewhere: {start}");
    assert!(!start.contains("http"), "{start}");
    let missing = get("/docs/nothing.js").await;
    assert_eq!((missing.status, missing.body.as_str()), (StatusCode::NOT_FOUND, r#"{"detail":"Not Found"}"#));
    let redoc = get("/redoc").await;
    assert!(redoc.status.is_redirection());
    assert_eq!(redoc.header("location"), "/docs");
}

#[tokio::test]
async fn a_person_gets_the_page_and_a_program_gets_json() {
    const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    for (accept, html) in
        [(BROWSER, true), ("*/*", false), ("application/json", false), ("text/html;q=0, application/json", false)]
    {
        let answer = ask(api().router(), Method::GET, "/", &[("accept", accept)]).await;
        assert_eq!(answer.header("content-type").starts_with("text/html"), html, "{accept}");
        let varies = answer.headers.get_all("vary").iter().any(|vary| vary.to_str().unwrap().contains("accept"));
        assert!(varies, "caches must know that the answer depends on Accept");
    }
}

#[tokio::test]
async fn the_page_loads_nothing_from_elsewhere() {
    let page = ask(api().router(), Method::GET, "/", &[("accept", "text/html")]).await;
    assert!(page.header("content-security-policy").starts_with("default-src 'none'"));
    assert_loads_nothing_from_elsewhere(&page.body);
}

fn assert_loads_nothing_from_elsewhere(page: &str) {
    assert!(!page.contains("http://") && !page.contains("https://"), "an address elsewhere");
    assert!(!page.contains("src=\"//") && !page.contains("href=\"//"), "an address elsewhere");
}
