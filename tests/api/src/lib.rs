//! The whole API in one process: every function behind a gateway that routes as the deployed one does, over the
//! reference models of storage and metadata. Every error any test sees is checked against the documented shape.
//!
//! Reading order: the app, how it is called, what its answers must look like, what takes the place of AWS,
//! what its logs must not show.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test kit fails by panicking")]

mod actions;
mod app;
mod call;
mod people;

mod answer;
mod gateway;

mod doubles;
mod events;

mod logs;

pub use actions::Issued;
pub use answer::{Answer, DOCUMENTED};
pub use app::{BUCKET, STAGING, TestApp};
pub use call::{Call, Form};
pub use doubles::{Calls, Forms};
pub use events::{batch, encode_key, s3_event, scan_event};
pub use gateway::{Gateway, Route, preflights, routes};
pub use logs::{EMAIL, Scanner, scanner};
pub use people::Person;

use bytes::Bytes;
use sha2::{Digest, Sha256};

/// A JPEG photo of `side` pixels whose content depends on `seed`.
pub fn photo(side: u16, seed: u64) -> Bytes {
    storage_testkit::images::jpeg(side, side, seed)
}

/// SHA-256 in lower-case hex.
pub fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// A new id that nothing has.
pub fn fresh_id() -> String {
    storage_core::ids::FileId::generate().to_string()
}

/// States that `what` is still missing from the product, so that the test of it fails as soon as it is there.
pub fn known_gap(what: &str, holds: bool) {
    assert!(!holds, "{what}: this holds now, so the test must ask for it");
}
