//! Codecs for rows between processes, beside the one that timely once used: `smartcity bench codec` with abomonation as a
//! reference, by criterion. With `SMARTCITY_BENCH_OUT` naming a folder the figures of all three are written there.
//!
//! abomonation is unsound (RUSTSEC-2021-0120) and so is what calls it here: bytes of this process only, on rows without
//! padding that a reader could see. Nothing else may use it; docs/adr/0008-codecs.md says why it is here at all.
#![allow(unsafe_code, reason = "abomonation's interface is unsafe; this reference is all that may call it")]

#[path = "suite/codec/codecs.rs"]
mod codecs;
#[path = "suite/codec/figures.rs"]
mod figures;
#[path = "suite/report.rs"]
mod report;
#[path = "suite/codec/rows.rs"]
mod rows;

use std::hint::black_box;
use std::path::PathBuf;

use criterion::{BenchmarkId, Criterion, Throughput};

use self::codecs::{Bincode, Codec, Columnar, Look};
use self::figures::{Figures, ROWS, written};
use self::rows::{Named, Reported, Row, Update};

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let folder = std::env::var_os("SMARTCITY_BENCH_OUT").map(PathBuf::from);
    let mut figures = folder.as_ref().map(|_| Figures::new());
    of_row::<Reported>(&mut criterion, figures.as_mut(), "position report");
    of_row::<Named>(&mut criterion, figures.as_mut(), "name");
    // The product's own row: only serde knows its type.
    measure(&mut criterion, figures.as_mut(), "GPS reading", &rows::readings(ROWS), || Bincode);
    criterion.final_summary();
    if let Some(figures) = figures {
        figures.finish(folder.as_deref()).expect("the figures are written");
    }
}

/// All codecs on batches of one type of row.
fn of_row<R: Row>(criterion: &mut Criterion, mut figures: Option<&mut Figures>, name: &'static str)
where
    Update<R>: Look,
    Bincode: Codec<Update<R>>,
    Columnar<R>: Codec<Update<R>>,
    Abomonation: Codec<Update<R>>,
{
    let rows = rows::updates(ROWS);
    measure(criterion, figures.as_deref_mut(), name, &rows, || Bincode);
    measure(criterion, figures.as_deref_mut(), name, &rows, Columnar::default);
    measure(criterion, figures, name, &rows, || Abomonation);
}

fn measure<R: Look, C: Codec<R>>(
    criterion: &mut Criterion,
    figures: Option<&mut Figures>,
    name: &'static str,
    rows: &Vec<R>,
    codec: impl Fn() -> C,
) {
    if let Some(figures) = figures {
        figures.measure(name, rows, codec());
    }
    let mut codec = codec();
    let mut wire = written(name, rows, &mut codec);
    let mut group = criterion.benchmark_group(name);
    group.sample_size(20);
    group.throughput(Throughput::Elements(rows.len() as u64));
    group.bench_function(BenchmarkId::new("encode", C::NAME), |bencher| {
        bencher.iter(|| codec.encode(black_box(rows), &mut wire));
    });
    group.bench_function(BenchmarkId::new("decode", C::NAME), |bencher| {
        // Reading abomonation changes the bytes, so each reading has its own; copying them is not measured.
        bencher.iter_batched_ref(|| wire.clone(), |wire| codec.decode(wire), criterion::BatchSize::SmallInput);
    });
    group.finish();
}

/// The memory of the rows as it is.
struct Abomonation;

impl<R: abomonation::Abomonation + Look> Codec<R> for Abomonation {
    const NAME: &'static str = "abomonation";
    type Word = u8;

    fn encode(&mut self, rows: &Vec<R>, wire: &mut Vec<u8>) {
        wire.clear();
        // SAFETY: none to be had, which is the advisory: padding is read. The bytes stay in this process.
        unsafe { abomonation::encode(rows, wire) }.expect("rows are written to memory");
    }

    fn decode(&self, wire: &mut Vec<u8>) -> u64 {
        assert_eq!(wire.as_ptr().align_offset(align_of::<Vec<R>>()), 0, "the buffer is aligned for the rows");
        // SAFETY: the bytes are those that `encode` wrote for this type in this process, and aligned for it.
        let (rows, _) = unsafe { abomonation::decode::<Vec<R>>(wire) }.expect("rows are read as they were written");
        rows.iter().map(Look::look).fold(0, u64::wrapping_add)
    }
}

/// What the report is printed with.
fn print(text: &str) -> anyhow::Result<()> {
    print!("{text}");
    Ok(())
}
