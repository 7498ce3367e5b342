//! Keys as events carry them.

use percent_encoding::percent_decode_str;
use storage_core::key::StorageKey;

use super::parse::Poison;
use crate::http::extract::has_whole_escapes;

/// A key of an S3 event: `+` is a space, then %XX, then UTF-8. A `+` itself arrives as `%2B`.
pub(super) fn decode(text: &str) -> Result<StorageKey, Poison> {
    if !has_whole_escapes(text) {
        return Err(Poison::Key);
    }
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8().map_err(|_| Poison::Key)?;
    plain(&decoded)
}

/// A key of an EventBridge event, which is not encoded.
pub(super) fn plain(text: &str) -> Result<StorageKey, Poison> {
    StorageKey::parse(text).map_err(|_| Poison::Key)
}
