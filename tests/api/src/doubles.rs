//! What takes the place of AWS: forms that are remembered, URLs that show their object, a queue that waits.

use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use storage_core::Result;
use storage_core::key::Visibility;
use storage_core::ports::{
    IngestQueue, ObjectRef, PostRequest, PresignParts, PresignPost, PresignedPost, PresignedUrl, RawCall,
    ResolvedUrl, StagedObject, UrlSigner, UrlTarget,
};
use storage_core::timestamp::Timestamp;
use uuid::Uuid;

use crate::{scanner, sha256};

/// How long a reader's signed URL works here.
pub(crate) const URL_LIFE: Duration = Duration::from_secs(900);

/// Signs forms, and remembers what it signed, so that a form can be held to it.
#[derive(Debug, Default)]
pub struct Forms {
    signed: Mutex<Vec<(PostRequest, Timestamp)>>,
    credentials_end: Mutex<Option<Timestamp>>,
}

impl Forms {
    /// From now on it signs with credentials that end then, and no form outlives them.
    pub fn end_credentials(&self, end: Timestamp) {
        *self.credentials_end.lock().unwrap() = Some(end);
    }

    /// The last policy signed for this key, and when it expires.
    pub fn policy(&self, key: &str) -> Option<(PostRequest, Timestamp)> {
        let signed = self.signed.lock().unwrap();
        signed.iter().rev().find(|(request, _)| request.object.key.as_str() == key).cloned()
    }
}

#[async_trait]
impl PresignPost for Forms {
    async fn presign_post(&self, request: PostRequest, now: Timestamp) -> Result<PresignedPost> {
        let end = self.credentials_end.lock().unwrap().unwrap_or(Timestamp::from_millis(i64::MAX));
        let expires_at = (now + request.expires_in).min(end);
        let mut fields = vec![
            ("key".to_owned(), request.object.key.to_string()),
            ("Content-Type".to_owned(), request.content_type.clone()),
        ];
        for secret in ["policy", "x-amz-signature", "x-amz-security-token"] {
            let value = format!("canary-{secret}-{}", Uuid::new_v4().simple());
            scanner().secret(&value);
            fields.push((secret.to_owned(), value));
        }
        self.signed.lock().unwrap().push((request, expires_at));
        Ok(PresignedPost {
            url: "https://upload.test/".to_owned(),
            fields: fields.into_iter().collect(),
            expires_at,
        })
    }
}

/// URLs of the form `https://upload.test/{key}?call=...` for the calls of uploads in parts, with a signature.
#[derive(Debug, Default)]
pub struct Calls {
    signed: Mutex<Vec<(ObjectRef, RawCall, Timestamp)>>,
}

impl Calls {
    /// Every call that was signed, in order.
    pub fn signed(&self) -> Vec<(ObjectRef, RawCall, Timestamp)> {
        self.signed.lock().unwrap().clone()
    }
}

#[async_trait]
impl PresignParts for Calls {
    async fn presign_call(
        &self,
        object: &ObjectRef,
        call: &RawCall,
        _content_type: Option<&str>,
        expires_in: Duration,
        now: Timestamp,
    ) -> Result<PresignedUrl> {
        let signature = sha256(format!("canary {} {call:?}", object.key).as_bytes());
        scanner().secret(&signature);
        let expires_at = now + expires_in;
        self.signed.lock().unwrap().push((object.clone(), call.clone(), expires_at));
        let url = format!("https://upload.test/{}?signature={signature}", object.key);
        Ok(PresignedUrl { url, headers: Default::default(), expires_at })
    }
}

/// URLs of the form `https://{bucket}.cdn.test/{key}`, with the disposition they ask for as a query, and a signature
/// where the file is private.
#[derive(Debug)]
pub(crate) struct PathSigner;

#[async_trait]
impl UrlSigner for PathSigner {
    async fn resolve(&self, target: &UrlTarget, now: Timestamp) -> Result<ResolvedUrl> {
        let mut url = format!("https://{}.cdn.test/{}", target.object.bucket, target.object.key);
        if let Some((disposition, name)) = &target.disposition {
            let header = name.content_disposition(*disposition);
            url.push_str(&format!("?disposition={}", utf8_percent_encode(&header, NON_ALPHANUMERIC)));
        }
        let expires_at = (target.visibility == Visibility::Private).then(|| now + URL_LIFE);
        if expires_at.is_some() {
            let signature = sha256(format!("canary {url}").as_bytes());
            scanner().secret(&signature);
            url.push_str(if url.contains('?') { "&" } else { "?" });
            url.push_str(&format!("signature={signature}"));
        }
        Ok(ResolvedUrl { url, expires_at })
    }
}

/// Keeps what is enqueued until it is asked for.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    waiting: Mutex<Vec<StagedObject>>,
}

impl Queue {
    pub(crate) fn take(&self) -> Vec<StagedObject> {
        std::mem::take(&mut self.waiting.lock().unwrap())
    }
}

#[async_trait]
impl IngestQueue for Queue {
    async fn enqueue(&self, staged: StagedObject) -> Result<()> {
        self.waiting.lock().unwrap().push(staged);
        Ok(())
    }
}
