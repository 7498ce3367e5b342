//! The conformance suites: what the documentation of the ports promises, case by case.
//!
//! Every implementation of a port runs the same cases. Where servers are known to differ, the difference is a field of
//! the suite's `Differences`: the case then asserts the other behaviour, or is reported as skipped with what the server
//! lacks. No assertion is ever left out silently.

pub mod backend;
pub mod metadata;
