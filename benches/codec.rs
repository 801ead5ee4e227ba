//! Codecs for rows between processes: bincode, which timely writes vectors with; columnar, which it can write containers
//! with; abomonation, which it once used, as a reference. Bytes of a row, and the time to write one and to read it.
//!
//! Reading includes a look at every field: a codec that only points into the bytes pays then. `cargo bench --bench codec`
//! runs it; with `SMARTCITY_BENCH_OUT` naming a folder it also writes `codec.json` there, as `smartcity bench` does.
//!
//! abomonation is unsound (RUSTSEC-2021-0120) and so is what calls it here: bytes of this process only, on rows without
//! padding that a reader could see. Nothing else may use it; docs/adr/0008-codecs.md says why it is here at all.
#![allow(unsafe_code, reason = "abomonation's interface is unsafe; this reference is all that may call it")]

#[path = "codec/codecs.rs"]
mod codecs;
#[path = "suite/report.rs"]
mod report;
#[path = "codec/rows.rs"]
mod rows;

use std::hint::black_box;
use std::path::PathBuf;
use std::time::Instant;

use criterion::{BenchmarkId, Criterion, Throughput};
use serde_json::json;

use self::codecs::{Abomonation, Bincode, Codec, Columnar};
use self::report::{Report, Table};
use self::rows::{Named, Reported, Row, Update};

/// Rows of a batch: about as many as timely puts in a message.
const ROWS: usize = 1_000;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut figures = Figures::new();
    of_row::<Reported>(&mut criterion, &mut figures, "position report");
    of_row::<Named>(&mut criterion, &mut figures, "name");
    // The product's own row: only serde knows its type.
    let readings = rows::readings(ROWS);
    measure(&mut criterion, &mut figures, "GPS reading", &readings, Bincode);
    criterion.final_summary();
    figures.finish();
}

/// All codecs on batches of one type of row.
fn of_row<R: Row>(criterion: &mut Criterion, figures: &mut Figures, name: &'static str)
where
    Bincode: Codec<Update<R>>,
    Columnar<R>: Codec<Update<R>>,
    Abomonation: Codec<Update<R>>,
{
    let rows: Vec<_> = (0..ROWS as u64).map(R::update).collect();
    measure(criterion, figures, name, &rows, Bincode);
    measure(criterion, figures, name, &rows, Columnar::default());
    measure(criterion, figures, name, &rows, Abomonation);
}

fn measure<R, C: Codec<R>>(
    criterion: &mut Criterion,
    figures: &mut Figures,
    name: &'static str,
    rows: &Vec<R>,
    mut codec: C,
) {
    let mut wire = C::Wire::default();
    codec.encode(rows, &mut wire);
    let sum: u64 = rows.iter().fold(0, |sum, row| sum.wrapping_add(C::sum(row)));
    assert_eq!(codec.decode(&mut codec.copy(&wire)), sum, "{} reads {name} as it was written", C::NAME);

    let mut group = criterion.benchmark_group(name);
    group.sample_size(20);
    group.throughput(Throughput::Elements(rows.len() as u64));
    group.bench_function(BenchmarkId::new("encode", C::NAME), |bencher| {
        bencher.iter(|| codec.encode(black_box(rows), &mut wire));
    });
    group.bench_function(BenchmarkId::new("decode", C::NAME), |bencher| {
        // Reading abomonation changes the bytes, so each reading has its own; copying them is not measured.
        let copy = |codec: &C| codec.copy(&wire);
        bencher.iter_batched_ref(|| copy(&codec), |wire| codec.decode(wire), criterion::BatchSize::SmallInput);
    });
    group.finish();

    if figures.is_wanted() {
        let encode = nanoseconds(|| (), |()| codec.encode(black_box(rows), &mut wire));
        let decode = nanoseconds(|| codec.copy(&wire), |mut wire| _ = black_box(codec.decode(&mut wire)));
        figures.row(name, C::NAME, C::length(&wire), [encode, decode]);
    }
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

/// What goes into `codec.json`, where it is wanted.
struct Figures {
    folder: Option<PathBuf>,
    table: Table,
}

impl Figures {
    fn new() -> Self {
        let columns = ["row", "codec", "bytes per row", "encode ns per row", "decode ns per row"];
        let table = Table::new(format!("codecs, batches of {ROWS} rows"), columns);
        Self { folder: std::env::var_os("SMARTCITY_BENCH_OUT").map(PathBuf::from), table }
    }

    fn is_wanted(&self) -> bool {
        self.folder.is_some()
    }

    fn row(&mut self, row: &str, codec: &str, bytes: usize, [encode, decode]: [f64; 2]) {
        let bytes = bytes as f64 / ROWS as f64;
        self.table.row([json!(row), json!(codec), json!(bytes), json!(encode), json!(decode)]);
    }

    fn finish(self) {
        if self.is_wanted() {
            let mut report = Report::new("codec", json!({ "rows": ROWS }));
            report.add(self.table);
            report.note("Decoding includes a look at every field. abomonation is a reference and on no wire.");
            report.finish(self.folder.as_deref()).expect("the figures are written");
        }
    }
}

/// What the report is printed with.
fn print(text: &str) -> anyhow::Result<()> {
    print!("{text}");
    Ok(())
}
