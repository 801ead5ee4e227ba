//! Codecs for rows between processes: bincode, which timely writes vectors with, and columnar, which it can write containers
//! with. `cargo bench --bench codec` measures beside them the one that timely once used.

pub(crate) mod codecs;
pub(crate) mod figures;
pub(crate) mod rows;

use clap::Args;

use self::codecs::{Bincode, Codec, Columnar, Look};
use self::figures::{Figures, ROWS};
use self::rows::{Named, Reported, Row, Update};
use super::{Common, report};

#[derive(Clone, Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    common: Common,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let mut figures = Figures::new();
    of_row::<Reported>(&mut figures, "position report");
    of_row::<Named>(&mut figures, "name");
    // The product's own row: only serde knows its type.
    figures.measure("GPS reading", &rows::readings(ROWS), Bincode);
    figures.finish(options.common.out.as_deref())
}

fn of_row<R: Row>(figures: &mut Figures, name: &str)
where
    Update<R>: Look,
    Bincode: Codec<Update<R>>,
    Columnar<R>: Codec<Update<R>>,
{
    let rows = rows::updates(ROWS);
    figures.measure(name, &rows, Bincode);
    figures.measure(name, &rows, Columnar::default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_as_they_were_written() {
        let mut figures = Figures::new();
        of_row::<Reported>(&mut figures, "position report");
        of_row::<Named>(&mut figures, "name");
        figures.measure("GPS reading", &rows::readings(ROWS), Bincode);
        figures.finish(None).unwrap();
    }
}
