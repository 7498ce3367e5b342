//! The local-filesystem backend and the S3 gateway that serves it to browsers.
//!
//! Functions use [`LocalBackend`] directly on disk; [`s3_gateway`] lets browsers and S3 clients reach the same bytes.

pub mod fs;
pub mod s3_gateway;

pub use fs::{LocalBackend, OpenUpload};
pub use s3_gateway::{Gateway, serve};
