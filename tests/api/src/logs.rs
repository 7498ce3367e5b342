//! G60 for every test of this binary: what the functions log at level `trace`, searched for what must not be in it.
//!
//! Whatever is sent or handed out that is secret or personal becomes a canary. A line that shows one ends the process at
//! once, so that no handler can catch the failure.

use std::collections::HashMap;
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Once, PoisonError, RwLock};

use serde_json::Value;
use storage_lambda::config::{LogConfig, LogFormat};
use storage_lambda::observability;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::Registry;

/// The e-mail address that every token carries.
pub const EMAIL: &str = "canary.person@mail.example";

/// The functions whose own lines are written too.
const FUNCTIONS: &[&str] = &[
    "complete-upload",
    "delete-file",
    "direct-upload",
    "health",
    "issue-upload",
    "process-upload",
    "resolve-url",
];

/// Canaries are looked up by so many first bytes, so that a line is searched for all of them in one pass.
const HEAD: usize = 5;
/// From this length on a canary is one wherever it stands; shorter ones must stand alone.
const UNMISTAKABLE: usize = 16;
/// So much of a canary is enough: a line that was cut is a leak too.
const ENOUGH: usize = 40;

static SCANNER: LazyLock<Arc<Scanner>> = LazyLock::new(Arc::default);

/// What must not be logged, and how much has been searched.
#[derive(Debug, Default)]
pub struct Scanner {
    canaries: RwLock<HashMap<[u8; HEAD], Vec<String>>>,
    lines: AtomicUsize,
}

impl Scanner {
    /// Adds a token, a signature, a key, a body. What is shorter than 8 bytes could be anything.
    pub fn secret(&self, text: &str) {
        if text.len() >= 8 {
            let mut end = text.len().min(ENOUGH);
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            self.add(&text[..end]);
        }
    }

    /// Adds a bearer token as a whole and in its parts.
    pub fn token(&self, token: &str) {
        self.secret(token);
        for part in token.split('.').filter(|part| part.len() >= UNMISTAKABLE) {
            self.secret(part);
        }
    }

    /// Adds the name of a file. One without a dot is a word like others, unless it is long.
    pub fn name(&self, name: &str) {
        if name.contains('.') || name.len() >= UNMISTAKABLE {
            self.add(name);
        }
    }

    /// Adds what people wrote into a JSON body: names of files, metadata and ids of their own.
    pub fn members(&self, body: &Value) {
        let Value::Object(members) = body else { return };
        for (name, value) in members {
            match (name.as_str(), value) {
                ("filename", Value::String(text)) => self.name(text),
                ("external_id" | "scope", Value::String(text)) => self.secret(text),
                ("metadata", Value::Object(members)) => {
                    members.values().filter_map(Value::as_str).for_each(|text| self.secret(text));
                }
                _ => {}
            }
        }
    }

    fn add(&self, canary: &str) {
        let Some(head) = canary.as_bytes().first_chunk::<HEAD>() else { return };
        let mut canaries = self.canaries.write().unwrap_or_else(PoisonError::into_inner);
        let known = canaries.entry(*head).or_default();
        if !known.iter().any(|known| known == canary) {
            known.push(canary.to_owned());
        }
    }

    /// The canary that a line shows, as it is or behind escapes.
    pub fn find(&self, line: &str) -> Option<String> {
        self.lines.fetch_add(1, Ordering::Relaxed);
        let canaries = self.canaries.read().unwrap_or_else(PoisonError::into_inner);
        let shown = |text: &str| {
            text.as_bytes().windows(HEAD).enumerate().find_map(|(start, head)| {
                let known = canaries.get(head)?;
                let rest = &text.as_bytes()[start..];
                let alone = |length: usize| {
                    let beside = |byte: Option<&u8>| byte.is_none_or(|byte| !byte.is_ascii_alphanumeric());
                    beside(start.checked_sub(1).map(|before| &text.as_bytes()[before]))
                        && beside(rest.get(length))
                };
                known.iter().find(|canary| {
                    rest.starts_with(canary.as_bytes())
                        && (canary.len() >= UNMISTAKABLE || alone(canary.len()))
                })
            })
        };
        let plain = line.contains('\\').then(|| line.replace("\\\"", "\"").replace("\\\\", "\\"));
        shown(line).or_else(|| plain.as_deref().and_then(shown)).cloned()
    }

    /// How many lines have been searched.
    pub fn lines(&self) -> usize {
        self.lines.load(Ordering::Relaxed)
    }
}

/// The scanner of this process.
pub fn scanner() -> &'static Scanner {
    &SCANNER
}

/// Writes everything that is logged from now on to the scanner, in both formats, as the functions themselves would.
pub(crate) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        SCANNER.secret(EMAIL);
        let config = |format| LogConfig { filter: "trace".to_owned(), format };
        let json = observability::lines(&config(LogFormat::Json), FUNCTIONS, || Searched);
        let text = observability::lines(&config(LogFormat::Text), FUNCTIONS, || Searched);
        let subscriber = Registry::default().with(json).with(text);
        tracing::subscriber::set_global_default(subscriber).expect("nobody else listens in this process");
    });
}

/// Takes lines and keeps none.
struct Searched;

impl Write for Searched {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let line = String::from_utf8_lossy(bytes);
        if let Some(canary) = SCANNER.find(&line) {
            // Straight to the terminal: what the test harness has captured is lost when a process aborts.
            let told = format!("\nG60: a log line shows {canary:?}: {line}\n");
            let _ = std::io::stderr().write_all(told.as_bytes());
            std::process::abort();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
