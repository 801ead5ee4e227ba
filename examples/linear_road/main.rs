//! wip
#[path = "mod.rs"]
mod linear_road;
use linear_road::generator::*;
use linear_road::tuple::*;
fn main() {
    let n: Vec<u32> = std::env::args().skip(2).map(|a| a.parse().unwrap()).collect();
    match std::env::args().nth(1).unwrap().as_str() {
        "agree" => return try_agree(n[0], n[1], n[2], n[3] as usize),
        "fast" => return try_fast(n[0], n[1], n[2], n[3], n[4] as usize),
        _ => {}
    }
    let halves: u32 = n[0];
    for begin in [0, 3600, 9600, 10740] {
        let t = std::time::Instant::now();
        let mut g = Generator::new(Traffic { seed: 1, halves, begin });
        let made = t.elapsed();
        let t = std::time::Instant::now();
        let mut tuples = Vec::new();
        let (mut n, mut last) = (0, 0);
        let (mut cross, mut q) = (0, 0);
        let mut segs = std::collections::HashMap::<Segment, u32>::new();
        let end = if begin == 0 { 10800 } else { (begin + 120).min(10800) };
        let (mut sp, mut lanes) = (0u64, [0; 5]);
        while g.second() < end {
            tuples.clear();
            g.next_second(&mut tuples);
            n += tuples.len();
            last = tuples.len();
            if begin == 9600 || begin == 10740 {
                for t in &tuples {
                    match t {
                        Tuple::Report { fix, .. } => {
                            sp += fix.speed as u64;
                            lanes[fix.lane() as usize] += 1;
                            *segs.entry(fix.segment()).or_default() += 1;
                        }
                        _ => q += 1,
                    }
                }
            }
        }
        let e = t.elapsed();
        println!(
            "begin {begin}: made in {made:?}; {n} tuples in {e:?}, {:.0} ns each; last second {last}; queries {q}, lanes {lanes:?} mean speed {}",
            e.as_nanos() as f64 / n as f64,
            sp / (n as u64)
        );
        cross += 1;
        let _ = cross;
        if !segs.is_empty() {
            let mut v: Vec<_> = segs.values().copied().collect();
            v.sort();
            println!(
                "segs {} min {} p25 {} median {} max {}",
                v.len(),
                v[0],
                v[v.len() / 4],
                v[v.len() / 2],
                v[v.len() - 1]
            );
        }
    }
}
#[allow(unused)]
pub(crate) fn try_agree(halves: u32, from: u32, to: u32, workers: usize) {
    let traffic = Traffic { seed: 7, halves, begin: from };
    let mut g = Generator::new(traffic);
    let weeks: Vec<_> = linear_road::history::weeks(7, 20_000, 1).collect();
    let t = std::time::Instant::now();
    let seconds = (from..to).map(|s| {
        let mut v = Vec::new();
        g.next_second(&mut v);
        (s, v)
    });
    let a = linear_road::agreement::compare(seconds, &weeks, workers).unwrap();
    println!(
        "{} tuples, {:?}, in debt {}, differences {} {:?} in {:?}",
        a.tuples,
        a.answers,
        a.in_debt,
        a.differences.len(),
        &a.differences[..a.differences.len().min(5)],
        t.elapsed()
    );
}
#[allow(unused)]
pub(crate) fn try_fast(halves: u32, from: u32, fast: u32, to: u32, workers: usize) {
    let mut run = linear_road::run::Run::start(Traffic { seed: 7, halves, begin: from }, workers).unwrap();
    run.fast(from + 31, |_| {}).unwrap();
    let c = run.fast(fast, |_| {}).unwrap();
    println!(
        "L {} workers {workers}: {c:?}: {:.0}/s {:.2} cpu-s/M",
        halves as f64 / 2.0,
        c.tuples as f64 / c.took.as_secs_f64(),
        c.cpu.unwrap().as_secs_f64() * 1e6 / c.tuples as f64
    );
    if to > fast {
        let (c, r) = run.real_time(to, |_| {}).unwrap();
        println!("{c:?}");
        for r in r.by_kind() {
            println!("{r:?}");
        }
    }
    run.stop();
}
