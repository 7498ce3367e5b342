//! What every function shares: configuration, HTTP, authentication, events, logging, wiring.
//!
//! Reading order: what the environment says, how a request becomes a verified call and an answer, how an event becomes
//! hints, and what is logged about all of it.

pub mod config;
pub mod http;

pub mod events;
pub mod observability;
