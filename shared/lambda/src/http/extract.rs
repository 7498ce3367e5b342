//! Ids of paths, strict queries and the idempotency key.

use std::str::FromStr;

use axum::extract::{FromRequestParts, Query, RawPathParams};
use http::request::Parts;
use http::{HeaderMap, Uri};
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use storage_core::ids::IdempotencyKey;
use storage_core::{Error, ErrorKind, Result};

use super::error::ApiError;

/// The most bytes of a query.
const MAX_QUERY_BYTES: usize = 8 * 1024;

/// The path parameters, decoded once.
#[derive(Clone, Debug)]
pub struct PathParameters(Vec<(String, String)>);

impl PathParameters {
    /// The text of the parameter `name`. `NotFound` where the route has none.
    pub fn text(&self, name: &str) -> Result<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found
            .map(|(_, value)| value.as_str())
            .ok_or_else(|| Error::new(ErrorKind::NotFound, "path parameter"))
    }

    /// The parameter `name` read as an id; `InvalidId` where it is none.
    pub fn id<T: FromStr>(&self, name: &str) -> Result<T> {
        self.text(name)?.parse().map_err(|_| Error::new(ErrorKind::InvalidId, "path parameter"))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PathParameters {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let raw = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(|_| Error::new(ErrorKind::InvalidId, "path that is not UTF-8"))?;
        Ok(PathParameters(raw.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()))
    }
}

/// The path parameter `id`.
#[derive(Clone, Copy, Debug)]
pub struct PathId<T>(pub T);

impl<S: Send + Sync, T: FromStr> FromRequestParts<S> for PathId<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        Ok(PathId(PathParameters::from_request_parts(parts, state).await?.id("id")?))
    }
}

/// The query as pairs, for names that are not known beforehand such as `metadata[size]`. No name repeats.
#[derive(Clone, Debug, Default)]
pub struct QueryPairs(pub Vec<(String, String)>);

impl QueryPairs {
    /// Reads a query. `InvalidRequest` where it is too long, a name repeats or an encoding is broken.
    pub fn parse(query: &str) -> Result<Self> {
        let invalid = |what: &str| Error::new(ErrorKind::InvalidRequest, format!("query: {what}"));
        if query.len() > MAX_QUERY_BYTES {
            return Err(invalid("too long"));
        }
        let mut pairs: Vec<(String, String)> = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decode(name).ok_or_else(|| invalid("encoding"))?;
            let value = decode(value).ok_or_else(|| invalid("encoding"))?;
            if pairs.iter().any(|(known, _)| *known == name) {
                return Err(invalid("repeated name"));
            }
            pairs.push((name, value));
        }
        Ok(QueryPairs(pairs))
    }

    /// The value of `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// `+`, then %XX, then UTF-8, without control characters; nothing is guessed.
fn decode(text: &str) -> Option<String> {
    if !has_whole_escapes(text) {
        return None;
    }
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8().ok()?.into_owned();
    (!decoded.chars().any(char::is_control)).then_some(decoded)
}

/// Whether every `%` is followed by two hex digits.
pub(crate) fn has_whole_escapes(text: &str) -> bool {
    text.split('%').skip(1).all(|rest| {
        let digits = rest.as_bytes();
        digits.len() >= 2 && digits[0].is_ascii_hexdigit() && digits[1].is_ascii_hexdigit()
    })
}

impl<S: Sync> FromRequestParts<S> for QueryPairs {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Ok(QueryPairs::parse(parts.uri.query().unwrap_or_default())?)
    }
}

/// A query, or a body, that says nothing: every member of it is refused.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// The query as a type. A name that `T` does not know is `InvalidRequest` if it denies unknown fields, as it should.
#[derive(Clone, Copy, Debug)]
pub struct StrictQuery<T>(pub T);

impl<T: DeserializeOwned> StrictQuery<T> {
    fn parse(uri: &Uri) -> Result<T> {
        QueryPairs::parse(uri.query().unwrap_or_default())?;
        // The cause may repeat the value, which the log must not hold.
        let query = Query::<T>::try_from_uri(uri);
        query.map(|Query(query)| query).map_err(|_| Error::new(ErrorKind::InvalidRequest, "query"))
    }
}

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for StrictQuery<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Ok(StrictQuery(Self::parse(&parts.uri)?))
    }
}

/// The `Idempotency-Key` of a request, if it has one.
#[derive(Clone, Debug)]
pub struct Idempotency(pub Option<IdempotencyKey>);

impl<S: Sync> FromRequestParts<S> for Idempotency {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Ok(Idempotency(
            text_header(&parts.headers, "idempotency-key")?.map(IdempotencyKey::parse).transpose()?,
        ))
    }
}

/// The one value of a header as text; `InvalidRequest` where it is repeated or not visible ASCII.
pub(super) fn text_header<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>> {
    let invalid = || Error::new(ErrorKind::InvalidRequest, format!("header {name}"));
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(invalid());
    }
    value.to_str().map(Some).map_err(|_| invalid())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h18_queries_are_read_strictly() {
        let pairs = QueryPairs::parse("a=1&metadata%5Bsize%5D=2&c=x+y%2B%C3%A9").unwrap();
        assert_eq!(pairs.get("metadata[size]"), Some("2"));
        assert_eq!(pairs.get("c"), Some("x y+é"));
        let long = format!("a={}", "b".repeat(9000));
        for bad in ["size=medium&size=large", "a=1&%61=2", "a=%zz", "a=%", "a=%4", "a=%ff", "a=%00", &long] {
            assert_eq!(QueryPairs::parse(bad).unwrap_err().kind(), ErrorKind::InvalidRequest, "{bad:.20}");
        }
    }
}
