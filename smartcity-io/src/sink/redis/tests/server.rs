//! Real servers for the tests.

use std::fs;
use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use smartcity_dataflow::testing::skip;
use tempfile::TempDir;

/// What a server may take to start, or to answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// A server, or a Sentinel, that ends with this value.
pub(super) struct RedisServer {
    folder: TempDir,
    program: PathBuf,
    arguments: Vec<String>,
    port: u16,
    process: Mutex<Option<Child>>,
}

/// A port that was free a moment ago.
pub(super) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// The program; says so and gives `None` where there is none, and the test is to skip.
fn program() -> Option<PathBuf> {
    let program = std::env::var_os("SMARTCITY_REDIS_SERVER").map(PathBuf::from).unwrap_or_default();
    if program.is_file() {
        return Some(program);
    }
    skip("no Redis server: SMARTCITY_REDIS_SERVER names no redis-server; `make services` says how to get one");
    None
}

impl RedisServer {
    /// A server that keeps nothing on disk, with more `settings`.
    pub(super) fn start(settings: &[&str]) -> Option<Self> {
        let arguments = ["--save", "", "--appendonly", "no"].into_iter().chain(settings.iter().copied());
        Self::begin(program()?, |_| arguments.map(str::to_owned).collect())
    }

    /// A Sentinel that watches `master` under the name `city`, and takes it for dead after half a second.
    pub(super) fn sentinel(master: &Self, quorum: usize) -> Option<Self> {
        let settings = format!(
            "sentinel monitor city 127.0.0.1 {} {quorum}\nsentinel down-after-milliseconds city 500\n\
             sentinel failover-timeout city 3000\n",
            master.port
        );
        Self::begin(program()?, |folder| {
            let file = folder.join("sentinel.conf");
            fs::write(&file, settings).unwrap();
            vec![file.display().to_string(), "--sentinel".to_owned()]
        })
    }

    fn begin(program: PathBuf, arguments: impl FnOnce(&Path) -> Vec<String>) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let arguments = arguments(folder.path());
        let server = Self { folder, program, arguments, port: free_port(), process: Mutex::new(None) };
        server.resume();
        Some(server)
    }

    /// Starts the process, and waits until it answers.
    pub(super) fn resume(&self) {
        let mut command = Command::new(&self.program);
        let folder = self.folder.path().display().to_string();
        command.args(&self.arguments).args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--dir", &folder]);
        let log = fs::File::create(self.folder.path().join("log")).unwrap();
        *self.process.lock().unwrap() = Some(command.stdout(log).stderr(Stdio::null()).spawn().unwrap());
        let until = Instant::now() + PATIENCE;
        while !self.answers() {
            let log = || fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            assert!(Instant::now() < until, "the server does not start: {}", log());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Whether it answers, if only that it wants a password.
    fn answers(&self) -> bool {
        let Ok(client) = redis::Client::open(self.url()) else { return false };
        let Ok(mut connection) = client.get_connection_with_timeout(Duration::from_secs(1)) else { return false };
        let answer = redis::cmd("PING").query::<String>(&mut connection);
        answer.map_or_else(|error| error.code() == Some("NOAUTH"), |_| true)
    }

    /// Kills the process.
    pub(super) fn kill(&self) {
        if let Some(mut child) = self.process.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take() {
            let _: io::Result<()> = child.kill();
            let _ = child.wait();
        }
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(super) fn connect(&self) -> redis::Connection {
        redis::Client::open(self.url()).unwrap().get_connection_with_timeout(PATIENCE).unwrap()
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}
