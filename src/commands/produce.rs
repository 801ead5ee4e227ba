//! Messages into Kafka.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use smartcity::city_files;
use smartcity::decode::JsonDecoder;
use smartcity::source::kafka::{produce_recording, produce_simulation};
use smartcity::source::{Replay, SimulatorClock};

use crate::cli;
use crate::serve::told_to_stop;
use crate::settings;

pub(super) fn produce(produce: &cli::Produce) -> anyhow::Result<()> {
    let mut settings = settings::settings(&settings::layers(produce.config.as_deref())?)?;
    settings.kafka.brokers = produce.brokers.clone().unwrap_or(settings.kafka.brokers);
    let stop = Arc::new(AtomicBool::new(false));
    stop_when_told(Arc::clone(&stop), produce.seconds.map(Duration::from_secs))?;
    let sent = match &produce.path {
        Some(path) => {
            settings.replay.pace.speed = produce.speed;
            let decoder = JsonDecoder::new(settings.topics.clone()).in_time_zone(&settings.time_zone.0)?;
            let recording = Replay::open("produce", path, settings.replay.pace, decoder)?;
            produce_recording(&settings.kafka, &recording, &stop)?
        }
        None => {
            let city = match &produce.city {
                Some(dir) => city_files::load(dir)?,
                None => city_files::town().to_city(),
            };
            settings.simulator.clock = SimulatorClock::Live;
            produce_simulation(&settings.kafka, &city, settings.simulator, &settings.topics, &stop)?
        }
    };
    super::write(&format!("{sent} messages are in Kafka at {}", settings.kafka.brokers))
}

/// Sets `stop` at Ctrl-C, SIGTERM, or after a while.
fn stop_when_told(stop: Arc<AtomicBool>, after: Option<Duration>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime")?;
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        runtime.block_on(async {
            match after {
                Some(after) => _ = tokio::time::timeout(after, told_to_stop()).await,
                None => told_to_stop().await,
            }
        });
        stop.store(true, Ordering::Relaxed);
    })?;
    Ok(())
}
