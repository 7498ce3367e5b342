//! The development stack: gateway, DynamoDB and the functions under `cargo lambda watch`, all on 127.0.0.1.
//!
//! `stowage-dev` starts it and stays; `stowage-dev demo` walks a photo through it, starting the stack if none is running.

mod clamd;
mod console;
mod demo;
mod keys;
mod pump;
mod screen;
mod stack;
mod tokens;
mod watch;
mod workspace;

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let demo = match std::env::args().nth(1).as_deref() {
        None => false,
        Some("demo") => true,
        Some(other) => {
            screen::error(&format!(
                "unknown argument `{other}`; `stowage-dev` and `stowage-dev demo` are all there is"
            ));
            return ExitCode::from(2);
        }
    };
    let result = if demo { demo::run().await } else { stack::run_until_interrupted().await };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            screen::error(&message);
            ExitCode::FAILURE
        }
    }
}

/// What goes wrong here is told to a developer in a sentence.
type Outcome<T> = Result<T, String>;

/// Adds what was being done to a failure.
fn during<T, E: std::fmt::Display>(what: &str, result: Result<T, E>) -> Outcome<T> {
    result.map_err(|cause| format!("{what}: {cause}"))
}
