//! What each purpose takes: sizes, types, and what is served as what.

use storage_core::ids::ExternalId;
use storage_core::key::Visibility;
use storage_core::ports::AvatarRecipe;
use storage_core::record::Purpose;
use storage_core::tenant::TenantLimits;
use storage_core::{Error, ErrorKind, Result};

use crate::settings::Settings;

/// The most bytes a file of `purpose` may have.
pub fn max_bytes(settings: &Settings, purpose: Purpose) -> u64 {
    match purpose {
        Purpose::AvatarUser | Purpose::AvatarAgent => settings.avatar_max_bytes,
        Purpose::Attachment | Purpose::Export => settings.attachment_max_bytes,
    }
}

/// What an upload of `purpose` is made into, beside its sizes in JPEG or PNG. Only avatars have sizes.
pub fn recipe(settings: &Settings, purpose: Purpose) -> AvatarRecipe {
    AvatarRecipe { webp: settings.avatar_webp && purpose.entity_kind().is_some() }
}

/// A declared media type in its plain form: lower case, without parameters, `image/jpg` spelt properly.
///
/// `InvalidRequest` for text that is no media type; `UnsupportedMediaType` for a wildcard, and for an avatar that is
/// declared to be none of the four image formats.
pub fn declared_type(text: &str, purpose: Purpose) -> Result<String> {
    let invalid = || Error::new(ErrorKind::InvalidRequest, "content_type");
    if text.len() > 255 || text.chars().any(char::is_control) {
        return Err(invalid());
    }
    let essence = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let (kind, subtype) = essence.split_once('/').ok_or_else(invalid)?;
    let token = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&^_.+-*".contains(&byte))
    };
    if !token(kind) || !token(subtype) || kind.starts_with('.') || subtype.starts_with('.') {
        return Err(invalid());
    }
    let plain = match essence.as_str() {
        "image/jpg" | "image/pjpeg" => "image/jpeg",
        "image/x-png" => "image/png",
        "application/x-pdf" => "application/pdf",
        "application/x-zip-compressed" => "application/zip",
        other => other,
    };
    let is_image = matches!(plain, "image/jpeg" | "image/png" | "image/webp" | "image/gif");
    if plain.contains('*') || (purpose.entity_kind().is_some() && !is_image) {
        return Err(Error::new(ErrorKind::UnsupportedMediaType, "declared type"));
    }
    Ok(plain.to_owned())
}

/// A media type that is served as itself, with the extension of its objects. Everything else is opaque.
pub fn served_type(content_type: &str) -> Option<&'static str> {
    Some(match content_type {
        "image/jpeg" => "jpg",
        "image/png" => "png",
        "image/webp" => "webp",
        "image/gif" => "gif",
        "application/pdf" => "pdf",
        "application/zip" => "zip",
        "application/gzip" => "gz",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document" => "docx",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" => "xlsx",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation" => "pptx",
        "audio/mpeg" => "mp3",
        "video/mp4" => "mp4",
        "text/plain" => "txt",
        "text/csv" => "csv",
        "text/markdown" => "md",
        "application/json" => "json",
        _ => return None,
    })
}

/// Text formats that cannot be told apart by content: the declared one is kept where the bytes are text.
pub fn is_declared_text(content_type: &str) -> bool {
    matches!(content_type, "text/plain" | "text/csv" | "text/markdown" | "application/json")
}

/// A caller's folder: 1 to 100 of letters, digits, `-`, `_` and `.`, not starting with a dot.
pub fn scope(text: &str) -> Result<String> {
    let valid = (1..=100).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        && !text.starts_with('.');
    if valid { Ok(text.to_owned()) } else { Err(Error::new(ErrorKind::InvalidRequest, "scope")) }
}

/// A caller's own id.
pub fn external_id(text: &str) -> Result<ExternalId> {
    ExternalId::parse(text)
}

/// A caller's metadata: at most 2 KB of names and values, names of `a-z 0-9 - _`.
///
/// `UnknownField` for the one name that is the system's own.
pub fn check_metadata(metadata: &std::collections::BTreeMap<String, String>) -> Result<()> {
    if metadata.contains_key("identified") {
        return Err(Error::new(ErrorKind::UnknownField, "metadata.identified"));
    }
    let total: usize = metadata.iter().map(|(name, value)| name.len() + value.len()).sum();
    let named = |name: &String| is_metadata_name(name);
    let shown = |value: &String| !value.chars().any(char::is_control);
    if total <= 2048 && metadata.keys().all(named) && metadata.values().all(shown) {
        Ok(())
    } else {
        Err(Error::new(ErrorKind::InvalidRequest, "metadata"))
    }
}

/// Whether a caller's metadata may have this name: `a-z 0-9 - _`, and not one of the system's own.
pub fn is_metadata_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
    !name.is_empty() && name != "identified" && name.bytes().all(plain)
}

/// `Forbidden` for a public file of a tenant that may have none.
pub fn check_visibility(limits: &TenantLimits, wanted: Option<Visibility>) -> Result<()> {
    if limits.private_only && wanted == Some(Visibility::Public) {
        return Err(Error::new(ErrorKind::Forbidden, "the tenant has private files only"));
    }
    Ok(())
}

/// A declared SHA-256 in lower-case hex.
pub fn sha256(text: &str) -> Result<String> {
    let valid = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if valid { Ok(text.to_ascii_lowercase()) } else { Err(Error::new(ErrorKind::InvalidRequest, "sha256")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declared_types_are_plain_or_refused() {
        let avatar = |text| declared_type(text, Purpose::AvatarUser).map_err(|error| error.kind());
        assert_eq!(avatar("IMAGE/PNG; charset=x").as_deref(), Ok("image/png"));
        assert_eq!(avatar("image/jpg").as_deref(), Ok("image/jpeg"));
        assert_eq!(avatar("image/*"), Err(ErrorKind::UnsupportedMediaType));
        assert_eq!(avatar("image/svg+xml"), Err(ErrorKind::UnsupportedMediaType));
        assert_eq!(avatar("text/html"), Err(ErrorKind::UnsupportedMediaType));
        let attachment = |text| declared_type(text, Purpose::Attachment).map_err(|error| error.kind());
        assert_eq!(attachment("text/html").as_deref(), Ok("text/html"));
        let long = format!("text/{}", "a".repeat(300));
        for bad in ["", "../x", "image\t/png", "a/b\r\nx: y", "plain", &long] {
            assert_eq!(attachment(bad), Err(ErrorKind::InvalidRequest), "{bad:.30}");
        }
    }
}
