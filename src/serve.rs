//! Serving the views over HTTP until told to stop.

use std::net::ToSocketAddrs;
use std::time::Duration;

use anyhow::Context;
use smartcity::Health;
use smartcity::api::{self, Api, Figures};
use smartcity::view::Views;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::settings::Listen;

/// The API, listening and not yet serving.
pub(crate) struct Server {
    runtime: tokio::runtime::Runtime,
    listeners: Vec<TcpListener>,
    /// Where a person looks.
    pub(crate) url: String,
}

impl Server {
    /// Takes the port, on every address of the host.
    pub(crate) fn bind(listen: &Listen) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let Listen { host, port } = listen;
        let host = host.trim_matches(['[', ']']);
        let addresses: Vec<_> = (host, *port)
            .to_socket_addrs()
            .with_context(|| format!("{host} is no address of this machine: set listen.host (API_HOST) to one"))?
            .collect();
        let mut listeners: Vec<TcpListener> = Vec::new();
        let mut refused = None;
        for mut address in addresses {
            if let (0, Some(first)) = (*port, listeners.first()) {
                address.set_port(first.local_addr()?.port()); // any port, but the same one on every address
            }
            match runtime.block_on(TcpListener::bind(address)) {
                Ok(listener) => listeners.push(listener),
                // A name may have an IPv6 address on a machine without IPv6.
                Err(error) if error.kind() == std::io::ErrorKind::AddrNotAvailable => refused = Some(error),
                Err(error) => {
                    return Err(error).with_context(|| {
                        format!("cannot listen on {address}: choose another port with --port (API_PORT)")
                    });
                }
            }
        }
        let Some(first) = listeners.first() else {
            return Err(refused.map_or_else(|| anyhow::anyhow!("{host} has no address"), anyhow::Error::from))
                .with_context(|| {
                    format!("cannot listen on {host}: set listen.host (API_HOST) to an address of this machine")
                });
        };
        let port = first.local_addr()?.port();
        let shown = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        Ok(Self { runtime, listeners, url: format!("http://{shown}:{port}") })
    }

    /// Serves `views`, and beside them `figures` and the health of the `parts`, until `stop` is done and all clients are told; calls `reload` at every
    /// SIGHUP.
    pub(crate) fn run(
        self,
        views: Views,
        settings: api::Settings,
        figures: impl Fn() -> Figures + Send + Sync + 'static,
        parts: impl Fn() -> Vec<(String, Health)> + Send + Sync + 'static,
        stop: impl Future<Output = ()> + Send + 'static,
        reload: impl Fn() + Send + 'static,
    ) -> anyhow::Result<()> {
        let api = Api::new(views, settings);
        api.metrics().ask(figures);
        api.components().ask(parts);
        let (stopping, stopped) = tokio::sync::watch::channel(false);
        self.runtime.block_on(async move {
            let mut servers = tokio::task::JoinSet::new();
            for listener in self.listeners {
                let mut stopped = stopped.clone();
                let stop = async move {
                    let _ = stopped.wait_for(|stopped| *stopped).await;
                };
                servers.spawn(api::run(listener, api.clone(), stop));
            }
            tokio::spawn(async move {
                stop.await;
                stopping.send_replace(true);
            });
            let mut hangup = signal(SignalKind::hangup())?;
            tokio::spawn(async move {
                while hangup.recv().await.is_some() {
                    tokio::task::block_in_place(&reload);
                }
            });
            while let Some(ended) = servers.join_next().await {
                ended.context("the server panicked")?.context("the server failed")?;
            }
            anyhow::Ok(())
        })?;
        self.runtime.shutdown_timeout(Duration::from_millis(100));
        Ok(())
    }
}

/// Ends when the process is told to stop: by Ctrl-C, or by SIGTERM.
pub(crate) async fn told_to_stop() {
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        }
        Err(error) => {
            tracing::warn!(%error, "SIGTERM cannot be heard");
            let _ = tokio::signal::ctrl_c().await;
        }
    }
}
