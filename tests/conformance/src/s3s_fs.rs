//! `s3s-fs`, an S3 server that we have not written: what passes here does not rest on our own gateway.

use std::path::Path;

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use storage_aws::S3Backend;
use storage_testkit::conformance::backend::{BackendFixture, Differences};
use tokio::net::TcpListener;

use crate::aws::{ACCESS_KEY, SECRET_KEY, s3_on};
use crate::fixture;

/// The S3 backend over `s3s-fs` in `root`, with the buckets of [`fixture`], and what that server cannot do.
pub async fn s3s_fs(root: &Path) -> (S3Backend, BackendFixture) {
    let fixture =
        BackendFixture { min_part: 5 * 1024 * 1024, differences: differences(), ..fixture("s3 on s3s-fs") };
    let endpoint = s3s_fs_on(root, &fixture).await;
    (s3_on(&endpoint).await, fixture)
}

/// The endpoint of `s3s-fs` in `root`, with the buckets of `fixture`.
pub async fn s3s_fs_on(root: &Path, fixture: &BackendFixture) -> String {
    for bucket in [&fixture.bucket, &fixture.other_bucket] {
        std::fs::create_dir_all(root.join(bucket.as_str())).unwrap();
    }
    let mut builder = S3ServiceBuilder::new(s3s_fs::FileSystem::new(root).unwrap());
    builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
    let service = builder.build();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service.clone()));
        }
    });
    endpoint
}

/// What s3s-fs 0.14.1 differs in, by its source and by these runs.
///
/// It checks and then writes, keeps metadata in a file beside the bytes, copies in place, uses keys as paths and their
/// base64 as file names, and tells neither missing buckets nor unknown uploads.
fn differences() -> Differences {
    Differences {
        atomic_conditions: false,
        conditional_copy_destination: false,
        atomic_copies: false,
        atomic_metadata: false,
        object_beside_folder: false,
        long_keys: false,
        wide_delimiters: false,
        listed_tags: false,
        missing_bucket_is_told: false,
        any_suffix: false,
        part_number_gaps: false,
        checked_parts: false,
        repairable_completions: false,
        unknown_upload_is_told: false,
        ..Differences::none()
    }
}
