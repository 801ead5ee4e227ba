//! Every change of every view as a line of JSON.

use std::io::{BufWriter, ErrorKind, Write};
use std::sync::{Arc, Mutex};
use std::thread;

use crossbeam_channel::{Receiver, bounded};
use serde_json::json;
use smartcity_dataflow::view::{Changes, Views};

use super::{Listening, Sink};

/// Ticks that wait for the writer; with more the engine waits, so that none is lost.
const WAITING_TICKS: usize = 256;

/// Writes view changes as NDJSON, one change a line, in order of ticks, views and keys:
///
/// ```json
/// {"through":1795443481000,"view":"summary","key":null,"diff":1,"row":{"vehicles":1}}
/// ```
///
/// `diff` is 1 for a row that came and -1 for one that went.
#[derive(Debug)]
pub struct EmitChanges<W> {
    writer: W,
    views: Option<Vec<String>>,
}

impl<W: Write + Send + 'static> EmitChanges<W> {
    /// Writes to `writer`.
    pub fn new(writer: W) -> Self {
        Self { writer, views: None }
    }

    /// Writes these views only.
    #[must_use]
    pub fn only(mut self, views: impl IntoIterator<Item = String>) -> Self {
        self.views = Some(views.into_iter().collect());
        self
    }
}

impl<W: Write + Send + 'static> Sink for EmitChanges<W> {
    fn listen(self: Box<Self>, views: &Views) -> Listening {
        let (sender, receiver) = bounded(WAITING_TICKS);
        let sender = Arc::new(Mutex::new(Some(sender)));
        let open = Arc::clone(&sender);
        views.on_changes(move |changes| {
            let sender = open.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone();
            if let Some(sender) = sender {
                // The writer has ended where this fails; it has said why.
                let _ = sender.send(Arc::clone(changes));
            }
        });
        let thread = thread::Builder::new().name("emit changes".to_owned()).spawn(move || self.write(&receiver));
        if let Err(error) = &thread {
            tracing::error!(%error, "the writer of changes did not start");
        }
        let close = move || drop(sender.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take());
        Listening::new(close, thread.ok())
    }
}

impl<W: Write> EmitChanges<W> {
    fn write(self, ticks: &Receiver<Arc<Changes>>) {
        let mut out = BufWriter::new(self.writer);
        let wanted = |view: &str| self.views.as_ref().is_none_or(|views| views.iter().any(|wanted| wanted == view));
        for changes in ticks {
            let through = changes.position().through;
            let mut outcome = Ok(());
            changes.for_each(|view, key, row, diff| {
                if outcome.is_ok() && wanted(view) {
                    let line = json!({"through": through, "view": view, "key": key, "diff": diff, "row": row});
                    outcome = writeln!(out, "{line}");
                }
            });
            if outcome.is_ok() && ticks.is_empty() {
                outcome = out.flush();
            }
            match outcome {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::BrokenPipe => return, // the reader has seen enough
                Err(error) => return tracing::error!(%error, "changes could not be written"),
            }
        }
    }
}
