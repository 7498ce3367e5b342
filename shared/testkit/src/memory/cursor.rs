//! Cursors of the models: where a page ended, bound to its listing and checked, so that no other text is taken.

use sha2::{Digest, Sha256};
use storage_core::{Error, ErrorKind, Result};

/// A cursor of `listing` behind `last`.
pub(super) fn seal(listing: &[&str], last: &str) -> String {
    format!("{}{}", check(listing, last), hex::encode(last))
}

/// Where the page before ended; `InvalidCursor` for a text that [`seal`] did not make for this listing.
pub(super) fn open(listing: &[&str], cursor: &str) -> Result<String> {
    let invalid = || Error::new(ErrorKind::InvalidCursor, "cursor");
    let (sum, rest) = cursor.split_at_checked(16).ok_or_else(invalid)?;
    let last = hex::decode(rest).ok().and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(invalid)?;
    if sum == check(listing, &last) && rest == hex::encode(&last) { Ok(last) } else { Err(invalid()) }
}

fn check(listing: &[&str], last: &str) -> String {
    let mut digest = Sha256::new();
    for part in listing.iter().chain([&last]) {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part.as_bytes());
    }
    hex::encode(&digest.finalize()[..8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_listing_takes_a_cursor() {
        let cursor = seal(&["bucket", "a/"], "a/é");
        assert_eq!(open(&["bucket", "a/"], &cursor).unwrap(), "a/é");
        for (listing, text) in [
            (["bucket", "b/"], cursor.clone()),
            (["bucketa", "/"], cursor.clone()),
            (["bucket", "a/"], cursor.to_uppercase()),
            (["bucket", "a/"], cursor[..cursor.len() - 1].to_owned()),
            (["bucket", "a/"], String::new()),
            (["bucket", "a/"], "é".repeat(20)),
        ] {
            assert_eq!(open(&listing, &text).unwrap_err().kind(), ErrorKind::InvalidCursor, "{text}");
        }
    }
}
