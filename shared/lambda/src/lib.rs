//! What every function shares: configuration, HTTP, authentication, events, logging, wiring.
//!
//! Reading order: what the environment says, how a request becomes a verified call and an answer, how an event becomes
//! hints, what is logged about all of it, and how a function is put together and started.

pub mod config;
pub mod http;
#[cfg(feature = "openapi")]
pub mod openapi;

pub mod reader;
pub mod requests;
pub mod seal;
pub mod views;

pub mod events;
pub mod observability;

pub mod start;
#[cfg(feature = "switches")]
mod switches;
pub mod wiring;
