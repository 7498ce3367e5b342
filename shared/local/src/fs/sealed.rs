//! A file that describes itself: the bytes, then a JSON description, its length and a mark.
//!
//! One rename publishes bytes and description together, so a reader never sees those of two writes mixed. Bytes start at
//! offset 0, so a range is one positioned read.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;

use serde::{Deserialize, Serialize};
use storage_core::key::StorageKey;
use storage_core::ports::{ETag, ObjectMeta, PutOptions};
use storage_core::safeguards::Safeguard;
use storage_core::timestamp::Timestamp;
use storage_core::{Error, ErrorKind, Result};

use super::failure;

/// The last bytes of every sealed file; the digit is the version of this layout.
const MARK: &[u8; 8] = b"STOWAGE1";
/// The length of the description, little endian, and the mark.
const TRAILER: usize = 4 + MARK.len();
/// How much of the end is read at once: more than nearly every description has.
const TAIL: u64 = 2048;
/// Names and values of user metadata together, in bytes, as on S3.
const MAX_METADATA: usize = 2048;
/// No description is longer.
const MAX_DESCRIPTION: u64 = 1024 * 1024;

/// What a sealed file says about its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Description {
    pub(super) key: StorageKey,
    pub(super) size: u64,
    pub(super) etag: ETag,
    pub(super) last_modified: Timestamp,
    #[serde(flatten)]
    pub(super) headers: Headers,
}

/// The part of a description that the writer chooses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Headers {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cache_control: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content_disposition: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    metadata: BTreeMap<String, String>,
}

impl Headers {
    /// From what a writer asks for; `InvalidRequest` where S3 would refuse the metadata.
    pub(super) fn of(options: &PutOptions) -> Result<Self> {
        let name_is_valid = |name: &String| {
            !name.is_empty()
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_graphic() && !byte.is_ascii_uppercase() && byte != b':')
        };
        let size: usize = options.metadata.iter().map(|(name, value)| name.len() + value.len()).sum();
        if size > MAX_METADATA || !options.metadata.keys().all(name_is_valid) {
            return Err(Error::new(ErrorKind::InvalidRequest, "user metadata"));
        }
        Ok(Headers {
            content_type: options.content_type.clone(),
            cache_control: options.cache_control.clone(),
            content_disposition: options.content_disposition.clone(),
            metadata: options.metadata.clone(),
        })
    }
}

impl Description {
    pub(super) fn into_meta(self) -> ObjectMeta {
        let Headers { content_type, cache_control, content_disposition, metadata } = self.headers;
        ObjectMeta {
            content_type: Some(content_type.unwrap_or_else(|| "application/octet-stream".to_owned())),
            cache_control,
            content_disposition,
            metadata,
            ..Description { headers: Headers::default(), ..self }.into_listed()
        }
    }

    /// Without the headers, as listings have it.
    pub(super) fn into_listed(self) -> ObjectMeta {
        ObjectMeta {
            key: self.key,
            size: self.size,
            etag: self.etag,
            last_modified: self.last_modified,
            content_type: None,
            cache_control: None,
            content_disposition: None,
            metadata: BTreeMap::new(),
            version_id: None,
            checksum_crc64nvme: None,
        }
    }
}

/// Writes the description behind the bytes that are in the file, and makes all of it durable.
pub(super) fn seal(file: &mut File, description: &Description) -> Result<()> {
    let mut end = serde_json::to_vec(description)
        .map_err(|cause| Error::new(ErrorKind::Internal, "describe object").with_cause(cause))?;
    let length = u32::try_from(end.len()).ok().filter(|&length| u64::from(length) <= MAX_DESCRIPTION);
    let length = length.ok_or_else(|| Error::new(ErrorKind::InvalidRequest, "metadata is too large"))?;
    end.extend_from_slice(&length.to_le_bytes());
    end.extend_from_slice(MARK);
    let synced = |file: &mut File| if Safeguard::Fsync.holds() { file.sync_all() } else { Ok(()) };
    file.write_all(&end).and_then(|()| synced(file)).map_err(|cause| failure::io("seal object", cause))
}

/// Reads the description of a sealed file. A regular file that is none is damage, and neither missing nor an outage.
pub(super) fn describe(file: &File) -> Result<Description> {
    let found = read_end(file).map_err(|cause| failure::io("read object", cause))?;
    let damaged = || Error::new(ErrorKind::Internal, "a file beneath objects is damaged");
    let (json, size) = found.ok_or_else(damaged)?;
    let description: Description =
        serde_json::from_slice(&json).map_err(|cause| damaged().with_cause(cause))?;
    if description.size == size { Ok(description) } else { Err(damaged()) }
}

/// The JSON at the end of the file, and how many bytes are in front of it.
fn read_end(file: &File) -> io::Result<Option<(Vec<u8>, u64)>> {
    let length = file.metadata()?.len();
    let mut tail = vec![0; usize::try_from(length.min(TAIL)).unwrap_or(0)];
    file.read_exact_at(&mut tail, length.saturating_sub(TAIL))?;
    let Some((rest, mark)) = tail.split_last_chunk::<8>() else { return Ok(None) };
    let Some((json, json_length)) = rest.split_last_chunk::<4>() else { return Ok(None) };
    let json_length = u64::from(u32::from_le_bytes(*json_length));
    let Some(size) = length.checked_sub(TRAILER as u64 + json_length) else { return Ok(None) };
    if mark != MARK || json_length > MAX_DESCRIPTION {
        return Ok(None);
    }
    match usize::try_from(json_length) {
        Ok(wanted) if wanted <= json.len() => Ok(Some((json[json.len() - wanted..].to_vec(), size))),
        Ok(wanted) => {
            let mut json = vec![0; wanted];
            file.read_exact_at(&mut json, size)?;
            Ok(Some((json, size)))
        }
        Err(_) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn description(size: u64, value: String) -> Description {
        let headers = Headers { content_disposition: Some(value), ..Headers::default() };
        Description {
            key: StorageKey::parse("a/b").unwrap(),
            size,
            etag: ETag::new("e"),
            last_modified: Timestamp::from_millis(5),
            headers,
        }
    }

    #[test]
    fn descriptions_of_any_length_come_back() {
        for value in ["é\n\u{0}".to_owned(), "x".repeat(100_000), String::new()] {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(b"bytes").unwrap();
            let written = description(5, value);
            seal(&mut file, &written).unwrap();
            assert_eq!(describe(&file).unwrap(), written);
        }
    }

    #[test]
    fn metadata_that_s3_refuses_is_refused() {
        let refused = |name: &str, value: &str| {
            let metadata = BTreeMap::from([(name.to_owned(), value.to_owned())]);
            Headers::of(&PutOptions { metadata, ..PutOptions::default() }).is_err()
        };
        assert!(!refused("name", &"x".repeat(2044)));
        assert!(refused("name", &"x".repeat(2045)));
        for name in ["", "Upper", "a b", "a:b", "é"] {
            assert!(refused(name, "x"), "{name}");
        }
    }

    #[test]
    fn files_that_are_not_sealed_are_damage() {
        let mut sealed = tempfile::tempfile().unwrap();
        seal(&mut sealed, &description(0, String::new())).unwrap();
        sealed.set_len(sealed.metadata().unwrap().len() - 1).unwrap();
        let mut longer = tempfile::tempfile().unwrap();
        longer.write_all(b"unexpected").unwrap();
        seal(&mut longer, &description(0, String::new())).unwrap();
        let mut huge = tempfile::tempfile().unwrap();
        huge.write_all(b"\xff\xff\xff\xffSTOWAGE1").unwrap();
        for file in [tempfile::tempfile().unwrap(), sealed, longer, huge] {
            assert_eq!(describe(&file).unwrap_err().kind(), ErrorKind::Internal);
        }
    }
}
