//! The report of a campaign: one JSON line for each run, as a document.

use std::collections::BTreeMap;

use serde_json::Value;

/// Members that a table has a column for.
const COLUMNS: [&str; 5] = ["lost", "wrong_bytes", "resurrected", "orphans", "worst_heal_minutes"];
/// Members that are said elsewhere or say nothing to a reader.
const SILENT: [&str; 5] = ["guarantee", "trials", "seconds", "fresh_seed", "fuzz"];

/// The document, from the lines that tests wrote. A line that is no JSON is an error.
pub fn render(lines: &str) -> Result<String, serde_json::Error> {
    let lines = lines.lines().map(serde_json::from_str).collect::<Result<Vec<Value>, _>>()?;
    let mut text = String::from(INTRODUCTION);
    text.push_str(
        "## Trials\n\n| run | trials | lost | wrong bytes | resurrected | orphans | healed within | more |\n",
    );
    text.push_str("|---|---|---|---|---|---|---|---|\n");
    let of = |line: &Value, name: &str| line[name].as_str().unwrap_or_default().to_owned();
    let mut trials: Vec<&Value> =
        lines.iter().filter(|line| line["guarantee"].is_string() && line["off"].is_null()).collect();
    trials.sort_by_key(|line| of(line, "guarantee"));
    for line in trials {
        text.push_str(&format!("| {} | {} |", of(line, "guarantee"), line["trials"]));
        for column in COLUMNS {
            let value = &line[column];
            let unit = if column == "worst_heal_minutes" && !value.is_null() { " min" } else { "" };
            let shown = if value.is_null() { String::new() } else { value.to_string() };
            text.push_str(&format!(" {shown}{unit} |"));
        }
        let more = line.as_object().into_iter().flatten();
        let more: Vec<String> = more
            .filter(|(name, _)| !COLUMNS.contains(&name.as_str()) && !SILENT.contains(&name.as_str()))
            .map(|(name, value)| format!("{}: {}", name.replace('_', " "), words(value)))
            .collect();
        text.push_str(&format!(" {} |\n", more.join("; ")));
    }
    text.push_str("\n## Builds without one safeguard\n\n| safeguard | missed after | by |\n|---|---|---|\n");
    let off: BTreeMap<String, &Value> =
        lines.iter().filter(|line| line["off"].is_string()).map(|line| (of(line, "off"), line)).collect();
    for (name, line) in &off {
        text.push_str(&format!("| {name} | {} trials | {} |\n", line["trials"], of(line, "found")));
    }
    text.push_str("\n## Fuzzing\n\n| target | runs | seconds | crashes |\n|---|---|---|---|\n");
    for line in lines.iter().filter(|line| line["fuzz"].is_string()) {
        let (name, runs, seconds) = (of(line, "fuzz"), &line["runs"], &line["seconds"]);
        text.push_str(&format!("| {name} | {runs} | {seconds} | {} |\n", line["crashes"]));
    }
    Ok(text)
}

fn words(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| format!("{} {value}", name.replace('_', " ")));
            members.collect::<Vec<_>>().join(", ")
        }
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

const INTRODUCTION: &str = "# The last campaign

`make campaign` tries every counted guarantee as often as is promised and writes this file; `make test` makes a fiftieth
of the trials. A run is one line of `docs/campaign.jsonl`. What each guarantee says and which test proves it is in
[GUARANTEES.md](GUARANTEES.md).

";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_line_has_its_table() {
        let text = render(
            "{\"guarantee\":\"G19\",\"trials\":7,\"lost\":0,\"kills\":{\"after_reply\":2},\"worst_heal_minutes\":30}\n\
             {\"guarantee\":\"SAFEGUARDS\",\"off\":\"Lease\",\"trials\":3,\"found\":\"SharedLease\"}\n\
             {\"fuzz\":\"keys\",\"runs\":5,\"seconds\":1,\"crashes\":0}",
        )
        .unwrap();
        for line in [
            "| G19 | 7 | 0 |  |  |  | 30 min | kills: after reply 2 |",
            "| Lease | 3 trials | SharedLease |",
            "| keys | 5 | 1 | 0 |",
        ] {
            assert!(text.contains(line), "{text}");
        }
        assert!(render("{").is_err());
    }
}
