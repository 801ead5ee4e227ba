//! Running an engine: demo, run and replay differ in their source and clock.

use std::io::IsTerminal;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use figment::Figment;
use figment::value::Value;
use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use smartcity::city_files::{self, CityErrors};
use smartcity::decode::{JsonDecoder, utc_offsets};
use smartcity::model::{City, Millis, UtcOffsets};
use smartcity::sink::EmitChanges;
use smartcity::source::{Replay, ReplayProgress, Simulator};
use smartcity::{CityEditor, Clock, Engine, Health, Running, SourceStatus};
use timely::CommunicationConfig;

use crate::cli::{self, Common, Timely};
use crate::figures;
use crate::serve::{Server, told_to_stop};
use crate::settings::{self, CitySettings, Flag, Settings, SinkSettings, SourceChoice};

/// How often a progress bar is drawn.
const DRAW: Duration = Duration::from_millis(100);

pub(super) fn demo(demo: &cli::Demo) -> anyhow::Result<()> {
    let mut layers = settings::layers_of(&demo.common)?;
    if let Some(seed) = demo.seed {
        layers = layers.merge(flag("--seed", "simulator.seed", seed));
    }
    if let Some(scale) = demo.scale {
        layers = layers.merge(flag("--scale", "simulator.scale", scale));
    }
    simulate(&layers, &demo.common)
}

pub(super) fn run(run: &cli::Run) -> anyhow::Result<()> {
    anyhow::ensure!(run.common.config.is_some(), "name a settings file: smartcity run --config smartcity.toml");
    let layers = settings::layers_of(&run.common)?;
    match settings::settings(&layers)?.source {
        SourceChoice::Simulator => simulate(&layers, &run.common),
        SourceChoice::Replay => replay_files(&layers, &run.common, AtTheEnd::Serve),
        #[cfg(feature = "kafka")]
        SourceChoice::Kafka => read_kafka(&layers, &run.common),
    }
}

#[cfg(feature = "kafka")]
fn read_kafka(layers: &Figment, common: &Common) -> anyhow::Result<()> {
    let settings = settings::settings(layers)?;
    let decoder = JsonDecoder::new(settings.topics.clone()).in_time_zone(&settings.time_zone.0)?;
    let source = smartcity::source::kafka::Kafka::new("kafka", settings.kafka.clone(), &settings.topics, decoder)?;
    let city = city(&settings.city)?;
    let server = Server::bind(&settings.listen)?;
    let running = engine(city, &settings, common)?.source(source).start()?;
    say(common, &format!("the city is live at {} (Ctrl-C ends it)", server.url));
    serve(server, running, &settings)
}

pub(super) fn replay(replay: &cli::Replay) -> anyhow::Result<()> {
    let path = replay.path.to_string_lossy().into_owned();
    let mut layers = settings::layers_of(&replay.common)?.merge(flag("PATH", "replay.path", path)).merge(flag(
        "--loops",
        "replay.pace.loops",
        replay.loops.get(),
    ));
    if let Some(speed) = replay.speed {
        layers = layers.merge(flag("--speed", "replay.pace.speed", speed));
    }
    if replay.operators {
        layers = layers.merge(flag("--operators", "engine.operator_metrics", true));
    }
    let at_the_end = match (replay.exit, replay.operators) {
        (false, _) => AtTheEnd::Serve,
        (true, false) => AtTheEnd::Exit,
        (true, true) => AtTheEnd::ShowOperators,
    };
    replay_files(&layers, &replay.common, at_the_end)
}

/// What a replay does after its last row.
#[derive(Clone, Copy, PartialEq, Eq)]
enum AtTheEnd {
    /// It serves the views until told to stop.
    Serve,
    /// It ends.
    Exit,
    /// It says what the operators have cost, and ends.
    ShowOperators,
}

fn flag(name: &str, setting: &str, value: impl Into<Value>) -> Flag {
    Flag { name: name.to_owned(), setting: setting.to_owned(), value: value.into() }
}

fn simulate(layers: &Figment, common: &Common) -> anyhow::Result<()> {
    let settings = settings::settings(layers)?;
    let city = city(&settings.city)?;
    let simulator = Simulator::new("simulator", &city, settings.simulator.clone())?;
    let server = Server::bind(&settings.listen)?;
    let running = engine(city, &settings, common)?.source(simulator).start()?;
    say(common, &format!("the city is live at {} (Ctrl-C ends it)", server.url));
    serve(server, running, &settings)
}

fn replay_files(layers: &Figment, common: &Common, at_the_end: AtTheEnd) -> anyhow::Result<()> {
    let mut settings = settings::settings(layers)?;
    // After its last row a replay stands still, and that is no fault of the engine.
    settings.api.stale_after_ms = u64::MAX;
    let recording = settings.replay.clone();
    let decoder = JsonDecoder::new(settings.topics.clone()).in_time_zone(&settings.time_zone.0)?;
    let source = Replay::open("replay", &recording.path, recording.pace, decoder)?;
    let progress = source.progress();
    let city = city(&settings.city)?;
    if at_the_end != AtTheEnd::Serve {
        let running = engine(city, &settings, common)?.clock(Clock::Replay).source(source).start()?;
        let outcome = watch_replay(running.sources(), &progress);
        running.wait_finished();
        let meter = running.operator_meter();
        running.shutdown();
        if at_the_end == AtTheEnd::ShowOperators {
            let table = figures::table(&meter.figures());
            if common.emit.is_none() { super::write(table.trim_end())? } else { eprint!("{table}") }
        }
        return outcome;
    }
    let server = Server::bind(&settings.listen)?;
    say(common, &format!("the views are at {} (Ctrl-C ends it)", server.url));
    let running = engine(city, &settings, common)?.clock(Clock::Replay).source(source).start()?;
    let sources = running.sources().to_vec();
    thread::Builder::new().name("progress".to_owned()).spawn(move || {
        if let Err(error) = watch_replay(&sources, &progress) {
            eprintln!("error: {error:#}; the views hold what was read before");
        }
    })?;
    serve(server, running, &settings)
}

/// An engine for `city` as set, without sources.
fn engine(city: City, settings: &Settings, common: &Common) -> anyhow::Result<Engine> {
    let offsets = utc_offsets(&settings.time_zone.0)?;
    let mut engine = Engine::new(city)
        .settings(settings.engine.clone())
        .local_time(UtcOffsets::new(offsets))
        .timely(timely_config(&common.timely)?);
    // One process of a cluster writes for all: each of them has all views.
    if common.timely.process == 0 {
        for sink in &settings.sinks {
            engine = with_sink(engine, sink, settings)?;
        }
    }
    if common.emit.is_some() {
        let emit = EmitChanges::new(std::io::stdout());
        engine = engine.sink(match &common.views {
            Some(views) => emit.only(views.iter().cloned()),
            None => emit,
        });
    }
    Ok(engine)
}

/// The engine with a sink more.
#[cfg_attr(not(feature = "connectors"), allow(unused_variables))]
fn with_sink(engine: Engine, sink: &SinkSettings, settings: &Settings) -> anyhow::Result<Engine> {
    match sink {
        #[cfg(feature = "redis")]
        SinkSettings::Redis(redis) => {
            Ok(engine.sink(smartcity::sink::Mirror::of(smartcity::sink::redis::Redis::new(redis.clone())?)))
        }
        #[cfg(feature = "kafka")]
        SinkSettings::Kafka(topic) => Ok(engine.sink(smartcity::sink::Mirror::of(
            smartcity::sink::kafka::KafkaMirror::new(&settings.kafka, topic.clone())?,
        ))),
        #[cfg(not(feature = "redis"))]
        SinkSettings::Redis(_) => Err(not_built("redis")),
        #[cfg(not(feature = "kafka"))]
        SinkSettings::Kafka(_) => Err(not_built("kafka")),
    }
}

#[cfg(not(all(feature = "redis", feature = "kafka")))]
fn not_built(kind: &str) -> anyhow::Error {
    anyhow::anyhow!("sinks names {kind}, which this build does not have: build with --features {kind}, or leave it out")
}

/// How the parts of a running engine fare, whenever that is asked.
fn health_of(running: &Running) -> impl Fn() -> Vec<(String, Health)> + Send + Sync + 'static {
    let (sources, sinks) = (running.sources().to_vec(), running.sinks().to_vec());
    move || {
        let sources = sources.iter().map(|source| (source.name().to_owned(), source.health()));
        sources.chain(sinks.iter().map(|sink| (sink.name().to_owned(), sink.health()))).collect()
    }
}

/// Serves a running engine until told to stop, and reloads its city when told to, or when its directory changes.
fn serve(server: Server, running: Running, settings: &Settings) -> anyhow::Result<()> {
    let editor = running.city();
    let CitySettings { directory, watch } = settings.city.clone();
    let mut watcher = None;
    if watch && !directory.as_os_str().is_empty() {
        let editor = editor.clone();
        let watched = city_files::watch(&directory, move |city| replace_city(&editor, city)).with_context(|| {
            format!("{} cannot be watched: set city.watch = false to go without", directory.display())
        })?;
        watcher = Some(watched);
    }
    let reload = move || {
        if !directory.as_os_str().is_empty() {
            replace_city(&editor, city_files::load(&directory));
        }
    };
    let served = server.run(
        running.views().clone(),
        settings.api.clone(),
        figures::figures_of(&running),
        health_of(&running),
        told_to_stop(),
        reload,
    );
    drop(watcher);
    running.shutdown();
    served
}

fn replace_city(editor: &CityEditor, city: Result<City, CityErrors>) {
    match city {
        Ok(city) => editor.replace(city),
        Err(errors) => eprintln!("the city stays as it was, because its files are not valid:\n{errors}"),
    }
}

fn city(settings: &CitySettings) -> anyhow::Result<City> {
    if settings.directory.as_os_str().is_empty() {
        return Ok(city_files::town().to_city());
    }
    city_files::load(&settings.directory).with_context(|| format!("{} is no valid city", settings.directory.display()))
}

fn timely_config(flags: &Timely) -> anyhow::Result<timely::Config> {
    let threads = usize::from(flags.threads);
    let (processes, process) = (usize::from(flags.processes), usize::from(flags.process));
    if processes == 1 {
        return Ok(timely::Config::process(threads));
    }
    anyhow::ensure!(process < processes, "-p {process} is no process of {processes}: they are numbered from 0");
    let addresses: Vec<String> = match &flags.hostfile {
        Some(file) => {
            let text = std::fs::read_to_string(file)
                .with_context(|| format!("the host file {} cannot be read", file.display()))?;
            text.lines().map(str::to_owned).filter(|line| !line.trim().is_empty()).collect()
        }
        None => (0..processes).map(|process| format!("localhost:{}", 2101 + process)).collect(),
    };
    anyhow::ensure!(
        addresses.len() >= processes,
        "the host file names {} processes and -n says {processes}: give one address a line",
        addresses.len()
    );
    let mut config = timely::Config::process(threads);
    config.communication = CommunicationConfig::Cluster {
        threads,
        process,
        addresses: addresses.into_iter().take(processes).collect(),
        report: false,
        zerocopy: false,
    };
    Ok(config)
}

/// Says something to the person at the terminal, unless standard output is for a program.
fn say(common: &Common, text: &str) {
    if common.emit.is_none() { println!("{text}") } else { eprintln!("{text}") }
}

/// Draws a bar until the sources have ended; an error where one failed.
fn watch_replay(sources: &[SourceStatus], progress: &ReplayProgress) -> anyhow::Result<()> {
    let bar =
        if std::io::stderr().is_terminal() { ProgressBar::new(progress.total_bytes()) } else { ProgressBar::hidden() };
    bar.set_style(ProgressStyle::with_template("{wide_bar} {percent:>3} %  {msg}  {eta} left")?);
    let began = Instant::now();
    let show = || {
        bar.set_position(progress.bytes());
        let rows = progress.rows();
        let rate = rows as f64 / began.elapsed().as_secs_f64().max(0.001);
        let time = Millis(progress.time() as i64 / 1_000 * 1_000);
        bar.set_message(format!("{} rows  {}/s  {time}", HumanCount(rows), HumanCount(rate as u64)));
        rows
    };
    while !sources.iter().all(|source| source.health().has_ended()) {
        show();
        thread::sleep(DRAW);
    }
    let rows = show();
    bar.finish_and_clear();
    let seconds = began.elapsed().as_secs_f64();
    eprintln!("replayed {} rows in {seconds:.1} s, to {}", HumanCount(rows), Millis(progress.time() as i64));
    for source in sources {
        if let Health::Failed(failure) = source.health() {
            anyhow::bail!(failure);
        }
    }
    Ok(())
}
