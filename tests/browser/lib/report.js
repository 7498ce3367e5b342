// The table of results, for the terminal and, where STOWAGE_BROWSER_TABLE names a file, for the documents.
import { writeFileSync } from "node:fs";

const results = new Map();

/** Notes how a scenario of a subject ended. */
export function note(subject, scenario, passed, milliseconds) {
  results.set(`${subject} / ${scenario}`, { passed, seconds: (milliseconds / 1000).toFixed(1) });
}

/** Prints and writes the table; what did not run is a dash. */
export function report(subjects, scenarios) {
  const row = (cells) => `| ${cells.join(" | ")} |`;
  const table = (cell) =>
    [
      row(["Scenario", ...subjects]),
      row(["---", ...subjects.map(() => "---")]),
      ...scenarios.map((scenario) => row([scenario, ...subjects.map((subject) => cell(results.get(`${subject} / ${scenario}`)))])),
    ].join("\n");
  const word = (result) => (result ? (result.passed ? "passes" : "FAILS") : "-");
  console.log(`\n${table((result) => (result ? `${word(result)} (${result.seconds} s)` : "-"))}\n`);
  const path = process.env.STOWAGE_BROWSER_TABLE;
  if (path) writeFileSync(path, `${table(word)}\n`);
}
