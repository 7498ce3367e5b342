//! What the decoder makes of whole files, beside other decoders and beside itself.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod differential;
mod files;
mod hostile;
mod notices;
mod peers;
mod pieces;
mod regions;
