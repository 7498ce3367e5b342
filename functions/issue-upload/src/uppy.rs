//! What uploaders say about a file: a name, a type, and metadata in which some names mean something here.
//!
//! Uppy sends whatever its page put into `meta`. What is known is read strictly; `name`, `type` and `relativePath` repeat
//! what is said elsewhere; every other member becomes the caller's own metadata if its name can be one.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use storage_core::filename::FileName;
use storage_core::ids::EntityId;
use storage_core::record::Purpose;
use storage_core::tenant::TenantContext;
use storage_core::{Error, ErrorKind, Result};
use storage_lambda::http::extract::QueryPairs;
use storage_lambda::requests::visibility;
use storage_services::policy;
use storage_services::uploads::IssueRequest;

use crate::tickets::Uploader;

/// The type of a file whose uploader knows none.
const UNKNOWN_TYPE: &str = "application/octet-stream";

/// A file as uploaders describe it.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct UppyFile {
    /// The name to show.
    #[cfg_attr(feature = "openapi", schema(value_type = storage_lambda::openapi::Name))]
    pub(crate) filename: String,
    /// The media type; empty where the browser knows none.
    #[serde(default, rename = "type")]
    pub(crate) content_type: Option<String>,
    /// What a page says of it: some names mean something, the others become the file's own metadata.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = BTreeMap<String, storage_lambda::openapi::Scalar>))]
    pub(crate) metadata: BTreeMap<String, Value>,
}

impl UppyFile {
    /// From a query of `filename`, `type` and `metadata[name]`; `InvalidRequest` for any other name.
    pub(crate) fn from_query(query: QueryPairs) -> Result<Self> {
        let filename = query.get("filename").map(str::to_owned);
        let filename = filename.ok_or_else(|| Error::new(ErrorKind::InvalidRequest, "filename"))?;
        let mut file = UppyFile { filename, content_type: None, metadata: BTreeMap::new() };
        for (name, value) in query.0 {
            match name.as_str() {
                "filename" => {}
                "type" => file.content_type = Some(value),
                _ => {
                    let name = name.strip_prefix("metadata[").and_then(|name| name.strip_suffix(']'));
                    let name = name.ok_or_else(|| Error::new(ErrorKind::InvalidRequest, "query"))?;
                    file.metadata.insert(name.to_owned(), Value::String(value));
                }
            }
        }
        Ok(file)
    }

    /// The request to the service, within the bounds of the uploader.
    pub(crate) fn into_issue(self, uploader: &Uploader) -> Result<IssueRequest> {
        let invalid = |what: &'static str| Error::new(ErrorKind::InvalidRequest, what);
        let mut request = IssueRequest::new(Purpose::Attachment);
        let mut named = false;
        for (name, value) in self.metadata {
            let Some(text) = text_of(&value) else {
                if value.is_null() {
                    continue;
                }
                return Err(invalid("metadata that is neither text nor number nor truth"));
            };
            match name.as_str() {
                "name" | "type" | "relativePath" => {}
                "size" => request.size = Some(text.parse().map_err(|_| invalid("size"))?),
                "sha256" => request.sha256 = Some(text),
                "purpose" => {
                    request.purpose = Purpose::from_word(&text).ok_or_else(|| invalid("purpose"))?;
                    named = true;
                }
                "entity_id" => request.entity = Some(EntityId::parse(&text)?),
                "scope" => request.scope = Some(policy::scope(&text)?),
                "external_id" => request.external_id = Some(policy::external_id(&text)?),
                "is_public" => {
                    request.visibility = Some(visibility(text.parse().map_err(|_| invalid("is_public"))?));
                }
                _ if policy::is_metadata_name(&name) => {
                    request.metadata.insert(name, text);
                }
                // A page's own state, such as a component's key: nothing that a record could keep.
                _ => {}
            }
        }
        uploader.bounds.apply(&mut request, named)?;
        request.entity = request.entity.or_else(|| own_entity(&uploader.context, request.purpose));
        request.filename = Some(FileName::parse(&self.filename)?);
        let content_type = self.content_type.filter(|text| !text.is_empty());
        request.content_type = Some(content_type.unwrap_or_else(|| UNKNOWN_TYPE.to_owned()));
        Ok(request)
    }
}

/// Somebody's own avatar needs no id.
fn own_entity(context: &TenantContext, purpose: Purpose) -> Option<EntityId> {
    match purpose {
        Purpose::AvatarUser => EntityId::parse(context.principal.as_str()).ok(),
        Purpose::AvatarAgent | Purpose::Attachment | Purpose::Export => None,
    }
}

/// A scalar as text. A query says `null` in words.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if text != "null" => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::String(_) | Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
