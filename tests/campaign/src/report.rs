//! The report of a campaign: one JSON line for each run, as a document.

use std::collections::BTreeMap;

use serde_json::Value;
use storage_core::safeguards::Safeguard;

/// Members that a table has a column for.
const COLUMNS: [&str; 5] = ["lost", "wrong_bytes", "resurrected", "orphans", "worst_heal_minutes"];
/// Members that are said elsewhere or say nothing to a reader.
const SILENT: [&str; 5] = ["guarantee", "trials", "seconds", "fresh_seed", "fuzz"];

/// The document, from the lines that tests wrote; an error where a campaign is not whole or not clean.
pub fn render(lines: &str) -> Result<String, String> {
    let lines = lines.lines().map(serde_json::from_str).collect::<Result<Vec<Value>, _>>();
    let lines = lines.map_err(|error| error.to_string())?;
    judge(&lines)?;
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

/// Nothing was lost, and every safeguard was missed.
fn judge(lines: &[Value]) -> Result<(), String> {
    for line in lines {
        // A trial may be one of crashes; a fuzzer's are findings.
        let crashes = if line["fuzz"].is_string() { "crashes" } else { "lost" };
        for name in ["lost", "wrong_bytes", "resurrected", "orphans", "other", crashes] {
            if line[name].as_u64().is_some_and(|count| count > 0) {
                return Err(format!("{name} is not 0: {line}"));
            }
        }
    }
    for safeguard in Safeguard::ALL {
        let name = format!("{safeguard:?}");
        if !lines.iter().any(|line| line["off"] == name.as_str()) {
            return Err(format!("nobody missed {name}"));
        }
    }
    Ok(())
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

    fn lines(more: &str) -> String {
        let off = Safeguard::ALL.map(|off| {
            format!("{{\"guarantee\":\"SAFEGUARDS\",\"off\":\"{off:?}\",\"trials\":3,\"found\":\"Lost\"}}\n")
        });
        format!("{}{more}", off.concat())
    }

    #[test]
    fn every_kind_of_line_has_its_table() {
        let more = "{\"guarantee\":\"G19\",\"trials\":7,\"lost\":0,\"kills\":{\"after_reply\":2},\"worst_heal_minutes\":30}\n\
             {\"fuzz\":\"keys\",\"runs\":5,\"seconds\":1,\"crashes\":0}";
        let text = render(&lines(more)).unwrap();
        for line in [
            "| G19 | 7 | 0 |  |  |  | 30 min | kills: after reply 2 |",
            "| Lease | 3 trials | Lost |",
            "| keys | 5 | 1 | 0 |",
        ] {
            assert!(text.contains(line), "{text}");
        }
    }

    #[test]
    fn a_campaign_that_is_not_whole_or_not_clean_has_no_document() {
        assert!(render("{").is_err());
        assert!(render("").unwrap_err().contains("Lease"));
        assert!(render(&lines("{\"guarantee\":\"G19\",\"lost\":1}")).unwrap_err().contains("lost"));
    }
}
