//! The WebSocket, over a real listener on loopback.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use smartcity_api::{Api, Settings, run};
use smartcity_dataflow::city::summary::SUMMARY;
use smartcity_dataflow::testing::FilledViews;
use smartcity_dataflow::view::View;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::city::{NOW, filled, summary};

/// A view of numbers, for subscriptions.
const SQUARES: View<u32, u64> = View::new("squares");
const CUBES: View<u32, u64> = View::new("cubes");

struct Server {
    api: Api,
    port: u16,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<std::io::Result<()>>,
}

impl Server {
    async fn start(city: &mut FilledViews, settings: Settings) -> Self {
        let api = Api::new(city.commit(), settings);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(run(listener, api.clone(), async {
            let _ = stopped.await;
        }));
        Self { api, port, stop: Some(stop), running }
    }

    fn url(&self) -> String {
        format!("ws://127.0.0.1:{}/ws/realtime", self.port)
    }

    async fn connect(&self) -> Client {
        let (socket, _) = connect_async(self.url()).await.unwrap();
        Client(socket)
    }

    /// Waits until no client is counted any more.
    async fn is_left(&self, within: Duration) {
        let empty = async {
            while self.api.sockets() > 0 {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(within, empty).await.expect("a client is still counted");
    }
}

struct Client(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Client {
    async fn say(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.unwrap();
    }

    async fn subscribe(&mut self, subscription: Value) {
        let mut message = json!({ "type": "subscribe" });
        message.as_object_mut().unwrap().extend(subscription.as_object().unwrap().clone());
        self.say(&message.to_string()).await;
    }

    async fn text_within(&mut self, wait: Duration) -> Option<String> {
        loop {
            match timeout(wait, self.0.next()).await.ok()?.expect("the connection is open").unwrap() {
                Message::Text(text) => return Some(text.to_string()),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// The next frame that is not the summary.
    async fn frame(&mut self) -> Value {
        loop {
            let text = self.text_within(Duration::from_secs(8)).await.expect("a frame");
            let frame: Value = serde_json::from_str(&text).unwrap();
            if frame["type"] != "city_analytics" {
                return frame;
            }
        }
    }

    /// How the server closes, and when.
    async fn close_code(&mut self) -> Option<CloseCode> {
        while let Some(Ok(message)) = self.0.next().await {
            if let Message::Close(frame) = message {
                return frame.map(|frame| frame.code);
            }
        }
        None
    }
}

fn squares(numbers: impl IntoIterator<Item = u32>, diff: isize) -> Vec<(u32, u64, isize)> {
    numbers.into_iter().map(|n| (n, u64::from(n) * u64::from(n), diff)).collect()
}

fn quiet(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

#[tokio::test]
async fn the_summary_comes_at_once_as_the_contract_has_it() {
    let server = Server::start(&mut filled(), Settings::default()).await;
    let asked = Instant::now();
    let frame = server.connect().await.text_within(quiet(1_000)).await.expect("a first frame");
    assert!(asked.elapsed() < quiet(1_000), "handshake and first frame took {:?}", asked.elapsed());
    let expected = r#"{"type":"city_analytics","data":{"total_vehicles":3,"active_emergencies":2,"average_city_speed":18.25,"congested_roads":1,"timestamp":"2026-11-23T14:17:50.001+00:00"},"timestamp":"2026-11-23T14:17:50+00:00"}"#;
    assert_eq!(frame, expected);
}

#[tokio::test]
async fn changes_of_the_summary_come_a_second_apart_and_the_last_one_wins() {
    let mut city = filled();
    let server = Server::start(&mut city, Settings::default()).await;
    let mut client = server.connect().await;
    client.text_within(quiet(1_000)).await.expect("a first frame");
    let first = Instant::now();
    for vehicles in 4..=8 {
        city.change(&SUMMARY, [((), summary(vehicles - 1), -1), ((), summary(vehicles), 1)]);
        city.commit();
        sleep(quiet(100)).await;
    }
    let frame = client.text_within(quiet(2_000)).await.expect("the change");
    assert!(first.elapsed() >= quiet(950), "only {:?} apart", first.elapsed());
    assert!(first.elapsed() < quiet(1_600), "{:?} late", first.elapsed());
    assert!(frame.contains(r#""total_vehicles":8"#), "{frame}");
    assert_eq!(client.text_within(quiet(1_500)).await, None, "nothing changed since");
}

#[tokio::test]
async fn a_quiet_city_still_gives_a_sign_every_five_seconds() {
    let mut city = filled();
    city.change(&SQUARES, squares(0..3, 1));
    let server = Server::start(&mut city, Settings::default()).await;
    let mut client = server.connect().await;
    client.text_within(quiet(1_000)).await.expect("a first frame");
    client.subscribe(json!({ "views": ["squares"] })).await;
    assert_eq!(client.frame().await["type"], "snapshot");
    let since = Instant::now();
    let mut signs =
        [client.text_within(quiet(6_000)).await, client.text_within(quiet(6_000)).await].map(Option::unwrap);
    signs.sort();
    assert!((quiet(4_500)..quiet(5_500)).contains(&since.elapsed()), "after {:?}", since.elapsed());
    assert!(
        signs[0].starts_with(r#"{"type":"changes","generation":1,"through":1795443470001,"data":{},"#),
        "{signs:?}"
    );
    assert!(signs[1].starts_with(r#"{"type":"city_analytics","data":{"#), "{signs:?}");
}

#[tokio::test]
async fn a_ping_is_answered_and_other_text_is_not() {
    let server = Server::start(&mut filled(), Settings::default()).await;
    let mut client = server.connect().await;
    client.text_within(quiet(1_000)).await.expect("a first frame");
    for text in ["hello", "{", "[]", r#"{"type":7}"#, r#"{"type":"unsubscribe"}"#, r#"{"type":"ping"}"#] {
        client.say(text).await;
    }
    assert_eq!(client.text_within(quiet(1_000)).await.as_deref(), Some(r#"{"type":"pong"}"#));
    assert_eq!(client.text_within(quiet(500)).await, None);
}

#[tokio::test]
async fn a_subscriber_gets_the_rows_and_then_what_becomes_of_them() {
    let mut city = filled();
    city.change(&SQUARES, squares([1, 2], 1));
    city.change(&CUBES, [(2, 8, 1)]);
    let server = Server::start(&mut city, Settings::default()).await;
    let mut client = server.connect().await;
    client.subscribe(json!({ "views": ["squares"] })).await;
    let row = |n: u64| json!({ "key": n, "row": n * n });
    let snapshot = json!({
        "type": "snapshot", "generation": 1, "through": NOW + 1, "more": false,
        "data": { "squares": [row(1), row(2)] }, "timestamp": "2026-11-23T14:17:50+00:00",
    });
    assert_eq!(client.frame().await, snapshot);
    // Another view's change is not told.
    city.change(&CUBES, [(3, 27, 1)]);
    city.commit();
    sleep(quiet(450)).await;
    city.change(&SQUARES, squares([2], -1).into_iter().chain(squares([3], 1)));
    city.commit();
    let changes = json!({
        "type": "changes", "generation": 1, "through": NOW + 3,
        "data": { "squares": [{ "key": 2, "row": 4, "diff": -1 }, { "key": 3, "row": 9, "diff": 1 }] },
        "timestamp": "2026-11-23T14:17:50+00:00",
    });
    assert_eq!(client.frame().await, changes);
    client.subscribe(json!({ "views": [] })).await;
    sleep(quiet(300)).await;
    city.change(&SQUARES, squares([3], -1));
    city.commit();
    assert_eq!(client.text_within(quiet(700)).await, None, "the subscription has ended");
}

#[tokio::test]
async fn ticks_within_a_beat_are_told_as_what_they_come_to() {
    let mut city = filled();
    city.change(&SQUARES, squares([1], 1));
    let settings: Settings = serde_json::from_value(json!({ "websocket": { "changes_every_ms": 1_000 } })).unwrap();
    let server = Server::start(&mut city, settings).await;
    let mut client = server.connect().await;
    client.subscribe(json!({ "views": ["squares"] })).await;
    assert_eq!(client.frame().await["type"], "snapshot");
    // On the beat: what follows falls into one.
    city.change(&SQUARES, [(9, 81, 1)]);
    city.commit();
    assert_eq!(client.frame().await["data"]["squares"][0]["key"], 9);
    for (before, after) in [(1, 100), (100, 200), (200, 300)] {
        city.change(&SQUARES, [(1, before, -1), (1, after, 1)]);
        city.commit();
    }
    city.change(&SQUARES, [(7, 49, 1)]);
    city.commit();
    city.change(&SQUARES, [(7, 49, -1)]);
    city.commit();
    let expected = json!([{ "key": 1, "row": 1, "diff": -1 }, { "key": 1, "row": 300, "diff": 1 }]);
    let frame = client.frame().await;
    assert_eq!(frame["data"], json!({ "squares": expected }));
    assert_eq!(frame["through"], NOW + 7);
}

#[tokio::test]
async fn a_client_that_comes_back_gets_only_what_it_missed() {
    let mut city = filled();
    city.change(&SQUARES, squares(0..50, 1));
    let server = Server::start(&mut city, Settings::default()).await;
    let mut client = server.connect().await;
    client.subscribe(json!({ "views": ["squares"] })).await;
    let snapshot = client.frame().await;
    drop(client);
    city.change(&SQUARES, squares([60], 1));
    city.commit();
    let mut client = server.connect().await;
    let since = json!({ "generation": snapshot["generation"], "through": snapshot["through"] });
    client.subscribe(json!({ "views": ["squares"], "since": since })).await;
    let missed = client.frame().await;
    assert_eq!(missed["type"], "changes");
    assert_eq!(missed["data"], json!({ "squares": [{ "key": 60, "row": 3_600, "diff": 1 }] }));
}

#[tokio::test]
async fn a_client_from_another_time_starts_anew_and_is_told_so() {
    let mut city = filled();
    city.change(&SQUARES, squares([1], 1));
    let server = Server::start(&mut city, Settings::default()).await;
    let mut client = server.connect().await;
    for since in [json!({ "generation": 0, "through": NOW }), json!({ "generation": 1, "through": NOW + 999 })] {
        client.subscribe(json!({ "views": ["squares"], "since": since })).await;
        let reset = client.frame().await;
        assert_eq!((&reset["type"], &reset["through"]), (&json!("reset"), &json!(NOW + 1)), "{since}");
        assert!(reset["data"]["detail"].as_str().unwrap().contains("no longer held"), "{reset}");
        let snapshot = client.frame().await;
        assert_eq!((&snapshot["type"], &snapshot["data"]["squares"][0]["key"]), (&json!("snapshot"), &json!(1)));
    }
}

#[tokio::test]
async fn a_large_snapshot_comes_in_several_frames_of_one_tick() {
    let mut city = filled();
    city.change(&SQUARES, squares(0..25, 1));
    city.change(&CUBES, [(2, 8, 1)]);
    let settings: Settings = serde_json::from_value(json!({ "websocket": { "rows_per_frame": 10 } })).unwrap();
    let server = Server::start(&mut city, settings).await;
    let mut client = server.connect().await;
    client.subscribe(json!({ "views": ["squares", "cubes"] })).await;
    let (mut held, mut frames) = (Held::default(), 0);
    loop {
        let frame = client.frame().await;
        assert_eq!((&frame["type"], &frame["through"]), (&json!("snapshot"), &json!(NOW + 1)));
        let rows: usize = frame["data"].as_object().unwrap().values().map(|rows| rows.as_array().unwrap().len()).sum();
        assert!((1..=10).contains(&rows), "{rows} rows");
        held.apply(&frame);
        frames += 1;
        if frame["more"] == false {
            break;
        }
    }
    assert_eq!((frames, held.0["squares"].len(), held.0["cubes"].len()), (3, 25, 1));
}

#[tokio::test]
async fn a_subscription_that_cannot_be_met_is_refused_and_the_last_one_goes_on() {
    let mut city = filled();
    city.change(&SQUARES, squares([1], 1));
    let server = Server::start(&mut city, Settings::default()).await;
    let mut client = server.connect().await;
    client.subscribe(json!({ "views": ["squares"] })).await;
    assert_eq!(client.frame().await["type"], "snapshot");
    for (subscription, detail) in [
        (json!({ "views": ["squares", "circles"] }), r#"there is no view called "circles": GET /v1/views lists them"#),
        (json!({}), "subscription not understood: missing field `views`"),
        (json!({ "views": [], "bbox": [] }), "subscription not understood: unknown field `bbox`"),
    ] {
        client.subscribe(subscription).await;
        let error = client.frame().await;
        assert_eq!(error["type"], "error");
        assert!(error["data"]["detail"].as_str().unwrap().starts_with(detail), "{error}");
    }
    city.change(&SQUARES, squares([2], 1));
    city.commit();
    assert_eq!(client.frame().await["data"]["squares"][0]["key"], 2);
}

/// What a client holds that does as it is told.
#[derive(Default)]
struct Held(BTreeMap<String, BTreeMap<String, Value>>);

impl Held {
    fn apply(&mut self, frame: &Value) {
        for (view, rows) in frame["data"].as_object().unwrap() {
            let held = self.0.entry(view.clone()).or_default();
            for row in rows.as_array().unwrap() {
                match row["diff"].as_i64() {
                    Some(-1) => assert_eq!(held.remove(&row["key"].to_string()), Some(row["row"].clone())),
                    _ => assert_eq!(held.insert(row["key"].to_string(), row["row"].clone()), None),
                }
            }
        }
    }
}

#[tokio::test]
async fn what_a_client_holds_is_the_view_whatever_it_missed_meanwhile() {
    let mut city = filled();
    city.change(&SQUARES, [(0, 0, 1)]);
    let settings: Settings = serde_json::from_value(json!({ "websocket": { "changes_every_ms": 20 } })).unwrap();
    let server = Server::start(&mut city, settings).await;
    let mut truth = BTreeMap::from([(0_u32, 0_u64)]);
    let (mut client, mut held, mut since) = (server.connect().await, Held::default(), Value::Null);
    client.subscribe(json!({ "views": ["squares"] })).await;
    let mut random: u32 = 12_345;
    for step in 0..200_u64 {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let key = (random >> 16) % 10;
        let before = truth.remove(&key).map(|row| (key, row, -1));
        let after = (random >> 28 != 0).then_some((key, step, 1));
        truth.extend(after.map(|(key, row, _)| (key, row)));
        city.change(&SQUARES, before.into_iter().chain(after));
        city.commit();
        let pace = random >> 24;
        if pace < 60 {
            let frame = client.frame().await;
            held.apply(&frame);
            since = json!({ "generation": frame["generation"], "through": frame["through"] });
        }
        if pace.is_multiple_of(25) && !since.is_null() {
            client = server.connect().await;
            client.subscribe(json!({ "views": ["squares"], "since": since })).await;
        }
    }
    while since["through"] != NOW + 201 {
        let frame = client.frame().await;
        held.apply(&frame);
        since = json!({ "generation": frame["generation"], "through": frame["through"] });
    }
    let truth: BTreeMap<_, _> = truth.iter().map(|(key, row)| (key.to_string(), json!(row))).collect();
    assert_eq!(held.0["squares"], truth);
}

#[tokio::test]
async fn a_restart_closes_with_1012_and_takes_less_than_two_seconds() {
    let mut server = Server::start(&mut filled(), Settings::default()).await;
    let (mut client, mut deaf) = (server.connect().await, server.connect().await);
    client.text_within(quiet(1_000)).await.expect("a first frame");
    let stopped = Instant::now();
    server.stop.take().unwrap().send(()).unwrap();
    assert_eq!(client.close_code().await, Some(CloseCode::Restart));
    timeout(quiet(2_000), server.running).await.expect("in time").unwrap().unwrap();
    assert!(stopped.elapsed() < quiet(2_000), "{:?}", stopped.elapsed());
    assert_eq!(server.api.sockets(), 0);
    // A client that did not listen finds the same.
    assert_eq!(deaf.close_code().await, Some(CloseCode::Restart));
}

#[tokio::test]
async fn a_client_that_takes_no_frame_is_cut_off() {
    let mut city = filled();
    city.change(&SQUARES, squares(0..60_000, 1));
    let settings = json!({ "websocket": { "send_timeout_ms": 300, "rows_per_frame": 60_000 } });
    let server = Server::start(&mut city, serde_json::from_value(settings).unwrap()).await;
    let mut client = server.connect().await;
    // Several snapshots, more than the buffers of a connection hold.
    for _ in 0..20 {
        client.subscribe(json!({ "views": ["squares"] })).await;
    }
    sleep(quiet(200)).await;
    assert_eq!(server.api.sockets(), 1);
    server.is_left(quiet(5_000)).await;
}

#[tokio::test]
async fn a_client_that_gives_no_sign_of_life_is_cut_off_and_one_that_does_is_not() {
    let mut city = filled();
    let settings = json!({ "websocket": { "idle_timeout_ms": 900 } });
    let server = Server::start(&mut city, serde_json::from_value(settings).unwrap()).await;
    // Reading answers the server's pings; the other client never reads.
    let (mut alive, _silent) = (server.connect().await, server.connect().await);
    let reading = tokio::spawn(async move { while alive.0.next().await.is_some() {} });
    for _ in 0..20 {
        city.change(&SUMMARY, []);
        city.commit();
        sleep(quiet(100)).await;
    }
    assert_eq!(server.api.sockets(), 1);
    reading.abort();
}

#[tokio::test]
async fn handshakes_are_refused_in_words() {
    let settings = json!({ "allowed_origins": ["https://city.example"], "websocket": { "max_connections": 1 } });
    let server = Server::start(&mut filled(), serde_json::from_value(settings).unwrap()).await;
    let connect = async |origin: &str| {
        let mut request = server.url().into_client_request().unwrap();
        request.headers_mut().insert("origin", origin.parse().unwrap());
        connect_async(request).await.map(|(socket, _)| socket).map_err(|error| match error {
            Error::Http(response) => response.status().as_u16(),
            other => panic!("{other}"),
        })
    };
    assert_eq!(connect("https://evil.example").await.err(), Some(403));
    let own_page = connect(&format!("http://127.0.0.1:{}", server.port)).await.expect("the server's own page may");
    assert_eq!(server.api.sockets(), 1);
    assert_eq!(connect("https://city.example").await.err(), Some(503), "all places are taken");
    drop(own_page);
    server.is_left(quiet(1_000)).await;
    assert!(connect("https://city.example").await.is_ok(), "the place is free again");
}
