//! The connection, and the script by which everything is written.

use std::time::Duration;

use redis::sentinel::{Sentinel as Sentinels, SentinelNodeConnectionInfo};
use redis::{Client, Connection, ConnectionInfo, ErrorKind, IntoConnectionInfo, RedisError, Script, ServerErrorKind};
use serde_json::json;
use smartcity_dataflow::view::Position;

use super::settings::{RedisSettings, Ttl};
use super::writes::{Value, Writes};
use crate::secret::SecretUrl;
use crate::sink::SinkError;

/// Keys of a script: a server that runs one serves nobody else meanwhile (about 4 ms with a hundred).
const SCRIPT_KEYS: usize = 100;

/// Redis indexes no place nearer to a pole.
const GEO_LATITUDE: f64 = 85.05112878;

/// Writes keys where the fence lets it, and answers 0; else answers generation and tick that it found.
///
/// KEYS: fence, registry, places, then the keys. ARGV: generation, tick, whether to move the fence, channel, message, time
/// to live of registry and places, then of each key its value (empty: it goes) and its time to live, then of each vehicle
/// its name, longitude (empty: it goes) and latitude. Times are in milliseconds.
const WRITE: &str = r"
local found = redis.call('HMGET', KEYS[1], 'generation', 'tick')
local generation, tick = tonumber(found[1] or 0), tonumber(found[2] or 0)
local own, now = tonumber(ARGV[1]), tonumber(ARGV[2])
if generation > own or (generation == own and tick > now) then
    return {found[1], found[2] or '0'}
end
if generation < own then
    redis.call('HSET', KEYS[1], 'generation', ARGV[1], 'tick', '0')
end
local at = 7
for key = 4, #KEYS do
    if ARGV[at] == '' then
        redis.call('DEL', KEYS[key])
        redis.call('SREM', KEYS[2], KEYS[key])
    else
        redis.call('SET', KEYS[key], ARGV[at], 'PX', ARGV[at + 1])
        redis.call('SADD', KEYS[2], KEYS[key])
    end
    at = at + 2
end
while ARGV[at] do
    if ARGV[at + 1] == '' then
        redis.call('ZREM', KEYS[3], ARGV[at])
    else
        redis.call('GEOADD', KEYS[3], ARGV[at + 1], ARGV[at + 2], ARGV[at])
    end
    at = at + 3
end
redis.call('PEXPIRE', KEYS[2], ARGV[6])
redis.call('PEXPIRE', KEYS[3], ARGV[6])
if ARGV[3] == '1' then
    redis.call('HSET', KEYS[1], 'tick', ARGV[2])
end
if ARGV[5] ~= '' then
    redis.call('PUBLISH', ARGV[4], ARGV[5])
end
return {}
";

/// Where the server is.
enum Address {
    Known(Client),
    AskedFor { sentinels: Vec<ConnectionInfo>, master: String, node: SentinelNodeConnectionInfo },
}

/// A server, and the connection to it while there is one.
pub(super) struct Server {
    address: Address,
    /// How the address is called in messages.
    shown: String,
    connection: Option<Connection>,
    script: Script,
    timeout: Duration,
    prefix: String,
    ttl: Ttl,
}

/// What is ours on the server and in no snapshot.
pub(super) struct Ghosts {
    /// Keys, without the prefix.
    pub(super) keys: Vec<String>,
    /// Vehicles with a place.
    pub(super) vehicles: Vec<String>,
}

impl Server {
    pub(super) fn new(settings: &RedisSettings) -> Result<Self, SinkError> {
        if let Some(message) = settings.fault() {
            return Err(SinkError::Refused(format!("redis: {message}"), None));
        }
        let own = connection_info(&settings.url)?;
        let (address, shown) = match &settings.sentinel {
            None => {
                let client = Client::open(own).map_err(|error| unusable(&settings.url, error))?;
                (Address::Known(client), settings.url.to_string())
            }
            Some(sentinel) => {
                let node =
                    SentinelNodeConnectionInfo::default().set_redis_connection_info(own.redis_settings().clone());
                let sentinels = sentinel.urls.iter().map(connection_info).collect::<Result<_, _>>()?;
                let shown = format!("the master {} of the Sentinels", sentinel.master);
                (Address::AskedFor { sentinels, master: sentinel.master.clone(), node }, shown)
            }
        };
        Ok(Self {
            address,
            shown,
            connection: None,
            script: Script::new(WRITE),
            timeout: Duration::from_millis(settings.timeout_ms),
            prefix: settings.prefix.clone(),
            ttl: settings.ttl,
        })
    }

    /// Connects anew, and fences off engines that started before this one.
    pub(super) fn connect(&mut self, position: Position) -> Result<(), SinkError> {
        self.connection = None;
        let connect = || {
            let asked;
            let client = match &self.address {
                Address::Known(client) => client,
                Address::AskedFor { sentinels, master, node } => {
                    asked = Sentinels::build(sentinels.clone())?.master_for(master, Some(node))?;
                    &asked
                }
            };
            let mut connection = client.get_connection_with_timeout(self.timeout)?;
            connection.set_read_timeout(Some(self.timeout))?;
            connection.set_write_timeout(Some(self.timeout))?;
            // Where it wants a password it says so to a short command; to one with many arguments it says something else.
            redis::cmd("PING").exec(&mut connection)?;
            Ok(connection)
        };
        self.connection = Some(connect().map_err(|error| self.failed(error))?);
        self.run(&[], &[], position, false)
    }

    /// What is ours on the server and not among `writes`.
    pub(super) fn ghosts(&mut self, writes: &Writes) -> Result<Ghosts, SinkError> {
        let (registry, places) = (self.name("smartcity:keys"), self.name("vehicle:geo"));
        let ours: Vec<String> = self.scan("SSCAN", &registry)?;
        let vehicles: Vec<(String, f64)> = self.scan("ZSCAN", &places)?;
        let ours = ours.iter().filter_map(|key| key.strip_prefix(&*self.prefix));
        let vehicles = vehicles.into_iter().map(|(vehicle, _)| vehicle);
        Ok(Ghosts {
            keys: ours.filter(|key| !writes.has(key)).map(str::to_owned).collect(),
            vehicles: vehicles.filter(|vehicle| !writes.has_place(vehicle)).collect(),
        })
    }

    /// Everything in a collection, a part at a time.
    fn scan<T: redis::FromRedisValue>(&mut self, command: &str, key: &str) -> Result<Vec<T>, SinkError> {
        let Some(connection) = &mut self.connection else { return Err(self.gone()) };
        let mut scan = redis::cmd(command);
        scan.arg(key).cursor_arg(0).arg("COUNT").arg(500);
        let all = scan.iter(connection).and_then(|rows| rows.collect());
        all.map_err(|error| self.failed(error))
    }

    /// Writes all of it, the fence last. After an error nobody knows how much of it is written.
    pub(super) fn write(&mut self, writes: &Writes, position: Position) -> Result<(), SinkError> {
        let keys: Vec<_> = writes.keys().collect();
        let places: Vec<_> = writes.places().collect();
        let scripts = keys.len().div_ceil(SCRIPT_KEYS).max(places.len().div_ceil(SCRIPT_KEYS)).max(1);
        let (mut keys, mut places) = (keys.chunks(SCRIPT_KEYS), places.chunks(SCRIPT_KEYS));
        for script in 1..=scripts {
            let (keys, places) = (keys.next().unwrap_or_default(), places.next().unwrap_or_default());
            self.run(keys, places, position, script == scripts)?;
        }
        Ok(())
    }

    fn run(
        &mut self,
        keys: &[(&str, Option<&Value>)],
        places: &[(&str, Option<(f64, f64)>)],
        position: Position,
        moves_the_fence: bool,
    ) -> Result<(), SinkError> {
        let mut call = self.script.prepare_invoke();
        for key in ["smartcity:fence", "smartcity:keys", "vehicle:geo"] {
            call.key(self.name(key));
        }
        call.arg(position.generation).arg(position.through).arg(i32::from(moves_the_fence));
        call.arg(self.name("smartcity:changes")).arg(self.message(keys, position));
        call.arg(self.ttl.longest().as_millis() as u64);
        for (key, value) in keys {
            call.key(self.name(key));
            match value {
                Some(value) => call.arg(&*value.json).arg(self.ttl.of(value.kind).as_millis() as u64),
                None => call.arg("").arg(0),
            };
        }
        for (vehicle, place) in places {
            call.arg(*vehicle);
            match place.filter(|(_, latitude)| latitude.abs() <= GEO_LATITUDE) {
                Some((longitude, latitude)) => call.arg(longitude).arg(latitude),
                None => call.arg("").arg(""),
            };
        }
        let Some(connection) = &mut self.connection else { return Err(self.gone()) };
        let found: Vec<u64> = call.invoke(connection).map_err(|error| self.failed(error))?;
        let [generation, tick] = *found else { return Ok(()) };
        let message = format!(
            "redis: an engine of generation {generation} has written tick {tick} to {}, this one is of generation {}: stop \
             one of them or give it another prefix; where the other is gone for good, delete the key {}",
            self.shown,
            position.generation,
            self.name("smartcity:fence")
        );
        Err(SinkError::Refused(message, None))
    }

    /// What the channel says of a script: which keys it writes.
    fn message(&self, keys: &[(&str, Option<&Value>)], position: Position) -> String {
        if keys.is_empty() {
            return String::new();
        }
        let of = |is_set: bool| -> Vec<_> {
            keys.iter().filter(|(_, value)| value.is_some() == is_set).map(|(key, _)| self.name(key)).collect()
        };
        json!({ "tick": position.through, "set": of(true), "deleted": of(false) }).to_string()
    }

    fn name(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    fn gone(&self) -> SinkError {
        SinkError::Retry(format!("redis: there is no connection to {}", self.shown), None)
    }

    /// What an error means. The connection is not used again.
    fn failed(&mut self, error: RedisError) -> SinkError {
        self.connection = None;
        let advice = match error.kind() {
            ErrorKind::AuthenticationFailed => "check user and password in its url",
            _ if matches!(error.code(), Some("NOAUTH" | "WRONGPASS")) => "check user and password in its url",
            ErrorKind::InvalidClientConfig => "check its url",
            ErrorKind::Server(ServerErrorKind::NoPerm) => {
                "its user needs PING, EVALSHA, SCRIPT LOAD and what the script calls, on all keys and channels of the prefix"
            }
            ErrorKind::Server(ServerErrorKind::CrossSlot | ServerErrorKind::Moved) => {
                "it is a cluster, which is not supported: name a server by itself, or Sentinels"
            }
            ErrorKind::Extension if error.code() == Some("WRONGTYPE") => {
                "a key that is ours by name is another program's: set a prefix"
            }
            _ => {
                let message =
                    format!("redis: {} does not answer ({error}); all is written anew when it does", self.shown);
                return SinkError::Retry(message, None); // its cause is in the words
            }
        };
        SinkError::Refused(format!("redis: {} refuses us ({error}): {advice}", self.shown), None)
    }
}

fn connection_info(url: &SecretUrl) -> Result<ConnectionInfo, SinkError> {
    url.expose().into_connection_info().map_err(|error| unusable(url, error))
}

/// A url that is none. The error's own words are left out, since they may hold a password.
fn unusable(url: &SecretUrl, _: RedisError) -> SinkError {
    let message = format!(
        "redis: the url {url} cannot be used: write redis://[[user:]password@]host[:port][/database]; there is no TLS \
         (rediss://) yet"
    );
    SinkError::Refused(message, None)
}
