//! The local-filesystem backend, the S3 gateway that serves it to browsers, and a scanner of what they upload.
//!
//! Functions use [`LocalBackend`] directly on disk; [`s3_gateway`] lets browsers and S3 clients reach the same bytes.

pub mod clamd;
pub mod fs;
pub mod s3_gateway;

pub use clamd::{Clamd, ClamdAddress, ClamdDaemon, ClamdLimits};
pub use fs::{LocalBackend, OpenUpload};
pub use s3_gateway::{Gateway, serve};
