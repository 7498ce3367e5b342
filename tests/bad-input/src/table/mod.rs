//! The cases, by kind.

