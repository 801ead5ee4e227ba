//! The service in numbers, for Prometheus and whoever reads its text format.

use std::fmt;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::prometheus_text::{CONTENT_TYPE, encode};
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};
use smartcity_dataflow::Time;
use smartcity_dataflow::view::Position;

use crate::Api;
use crate::answer::{Current, age};
use crate::error::Detail;
use crate::metrics::{Figures, OperatorFigures, PartitionFigures};

/// The service in numbers.
///
/// The last complete tick and its age, the rows of every view, the rows of every source, whether it is up and how far its
/// partitions are, and the WebSocket clients. Where the operators of the dataflow are measured (`engine.operator_metrics`),
/// what each has cost: seconds, activations, messages and records, and the size of its arrangement. Counters begin at 0 when
/// the process starts.
#[utoipa::path(
    get, path = "/metrics", tag = "service",
    responses((
        status = 200, description = "Prometheus text format 0.0.4",
        content_type = "text/plain; version=0.0.4; charset=utf-8", body = String,
    )),
)]
pub(super) async fn metrics(State(api): State<Api>, Current(snapshot): Current) -> Response {
    let mut registry = Registry::with_prefix("smartcity");
    registry.register_collector(Box::new(Exposition {
        position: snapshot.position(),
        age_ms: age(&snapshot, api.views().now()),
        views: snapshot.tables().iter().map(|(name, table)| (*name, table.len() as u64)).collect(),
        sockets: api.sockets() as u64,
        figures: api.metrics().figures(),
    }));
    let mut text = String::new();
    match encode(&mut text, &registry) {
        Ok(()) => ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "the metrics could not be written");
            Detail::answer(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
        }
    }
}

/// All numbers of one answer.
#[derive(Debug)]
struct Exposition {
    position: Position,
    age_ms: Time,
    views: Vec<(&'static str, u64)>,
    sockets: u64,
    figures: Figures,
}

impl Collector for Exposition {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let encoder = &mut encoder;
        let seconds = Some(&Unit::Seconds);
        let through = ConstGauge::new(in_seconds(self.position.through));
        let (generation, sockets) = (ConstGauge::new(self.position.generation), ConstGauge::new(self.sockets));
        one(encoder, "through", "The last complete tick, since the epoch.", seconds, through)?;
        one(encoder, "through_age", "How old that tick is.", seconds, ConstGauge::new(in_seconds(self.age_ms)))?;
        one(encoder, "generation", "The engine's incarnation.", None, generation)?;
        one(encoder, "websocket_connections", "Connected WebSocket clients.", None, sockets)?;
        let rows = self.views.iter().map(|&(view, rows)| ([("view", view)], ConstGauge::new(rows)));
        each(encoder, "view_rows", "Rows of a view.", None, rows)?;

        let Figures { sources, operators } = &self.figures;
        let rows = sources.iter().map(|of| ([("source", &*of.source)], ConstCounter::new(of.rows)));
        each(encoder, "source_rows", "Messages taken from a source.", None, rows)?;
        let is_up = sources.iter().map(|of| ([("source", &*of.source)], ConstGauge::new(u64::from(of.is_up))));
        each(encoder, "source_up", "Whether a source reads, or has read all: 1, else 0.", None, is_up)?;
        self.encode_partitions(encoder)?;

        let operator = OperatorFigures::labels;
        let of_each = |count: fn(&OperatorFigures) -> u64| {
            operators.iter().map(move |of| (operator(of), ConstCounter::new(count(of))))
        };
        let time = operators.iter().map(|of| (operator(of), ConstCounter::new(of.time.as_secs_f64())));
        each(encoder, "operator", "Time of an operator's turns.", seconds, time)?;
        let activations = of_each(|of| of.activations);
        each(encoder, "operator_activations", "Turns of an operator.", None, activations)?;
        let messages = of_each(|of| of.messages);
        each(encoder, "operator_messages", "Batches that came to an operator.", None, messages)?;
        let records = of_each(|of| of.records);
        each(encoder, "operator_records", "Records that came to an operator.", None, records)?;

        let arranged = || operators.iter().filter_map(|of| Some((operator(of), of.arranged?)));
        let records = arranged().map(|(operator, (records, _))| (operator, ConstGauge::new(records)));
        each(encoder, "arrangement_records", "Updates that an operator's arrangement holds.", None, records)?;
        let batches = arranged().map(|(operator, (_, batches))| (operator, ConstGauge::new(batches)));
        each(encoder, "arrangement_batches", "Batches of an operator's arrangement.", None, batches)
    }
}

impl OperatorFigures {
    fn labels(&self) -> [(&str, &str); 1] {
        [("operator", &self.operator)]
    }
}

impl PartitionFigures {
    fn labels<'a>(&'a self, source: &'a str, number: &'a str) -> [(&'a str, &'a str); 3] {
        [("source", source), ("topic", &self.topic), ("partition", number)]
    }
}

impl Exposition {
    fn encode_partitions(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let partitions: Vec<_> = self
            .figures
            .sources
            .iter()
            .flat_map(|source| source.partitions.iter().map(move |of| (&*source.source, of.number.to_string(), of)))
            .collect();
        let mut show = |name, help, figure: fn(&PartitionFigures) -> Option<u64>| {
            let figures = partitions
                .iter()
                .filter_map(|(source, number, of)| Some((of.labels(source, number), ConstGauge::new(figure(of)?))));
            each(encoder, name, help, None, figures)
        };
        show("partition_position", "The offset of a partition that is read next.", |of| of.position)?;
        show("partition_first", "The first offset that a partition holds.", |of| Some(of.first))?;
        show("partition_end", "The offset after the last that a partition holds.", |of| Some(of.end))?;
        show("partition_lag", "Offsets of a partition still to be read.", |of| {
            Some(of.end.saturating_sub(of.position?))
        })?;
        let missing =
            partitions.iter().map(|(source, number, of)| (of.labels(source, number), ConstCounter::new(of.missing)));
        let help = "Offsets of a partition that were gone before they were read.";
        each(encoder, "partition_missing", help, None, missing)
    }
}

fn in_seconds(time: Time) -> f64 {
    time as f64 / 1_000.0
}

/// A metric without labels.
fn one(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    unit: Option<&Unit>,
    metric: impl EncodeMetric,
) -> fmt::Result {
    metric.encode(encoder.encode_descriptor(name, help, unit, metric.metric_type())?)
}

/// A metric for each of its labels; nothing where there is none.
fn each<L: EncodeLabelSet, M: EncodeMetric>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    unit: Option<&Unit>,
    metrics: impl Iterator<Item = (L, M)>,
) -> fmt::Result {
    let mut metrics = metrics.peekable();
    let Some((_, first)) = metrics.peek() else { return Ok(()) };
    let mut family = encoder.encode_descriptor(name, help, unit, first.metric_type())?;
    metrics.try_for_each(|(labels, metric)| metric.encode(family.encode_family(&labels)?))
}
