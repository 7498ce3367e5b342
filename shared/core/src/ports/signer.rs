//! The port to delivery: which URL a reader gets.

use std::fmt;

use async_trait::async_trait;

use super::storage::ObjectRef;
use crate::error::Result;
use crate::filename::{Disposition, FileName};
use crate::ids::TenantId;
use crate::key::Visibility;
use crate::timestamp::Timestamp;

/// What to make a URL for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlTarget {
    /// Whose object; delivery paths start with it.
    pub tenant: TenantId,
    /// The object.
    pub object: ObjectRef,
    /// Open or signed.
    pub visibility: Visibility,
    /// How it is to be answered, where that differs from what is stored.
    pub disposition: Option<(Disposition, FileName)>,
}

/// A URL for a reader. A signed one is a secret: `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct ResolvedUrl {
    /// The URL.
    pub url: String,
    /// Until when it works; `None` for an open URL.
    pub expires_at: Option<Timestamp>,
}

impl fmt::Debug for ResolvedUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ResolvedUrl").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

/// Makes URLs for readers. It asks nobody: a URL says nothing about whether the object exists.
///
/// Promises: a URL works at least until `expires_at`, which is the end of a window, so that all callers within a window
/// get the same text and caches can share it; a URL is good for one object and for reading only.
#[async_trait]
pub trait UrlSigner: Send + Sync + fmt::Debug {
    /// The URL of `target` for a reader at `now`.
    async fn resolve(&self, target: &UrlTarget, now: Timestamp) -> Result<ResolvedUrl>;
}
