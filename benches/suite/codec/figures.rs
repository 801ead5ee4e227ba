//! What a row costs on the wire: its bytes, the time to write it and the time to read it.

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use serde_json::json;

use super::codecs::{Codec, Look};
use super::report::{Plot, Report, Table};

/// Rows of a batch: about as many as timely puts in a message.
pub(crate) const ROWS: usize = 1_000;

/// The figures of each codec on each type of row.
pub(crate) struct Figures(Table);

impl Figures {
    pub(crate) fn new() -> Self {
        let columns = ["row", "codec", "bytes per row", "encode ns per row", "decode ns per row"];
        let mut table = Table::new(format!("codecs, batches of {ROWS} rows"), columns);
        table.draw(Plot {
            title: "What a row costs on the wire",
            x: "row",
            y: &[("encode ns per row", "encode"), ("decode ns per row", "decode")],
            unit: "nanoseconds a row",
            by: &["codec"],
        });
        Self(table)
    }

    /// Measures a codec on rows that the codec reads as they were written.
    pub(crate) fn measure<R: Look, C: Codec<R>>(&mut self, name: &str, rows: &Vec<R>, mut codec: C) {
        let mut wire = written(name, rows, &mut codec);
        let encode = nanoseconds(|| (), |()| codec.encode(black_box(rows), &mut wire));
        let decode = nanoseconds(|| wire.clone(), |mut wire| _ = black_box(codec.decode(&mut wire)));
        let bytes = size_of_val(wire.as_slice()) as f64 / rows.len() as f64;
        self.0.row([json!(name), json!(C::NAME), json!(bytes), json!(encode), json!(decode)]);
    }

    /// Prints the figures, and writes `codec.json` where a folder is given.
    pub(crate) fn finish(self, folder: Option<&Path>) -> anyhow::Result<()> {
        let mut report = Report::new("codec", json!({ "rows": ROWS }));
        report.add(self.0);
        report.note(
            "Decoding includes a look at every field. abomonation, where it is there, is a reference and on no wire.",
        );
        report.finish(folder)
    }
}

/// The rows as bytes, once it is clear that they can be read again.
pub(crate) fn written<R: Look, C: Codec<R>>(name: &str, rows: &Vec<R>, codec: &mut C) -> Vec<C::Word> {
    let mut wire = Vec::new();
    codec.encode(rows, &mut wire);
    let sum = rows.iter().map(Look::look).fold(0, u64::wrapping_add);
    assert_eq!(codec.decode(&mut wire.clone()), sum, "{} reads {name} as it was written", C::NAME);
    wire
}

/// Nanoseconds of a row, the median of several runs; making the input is not measured.
fn nanoseconds<I>(mut input: impl FnMut() -> I, mut run: impl FnMut(I)) -> f64 {
    const RUNS: usize = 301;
    let mut times: Vec<_> = (0..RUNS)
        .map(|_| {
            let input = input();
            let began = Instant::now();
            run(input);
            began.elapsed().as_nanos() as f64 / ROWS as f64
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[RUNS / 2]
}
