//! Log lines: one event, one line, written so that it reads alone and can be queried by its fields.

use std::panic;

use tracing::{Level, Metadata};
use tracing_subscriber::filter::{FilterExt, Targets, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::Registry;

use crate::config::{Config, LogConfig, LogFormat};

/// The most characters of a panic's message.
const PANIC_CHARS: usize = 300;

/// Sends log lines to standard output, and panics too. `function` is the name of the calling crate.
///
/// Of other people's crates only warnings and errors are written, at any configured level: at lower ones they print
/// headers, queries and bodies. A second call has no effect.
pub fn init(config: &LogConfig, function: &'static str) {
    let first =
        tracing::subscriber::set_global_default(subscriber(config, function, std::io::stdout)).is_ok();
    if first {
        panic::set_hook(Box::new(log_panic));
    }
}

/// Logs what is allowed in the configuration but should be known.
pub fn log_warnings(config: &Config) {
    for warning in config.warnings() {
        tracing::warn!(config.warning = warning, "configuration accepted with a warning");
    }
}

/// The subscriber of [`init`], writing to `writer`.
pub fn subscriber<W>(
    config: &LogConfig,
    function: &'static str,
    writer: W,
) -> impl tracing::Subscriber + Send + Sync + use<W>
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    // The configuration has checked the filter already.
    let configured: Targets =
        config.filter.parse().unwrap_or_else(|_| Targets::new().with_default(Level::INFO));
    let function = function.replace('-', "_");
    let ours = move |metadata: &Metadata<'_>| {
        let name = metadata.target().split("::").next().unwrap_or_default();
        *metadata.level() <= Level::WARN || name.starts_with("storage_") || name == function
    };
    let lines = tracing_subscriber::fmt::layer().with_writer(writer).with_target(true);
    let lines = match config.format {
        // The span is that of the request, so that every line has its id.
        LogFormat::Json => {
            lines.json().flatten_event(true).with_current_span(true).with_span_list(false).boxed()
        }
        LogFormat::Text => lines.with_ansi(false).compact().boxed(),
    };
    Registry::default().with(lines.with_filter(configured.and(filter_fn(ours))))
}

/// One line for a panic. The runtime's own report would be several, and no query would find it.
fn log_panic(info: &panic::PanicHookInfo<'_>) {
    let payload = info.payload();
    let message = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    let message: String = message
        .chars()
        // What follows a quote may be a file name or a body.
        .take_while(|character| !matches!(character, '`' | '"'))
        .take(PANIC_CHARS)
        .map(|character| if character.is_control() { ' ' } else { character })
        .collect();
    let location = info.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!(panic.message = message, panic.location = location, "panicked");
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Captured(Arc<Mutex<Vec<u8>>>);

    impl Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl Captured {
        fn run(filter: &str, format: LogFormat, action: impl FnOnce()) -> String {
            let captured = Captured::default();
            let writer = captured.clone();
            let config = LogConfig { filter: filter.to_owned(), format };
            let subscriber = subscriber(&config, "issue-upload", move || writer.clone());
            tracing::subscriber::with_default(subscriber, action);
            let bytes = captured.0.lock().unwrap().clone();
            String::from_utf8(bytes).unwrap()
        }
    }

    #[test]
    fn a_line_is_one_json_object_with_dotted_fields_and_the_request() {
        let text = Captured::run("info", LogFormat::Json, || {
            let _request = tracing::info_span!("request", request_id = "r-1").entered();
            tracing::info!(target: "storage_services::ingest", { tenant.id = "t", size_bytes = 3 }, "file ready\nx");
        });
        assert_eq!(text.lines().count(), 1, "{text}");
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["tenant.id"], "t");
        assert_eq!(line["size_bytes"], 3);
        assert_eq!(line["message"], "file ready\nx");
        assert_eq!(line["level"], "INFO");
        assert_eq!(line["span"]["request_id"], "r-1");
    }

    #[test]
    fn g60_other_crates_are_held_to_warnings_at_any_level() {
        let text = Captured::run("trace", LogFormat::Text, || {
            tracing::trace!(target: "aws_smithy_runtime::client", "authorization: canary");
            tracing::info!(target: "lambda_runtime", "canary");
            tracing::warn!(target: "hyper", "connection lost");
            tracing::trace!(target: "issue_upload", "ours");
            tracing::debug!(target: "storage_core::key", "ours too");
        });
        assert!(!text.contains("canary"), "{text}");
        assert_eq!(text.lines().count(), 3, "{text}");
    }
}
