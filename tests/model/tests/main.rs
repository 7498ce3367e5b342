//! The model, compared with the pure transitions edge by edge, and with the real services operation by operation.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod documented;

mod pure;
mod store;

mod exhaustive;
mod generations;
mod sequences;

mod services;
