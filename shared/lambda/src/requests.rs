//! What clients send in JSON, and what it means to the services. Whatever a route does not name is refused.

use std::collections::BTreeMap;
use std::time::Duration;

use http::Method;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use sha2::{Digest, Sha256};
use storage_core::filename::FileName;
use storage_core::ids::{EntityId, IdempotencyKey, PrincipalId};
use storage_core::key::{EntityKind, Visibility};
use storage_core::record::Purpose;
use storage_core::{Error, ErrorKind, Result};
use storage_services::edits::EditRequest;
use storage_services::policy;
use storage_services::transfers::{Kind, TransferRequest};
use storage_services::uploads::{Idempotency, IssueRequest};

use crate::http::json::Natural;

/// The longest life of a form a caller may ask for, in seconds: what SigV4 allows.
const MAX_EXPIRES_IN: u64 = 604_800;

/// The body of `POST /files/presigned-upload`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PresignRequest {
    /// The name to show.
    #[cfg_attr(feature = "openapi", schema(value_type = crate::openapi::Name))]
    pub filename: String,
    /// The media type.
    #[cfg_attr(feature = "openapi", schema(value_type = crate::openapi::MediaType))]
    pub content_type: String,
    /// The size in bytes.
    pub size_bytes: Natural,
    /// Whether anyone may read it.
    #[serde(default)]
    pub is_public: Option<bool>,
    /// `attachment` or `export`.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::openapi::FilePurpose>))]
    pub purpose: Option<String>,
    /// A folder.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::openapi::Scope>))]
    pub scope: Option<String>,
    /// The caller's own id.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::openapi::ExternalId>))]
    pub external_id: Option<String>,
    /// SHA-256 in hex.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::openapi::Sha256>))]
    pub sha256: Option<String>,
    /// The caller's own metadata.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = crate::openapi::Metadata))]
    pub metadata: BTreeMap<String, String>,
    /// How many seconds the form is to work.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::openapi::Seconds>))]
    pub expires_in: Option<serde_json::Value>,
    /// Whether it is not known yet whose the file is; for services.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unassigned: bool,
}

impl PresignRequest {
    /// The request to the service.
    pub fn into_issue(self) -> Result<IssueRequest> {
        let purpose = match self.purpose.as_deref().map(Purpose::from_word) {
            None => Purpose::Attachment,
            Some(Some(purpose)) if purpose.entity_kind().is_none() => purpose,
            Some(_) => return Err(Error::new(ErrorKind::InvalidRequest, "purpose")),
        };
        Ok(IssueRequest {
            filename: Some(FileName::parse(&self.filename)?),
            content_type: Some(self.content_type),
            size: Some(self.size_bytes.get()),
            sha256: self.sha256,
            visibility: self.is_public.map(visibility),
            scope: self.scope.as_deref().map(policy::scope).transpose()?,
            external_id: self.external_id.as_deref().map(policy::external_id).transpose()?,
            metadata: self.metadata,
            expires_in: self.expires_in.map(expires_in).transpose()?,
            ..IssueRequest::new(purpose)
        })
    }
}

/// The body of `POST /files/presigned-upload`: one upload, or up to 100 under `files`.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum PresignBody {
    /// One.
    One(Box<PresignRequest>),
    /// Several, each with an answer of its own.
    Many(PresignBatch),
}

/// Several uploads at once.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PresignBatch {
    /// The uploads.
    pub files: Vec<PresignRequest>,
}

/// The most uploads of a batch.
pub const MAX_BATCH: usize = 100;

impl<'de> Deserialize<'de> for PresignBody {
    /// Decided by the one member that only a batch has, so that a refusal is about the form that was meant.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let body = serde_json::Value::deserialize(deserializer)?;
        let read = match body.get("files") {
            Some(_) => serde_json::from_value(body).map(PresignBody::Many),
            None => serde_json::from_value(body).map(PresignBody::One),
        };
        read.map_err(D::Error::custom)
    }
}

/// The JSON body of `POST /{kind}/{id}/avatar`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct AvatarRequest {
    /// The name to show.
    #[cfg_attr(feature = "openapi", schema(value_type = crate::openapi::Name))]
    pub filename: String,
    /// The media type.
    #[cfg_attr(feature = "openapi", schema(value_type = crate::openapi::MediaType))]
    pub content_type: String,
    /// The size in bytes.
    pub size_bytes: Natural,
    /// Whether anyone may read it.
    #[serde(default)]
    pub is_public: Option<bool>,
    /// SHA-256 in hex.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::openapi::Sha256>))]
    pub sha256: Option<String>,
    /// How many seconds the form is to work.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::openapi::Seconds>))]
    pub expires_in: Option<serde_json::Value>,
}

impl AvatarRequest {
    /// The request to the service, for this entity.
    pub fn into_issue(self, kind: EntityKind, entity: EntityId) -> Result<IssueRequest> {
        Ok(IssueRequest {
            entity: Some(entity),
            filename: Some(FileName::parse(&self.filename)?),
            content_type: Some(self.content_type),
            size: Some(self.size_bytes.get()),
            sha256: self.sha256,
            visibility: self.is_public.map(visibility),
            expires_in: self.expires_in.map(expires_in).transpose()?,
            ..IssueRequest::new(Purpose::avatar(kind))
        })
    }
}

/// The body of `PATCH /files/{id}`: at least one of them.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PatchRequest {
    /// The name to show.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::openapi::Name>))]
    pub filename: Option<String>,
    /// Whether anyone may read it.
    #[serde(default)]
    pub is_public: Option<bool>,
    /// The caller's own metadata; it replaces what was there.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::openapi::Metadata>))]
    pub metadata: Option<BTreeMap<String, String>>,
}

impl PatchRequest {
    /// The request to the service.
    pub fn into_edit(self) -> Result<EditRequest> {
        if self.filename.is_none() && self.is_public.is_none() && self.metadata.is_none() {
            return Err(Error::new(ErrorKind::InvalidRequest, "nothing to change"));
        }
        Ok(EditRequest {
            filename: self.filename.as_deref().map(FileName::parse).transpose()?,
            visibility: self.is_public.map(visibility),
            metadata: self.metadata,
        })
    }
}

/// The body of `POST /files/{id}/copy`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CopyFileRequest {
    /// The name to show; the source's where absent.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::openapi::Name>))]
    pub filename: Option<String>,
    /// A folder; the source's where absent.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::openapi::Scope>))]
    pub scope: Option<String>,
    /// Whether anyone may read it; as the source where absent.
    #[serde(default)]
    pub is_public: Option<bool>,
    /// The caller's own id; none where absent.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::openapi::ExternalId>))]
    pub external_id: Option<String>,
    /// The caller's own metadata; the source's where absent.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::openapi::Metadata>))]
    pub metadata: Option<BTreeMap<String, String>>,
}

impl CopyFileRequest {
    /// The request to the service.
    pub fn into_transfer(self) -> Result<TransferRequest> {
        Ok(TransferRequest {
            filename: self.filename.as_deref().map(FileName::parse).transpose()?,
            scope: self.scope.as_deref().map(policy::scope).transpose()?,
            visibility: self.is_public.map(visibility),
            external_id: self.external_id.as_deref().map(policy::external_id).transpose()?,
            metadata: self.metadata,
            ..TransferRequest::new(Kind::Copy)
        })
    }
}

/// The body of `POST /files/{id}/move`. What is absent stays as it is.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct MoveFileRequest {
    /// A folder.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::openapi::Scope>))]
    pub scope: Option<String>,
    /// The new owner; another than the caller only by administrators and services.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::openapi::PrincipalName>))]
    pub owner_id: Option<String>,
    /// The name to show.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::openapi::Name>))]
    pub filename: Option<String>,
    /// The caller's own id.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::openapi::ExternalId>))]
    pub external_id: Option<String>,
}

impl MoveFileRequest {
    /// The request to the service.
    pub fn into_transfer(self) -> Result<TransferRequest> {
        Ok(TransferRequest {
            filename: self.filename.as_deref().map(FileName::parse).transpose()?,
            scope: self.scope.as_deref().map(policy::scope).transpose()?,
            owner: self.owner_id.as_deref().map(owner).transpose()?,
            external_id: self.external_id.as_deref().map(policy::external_id).transpose()?,
            ..TransferRequest::new(Kind::Move)
        })
    }
}

/// The body of `POST /files/{id}/claim`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ClaimRequest {
    /// Whose it is to be; the caller's where absent.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::openapi::PrincipalName>))]
    pub owner_id: Option<String>,
    /// Whether anyone may read it; as it was uploaded where absent.
    #[serde(default)]
    pub is_public: Option<bool>,
}

impl ClaimRequest {
    /// The request to the service.
    pub fn into_transfer(self) -> Result<TransferRequest> {
        Ok(TransferRequest {
            owner: self.owner_id.as_deref().map(owner).transpose()?,
            visibility: self.is_public.map(visibility),
            ..TransferRequest::new(Kind::Claim)
        })
    }
}

/// A principal that a caller names, in a body or a query.
pub fn owner(text: &str) -> Result<PrincipalId> {
    PrincipalId::parse(text).map_err(|_| Error::new(ErrorKind::InvalidRequest, "owner"))
}

/// What `is_public` means.
pub fn visibility(is_public: bool) -> Visibility {
    if is_public { Visibility::Public } else { Visibility::Private }
}

fn expires_in(number: serde_json::Value) -> Result<Duration> {
    let seconds = number.as_u64().filter(|seconds| (1..=MAX_EXPIRES_IN).contains(seconds));
    seconds.map(Duration::from_secs).ok_or_else(|| Error::new(ErrorKind::InvalidExpiry, "expires_in"))
}

/// The caller's key, with the digest of everything the request asks for.
pub fn idempotency<T: Serialize>(
    key: Option<IdempotencyKey>,
    method: &Method,
    path: &str,
    request: &T,
) -> Result<Option<Idempotency>> {
    let Some(key) = key else { return Ok(None) };
    let body = serde_json::to_vec(request)
        .map_err(|cause| Error::new(ErrorKind::Internal, "request digest").with_cause(cause))?;
    let mut digest = Sha256::new();
    for part in [method.as_str().as_bytes(), path.as_bytes(), &body] {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    Ok(Some(Idempotency { key, request_hash: hex::encode(digest.finalize()) }))
}
