//! `If-Match` and `If-None-Match`, compared strongly: records have one exact tag per revision.

use axum::extract::FromRequestParts;
use http::HeaderMap;
use http::request::Parts;
use storage_core::{Error, ErrorKind, Result};

use super::error::ApiError;
use super::extract::text_header;

/// What a client knows about a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Tags {
    Any,
    Listed(Vec<Tag>),
}

/// One tag, without its quotes and without the `W/` in front of them: `"W/a"` is a strong tag of three characters.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Tag {
    is_weak: bool,
    text: String,
}

/// The conditions of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    if_match: Option<Tags>,
    if_none_match: Option<Tags>,
}

impl Conditions {
    /// Reads both headers; `InvalidRequest` where one is malformed.
    pub fn parse(headers: &HeaderMap) -> Result<Self> {
        let tags = |name| text_header(headers, name)?.map(parse_tags).transpose();
        Ok(Conditions { if_match: tags("if-match")?, if_none_match: tags("if-none-match")? })
    }

    /// Whether the request has an `If-Match`, which an update must hand on to its conditional write.
    pub fn has_if_match(&self) -> bool {
        self.if_match.is_some()
    }

    /// `PreconditionFailed` where `If-Match` names another state than `current` (without quotes).
    pub fn check_match(&self, current: &str) -> Result<()> {
        match &self.if_match {
            Some(Tags::Listed(tags)) if !tags.iter().any(|tag| !tag.is_weak && tag.text == current) => {
                Err(Error::new(ErrorKind::PreconditionFailed, "if-match"))
            }
            _ => Ok(()),
        }
    }

    /// Whether the client's copy is `current` (without quotes), so that 304 is the answer.
    pub fn is_unchanged(&self, current: &str) -> bool {
        match &self.if_none_match {
            None => false,
            Some(Tags::Any) => true,
            Some(Tags::Listed(tags)) => tags.iter().any(|tag| tag.text == current),
        }
    }
}

/// `*`, or quoted tags separated by commas.
fn parse_tags(text: &str) -> Result<Tags> {
    if text.trim() == "*" {
        return Ok(Tags::Any);
    }
    let parse = |part: &str| {
        let part = part.trim();
        let (is_weak, quoted) = part.strip_prefix("W/").map_or((false, part), |rest| (true, rest));
        let text = quoted.strip_prefix('"')?.strip_suffix('"')?;
        (!text.contains('"')).then(|| Tag { is_weak, text: text.to_owned() })
    };
    let tags: Option<Vec<Tag>> = text.split(',').map(parse).collect();
    tags.map(Tags::Listed).ok_or_else(|| Error::new(ErrorKind::InvalidRequest, "entity tags"))
}

impl<S: Sync> FromRequestParts<S> for Conditions {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Ok(Conditions::parse(&parts.headers)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conditions(name: &'static str, value: &str) -> Result<Conditions> {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        Conditions::parse(&headers)
    }

    #[test]
    fn h09_stale_tags_fail_and_current_ones_pass() {
        for good in ["*", "\"7\"", "\"6\", \"7\""] {
            conditions("if-match", good).unwrap().check_match("7").unwrap();
        }
        for stale in ["\"x\"", "W/\"7\"", "\"\""] {
            let error = conditions("if-match", stale).unwrap().check_match("7").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::PreconditionFailed, "{stale}");
        }
        for bad in ["7", "\"7", "", "\"a\"\"b\""] {
            assert_eq!(conditions("if-match", bad).unwrap_err().kind(), ErrorKind::InvalidRequest, "{bad}");
        }
        assert!(conditions("if-none-match", "W/\"7\"").unwrap().is_unchanged("7"));
        assert!(!conditions("if-none-match", "\"8\"").unwrap().is_unchanged("7"));
        Conditions::default().check_match("7").unwrap();
    }

    #[test]
    fn a_tag_that_looks_weak_inside_its_quotes_is_another_tag() {
        let odd = conditions("if-none-match", "\"W/7\"").unwrap();
        assert!(!odd.is_unchanged("7"));
        assert!(odd.is_unchanged("W/7"));
        let error = conditions("if-match", "W/\"7\"").unwrap().check_match("W/7").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PreconditionFailed);
    }
}
