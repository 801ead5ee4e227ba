//! A real broker for the tests, and what they do to it.

use std::fs;
use std::future::Future;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::pin::pin;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::message::OwnedHeaders;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use smartcity_dataflow::testing::skip;
use tempfile::TempDir;

/// What a broker may take to start, or to answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// A broker of one node, that ends with this value.
pub(crate) struct Broker {
    folder: TempDir,
    jars: PathBuf,
    port: u16,
    process: Mutex<Option<Child>>,
}

/// A message to produce.
#[derive(Clone, Default)]
pub(crate) struct Record {
    pub(crate) partition: i32,
    pub(crate) key: Option<String>,
    pub(crate) value: Option<String>,
    pub(crate) header: Option<(&'static str, &'static str)>,
    pub(crate) at: Option<i64>,
}

static SHARED: Mutex<Weak<Broker>> = Mutex::new(Weak::new());

impl Broker {
    /// The broker that the tests share; says so and gives `None` where there are no jars, and the test is to skip.
    pub(crate) fn shared() -> Option<Arc<Self>> {
        let mut shared = SHARED.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(broker) = shared.upgrade() {
            return Some(broker);
        }
        let broker = Arc::new(Self::start()?);
        *shared = Arc::downgrade(&broker);
        Some(broker)
    }

    /// A broker of its own, for a test that ends it.
    pub(crate) fn start() -> Option<Self> {
        let jars = std::env::var_os("SMARTCITY_KAFKA_JARS").map(PathBuf::from).unwrap_or_default();
        if !jars.is_dir() {
            skip(
                "no Kafka broker: SMARTCITY_KAFKA_JARS names no folder of its jars; `make services` says how to get them",
            );
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let [port, controller] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let [port, controller] = [port, controller].map(|listener| listener.local_addr().unwrap().port());
        let settings = format!(
            "process.roles=broker,controller\nnode.id=1\ncontroller.quorum.voters=1@127.0.0.1:{controller}\n\
             listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}\n\
             advertised.listeners=PLAINTEXT://127.0.0.1:{port}\ncontroller.listener.names=CONTROLLER\n\
             listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT\n\
             inter.broker.listener.name=PLAINTEXT\nlog.dirs={}\nnum.partitions=1\nauto.create.topics.enable=false\n\
             offsets.topic.replication.factor=1\noffsets.topic.num.partitions=1\n\
             transaction.state.log.replication.factor=1\ntransaction.state.log.min.isr=1\n\
             transaction.state.log.num.partitions=1\nlog.cleaner.backoff.ms=200\nlog.initial.task.delay.ms=100\n\
             log.retention.check.interval.ms=500\n",
            folder.path().join("logs").display()
        );
        fs::write(folder.path().join("server.properties"), settings).unwrap();
        fs::write(folder.path().join("log4j.properties"), "log4j.rootLogger=OFF\n").unwrap();
        let broker = Self { folder, jars, port, process: Mutex::new(None) };
        let format = ["kafka.tools.StorageTool", "format", "-t", "MkU3OEVBNTcwNTJENDM2Qg", "-c"];
        let formatted = broker.java(&format).arg(broker.folder.path().join("server.properties")).output().unwrap();
        assert!(formatted.status.success(), "{}", String::from_utf8_lossy(&formatted.stderr));
        broker.resume();
        Some(broker)
    }

    fn java(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("java");
        let log4j = self.folder.path().join("log4j.properties");
        command.args(["-Xmx384m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp"]);
        command
            .arg(format!("{}/*", self.jars.display()))
            .arg(format!("-Dlog4j.configuration=file:{}", log4j.display()));
        command.args(arguments).stdout(Stdio::null());
        command
    }

    /// Starts the process, and waits until it answers.
    pub(crate) fn resume(&self) {
        let log = fs::File::create(self.folder.path().join("stderr")).unwrap();
        let mut command = self.java(&["kafka.Kafka"]);
        let child = command.arg(self.folder.path().join("server.properties")).stderr(log).spawn().unwrap();
        *self.process.lock().unwrap() = Some(child);
        let until = Instant::now() + PATIENCE;
        let answers = || TcpStream::connect(("127.0.0.1", self.port)).is_ok();
        while !answers() || self.admin().inner().fetch_metadata(None, Duration::from_secs(2)).is_err() {
            let log = || fs::read_to_string(self.folder.path().join("stderr")).unwrap_or_default();
            assert!(Instant::now() < until, "the broker does not start: {}", log());
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// Kills the process; what it wrote stays.
    pub(crate) fn kill(&self) {
        if let Some(mut child) = self.process.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take() {
            let _: io::Result<()> = child.kill();
            let _ = child.wait();
        }
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.address()).set("linger.ms", "2");
        config
    }

    fn admin(&self) -> AdminClient<DefaultClientContext> {
        self.config().create().unwrap()
    }

    pub(crate) fn create(&self, topic: &str, partitions: i32, settings: &[(&str, &str)]) {
        let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
        let new = settings.iter().fold(new, |new, (name, value)| new.set(name, value));
        let admin = self.admin();
        let created = wait(admin.create_topics([&new], &AdminOptions::new())).unwrap();
        created.into_iter().for_each(|outcome| _ = outcome.unwrap());
    }

    pub(crate) fn grow(&self, topic: &str, partitions: usize) {
        let admin = self.admin();
        wait(admin.create_partitions([&NewPartitions::new(topic, partitions)], &AdminOptions::new())).unwrap();
    }

    pub(crate) fn delete(&self, topic: &str) {
        let admin = self.admin();
        let deleted = wait(admin.delete_topics(&[topic], &AdminOptions::new())).unwrap();
        deleted.into_iter().for_each(|outcome| _ = outcome.unwrap());
        thread::sleep(Duration::from_millis(500)); // the broker forgets it a moment later
    }

    /// Deletes the records of partition 0 before `offset`.
    pub(crate) fn cut(&self, topic: &str, offset: i64) {
        let mut offsets = TopicPartitionList::new();
        offsets.add_partition_offset(topic, 0, Offset::Offset(offset)).unwrap();
        let admin = self.admin();
        wait(admin.delete_records(&offsets, &AdminOptions::new())).unwrap();
    }

    pub(crate) fn produce(&self, topic: &str, records: impl IntoIterator<Item = Record>) {
        let producer: BaseProducer = self.config().create().unwrap();
        send(&producer, topic, records);
        producer.flush(PATIENCE).unwrap();
    }

    /// Produces each list of records in a transaction of its own, which is committed or aborted.
    pub(crate) fn transact(&self, topic: &str, transactions: impl IntoIterator<Item = (bool, Vec<Record>)>) {
        let producer: BaseProducer = self.config().set("transactional.id", topic).create().unwrap();
        producer.init_transactions(PATIENCE).unwrap();
        for (commits, records) in transactions {
            producer.begin_transaction().unwrap();
            send(&producer, topic, records);
            producer.flush(PATIENCE).unwrap();
            if commits {
                producer.commit_transaction(PATIENCE).unwrap();
            } else {
                producer.abort_transaction(PATIENCE).unwrap();
            }
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.kill();
    }
}

fn send(producer: &BaseProducer, topic: &str, records: impl IntoIterator<Item = Record>) {
    let until = Instant::now() + PATIENCE;
    for Record { partition, key, value, header, at } in records {
        let mut record = BaseRecord::<String, String>::to(topic).partition(partition);
        if let Some(key) = &key {
            record = record.key(key);
        }
        if let Some(value) = &value {
            record = record.payload(value);
        }
        if let Some((name, value)) = header {
            let header = rdkafka::message::Header { key: name, value: Some(value) };
            record = record.headers(OwnedHeaders::new().insert(header));
        }
        if let Some(at) = at {
            record = record.timestamp(at);
        }
        let mut unsent = producer.send(record);
        while let Err((_, record)) = unsent {
            assert!(Instant::now() < until, "the producer's queue stays full");
            producer.poll(Duration::from_millis(10));
            unsent = producer.send(record);
        }
        producer.poll(Duration::ZERO);
    }
}

/// Waits for an answer of the admin client, which has a thread of its own.
fn wait<T>(answer: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let (mut answer, until) = (pin!(answer), Instant::now() + PATIENCE);
    loop {
        if let Poll::Ready(answer) = answer.as_mut().poll(&mut Context::from_waker(&waker)) {
            return answer;
        }
        assert!(Instant::now() < until, "the broker gives no answer");
        thread::park_timeout(Duration::from_millis(100));
    }
}
