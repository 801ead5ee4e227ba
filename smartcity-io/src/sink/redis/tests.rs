//! Against real servers.

mod server;

use std::collections::BTreeMap;
use std::thread;

use expect_test::expect;
use redis::{Commands, Connection};
use serde_json::Value as Json;
use smartcity_dataflow::city::congestion::{Confidence, Level, Traffic};
use smartcity_dataflow::city::incidents::ActiveReport;
use smartcity_dataflow::city::summary::Summary;
use smartcity_dataflow::city::vehicles::Vehicle;
use smartcity_dataflow::health::Health;
use smartcity_dataflow::model::{
    City, Kind, Kmh, Milli, Millis, Namespace, Point, Priority, Ratio, ReportStatus, Severity, Sky, Weather,
};
use smartcity_dataflow::testing::FilledViews;

use self::server::{PATIENCE, RedisServer};
use super::*;
use crate::decode::JsonDecoder;
use crate::driver::{Clock, Engine};
use crate::sink::{Listening, Mirror, Sink, SinkStatus, mirrors};
use crate::source::{MemoryMessage, MemorySource};

fn settings(server: &RedisServer) -> RedisSettings {
    RedisSettings { url: (&*server.url()).into(), ..RedisSettings::default() }
}

fn redis(settings: RedisSettings) -> Redis {
    Redis::new(settings).unwrap()
}

fn vehicle(second: i64) -> Vehicle {
    Vehicle {
        time: Millis(second * 1_000),
        place: Point::from_degrees(37.77, -122.42 + second as f64 * 1e-4).unwrap(),
        reported_speed: Some(Kmh(30_000 + second)),
        reported_heading: None,
        track_speed: None,
        track_heading: None,
        moving: true,
        implausible: None,
        segment: None,
        zone: None,
        kind: Kind::Gps,
        vehicle_type: None,
        details: None,
    }
}

fn id(namespace: Namespace, number: u32) -> Id {
    Id::new(namespace, &format!("n{number}"))
}

/// Changes every view that has keys, so that rows come, change and go.
fn change(views: &mut FilledViews, step: u32) {
    let number = i64::from(step);
    let of = |step: u32| id(Namespace::Device, step);
    views.change(&VEHICLES, [(of(step), vehicle(number), 1)]);
    if let Some(before) = step.checked_sub(1) {
        let old = vehicle(i64::from(before));
        views.change(&VEHICLES, [(of(before), old, -1)]);
        if !step.is_multiple_of(3) {
            views.change(&VEHICLES, [(of(before), Vehicle { moving: false, ..vehicle(number) }, 1)]);
        }
    }
    let road = |step: u32| Traffic {
        samples: 3,
        vehicles: step,
        speed: Kmh(20_000),
        free_flow: Kmh(50_000),
        ratio: Ratio::ONE,
        level: Level::Heavy,
        confidence: Confidence::High,
    };
    let street = id(Namespace::Road, step % 5);
    views.change(&ROADS, step.checked_sub(5).map(|old| (street, road(old), -1)));
    views.change(&ROADS, [(street, road(step), 1)]);
    let report = |step: u32| ActiveReport {
        time: Millis(i64::from(step)),
        place: Point::from_degrees(37.7, -122.4).unwrap(),
        incident_type: id(Namespace::Text, 1),
        status: ReportStatus::Active,
        severity: Severity::High,
        priority: Priority::P1,
        device: id(Namespace::Device, 1),
        description: None,
        zone: None,
    };
    views.change(&REPORTS, [(id(Namespace::Incident, step), report(step), 1)]);
    views.change(&REPORTS, step.checked_sub(3).map(|old| (id(Namespace::Incident, old), report(old), -1)));
    let summary = |step: u32| Summary { vehicles: step, ..Summary::default() };
    views.change(&SUMMARY, step.checked_sub(1).map(|old| ((), summary(old), -1)));
    views.change(&SUMMARY, [((), summary(step), 1)]);
    let weather = |step: u32| StationWeather {
        time: Millis(i64::from(step)),
        place: None,
        weather: Weather { temperature: Some(Milli(i64::from(step))), sky: Some(Sky::Rain), ..Weather::default() },
    };
    views.change(&WEATHER, [(id(Namespace::Device, 1_000_000 + step % 4), weather(step), 1)]);
    views.change(
        &WEATHER,
        step.checked_sub(4).map(|old| (id(Namespace::Device, 1_000_000 + step % 4), weather(old), -1)),
    );
}

/// The keys of a prefix but for the sign of life and the bookkeeping, without the times of the ticks at which figures were made.
fn held(connection: &mut Connection, prefix: &str) -> BTreeMap<String, Json> {
    let mut keys = BTreeMap::new();
    for key in connection.keys::<_, Vec<String>>(format!("{prefix}*")).unwrap() {
        let name = key.strip_prefix(prefix).unwrap().to_owned();
        if name.starts_with("smartcity:") || name == "health:check" || name == "vehicle:geo" {
            continue;
        }
        let value: String = connection.get(&key).unwrap();
        keys.insert(name.clone(), without_tick(&name, &value));
    }
    let vehicles: Vec<String> = connection.zrange(format!("{prefix}vehicle:geo"), 0, -1).unwrap();
    for vehicle in vehicles {
        keys.insert(format!("geo {vehicle}"), Json::Null);
    }
    keys
}

fn without_tick(name: &str, value: &str) -> Json {
    let mut value: Json = serde_json::from_str(value).unwrap();
    if name.starts_with("traffic:") || name == writes::SUMMARY_KEY {
        value.as_object_mut().unwrap().remove("timestamp");
    }
    value
}

/// What a mirror of a snapshot holds.
fn expected(snapshot: &Snapshot) -> BTreeMap<String, Json> {
    let mut writes = Writes::default();
    snapshot.rows(&VEHICLES).iter().for_each(|(id, row)| writes.vehicle(*id, row));
    snapshot.rows(&ROADS).iter().for_each(|(id, row)| writes.road(*id, row, 0));
    snapshot.rows(&REPORTS).iter().for_each(|(id, row)| writes.incident(*id, row));
    snapshot.rows(&SUMMARY).values().for_each(|row| writes.summary(row, 0));
    let weather = snapshot.rows(&WEATHER);
    if let Some((_, newest)) = weather.iter().max_by_key(|(id, row)| (row.time, **id)) {
        writes.set(writes::Kind::Weather, "weather:current".to_owned(), writes::weather(newest));
    }
    let vehicles = snapshot.rows(&VEHICLES);
    let places = vehicles.keys().map(|vehicle| (format!("geo {vehicle}"), Json::Null));
    let keys = writes.keys().map(|(key, value)| (key.to_owned(), without_tick(key, &value.unwrap().json)));
    keys.chain(places).collect()
}

#[test]
fn it_mirrors_as_mirrors_do() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let settings = RedisSettings { prefix: "a:".to_owned(), ..settings(&server) };
    let mut other = server.connect();
    let () = other.set("a:somebody:else", "{}").unwrap();
    let () = other.set("vehicle:location:elsewhere", "{}").unwrap();
    let reader = std::cell::RefCell::new(server.connect());
    let held = || {
        let mut held = held(&mut reader.borrow_mut(), "a:");
        assert!(held.remove("somebody:else").is_some(), "keys of others stay, whatever they begin with");
        held
    };
    mirrors(|| redis(settings.clone()), change, expected, held);
    assert!(other.exists::<_, bool>("vehicle:location:elsewhere").unwrap());
}

#[test]
fn clients_of_the_contract_find_their_keys() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let message = |topic: &str, id: &str, own: &str| {
        let common = r#""timestamp":"2026-11-26T12:00:00Z","location":[37.8,-122.4]"#;
        MemoryMessage::new(topic, format!(r#"{{"id":"{id}","device_id":"bus-1",{common},{own}}}"#))
    };
    let messages = [
        message("vehicle_data", "1", r#""speed":30.5,"direction":"North-East","make":"MAN""#),
        message(
            "weather_data",
            "2",
            r#""temperature":12.5,"weather_condition":"Rain","humidity":80,"wind_speed":14.4"#,
        ),
        message(
            "emergency_incident_data",
            "3",
            r#""incidentId":"i-7","incident_type":"Fire","status":"Active","description":"smoke, \"thick\"""#,
        ),
    ];
    let sink = Mirror::of(redis(settings(&server)));
    let status = sink.status();
    let source = MemorySource::of_messages("memory", messages, JsonDecoder::default());
    let engine = Engine::new(City::default()).clock(Clock::Replay).source(source).sink(sink).start().unwrap();
    engine.wait_finished();
    engine.shutdown();
    assert_eq!(status.health(), Health::Ended);

    let mut connection = server.connect();
    let mut shown = String::new();
    let mut keys: Vec<String> = connection.keys("*").unwrap();
    keys.sort();
    for key in keys {
        let kind: String = redis::cmd("TYPE").arg(&key).query(&mut connection).unwrap();
        let value = match &*key {
            "health:check" => "as of some tick".to_owned(),
            _ if kind == "string" => connection.get(&key).unwrap(),
            _ => kind,
        };
        // Written within the last ten seconds.
        let lives = match connection.ttl::<_, i64>(&key).unwrap() {
            -1 => "for ever".to_owned(),
            seconds => format!("{} s", (seconds + 9) / 10 * 10),
        };
        shown += &format!("{key} ({lives}) {value}\n");
    }
    let health: Json = serde_json::from_str(&connection.get::<_, String>("health:check").unwrap()).unwrap();
    assert_eq!(health["status"], "healthy");
    assert!(health["timestamp"].is_string());
    expect![[r#"
        analytics:city:summary (60 s) {"total_vehicles":1,"active_emergencies":1,"average_city_speed":30.5,"congested_roads":0,"timestamp":"2026-11-26T12:00:00+00:00"}
        emergency:incident:i-7 (7200 s) {"incident_id":"i-7","incident_type":"Fire","latitude":37.8,"longitude":-122.4,"severity":"medium","status":"active","timestamp":"2026-11-26T12:00:00+00:00","description":"smoke, \"thick\""}
        health:check (300 s) as of some tick
        smartcity:fence (for ever) hash
        smartcity:keys (7200 s) set
        vehicle:geo (7200 s) zset
        vehicle:location:bus-1 (300 s) {"vehicle_id":"bus-1","latitude":37.8,"longitude":-122.4,"speed":30.5,"direction":45.0,"timestamp":"2026-11-26T12:00:00+00:00"}
        weather:current (1800 s) {"temperature":12.5,"humidity":80.0,"condition":"Rain","wind_speed":14.4,"visibility":null,"timestamp":"2026-11-26T12:00:00+00:00"}
    "#]].assert_eq(&shown);
    let found: Vec<String> = redis::cmd("GEOSEARCH")
        .arg(&["vehicle:geo", "FROMLONLAT", "-122.4", "37.8", "BYRADIUS", "10", "m"])
        .query(&mut connection)
        .unwrap();
    assert_eq!(found, ["bus-1"]);
}

/// A mirror at work.
struct Running {
    views: FilledViews,
    status: SinkStatus,
    listening: Listening,
}

fn run(settings: RedisSettings) -> Running {
    let mut views = FilledViews::new(1_795_435_200_000);
    change(&mut views, 0);
    let sink = Mirror::of(redis(settings));
    let status = sink.status();
    let listening = Box::new(sink).listen(&views.commit());
    Running { views, status, listening }
}

impl Running {
    fn wait(&self, what: &str, holds: impl Fn(&SinkStatus) -> bool) {
        let until = Instant::now() + PATIENCE;
        while !holds(&self.status) {
            assert!(Instant::now() < until, "{what} does not come: {:?}", self.status);
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Changes everything, and waits until that is written.
    fn step(&mut self, step: u32) -> Arc<Snapshot> {
        change(&mut self.views, step);
        let snapshot = self.views.commit().snapshot();
        self.wait("the tick", |status| status.position() == Some(snapshot.position()));
        snapshot
    }
}

#[test]
fn an_outage_is_shown_and_a_server_that_comes_back_empty_gets_all_of_it() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let mut running = run(settings(&server));
    let before = running.step(1);
    assert_eq!(held(&mut server.connect(), ""), expected(&before));
    server.kill();
    running.wait("the outage", |status| matches!(status.health(), Health::Waiting(_)));
    let Health::Waiting(reason) = running.status.health() else { panic!("it waits") };
    assert!(reason.contains(&format!("redis://127.0.0.1:{} does not answer", server.port())), "{reason}");
    change(&mut running.views, 2);
    let _ = running.views.commit();
    server.resume();
    let after = running.step(3);
    assert_eq!(held(&mut server.connect(), ""), expected(&after));
    assert_eq!(running.status.health(), Health::Running);
    running.listening.finish();
}

#[test]
fn a_row_that_does_not_change_lives_on_and_one_whose_engine_has_gone_does_not() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let ttl = Ttl { vehicle: 4, road: 4, incident: 4, summary: 4, weather: 4, health: 4 };
    let mut running = run(RedisSettings { ttl, ..settings(&server) });
    let snapshot = running.step(1);
    let mut connection = server.connect();
    let until = Instant::now() + Duration::from_secs(7);
    while Instant::now() < until {
        assert_eq!(held(&mut connection, ""), expected(&snapshot), "all of it is there all the time");
        thread::sleep(Duration::from_millis(100));
    }
    running.listening.finish();
    let until = Instant::now() + PATIENCE;
    while !held(&mut connection, "").is_empty() {
        assert!(Instant::now() < until, "keys outlive their engine: {:?}", held(&mut connection, ""));
        thread::sleep(Duration::from_millis(100));
    }
    let left: Vec<String> = connection.keys("*").unwrap();
    assert_eq!(left, ["smartcity:fence"]);
}

#[test]
fn of_two_engines_the_one_that_started_later_goes_on() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let mut running = run(settings(&server));
    running.step(1);
    let mut later = redis(settings(&server));
    let position = Position { generation: 2, through: 5 };
    later.server.connect(position).unwrap();
    let mut writes = Writes::default();
    writes.set(writes::Kind::Road, "traffic:road:theirs".to_owned(), "{}".to_owned());
    later.write(writes, position).unwrap();

    change(&mut running.views, 2);
    let _ = running.views.commit();
    running.wait("the refusal", |status| matches!(status.health(), Health::Failed(_)));
    let Health::Failed(reason) = running.status.health() else { panic!("it failed") };
    assert!(reason.contains("an engine of generation 2 has written tick 5"), "{reason}");
    assert!(reason.contains("delete the key smartcity:fence"), "{reason}");
    let mut connection = server.connect();
    assert!(connection.exists::<_, bool>("traffic:road:theirs").unwrap());
    assert!(
        !connection.exists::<_, bool>(writes::incident_key(id(Namespace::Incident, 2))).unwrap(),
        "nothing is written"
    );
    running.listening.finish();

    // An earlier tick of the same generation changes nothing either.
    let mut writes = Writes::default();
    writes.set(writes::Kind::Road, "traffic:road:late".to_owned(), "{}".to_owned());
    let error = later.write(writes, Position { generation: 2, through: 4 }).unwrap_err();
    assert!(matches!(error, SinkError::Refused(..)), "{error}");
    assert!(!connection.exists::<_, bool>("traffic:road:late").unwrap(), "nothing is written");
}

#[test]
fn every_script_tells_which_keys_it_wrote() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let mut listener = server.connect();
    listener.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut channel = listener.as_pubsub();
    channel.subscribe("b:smartcity:changes").unwrap();
    let mut running = run(RedisSettings { prefix: "b:".to_owned(), ..settings(&server) });
    running.wait("the first write", |status| status.resets() == 1);
    let snapshot = running.step(1);
    let gone = format!("b:vehicle:location:{}", id(Namespace::Device, 0));
    let until = Instant::now() + PATIENCE;
    loop {
        assert!(Instant::now() < until, "nobody told of {gone}");
        let message: Json =
            serde_json::from_str(&channel.get_message().unwrap().get_payload::<String>().unwrap()).unwrap();
        let set = message["set"].as_array().unwrap();
        if set.contains(&format!("b:vehicle:location:{}", id(Namespace::Device, 1)).into()) {
            assert_eq!(message["tick"], snapshot.position().through);
            assert!(set.contains(&gone.into()), "{message}");
            break;
        }
    }
    running.listening.finish();
}

#[test]
fn many_keys_are_written_in_several_scripts_and_those_that_are_ours_and_old_go() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let mut views = FilledViews::new(1_795_435_200_000);
    views.change(&VEHICLES, (0..1_234).map(|number| (id(Namespace::Device, number), vehicle(number.into()), 1)));
    let mut sink = redis(settings(&server));
    sink.reset(&views.commit().snapshot()).unwrap();
    let mut connection = server.connect();
    assert_eq!(connection.zcard::<_, usize>("vehicle:geo").unwrap(), 1_234);
    assert_eq!(connection.scard::<_, usize>("smartcity:keys").unwrap(), 1_235);
    views.change(&VEHICLES, (0..1_200).map(|number| (id(Namespace::Device, number), vehicle(number.into()), -1)));
    let snapshot = views.commit().snapshot();
    redis(settings(&server)).reset(&snapshot).unwrap();
    assert_eq!(held(&mut connection, ""), expected(&snapshot));
    assert_eq!(connection.scard::<_, usize>("smartcity:keys").unwrap(), 35);
}

#[test]
fn what_makes_no_mirror_is_named_and_no_password_is_shown() {
    let refused = |settings: RedisSettings| Redis::new(settings).unwrap_err().to_string();
    let url = |url: &str| RedisSettings { url: url.into(), ..RedisSettings::default() };
    for wrong in ["http://:hunter2@cache", "hunter2", "redis://city:hunter2@cache/x"] {
        let error = refused(url(wrong));
        assert!(error.contains("write redis://"), "{error}");
        assert!(wrong == "hunter2" || !error.contains("hunter2"), "{error}");
    }
    let ttl = Ttl { road: 1, ..Ttl::default() };
    assert!(refused(RedisSettings { ttl, ..RedisSettings::default() }).contains("below 4 seconds"));
    assert!(refused(RedisSettings { timeout_ms: 0, ..RedisSettings::default() }).contains("timeout_ms is 0"));
    let sentinel = Some(Sentinel { master: "city".to_owned(), urls: Vec::new() });
    assert!(refused(RedisSettings { sentinel, ..RedisSettings::default() }).contains("sentinel needs"));

    let reader = ["--user", "reader", "on", ">secret", "~*", "+@read"];
    let documented =
        include_str!("../../../../docs/sinks.md").split('`').find(|code| code.starts_with("+ping")).unwrap();
    let city: Vec<_> =
        ["--user", "city", "on", ">known", "~*", "&*"].into_iter().chain(documented.split_whitespace()).collect();
    let settings = [&["--requirepass", "right"], &reader[..], &city].concat();
    let Some(server) = RedisServer::start(&settings) else { return };
    for (user, says) in [(":wrong@", "check user and password"), ("", "NOAUTH"), ("reader:secret@", "its user needs")] {
        let url = format!("redis://{user}127.0.0.1:{}", server.port());
        let running = run(RedisSettings { url: (&*url).into(), ..RedisSettings::default() });
        running.wait("the refusal", |status| matches!(status.health(), Health::Failed(_)));
        let Health::Failed(reason) = running.status.health() else { panic!("it failed") };
        assert!(reason.contains(says), "{reason}");
        assert!(!reason.contains("wrong") && !reason.contains("secret"), "{reason}");
        running.listening.finish();
    }
    for user in [":right", "city:known"] {
        let running = run(url(&format!("redis://{user}@127.0.0.1:{}", server.port())));
        running.wait("the first write", |status| status.health() == Health::Running && status.resets() == 1);
        running.listening.finish();
        assert_eq!(running.status.health(), Health::Ended, "what docs/sinks.md lists is all it needs");
    }
}

#[test]
fn sentinels_say_which_server_is_the_master_after_a_failover_too() {
    let Some(master) = RedisServer::start(&[]) else { return };
    let port = master.port().to_string();
    let Some(replica) =
        RedisServer::start(&["--replicaof", &format!("127.0.0.1 {port}"), "--repl-diskless-sync-delay", "0"])
    else {
        return;
    };
    let sentinels: Vec<_> = (0..3).filter_map(|_| RedisServer::sentinel(&master, 2)).collect();
    let mut known = sentinels[0].connect();
    let until = Instant::now() + PATIENCE;
    let count = |known: &mut Connection, what: &str| {
        redis::cmd("SENTINEL").arg(what).arg("city").query::<Vec<redis::Value>>(known).map_or(0, |found| found.len())
    };
    while count(&mut known, "sentinels") < 2 || count(&mut known, "replicas") < 1 {
        assert!(Instant::now() < until, "the Sentinels do not find each other");
        thread::sleep(Duration::from_millis(50));
    }
    let gone = format!("redis://127.0.0.1:{}", server::free_port());
    let urls = std::iter::once(gone).chain(sentinels.iter().map(RedisServer::url)).map(|url| (&*url).into()).collect();
    let sentinel = Some(Sentinel { master: "city".to_owned(), urls });
    let mut running = run(RedisSettings { sentinel, ..RedisSettings::default() });
    let before = running.step(1);
    assert_eq!(held(&mut master.connect(), ""), expected(&before));
    master.kill();
    running.wait("the outage", |status| matches!(status.health(), Health::Waiting(_)));
    let after = running.step(2);
    assert_eq!(held(&mut replica.connect(), ""), expected(&after));
    running.listening.finish();
}
