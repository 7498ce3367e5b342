//! Listings in the byte order of keys: an ordered walk that only opens directories that can hold a wanted key.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cap_std::fs::Dir;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use storage_core::ids::BucketName;
use storage_core::key::StorageKey;
use storage_core::ports::{ListPage, ListRequest, ObjectMeta};
use storage_core::{Error, ErrorKind, Result};

use super::bucket::Bucket;
use super::encoding::{self, Kind};
use super::{beneath, failure, sealed};

/// The most entries of a page, as on S3.
const MAX_LIMIT: usize = 1000;

/// Where a listing goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Resume {
    /// Behind this text, in byte order.
    After(String),
    /// Behind all keys that start with this text.
    Past(String),
}

impl Resume {
    fn skips(&self, key: &str) -> bool {
        match self {
            Resume::After(last) => key <= last.as_str(),
            Resume::Past(prefix) => key < prefix.as_str() || key.starts_with(prefix.as_str()),
        }
    }

    /// Whether every key that starts with `path` is skipped.
    fn skips_all_under(&self, path: &str) -> bool {
        match self {
            Resume::After(last) => path < last.as_str() && !last.starts_with(path),
            Resume::Past(prefix) => {
                path.starts_with(prefix.as_str()) || (path < prefix.as_str() && !prefix.starts_with(path))
            }
        }
    }

    /// The opaque form. It names its listing, so that it continues no other one.
    pub(crate) fn to_cursor(&self, bucket: &BucketName, request: &ListRequest) -> Result<String> {
        let json = serde_json::to_vec(self)
            .map_err(|cause| Error::new(ErrorKind::Internal, "cursor").with_cause(cause))?;
        let mut bytes = seal_of(bucket, request, &json).to_vec();
        bytes.extend(json);
        Ok(URL_SAFE_NO_PAD.encode(bytes))
    }

    fn from_cursor(cursor: &str, bucket: &BucketName, request: &ListRequest) -> Result<Self> {
        let invalid = || Error::new(ErrorKind::InvalidCursor, "cursor");
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| invalid())?;
        let (seal, json) = bytes.split_first_chunk::<16>().ok_or_else(invalid)?;
        if *seal != seal_of(bucket, request, json) {
            return Err(invalid());
        }
        serde_json::from_slice(json).map_err(|_| invalid())
    }
}

/// Ties a cursor to its listing. There is no secret: a forged cursor only continues a listing its maker may ask for.
fn seal_of(bucket: &BucketName, request: &ListRequest, json: &[u8]) -> [u8; 16] {
    let mut hasher = Sha256::new();
    let delimiter = request.delimiter.map(String::from).unwrap_or_default();
    for field in [bucket.as_str().as_bytes(), request.prefix.as_bytes(), delimiter.as_bytes(), json] {
        hasher.update((field.len() as u64).to_le_bytes());
        hasher.update(field);
    }
    let digest: [u8; 32] = hasher.finalize().into();
    let mut seal = [0; 16];
    seal.copy_from_slice(&digest[..16]);
    seal
}

/// One page. `after` starts a listing behind a text, where the request has no cursor.
pub(super) fn page(
    bucket: &Bucket,
    name: &BucketName,
    request: &ListRequest,
    after: Option<String>,
) -> Result<ListPage> {
    let resume = match &request.cursor {
        Some(cursor) => Some(Resume::from_cursor(cursor, name, request)?),
        None => after.map(Resume::After),
    };
    let limit = request.limit.clamp(1, MAX_LIMIT);
    let mut walk = Walk::new(bucket, &request.prefix, resume)?;
    let mut page = ListPage::default();
    let mut last = None;
    while let Some(meta) = walk.next_object()? {
        if page.objects.len() + page.prefixes.len() == limit {
            page.next = last.map(|last: Resume| last.to_cursor(name, request)).transpose()?;
            break;
        }
        let key = meta.key.as_str();
        let behind = &key[request.prefix.len()..];
        let folded = request.delimiter.and_then(|delimiter| {
            behind
                .find(delimiter)
                .map(|at| key[..request.prefix.len() + at + delimiter.len_utf8()].to_owned())
        });
        last = Some(match folded {
            Some(prefix) => {
                walk.resume = Some(Resume::Past(prefix.clone()));
                page.prefixes.push(prefix.clone());
                Resume::Past(prefix)
            }
            None => {
                let after = Resume::After(key.to_owned());
                page.objects.push(meta);
                after
            }
        });
    }
    Ok(page)
}

/// An ordered walk over the objects of a bucket. It holds one open directory at a time.
struct Walk<'a> {
    bucket: &'a Bucket,
    prefix: &'a str,
    resume: Option<Resume>,
    /// The directories on the way, each with what is still to visit, last first.
    levels: Vec<Vec<Child>>,
}

/// Something in a directory.
struct Child {
    /// The key, or the start of all keys beneath, which ends in a slash.
    text: String,
    /// The names from `objects` to it.
    names: Vec<String>,
    is_object: bool,
}

impl<'a> Walk<'a> {
    fn new(bucket: &'a Bucket, prefix: &'a str, resume: Option<Resume>) -> Result<Self> {
        let mut walk = Walk { bucket, prefix, resume, levels: Vec::new() };
        walk.enter(&bucket.objects, "", &[])?;
        Ok(walk)
    }

    /// The next wanted object. What is planted or damaged is passed over.
    fn next_object(&mut self) -> Result<Option<ObjectMeta>> {
        while let Some(level) = self.levels.last_mut() {
            let Some(child) = level.pop() else {
                self.levels.pop();
                continue;
            };
            if !self.wants(&child) {
                continue;
            }
            let (last, parents) = child.names.split_last().map_or(("", &[][..]), |(last, all)| (last, all));
            let Some(parent) = beneath::open_path(&self.bucket.objects, parents)? else { continue };
            if child.is_object {
                if let Some(meta) = read_listed(&parent, last, &child.text)? {
                    return Ok(Some(meta));
                }
            } else if let Some(dir) = beneath::open_dir(&parent, last)? {
                self.enter(&dir, &child.text, &child.names)?;
            }
        }
        Ok(None)
    }

    fn wants(&self, child: &Child) -> bool {
        let text = child.text.as_str();
        if child.is_object {
            text.starts_with(self.prefix) && !self.resume.as_ref().is_some_and(|resume| resume.skips(text))
        } else {
            (text.starts_with(self.prefix) || self.prefix.starts_with(text))
                && !self.resume.as_ref().is_some_and(|resume| resume.skips_all_under(text))
        }
    }

    fn enter(&mut self, dir: &Dir, text: &str, names: &[String]) -> Result<()> {
        let mut children = Vec::new();
        collect(dir, text.as_bytes(), names, &mut children)?;
        // A directory sorts as its text, which ends in a slash: this is the byte order of the keys beneath.
        children.sort_unstable_by(|one: &Child, other| other.text.cmp(&one.text));
        self.levels.push(children);
        Ok(())
    }
}

/// All children of a directory, with those in directories that only continue a segment.
fn collect(dir: &Dir, start: &[u8], names: &[String], children: &mut Vec<Child>) -> Result<()> {
    let failed = |cause| failure::io("list directory", cause);
    for entry in dir.entries().map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let Some((name, (kind, bytes))) =
            name.to_str().and_then(|name| Some((name, encoding::decode(name)?)))
        else {
            continue;
        };
        let mut text = start.to_vec();
        text.extend(bytes);
        let mut names = names.to_vec();
        names.push(name.to_owned());
        match kind {
            Kind::Continued => {
                if let Some(dir) = beneath::open_dir(dir, name)? {
                    collect(&dir, &text, &names, children)?;
                }
            }
            Kind::Object | Kind::Directory => {
                let is_object = kind == Kind::Object;
                if !is_object {
                    text.push(b'/');
                }
                // Text that is no UTF-8 is none of ours.
                let Ok(text) = String::from_utf8(text) else { continue };
                children.push(Child { text, names, is_object });
            }
        }
    }
    Ok(())
}

fn read_listed(parent: &Dir, name: &str, key: &str) -> Result<Option<ObjectMeta>> {
    let (Some(file), Ok(key)) = (beneath::open_file(parent, name)?, StorageKey::parse(key)) else {
        return Ok(None);
    };
    match sealed::describe(&file) {
        Ok(description) if description.key == key => Ok(Some(description.into_listed())),
        Ok(_) => {
            tracing::warn!("a listing passed over an object with the description of another key");
            Ok(None)
        }
        Err(error) if error.kind() == ErrorKind::Internal => {
            tracing::warn!(error = %error.log_line(), "a listing passed over a damaged object");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
