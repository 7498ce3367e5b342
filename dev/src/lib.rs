//! The development stack that make dev starts.
