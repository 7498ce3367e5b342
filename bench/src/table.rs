//! What was measured, as `docs/BENCHMARKS.md` for readers and `docs/benchmarks.json` for comparisons.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{Outcome, during};

/// One run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Table {
    /// What every random choice was derived from.
    pub(crate) seed: u64,
    /// Processor, cores, memory and system.
    pub(crate) machine: String,
    /// What was measured, with versions.
    pub(crate) versions: Vec<String>,
    /// The lines, in the order of the targets.
    pub(crate) rows: Vec<Row>,
}

/// One work, done by the product and by one peer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Row {
    /// The target that it is about, such as `T1`; empty where there is none.
    pub(crate) target: String,
    /// What was done. With `peer` the name by which two runs are compared.
    pub(crate) work: String,
    /// Who did it too; empty where nobody did.
    pub(crate) peer: String,
    /// Of `ours` and `theirs`, such as `ms CPU`.
    pub(crate) unit: String,
    /// What the product took: the median over the rounds.
    pub(crate) ours: f64,
    /// What the peer took.
    pub(crate) theirs: Option<f64>,
    /// How many times better the product is.
    pub(crate) ratio: Option<f64>,
    /// The ratios that `ratio` is the geometric mean of, by name. A run may have fewer of them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) parts: BTreeMap<String, f64>,
    /// What is aimed at.
    pub(crate) goal: Goal,
    /// How often it was measured.
    pub(crate) rounds: usize,
    /// How it was measured, and why the goal is missed where it is.
    pub(crate) note: String,
}

/// What is aimed at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Goal {
    /// Nothing: the row is for information.
    Nothing,
    /// To be at least this many times better than the peer.
    Ratio(f64),
    /// To take at most this much, in the unit of the row.
    AtMost(f64),
    /// Something else, judged where it was measured.
    Judged {
        /// What is aimed at.
        aim: String,
        /// Whether it was reached.
        met: bool,
    },
}

impl Row {
    /// The name by which two runs are compared.
    pub(crate) fn name(&self) -> String {
        if self.peer.is_empty() { self.work.clone() } else { format!("{} beside {}", self.work, self.peer) }
    }

    /// Whether the goal is reached; `None` without one.
    pub(crate) fn met(&self) -> Option<bool> {
        match &self.goal {
            Goal::Nothing => None,
            Goal::Ratio(least) => Some(self.ratio.is_some_and(|ratio| ratio >= *least)),
            Goal::AtMost(most) => Some(self.ours <= *most),
            Goal::Judged { met, .. } => Some(*met),
        }
    }

    fn line(&self) -> String {
        let aim = match &self.goal {
            Goal::Nothing => String::new(),
            Goal::Ratio(least) => format!(">= {least}x"),
            Goal::AtMost(most) => format!("<= {most} {}", self.unit),
            Goal::Judged { aim, .. } => aim.clone(),
        };
        let met = match self.met() {
            None => "",
            Some(true) => "yes",
            Some(false) => "**no**",
        };
        let theirs = self.theirs.map_or(String::new(), |theirs| format!("{}: {}", self.peer, short(theirs)));
        let ratio = self.ratio.map_or(String::new(), |ratio| format!("{ratio:.2}x"));
        let fields =
            [&self.target, &self.work, &self.unit, &short(self.ours), &theirs, &ratio, &aim, met, &self.note];
        let rounds = if self.rounds == 0 { String::new() } else { self.rounds.to_string() };
        format!("| {} | {rounds} |", fields.map(|field| field.replace('|', "\\|")).join(" | "))
    }
}

/// Three digits that matter.
fn short(value: f64) -> String {
    match value.abs() {
        large if large >= 100.0 => format!("{value:.0}"),
        medium if medium >= 10.0 => format!("{value:.1}"),
        unit if unit >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

/// What the document says about how its numbers came about. The table follows.
const INTRODUCTION: &str = include_str!("introduction.md");

impl Table {
    /// The document.
    pub(crate) fn markdown(&self) -> String {
        let mut text = INTRODUCTION.to_owned();
        let _ = writeln!(text, "\nMachine: {}. Seed: {}.", self.machine, self.seed);
        let _ = writeln!(text, "Versions: {}.\n", self.versions.join(", "));
        text.push_str("| | work | unit | ours | peer | ratio | target | met | how, and why not | rounds |\n");
        text.push_str("|---|---|---|---|---|---|---|---|---|---|\n");
        for row in &self.rows {
            text.push_str(&row.line());
            text.push('\n');
        }
        for row in self.rows.iter().filter(|row| row.parts.len() > 1) {
            let parts: Vec<_> = row.parts.iter().map(|(name, ratio)| format!("{name} {ratio:.2}x")).collect();
            let _ = writeln!(text, "\n{}: {}.", row.name(), parts.join(", "));
        }
        text
    }

    /// Writes both forms into `docs/`. What a load test has left in `target/bench/load.md` becomes a section.
    pub(crate) fn write(&self, root: &Path) -> Outcome<()> {
        let mut text = self.markdown();
        if let Ok(load) = fs::read_to_string(root.join("target/bench/load.md")) {
            text.push('\n');
            text.push_str(load.trim());
            text.push('\n');
        }
        let json = during("the table", serde_json::to_string_pretty(self))?;
        during("docs/BENCHMARKS.md", fs::write(root.join("docs/BENCHMARKS.md"), text))?;
        during("docs/benchmarks.json", fs::write(root.join("docs/benchmarks.json"), json + "\n"))
    }

    /// The committed table.
    pub(crate) fn read(root: &Path) -> Outcome<Self> {
        let text = during("docs/benchmarks.json", fs::read_to_string(root.join("docs/benchmarks.json")))?;
        during("docs/benchmarks.json", serde_json::from_str(&text))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn row(work: &str, ratio: f64, goal: Goal) -> Row {
        Row {
            target: "T1".into(),
            work: work.into(),
            peer: "sharp".into(),
            unit: "ms CPU".into(),
            ours: 10.0,
            theirs: Some(10.0 * ratio),
            ratio: Some(ratio),
            parts: BTreeMap::new(),
            goal,
            rounds: 9,
            note: String::new(),
        }
    }

    pub(crate) fn table(rows: Vec<Row>) -> Table {
        Table { seed: 1, machine: "a machine".into(), versions: vec!["sharp 1".into()], rows }
    }

    #[test]
    fn goals_are_judged() {
        assert_eq!(row("a", 2.0, Goal::Ratio(2.0)).met(), Some(true));
        assert_eq!(row("a", 1.9, Goal::Ratio(2.0)).met(), Some(false));
        assert_eq!(row("a", 1.9, Goal::AtMost(9.0)).met(), Some(false));
        assert_eq!(row("a", 1.9, Goal::Nothing).met(), None);
    }

    #[test]
    fn a_line_has_as_many_fields_as_the_heading() {
        let text = table(vec![row("a|b", 2.0, Goal::Ratio(3.0))]).markdown();
        let line = text.lines().find(|line| line.contains("**no**")).unwrap();
        assert_eq!(line, "| T1 | a\\|b | ms CPU | 10.0 | sharp: 20.0 | 2.00x | >= 3x | **no** |  | 9 |");
        assert!(text.contains("|---|---|---|---|---|---|---|---|---|---|\n| T1 "));
    }

    #[test]
    fn both_forms_say_the_same() {
        let folder = std::env::temp_dir().join(format!("stowage-bench-{}", std::process::id()));
        fs::create_dir_all(folder.join("docs")).unwrap();
        fs::create_dir_all(folder.join("target/bench")).unwrap();
        fs::write(folder.join("target/bench/load.md"), "## Under load\n").unwrap();
        let written = table(vec![row("a", 2.0, Goal::Ratio(3.0))]);
        written.write(&folder).unwrap();
        assert_eq!(Table::read(&folder).unwrap().rows, written.rows);
        let document = fs::read_to_string(folder.join("docs/BENCHMARKS.md")).unwrap();
        assert_eq!(document, written.markdown() + "\n## Under load\n");
        fs::remove_dir_all(folder).unwrap();
    }
}
