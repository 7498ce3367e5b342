//! Conformance suites, reference models, fault-injecting wrappers and fixtures for tests.
//!
//! A promise of a port is one case in [`conformance`]; every implementation runs the same cases. [`memory`] holds the
//! reference models: small enough to be believed, and quick enough to be the doubles of service tests. [`faulty`]
//! wraps any of them to fail, to lose replies and to record calls. Nothing here is ever deployed.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test kit fails by panicking")]

pub mod conformance;
pub mod suite;

pub mod faulty;
pub mod memory;

pub mod clock;
pub mod images;
pub mod jwt;
pub mod loud;
pub mod records;
pub mod trials;
