//! The checksums a client declares of a body, in headers, form fields or trailers.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use s3s::checksum::ChecksumHasher;
use s3s::crypto::Checksum as _;
use s3s::{S3Result, TrailingHeaders, s3_error};
use storage_core::{Error, ErrorKind, Result};

/// The algorithms by the ends of their header names.
const NAMES: [&str; 5] = ["crc32", "crc32c", "crc64nvme", "sha1", "sha256"];

/// Computes what was declared and compares at the end.
#[derive(Default)]
pub(super) struct Expected {
    hasher: ChecksumHasher,
    /// In base64, by the position in [`NAMES`].
    declared: [Option<String>; NAMES.len()],
    md5: Option<(s3s::crypto::Md5, Vec<u8>)>,
    trailers: Option<TrailingHeaders>,
}

impl Expected {
    /// `declared` are the values of `x-amz-checksum-*` in the order crc32, crc32c, crc64nvme, sha1, sha256.
    pub(super) fn new(
        declared: [Option<String>; NAMES.len()],
        content_md5: Option<&str>,
        headers: &HeaderMap,
        trailers: Option<TrailingHeaders>,
    ) -> S3Result<Self> {
        let mut expected = Expected { declared, trailers, ..Expected::default() };
        let announced =
            headers.get("x-amz-trailer").and_then(|value| value.to_str().ok()).unwrap_or_default();
        for (index, name) in NAMES.into_iter().enumerate() {
            let trailing =
                announced.split(',').any(|header| header.trim() == format!("x-amz-checksum-{name}"));
            if trailing || expected.declared[index].is_some() {
                expected.compute(name);
            }
        }
        if let Some(text) = content_md5 {
            let digest = STANDARD.decode(text).map_err(|_| s3_error!(InvalidDigest))?;
            expected.md5 = Some((s3s::crypto::Md5::new(), digest));
        }
        Ok(expected)
    }

    fn compute(&mut self, name: &str) {
        match name {
            "crc32" => self.hasher.crc32 = Some(s3s::crypto::Crc32::new()),
            "crc32c" => self.hasher.crc32c = Some(s3s::crypto::Crc32c::new()),
            "crc64nvme" => self.hasher.crc64nvme = Some(s3s::crypto::Crc64Nvme::new()),
            "sha1" => self.hasher.sha1 = Some(s3s::crypto::Sha1::new()),
            _ => self.hasher.sha256 = Some(s3s::crypto::Sha256::new()),
        }
    }

    pub(super) fn update(&mut self, chunk: &[u8]) {
        self.hasher.update(chunk);
        if let Some((md5, _)) = &mut self.md5 {
            md5.update(chunk);
        }
    }

    /// `ChecksumMismatch` where a computed checksum is not the declared one, or an announced one never came.
    pub(super) fn check(self) -> Result<()> {
        let mismatch = || Error::new(ErrorKind::ChecksumMismatch, "checksum of a body");
        if self.md5.is_some_and(|(md5, declared)| md5.finalize().as_slice() != declared) {
            return Err(mismatch());
        }
        let trailers = self.trailers.and_then(|trailers| trailers.take()).unwrap_or_default();
        let sums = self.hasher.finalize();
        let computed = [
            sums.checksum_crc32,
            sums.checksum_crc32c,
            sums.checksum_crc64nvme,
            sums.checksum_sha1,
            sums.checksum_sha256,
        ];
        for ((name, computed), declared) in NAMES.into_iter().zip(computed).zip(self.declared) {
            let Some(computed) = computed else { continue };
            let trailing = || Some(trailers.get(format!("x-amz-checksum-{name}"))?.to_str().ok()?.to_owned());
            if declared.or_else(trailing) != Some(computed) {
                return Err(mismatch());
            }
        }
        Ok(())
    }
}
