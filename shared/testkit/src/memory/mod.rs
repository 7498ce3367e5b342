//! Reference models of the ports: one lock, ordered maps, no cleverness.
//!
//! They pass the conformance suites, so they can stand in for the real backends in service tests, and a sequence of
//! operations on a real backend can be compared with the same sequence on a model.

mod backend;
mod checksum;
mod cursor;
mod multipart;
mod scanner;
mod store;

pub use backend::MemoryBackend;
pub use checksum::crc64nvme;
pub use scanner::MemoryScanner;
pub use store::MemoryStore;
