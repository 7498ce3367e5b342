//! Log lines: one event, one line, written so that it reads alone and can be queried by its fields.

use std::any::Any;
use std::panic;

use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::filter::{FilterExt, Targets, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::{LookupSpan, Registry};

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
) -> impl Subscriber + Send + Sync + use<W>
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    Registry::default().with(lines(config, &[function], writer))
}

/// What [`subscriber`] writes, for a process that runs several functions or writes its lines twice, as tests do.
pub fn lines<S, W>(
    config: &LogConfig,
    functions: &[&str],
    writer: W,
) -> impl Layer<S> + Send + Sync + use<S, W>
where
    S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    // The configuration has checked the filter already.
    let configured: Targets =
        config.filter.parse().unwrap_or_else(|_| Targets::new().with_default(Level::INFO));
    let functions: Vec<String> = functions.iter().map(|function| function.replace('-', "_")).collect();
    let ours = move |metadata: &Metadata<'_>| {
        let name = metadata.target().split("::").next().unwrap_or_default();
        *metadata.level() <= Level::WARN
            || name.starts_with("storage_")
            || functions.iter().any(|function| function == name)
    };
    let lines = tracing_subscriber::fmt::layer().with_writer(writer).with_target(true);
    let lines = match config.format {
        // The span is that of the request, so that every line has its id.
        LogFormat::Json => {
            lines.json().flatten_event(true).with_current_span(true).with_span_list(false).boxed()
        }
        LogFormat::Text => lines.with_ansi(false).compact().boxed(),
    };
    lines.with_filter(configured.and(filter_fn(ours)))
}

/// One line for a panic. The runtime's own report would be several, and no query would find it.
fn log_panic(info: &panic::PanicHookInfo<'_>) {
    let message = panic_message(info.payload());
    let location = info.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!(panic.message = message, panic.location = location, "panicked");
}

/// What may be said of a panic: its words up to the first quote.
fn panic_message(payload: &(dyn Any + Send)) -> String {
    let message = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    message
        .chars()
        // What follows a quote may be a file name or a body.
        .take_while(|character| !matches!(character, '`' | '"'))
        .take(PANIC_CHARS)
        .map(|character| if character.is_control() { ' ' } else { character })
        .collect()
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

    macro_rules! talkative {
        ($($target:literal)+) => {
            /// Crates that print headers, queries, keys or bodies at lower levels.
            const TALKATIVE: &[&str] = &[$($target),+];

            /// Lines and spans of each lower level, as these crates and their modules write them.
            fn talk() {
                $(
                    tracing::trace!(target: $target, "authorization: canary");
                    tracing::debug!(target: $target, header = "canary");
                    tracing::info!(target: concat!($target, "::client"), "canary");
                    let _span = tracing::info_span!(target: $target, "canary", header = "canary").entered();
                )+
                tracing::warn!(target: "hyper::client", "connection lost");
            }
        };
    }

    talkative! {
        "aws_config" "aws_credential_types" "aws_runtime" "aws_sdk_dynamodb" "aws_sdk_s3" "aws_sigv4"
        "aws_smithy_http_client" "aws_smithy_runtime" "aws_smithy_runtime_api" "h2" "hyper" "hyper_util"
        "lambda_http" "lambda_runtime" "rustls" "s3s" "tower"
    }

    #[test]
    fn g60_other_crates_are_held_to_warnings_at_any_level() {
        let named: Vec<String> = TALKATIVE.iter().map(|target| format!("{target}=trace")).collect();
        let modules: Vec<String> = TALKATIVE.iter().map(|target| format!("{target}::client=trace")).collect();
        for filter in ["trace", &named.join(","), &format!("info,{}", modules.join(","))] {
            for format in [LogFormat::Json, LogFormat::Text] {
                let text = Captured::run(filter, format, talk);
                assert!(!text.contains("canary"), "{filter}: {text}");
                assert_eq!(text.matches("connection lost").count(), 1, "{filter}: {text}");
            }
        }
    }

    #[test]
    fn g60_only_the_own_crates_are_written_below_warnings() {
        let text = Captured::run("trace", LogFormat::Text, || {
            tracing::trace!(target: "issue_upload", "ours");
            tracing::debug!(target: "storage_core::key", "ours too");
            tracing::info!(target: "issue_uploads", "another crate");
            tracing::info!(target: "process_upload", "another function");
        });
        assert_eq!(text.lines().count(), 2, "{text}");
    }

    #[test]
    fn g60_a_panic_shows_nothing_of_what_it_was_about() {
        for (message, shown) in [
            ("no name in \"canary.jpg\"", "no name in "),
            ("called `Result::unwrap()` on an `Err` value: \"canary\"", "called "),
            ("byte index 1 is not a char boundary of `canary`", "byte index 1 is not a char boundary of "),
            ("two\nlines", "two lines"),
        ] {
            assert_eq!(panic_message(&message.to_owned()), shown);
        }
        assert_eq!(panic_message(&"plain"), "plain");
        assert_eq!(panic_message(&7), "no message");
        assert_eq!(panic_message(&"long ".repeat(1000)).chars().count(), PANIC_CHARS);
    }
}
