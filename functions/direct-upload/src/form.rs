//! The forms this function takes, and what their fields mean.

use axum::extract::Request;
use bytes::Bytes;
use sha2::{Digest, Sha256};
use storage_core::filename::FileName;
use storage_core::ids::{EntityId, PrincipalId};
use storage_core::key::EntityKind;
use storage_core::record::Purpose;
use storage_core::tenant::TenantContext;
use storage_core::{Error, ErrorKind, Result};
use storage_lambda::http::multipart::{FormRules, UploadForm, read_form};
use storage_lambda::requests::visibility;
use storage_services::settings::Settings;
use storage_services::uploads::IssueRequest;

/// The route that issues a form for a larger attachment.
const PRESIGN_ROUTE: &str = "/api/v1/files/presigned-upload";

/// A parsed form: what to issue, and the bytes.
pub(crate) struct Upload {
    pub(crate) request: IssueRequest,
    pub(crate) bytes: Bytes,
    fields: String,
}

impl Upload {
    /// SHA-256 over the file and every field, so that a repeated key can be told from another request.
    pub(crate) fn digest(&self) -> Vec<u8> {
        let mut digest = Sha256::new();
        digest.update(Sha256::digest(&self.bytes));
        digest.update(self.fields.as_bytes());
        digest.finalize().to_vec()
    }
}

/// An avatar: the file, and whether anyone may read it.
pub(crate) async fn avatar(
    request: Request,
    settings: &Settings,
    kind: EntityKind,
    entity: EntityId,
) -> Result<Upload> {
    // The same route takes JSON, and issues a form for a larger file.
    let route = format!("/api/v1/{kind}/{{id}}/avatar");
    let form = read_form(request, &rules(settings, &["is_public", "sha256"], &route)).await?;
    let mut upload = upload(form, Purpose::avatar(kind))?;
    upload.request.entity = Some(entity);
    Ok(upload)
}

/// An attachment: the file, its owner, whether anyone may read it, and the caller's metadata as a JSON object of texts.
pub(crate) async fn file(request: Request, settings: &Settings, context: &TenantContext) -> Result<Upload> {
    let names = ["owner_id", "is_public", "metadata", "sha256", "scope", "external_id"];
    let form = read_form(request, &rules(settings, &names, PRESIGN_ROUTE)).await?;
    if let Some(owner) = field(&form, "owner_id") {
        let owner =
            PrincipalId::parse(owner).map_err(|_| Error::new(ErrorKind::InvalidRequest, "owner_id"))?;
        // Files belong to whoever uploads them; naming somebody else is refused rather than ignored.
        if owner != context.principal {
            return Err(Error::new(ErrorKind::Forbidden, "owner_id is somebody else"));
        }
    }
    let metadata = match field(&form, "metadata") {
        Some(text) => serde_json::from_str(text)
            .map_err(|cause| Error::new(ErrorKind::InvalidRequest, "metadata").with_cause(cause))?,
        None => Default::default(),
    };
    let scope = field(&form, "scope").map(storage_services::policy::scope).transpose()?;
    let external_id = field(&form, "external_id").map(storage_services::policy::external_id).transpose()?;
    let mut upload = upload(form, crate::ATTACHMENT)?;
    upload.request.metadata = metadata;
    upload.request.scope = scope;
    upload.request.external_id = external_id;
    Ok(upload)
}

/// The rules of both forms; a file that is too large is sent the other way.
fn rules<'a>(settings: &Settings, fields: &'a [&'a str], presign_route: &'a str) -> FormRules<'a> {
    FormRules { max_file_bytes: settings.direct_max_bytes, fields, presign_route }
}

fn field<'a>(form: &'a UploadForm, name: &str) -> Option<&'a str> {
    form.fields.get(name).map(String::as_str)
}

fn upload(form: UploadForm, purpose: Purpose) -> Result<Upload> {
    let is_public = match field(&form, "is_public") {
        None => None,
        Some("true") => Some(true),
        Some("false") => Some(false),
        Some(_) => return Err(Error::new(ErrorKind::InvalidRequest, "is_public")),
    };
    let fields = form.fields.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
    let sha256 = field(&form, "sha256").map(str::to_owned);
    let file = form.file;
    // A part without a type, or with the one that says nothing, declares none.
    let content_type = file.content_type.filter(|declared| declared != "application/octet-stream");
    let request = IssueRequest {
        filename: file.filename.as_deref().map(FileName::parse).transpose()?,
        content_type,
        size: Some(file.bytes.len() as u64),
        sha256,
        visibility: is_public.map(visibility),
        ..IssueRequest::new(purpose)
    };
    Ok(Upload { request, bytes: file.bytes, fields })
}
