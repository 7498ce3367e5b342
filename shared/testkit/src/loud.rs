//! What did not run is said in every run.

use std::io::Write as _;

/// A line that the test harness does not hold back, as it does what a passing test prints.
pub fn loudly(line: &str) {
    // A closed stderr is no reason to fail.
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
