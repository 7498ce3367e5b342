//! What the developer sees. The one place of this binary that prints.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a terminal program prints")]

use serde_json::Value;

/// A line of progress.
pub(crate) fn step(text: &str) {
    eprintln!("  {text}");
}

/// Why it ends.
pub(crate) fn error(text: &str) {
    eprintln!("stowage: {text}");
}

/// A line of the demo.
pub(crate) fn line(text: &str) {
    println!("{text}");
}

/// The one screen: what to open, a token, a command to paste.
pub(crate) fn ready(facts: &Value) {
    let text = |pointer: &str| facts.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let api = text("/api_url");
    let user = text("/user_id");
    let token = text("/tokens/user");
    let photo = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/photo.jpg");
    println!();
    println!("Stowage is running. Ctrl-C stops it; data stays in {}.", text("/data"));
    println!();
    println!("  console    {}", text("/console_url"));
    println!("  API        {api}/api/v1/health/ready");
    println!("  S3         {}", text("/s3_url"));
    println!("  DynamoDB   {}", text("/dynamodb_url"));
    println!("  tenant     {} ({})", text("/tenant/slug"), text("/tenant/uuid"));
    println!("  facts      {}/dev.json (URLs, ids and tokens for tools)", text("/data"));
    println!();
    println!("A user's token:");
    println!();
    println!("  {token}");
    println!();
    println!("Paste this to give the user an avatar, and read it back:");
    println!();
    println!("  TOKEN={token}");
    println!(
        "  curl -sS -H \"Authorization: Bearer $TOKEN\" -F \"file=@{photo}\" {api}/api/v1/users/{user}/avatar"
    );
    println!(
        "  curl -sSL -H \"Authorization: Bearer $TOKEN\" \"{api}/api/v1/users/{user}/avatar?size=medium\" -o avatar.jpg"
    );
    println!();
    println!("`make demo` in another terminal walks a photo through all of it.");
    use std::io::Write;
    let _ = std::io::stdout().flush();
}
