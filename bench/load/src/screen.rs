//! What the developer sees. The one place of this binary that prints.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a terminal program prints")]

/// A result, on standard output.
pub(crate) fn say(text: &str) {
    println!("{text}");
}

/// What is being done, on standard error.
pub(crate) fn progress(text: &str) {
    eprintln!("  {text}");
}

/// What went wrong, on standard error.
pub(crate) fn error(text: &str) {
    eprintln!("load: {text}");
}
