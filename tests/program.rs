//! The program as a person runs it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use serde_json::Value;

/// The program, running; killed where a test ends without ending it.
struct Running {
    child: Child,
    /// host:port.
    address: String,
    _stdout: BufReader<ChildStdout>,
}

impl Running {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_smartcity"))
            .args(arguments)
            .args(["--host", "127.0.0.1", "--port", "0"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("it says where it listens");
        let address = line
            .split_whitespace()
            .find_map(|word| word.strip_prefix("http://"))
            .unwrap_or_else(|| panic!("no address in {line:?}"))
            .to_owned();
        Self { child, address, _stdout: stdout }
    }

    /// The JSON answer to a GET, with its status.
    fn get(&self, path: &str) -> (u16, Value) {
        let (status, body) = self.text(path);
        (status, serde_json::from_str(&body).unwrap_or(Value::Null))
    }

    /// The answer to a GET as it is.
    fn text(&self, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).expect("the program listens");
        stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("an HTTP answer");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        (status, body.to_owned())
    }

    /// Asks until `done` says so, for at most `limit`.
    fn wait_for(&self, path: &str, limit: Duration, mut done: impl FnMut(u16, &Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let (status, body) = self.get(path);
            if done(status, &body) {
                return body;
            }
            assert!(began.elapsed() < limit, "{path} after {limit:?}: {status} {body}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Ends it as Ctrl-C does; it must end well within two seconds.
    fn interrupt(mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().expect("kill runs").success());
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(2) {
            if let Some(status) = self.child.try_wait().expect("the program can be waited for") {
                assert!(status.success(), "{status}");
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("still running two seconds after Ctrl-C");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn output(arguments: &[&str]) -> (bool, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_smartcity")).args(arguments).output().expect("the program runs");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (output.status.success(), text(output.stdout), text(output.stderr))
}

const SOON: Duration = Duration::from_secs(5);

/// For work that takes as long as the machine takes.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn the_demo_lives_within_five_seconds_and_ends_within_two() {
    let demo = Running::start(&["demo"]);
    demo.wait_for("/api/vehicles/locations", SOON, |_, vehicles| {
        vehicles.as_array().is_some_and(|rows| !rows.is_empty())
    });
    demo.wait_for("/api/analytics/city-summary", SOON, |_, summary| summary["total_vehicles"].as_u64() > Some(0));
    demo.wait_for("/api/traffic/live/highway_101", SOON, |status, _| status == 200);

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let first = runtime.block_on(async {
        tokio::time::timeout(Duration::from_secs(1), async {
            let (mut socket, _) = tokio_tungstenite::connect_async(format!("ws://{}/ws/realtime", demo.address))
                .await
                .expect("a WebSocket");
            socket.next().await.expect("a frame").expect("no error")
        })
        .await
        .expect("the first frame comes within a second")
    });
    let frame: Value = serde_json::from_str(first.to_text().expect("text")).expect("JSON");
    assert_eq!(frame["type"], "city_analytics");
    demo.interrupt();
}

#[test]
fn a_replay_serves_its_views_after_the_last_row() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_str().expect("a path of text");
    let (ok, _, error) = output(&["simulate", path, "--minutes", "1", "--scale", "0.1", "--seed", "5"]);
    assert!(ok, "{error}");

    let replay = Running::start(&["replay", path]);
    let served = replay
        .wait_for("/api/analytics/city-summary", PATIENCE, |_, summary| summary["total_vehicles"].as_u64() == Some(50));
    assert!(served["average_city_speed"].is_number());
    replay.interrupt();

    let (ok, changes, error) =
        output(&["replay", path, "--exit", "--emit", "changes", "--views", "summary", "-w", "2"]);
    assert!(ok, "{error}");
    let last: Value = serde_json::from_str(changes.lines().last().expect("changes")).expect("JSON a line");
    assert_eq!((&last["view"], &last["diff"]), (&Value::from("summary"), &Value::from(1)));
    assert_eq!(last["row"]["vehicles"], 50);
    assert!(changes.starts_with("{\"through\":"), "keys in the order of the documentation");
}

#[test]
fn metrics_show_what_the_engine_does_and_what_every_operator_costs_where_that_is_asked_for() {
    let value = |metrics: &str, name: &str| {
        let of_name = |line: &str| line.strip_prefix(name)?.trim().parse::<f64>().ok();
        metrics.lines().find_map(of_name).unwrap_or(0.0)
    };
    let wait_for = |demo: &Running, name: &str, least: f64| {
        let began = Instant::now();
        loop {
            let (status, metrics) = demo.text("/metrics");
            assert_eq!(status, 200);
            if value(&metrics, name) > least {
                return metrics;
            }
            assert!(began.elapsed() < PATIENCE, "{name} is not above {least} after {PATIENCE:?} in\n{metrics}");
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    const ROWS: &str = r#"smartcity_source_rows_total{source="simulator"}"#;
    const LOCATED: &str = r#"smartcity_operator_records_total{operator="City/Locate"}"#;
    const TIME: &str = r#"smartcity_operator_seconds_total{operator="City/Locate"}"#;

    let measured = Running::start(&["demo", "--operator-metrics", "-w", "2"]);
    // A turn's records are counted as they come, its time when it ends: figures may be taken in between.
    for name in [LOCATED, TIME] {
        let first = value(&wait_for(&measured, name, 0.0), name);
        wait_for(&measured, name, first);
    }
    measured.interrupt();

    let plain = Running::start(&["demo"]);
    let metrics = wait_for(&plain, ROWS, 0.0);
    assert!(!metrics.contains("operator"), "{metrics}");
    wait_for(&plain, r#"smartcity_view_rows{view="vehicles"}"#, 0.0);
    plain.interrupt();
}

#[test]
fn a_replay_says_what_each_operator_has_cost() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_str().expect("a path of text");
    assert!(output(&["simulate", path, "--minutes", "1", "--scale", "0.1", "--seed", "7"]).0);
    let (ok, said, error) = output(&["replay", path, "--exit", "--operators"]);
    assert!(ok && said.starts_with("operator ") && said.contains("\nCity/"), "{said}{error}");
    let total = said.lines().last().expect("a line");
    assert!(total.starts_with("all ") && total.contains("100.0 %"), "{said}");
    let (ok, said, error) = output(&["replay", path, "--exit"]);
    assert!(ok && said.is_empty(), "{said}{error}");
}

#[test]
fn two_processes_are_one_engine_and_each_serves_all_views() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_str().expect("a path of text");
    assert!(output(&["simulate", path, "--minutes", "1", "--scale", "0.1", "--seed", "6"]).0);

    // Two ports that were free a moment ago.
    let free = [0; 2].map(|_| TcpListener::bind("127.0.0.1:0").expect("a free port"));
    let hosts = free.each_ref().map(|port| port.local_addr().expect("an address").to_string()).join("\n");
    drop(free);
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), hosts).expect("a host file");
    let file = file.path().to_str().expect("a path of text");
    let process = |number| Running::start(&["replay", path, "-n", "2", "-p", number, "-w", "2", "--hostfile", file]);
    // The last tick has rows, so it changes the health of their feeds.
    let (_, changes, _) = output(&["replay", path, "--exit", "--emit", "changes", "--views", "feeds"]);
    let change: Value = serde_json::from_str(changes.lines().last().expect("changes")).expect("JSON a line");
    let last = change["through"].as_u64().expect("a tick");
    let alone = Running::start(&["replay", path]);
    let processes = [process("0"), process("1")];

    for view in ["vehicles", "segments", "summary", "quarantine"] {
        let path = format!("/v1/views/{view}?limit=1000");
        let all = alone.wait_for(&path, PATIENCE, |_, answer| answer["through"].as_u64() == Some(last));
        let rows = |answer: &Value| (answer["through"].clone(), answer["rows"].clone());
        for process in &processes {
            process.wait_for(&path, PATIENCE, |_, answer| rows(answer) == rows(&all));
        }
    }
    alone.interrupt();
    // A process that ends ends the engine, and so the other: the one interrupted ends well, the other is ended with it.
    let [one, _other] = processes;
    one.interrupt();
}

#[test]
fn a_city_directory_is_made_checked_and_refused_with_what_to_fix() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_str().expect("a path of text");
    assert!(output(&["city", "generate", path]).0);
    let (ok, said, _) = output(&["city", "check", path]);
    assert!(ok && said.contains("496"), "{said}");

    std::fs::write(folder.path().join("cameras.csv"), "camera,road\nCamera1,no_such_road\n").expect("a bad file");
    let (ok, _, error) = output(&["city", "check", path]);
    assert!(!ok && error.contains("cameras.csv, line 2") && error.contains("no_such_road"), "{error}");
}

#[test]
fn settings_show_where_they_come_from() {
    let output = Command::new(env!("CARGO_BIN_EXE_smartcity"))
        .arg("config")
        .env("API_PORT", "9123")
        .env("VEHICLE_TOPIC", "cars")
        .env("SMARTCITY_ENGINE__TICK_MS", "50")
        .env("SMARTCITY_ENGINE__OPERATOR_METRICS", "true")
        .output()
        .expect("the program runs");
    let said = String::from_utf8(output.stdout).expect("text");
    let line =
        |name: &str| said.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name} in {said}"));
    assert!(line("listen.port = 9123").ends_with("environment variable API_PORT"));
    assert!(line("engine.tick_ms = 50").contains("SMARTCITY_"));
    assert!(line("engine.operator_metrics = true").contains("SMARTCITY_"));
    assert!(line("topics.vehicle = [\"vehicle_data\",\"cars\"]").contains("VEHICLE_TOPIC"));
    assert!(line("listen.host = \"localhost\"").ends_with("built in"));
}

#[test]
#[cfg(feature = "kafka")]
fn settings_do_not_show_what_nobody_may_see() {
    let folder = tempfile::tempdir().expect("a folder");
    let said_of = |kafka: &str| {
        let file = folder.path().join("smartcity.toml");
        std::fs::write(&file, format!("[kafka]\n{kafka}")).expect("a settings file");
        output(&["config", "--config", file.to_str().expect("a path of text")])
    };
    let (ok, said, error) = said_of(r#"secrets = { "sasl.password" = "hunter2" }"#);
    let line = said.lines().find(|line| line.starts_with("kafka.secrets.sasl.password = \"***\""));
    assert!(ok && line.is_some_and(|line| line.contains("smartcity.toml")), "{said}{error}");
    assert!(!said.contains("hunter2") && said.matches("***").count() == 1, "{said}");
    let (ok, said, error) = said_of(r#"client = { "sasl.password" = "hunter2" }"#);
    assert!(!ok && error.contains("set it under secrets"), "{error}");
    assert!(!said.contains("hunter2") && !error.contains("hunter2"), "{said}{error}");
}

#[test]
#[cfg(feature = "redis")]
fn a_mirror_is_set_in_the_file_or_by_the_contract_s_variables_and_health_says_when_it_is_away() {
    let config = |variables: &[(&str, &str)]| {
        let output =
            Command::new(env!("CARGO_BIN_EXE_smartcity")).arg("config").envs(variables.iter().copied()).output();
        String::from_utf8(output.expect("the program runs").stdout).expect("text")
    };
    assert!(config(&[]).contains("sinks = [] "));
    let said = config(&[("REDIS_HOST", "cache"), ("REDIS_PORT", "6380")]);
    assert!(said.contains(r#""kind":"redis","url":"redis://cache:6380""#) && said.contains("REDIS_HOST"), "{said}");

    // Nobody listens on a port that was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("smartcity.toml");
    let sink = format!("[[sinks]]\nkind = \"redis\"\nurl = \"redis://city:hunter2@127.0.0.1:{port}\"\n");
    std::fs::write(&file, sink).expect("a settings file");
    let file = file.to_str().expect("a path of text");
    let (ok, said, _) = output(&["config", "--config", file]);
    assert!(ok && said.contains("city:***@127.0.0.1") && !said.contains("hunter2"), "{said}");
    let running = Running::start(&["run", "--config", file]);
    let health = running.wait_for("/api/health", Duration::from_secs(20), |_, body| {
        body["components"]["redis"]["connected"] == false && body["components"]["engine"]["responsive"] == true
    });
    assert_eq!(health["status"], "degraded");
    let redis = &health["components"]["redis"];
    assert_eq!(redis["responsive"], false);
    assert!(redis["detail"].as_str().is_some_and(|detail| detail.contains("city:***@127.0.0.1")), "{health}");
    assert_eq!(health["components"]["simulator"]["connected"], true);
    running.interrupt();
}

#[test]
fn errors_say_what_to_do() {
    let (ok, _, error) = output(&["replay", "no/such/folder", "--exit"]);
    assert!(!ok && error.contains("no/such/folder"), "{error}");
    let (ok, _, error) = output(&["run"]);
    assert!(!ok && error.contains("--config"), "{error}");
    let (ok, _, error) = output(&["replay", "folder", "--operators"]);
    assert!(!ok && error.contains("--exit"), "{error}");
    let (ok, _, error) = output(&["demo", "-n", "2", "-p", "2"]);
    assert!(!ok && error.contains("numbered from 0"), "{error}");
}
