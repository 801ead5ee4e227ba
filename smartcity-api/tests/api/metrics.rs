//! `/metrics` is valid text for Prometheus, and says what is so.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::http::{Method, StatusCode};
use smartcity_api::{Api, Figures, OperatorFigures, PartitionFigures, SourceFigures};

use crate::city::{NOW, api, ask};

/// Values by name and labels, as written: `name{label="value"}`.
type Samples = BTreeMap<String, f64>;

async fn samples(api: &Api) -> Samples {
    let answer = ask(api.router(), Method::GET, "/metrics", &[]).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    parse(&answer.body).unwrap_or_else(|problem| panic!("{problem} in\n{}", answer.body))
}

fn operator(name: &str, times: u64) -> OperatorFigures {
    OperatorFigures {
        operator: name.into(),
        time: Duration::from_millis(1_500) * times as u32,
        activations: 4 * times,
        messages: 3 * times,
        records: 200 * times,
        arranged: name.contains("Arrange").then_some((70, 2)),
    }
}

#[tokio::test]
async fn without_an_engine_the_views_alone_are_shown() {
    let samples = samples(&api()).await;
    assert_eq!(samples["smartcity_through_seconds"], (NOW + 1) as f64 / 1_000.0);
    assert_eq!(samples["smartcity_through_age_seconds"], 0.0);
    assert_eq!(samples["smartcity_generation"], 1.0);
    assert_eq!(samples["smartcity_websocket_connections"], 0.0);
    assert_eq!(samples[r#"smartcity_view_rows{view="vehicles"}"#], 3.0);
    assert!(samples.keys().all(|name| !name.contains("operator") && !name.contains("source")), "{samples:?}");
}

#[tokio::test]
async fn what_is_reported_is_asked_for_each_time_and_counters_grow() {
    let api = api();
    let asked = AtomicU64::new(0);
    api.metrics().ask(move || {
        let times = asked.fetch_add(1, Ordering::Relaxed) + 1;
        Figures {
            sources: vec![SourceFigures {
                source: "replay".into(),
                rows: 1_000 * times,
                is_up: true,
                partitions: Vec::new(),
            }],
            operators: vec![operator("City/Arrange", times), operator("City/Tracks/Predecessor", times)],
        }
    });
    let (first, second) = (samples(&api).await, samples(&api).await);
    for (name, value) in [
        (r#"smartcity_source_rows_total{source="replay"}"#, 1_000.0),
        (r#"smartcity_operator_seconds_total{operator="City/Tracks/Predecessor"}"#, 1.5),
        (r#"smartcity_operator_activations_total{operator="City/Tracks/Predecessor"}"#, 4.0),
        (r#"smartcity_operator_messages_total{operator="City/Tracks/Predecessor"}"#, 3.0),
        (r#"smartcity_operator_records_total{operator="City/Tracks/Predecessor"}"#, 200.0),
    ] {
        assert_eq!((first[name], second[name]), (value, 2.0 * value), "{name}");
    }
    assert_eq!(second[r#"smartcity_arrangement_records{operator="City/Arrange"}"#], 70.0);
    assert_eq!(second[r#"smartcity_arrangement_batches{operator="City/Arrange"}"#], 2.0);
    assert!(!second.contains_key(r#"smartcity_arrangement_records{operator="City/Tracks/Predecessor"}"#));
}

#[tokio::test]
async fn a_source_shows_whether_it_is_up_and_how_far_its_partitions_are() {
    let api = api();
    api.metrics().ask(|| {
        let partition = |number, position| {
            let topic = "gps_data".into();
            PartitionFigures { topic, number, position, first: 100, end: 180, missing: 3 }
        };
        let partitions = vec![partition(0, Some(150)), partition(1, None)];
        let source = SourceFigures { source: "kafka".into(), rows: 50, is_up: false, partitions };
        Figures { sources: vec![source], ..Figures::default() }
    });
    let samples = samples(&api).await;
    assert_eq!(samples[r#"smartcity_source_up{source="kafka"}"#], 0.0);
    let of = |name: &str, number: u32| {
        let labels = format!(r#"{{source="kafka",topic="gps_data",partition="{number}"}}"#);
        samples.get(&format!("smartcity_partition_{name}{labels}")).copied()
    };
    let figures = ["position", "first", "end", "lag", "missing_total"];
    assert_eq!(figures.map(|name| of(name, 0)), [150.0, 100.0, 180.0, 30.0, 3.0].map(Some));
    assert_eq!(
        figures.map(|name| of(name, 1)),
        [None, Some(100.0), Some(180.0), None, Some(3.0)],
        "it is read elsewhere"
    );
}

#[tokio::test]
async fn a_name_with_quotes_is_escaped() {
    let api = api();
    api.metrics().ask(|| Figures { operators: vec![operator("a \"b\"\\\n", 1)], ..Figures::default() });
    let samples = samples(&api).await;
    assert_eq!(samples[r#"smartcity_operator_records_total{operator="a \"b\"\\\n"}"#], 200.0);
}

#[test]
fn text_that_is_not_valid_is_noticed() {
    let valid = "# HELP a_total Help.\n# TYPE a_total counter\na_total{b=\"c\"} 1\n";
    assert_eq!(parse(valid), Ok(Samples::from([("a_total{b=\"c\"}".to_owned(), 1.0)])));
    for (text, problem) in [
        ("a 1\n", "no type"),
        ("# TYPE a counter\na 1\n", "a counter ends in _total"),
        ("# TYPE a gauge\na 1\na 2\n", "twice"),
        ("# TYPE a gauge\na one\n", "no number"),
        ("# TYPE a gauge\na{b=\"c} 1\n", "labels"),
        ("# TYPE a gauge\na{b=\"c\"d\"} 1\n", "labels"),
        ("# TYPE a gauge\na{b=\"c\",d} 1\n", "labels"),
        ("# TYPE a-b gauge\na-b 1\n", "no name"),
        ("# TYPE a gauge\na 1", "no end of line"),
    ] {
        let found = parse(text).expect_err(text);
        assert!(found.contains(problem), "{text:?}: {found}");
    }
}

/// Reads the text format, as strictly as its specification is written: every sample follows the type of its metric, has a
/// valid name and labels, and stands there once.
fn parse(text: &str) -> Result<Samples, String> {
    let mut samples = Samples::new();
    let mut current = None;
    let body = text.strip_suffix('\n').ok_or("no end of line at the end")?;
    for line in body.lines() {
        if let Some(described) = line.strip_prefix("# TYPE ") {
            let (name, kind) = described.split_once(' ').ok_or_else(|| format!("no type: {line}"))?;
            if kind == "counter" && !name.ends_with("_total") {
                return Err(format!("a counter ends in _total: {line}"));
            }
            current = Some(name);
            continue;
        }
        if line.starts_with("# HELP ") {
            continue;
        }
        let (series, value) = line.rsplit_once(' ').ok_or_else(|| format!("no value: {line}"))?;
        let (name, labels) = series.split_once('{').map_or((series, None), |(name, labels)| (name, Some(labels)));
        let is_name = |name: &str| {
            name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
                && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
        };
        if !is_name(name) {
            return Err(format!("no name: {line}"));
        }
        if current != Some(name) {
            return Err(format!("no type before it: {line}"));
        }
        if let Some(labels) = labels {
            let labels = labels.strip_suffix("\"}").ok_or_else(|| format!("labels: {line}"))?;
            for label in labels.split("\",") {
                let (label, value) = label.split_once("=\"").ok_or_else(|| format!("labels: {line}"))?;
                let unescaped = value.replace("\\\\", "").replace("\\\"", "").replace("\\n", "");
                if !is_name(label) || unescaped.contains(['"', '\\']) {
                    return Err(format!("labels: {line}"));
                }
            }
        }
        let value = value.parse().map_err(|_| format!("no number: {line}"))?;
        if samples.insert(series.to_owned(), value).is_some() {
            return Err(format!("twice: {line}"));
        }
    }
    Ok(samples)
}
