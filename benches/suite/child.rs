//! A figure in a process of its own: processor time and memory are then its alone.

use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// One case, in a process of its own.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Once {
    /// Only this case, given as JSON; prints its figures as JSON.
    #[arg(long, value_name = "CASE", hide = true)]
    once: Option<String>,
}

impl Once {
    /// Where this process is for one case: measures it and prints the figures. `false` where it is not.
    pub(crate) fn run<C: DeserializeOwned, F: Serialize>(
        &self,
        measure: impl FnOnce(C) -> anyhow::Result<F>,
    ) -> anyhow::Result<bool> {
        let Some(case) = &self.once else { return Ok(false) };
        let figures = measure(serde_json::from_str(case).context("no such case")?)?;
        super::print(&serde_json::to_string(&figures)?)?;
        Ok(true)
    }
}

/// The figures of a case.
pub(crate) fn measure<F: DeserializeOwned>(bench: &str, case: &impl Serialize) -> anyhow::Result<F> {
    let case = serde_json::to_string(case)?;
    let program = std::env::current_exe().context("this program is not found again")?;
    let output = Command::new(program).args(["bench", bench, "--once", &case]).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        bail!("the case {case} failed: {}", output.status);
    }
    serde_json::from_slice(&output.stdout).with_context(|| format!("the case {case} printed no figures"))
}

/// Of several runs of a case the one with the median of `figure`.
pub(crate) fn median<F: DeserializeOwned>(
    bench: &str,
    case: &impl Serialize,
    runs: u8,
    figure: impl Fn(&F) -> f64,
) -> anyhow::Result<F> {
    let mut all = (0..runs.max(1)).map(|_| measure(bench, case)).collect::<anyhow::Result<Vec<F>>>()?;
    all.sort_by(|a, b| figure(a).total_cmp(&figure(b)));
    Ok(all.swap_remove(all.len() / 2))
}
