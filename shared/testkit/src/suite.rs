//! Runs a table of named cases and collects every failure, not only the first.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

/// The longest a case may take. A hang is a failure like any other.
const CASE_LIMIT: Duration = Duration::from_secs(120);

/// One promise: `B` is what the case works on, `D` the known differences between servers.
pub struct Case<B, D> {
    /// The name in reports.
    pub name: &'static str,
    /// The power that the server lacks to run this case at all; `None` where it has all it takes.
    pub lacks: fn(&D) -> Option<&'static str>,
    /// The case. It fails by panicking.
    pub run: fn(B) -> BoxFuture<'static, ()>,
}

/// A table of cases: `module::function`, and in brackets the fields of the differences that must be `true`.
macro_rules! cases {
    ($($module:ident :: $name:ident $([$($power:ident),+])?,)+) => {
        &[$($crate::suite::Case {
            name: stringify!($name),
            lacks: |_differences| {
                $($(if !_differences.$power { return Some(stringify!($power)); })+)?
                None
            },
            run: |bench| Box::pin($module::$name(bench)),
        },)+]
    };
}
pub(crate) use cases;

/// How one case ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The promise is kept.
    Passed,
    /// The server lacks the named power.
    Skipped(&'static str),
    /// The promise is broken; the message of the assertion.
    Failed(String),
}

/// How all cases ended on one server. Its `Display` names each case, skipped ones loudly.
#[derive(Clone, Debug)]
pub struct Report {
    /// The server, as reports name it.
    pub server: String,
    /// The cases, in the order of the table.
    pub cases: Vec<Ended>,
}

/// A case that has ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// Its name.
    pub name: &'static str,
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took.
    pub took: Duration,
}

impl Report {
    /// The cases that failed, with their messages.
    pub fn failures(&self) -> Vec<(&'static str, &str)> {
        let mut failures = Vec::new();
        for case in &self.cases {
            if let Outcome::Failed(message) = &case.outcome {
                failures.push((case.name, message.as_str()));
            }
        }
        failures
    }

    /// How many cases passed, were skipped and failed.
    pub fn counts(&self) -> (usize, usize, usize) {
        let skipped = self.cases.iter().filter(|case| matches!(case.outcome, Outcome::Skipped(_))).count();
        let failed = self.failures().len();
        (self.cases.len() - skipped - failed, skipped, failed)
    }

    /// Panics with the list of failed cases, if there are any.
    pub fn assert_passed(&self) {
        let failures: Vec<String> =
            self.failures().iter().map(|(name, message)| format!("  {name}: {message}")).collect();
        let count = failures.len();
        assert!(failures.is_empty(), "{}: {count} cases failed\n{}", self.server, failures.join("\n"));
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (passed, skipped, failed) = self.counts();
        writeln!(formatter, "{}: {passed} passed, {skipped} skipped, {failed} failed", self.server)?;
        for Ended { name, outcome, took } in &self.cases {
            match outcome {
                Outcome::Passed => writeln!(formatter, "  ok      {name} ({} ms)", took.as_millis())?,
                Outcome::Skipped(power) => {
                    writeln!(formatter, "  SKIPPED {name}: {} lacks {power}", self.server)?;
                }
                Outcome::Failed(message) => writeln!(formatter, "  FAILED  {name}: {message}")?,
            }
        }
        Ok(())
    }
}

/// Runs all cases of a table, one after the other, each on a bench of its own.
pub async fn run_cases<B, D>(
    server: &str,
    cases: &[Case<B, D>],
    differences: &D,
    bench: impl Fn(&'static str) -> B,
) -> Report {
    let mut ended = Vec::with_capacity(cases.len());
    for case in cases {
        let start = Instant::now();
        let outcome = match (case.lacks)(differences) {
            Some(power) => Outcome::Skipped(power),
            None => outcome_of((case.run)(bench(case.name))).await,
        };
        ended.push(Ended { name: case.name, outcome, took: start.elapsed() });
    }
    Report { server: server.to_owned(), cases: ended }
}

async fn outcome_of(case: impl Future<Output = ()>) -> Outcome {
    match AssertUnwindSafe(tokio::time::timeout(CASE_LIMIT, case)).catch_unwind().await {
        Ok(Ok(())) => Outcome::Passed,
        Ok(Err(_)) => Outcome::Failed(format!("no end after {} s", CASE_LIMIT.as_secs())),
        Err(panic) => Outcome::Failed(message_of(panic.as_ref())),
    }
}

fn message_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("panicked without words").to_owned()
}

/// Polls `condition` until it gives a value, for what may lag and for nothing else. Panics after `limit` with what the
/// condition said last.
pub async fn eventually<T, F>(limit: Duration, mut condition: impl FnMut() -> F) -> T
where
    F: Future<Output = Result<T, String>>,
{
    let deadline = Instant::now() + limit;
    let mut ticks = tokio::time::interval(Duration::from_millis(20));
    loop {
        ticks.tick().await;
        match condition().await {
            Ok(value) => return value,
            Err(last) => assert!(Instant::now() < deadline, "not within {} ms: {last}", limit.as_millis()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Differences {
        power: bool,
    }

    async fn passes(_bench: ()) {}
    async fn fails(_bench: ()) {
        panic!("it is broken");
    }

    mod this {
        pub(super) use super::{fails, passes};
    }

    const CASES: &[Case<(), Differences>] = cases![this::passes, this::fails, this::passes[power],];

    #[tokio::test]
    async fn every_case_is_reported_and_a_failure_does_not_hide_the_next() {
        let report = run_cases("toy", CASES, &Differences { power: false }, |_| ()).await;
        assert_eq!(report.counts(), (1, 1, 1));
        let text = report.to_string();
        assert!(text.contains("SKIPPED passes: toy lacks power"), "{text}");
        assert!(text.contains("FAILED  fails: it is broken"), "{text}");
    }

    #[tokio::test]
    async fn eventually_polls_until_there_is_a_value() {
        let mut calls = 0;
        let value = eventually(Duration::from_secs(5), || {
            calls += 1;
            let answer = if calls == 3 { Ok(calls) } else { Err(format!("{calls} calls")) };
            async move { answer }
        })
        .await;
        assert_eq!(value, 3);
    }
}
