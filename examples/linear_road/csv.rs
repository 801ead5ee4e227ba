//! Tuples as the benchmark writes them: 15 integers a line, -1 where one is not used.

use std::io::{self, BufRead, Write};

use super::tuple::{Fix, Tuple};

/// Writes a tuple of `second`.
pub(crate) fn write(out: &mut impl Write, second: u32, tuple: &Tuple) -> io::Result<()> {
    match *tuple {
        Tuple::Report { vid, fix } => {
            let (xway, lane, dir, seg) = (fix.xway, fix.lane(), fix.dir(), fix.seg());
            let (speed, pos) = (fix.speed, fix.pos);
            writeln!(out, "0,{second},{vid},{speed},{xway},{lane},{dir},{seg},{pos},-1,-1,-1,-1,-1,-1")
        }
        Tuple::Balance { vid, qid } => {
            writeln!(out, "2,{second},{vid},-1,-1,-1,-1,-1,-1,{qid},-1,-1,-1,-1,-1")
        }
        Tuple::Expenditure { vid, qid, xway, day } => {
            writeln!(out, "3,{second},{vid},-1,{xway},-1,-1,-1,-1,{qid},-1,-1,-1,-1,{day}")
        }
    }
}

/// Reads tuples, each with its second. Travel time queries (type 4) are left out; a line that is none of the types, or says
/// what cannot be, is an error that names it.
pub(crate) fn read(lines: impl BufRead) -> impl Iterator<Item = anyhow::Result<(u32, Tuple)>> {
    (1..).zip(lines.lines()).filter_map(|(number, line)| {
        let tuple = line.map_err(anyhow::Error::from).and_then(|line| parse(line.trim()));
        tuple.map_err(|error| error.context(format!("line {number}"))).transpose()
    })
}

fn parse(line: &str) -> anyhow::Result<Option<(u32, Tuple)>> {
    if line.is_empty() {
        return Ok(None);
    }
    let fields = line.split(',').map(|field| field.trim().parse::<i64>()).collect::<Result<Vec<_>, _>>()?;
    let &[kind, second, vid, speed, xway, lane, dir, seg, pos, qid, _, _, _, _, day] = fields.as_slice() else {
        anyhow::bail!("{} fields instead of 15", fields.len());
    };
    let (second, vid) = (u32::try_from(second)?, u32::try_from(vid)?);
    let tuple = match kind {
        0 => {
            anyhow::ensure!((0..=4).contains(&lane) && (0..=1).contains(&dir), "no such lane or direction");
            let fix = Fix::new(xway.try_into()?, dir.try_into()?, lane.try_into()?, pos.try_into()?, speed.try_into()?);
            anyhow::ensure!(fix.speed <= 100 && seg < 100, "too fast, or off the road");
            anyhow::ensure!(i64::from(fix.seg()) == seg, "position {pos} is not in segment {seg}");
            Tuple::Report { vid, fix }
        }
        2 => Tuple::Balance { vid, qid: qid.try_into()? },
        3 => Tuple::Expenditure { vid, qid: qid.try_into()?, xway: xway.try_into()?, day: day.try_into()? },
        4 => return Ok(None),
        _ => anyhow::bail!("no tuple is of type {kind}"),
    };
    Ok(Some((second, tuple)))
}
