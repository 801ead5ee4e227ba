//! City directories.

use std::path::Path;

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};
use smartcity::city_files::{self, ImportOptions, Step};

use crate::cli::City;

pub(super) fn run(command: City) -> anyhow::Result<()> {
    match command {
        City::Generate { dir } => {
            let town = city_files::town();
            city_files::write(&town, &dir)?;
            let (summary, dir) = (town.summary(), dir.display());
            super::write(&format!("{summary}\nwritten to {dir}; edit it, then: smartcity demo --city {dir}"))
        }
        City::Check { dir } => {
            let document = city_files::load_document(&dir)?;
            super::write(&format!("{} is a valid city\n{}", dir.display(), document.summary()))
        }
        City::ImportOsm { file, dir, name, service } => import_osm(&file, &dir, name, service),
    }
}

fn import_osm(file: &Path, dir: &Path, name: Option<String>, service: bool) -> anyhow::Result<()> {
    let bar = ProgressBar::new(0);
    bar.set_style(ProgressStyle::with_template("{msg:>8} {wide_bar} {bytes}/{total_bytes}")?);
    let options = ImportOptions { name, with_service: service };
    let document = city_files::import_osm(file, &options, &mut |progress| {
        bar.set_length(progress.total);
        bar.set_position(progress.bytes);
        bar.set_message(match progress.step {
            Step::Ways => "ways",
            Step::Nodes => "nodes",
        });
    })
    .with_context(|| format!("{} was not imported", file.display()))?;
    bar.finish_and_clear();
    city_files::write(&document, dir)?;
    let (summary, dir) = (document.summary(), dir.display());
    super::write(&format!("{summary}\nwritten to {dir}; see it with: smartcity demo --city {dir}"))
}
