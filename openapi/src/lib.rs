//! The document of the HTTP API: OpenAPI 3.1, made of a table of the routes and of the types that they read and write.
//!
//! `docs/openapi.json` is what [`document`] says. A test compares the two, and the table with template.yaml.

mod assemble;
mod errors;
mod forms;
mod nulls;
mod route;
mod table;

use serde_json::Value;

pub use assemble::document;
pub use route::Route;
pub use table::routes;

/// The document as it is committed: its members in alphabetical order, and a line break at the end.
pub fn text(document: &Value) -> String {
    format!("{document:#}\n")
}
