//! JSON bodies, read strictly: one object, no duplicate members, no unknown fields, bounded size and depth.

use std::collections::HashSet;
use std::fmt;

use axum::extract::{FromRequest, Request};
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use storage_core::{Error, ErrorKind, Result};

use super::body;
use super::error::ApiError;

/// How deep objects and arrays may nest.
pub const MAX_DEPTH: usize = 16;

/// The most bytes of a body where the configuration says nothing.
pub const DEFAULT_MAX_BYTES: usize = 64 * 1024;

/// Put into each request by the layer.
#[derive(Clone, Copy)]
pub(super) struct Limit(pub(super) usize);

/// A body that must be there. `T` denies unknown fields (`#[serde(deny_unknown_fields)]`).
#[derive(Debug)]
pub struct StrictJson<T>(pub T);

/// A body that may be absent; without one, no content type is needed.
#[derive(Debug)]
pub struct OptionalJson<T>(pub Option<T>);

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for StrictJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        require_json(request.headers())?;
        Ok(StrictJson(parse(&read(request).await?)?))
    }
}

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for OptionalJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let content_type = require_json(request.headers());
        let bytes = read(request).await?;
        if bytes.is_empty() {
            return Ok(OptionalJson(None));
        }
        content_type?;
        Ok(OptionalJson(Some(parse(&bytes)?)))
    }
}

/// The same for a route whose bodies may have up to `BYTES` bytes, whatever holds for the others.
#[derive(Debug)]
pub struct LargeJson<T, const BYTES: usize>(pub T);

impl<S: Sync, T: DeserializeOwned, const BYTES: usize> FromRequest<S> for LargeJson<T, BYTES> {
    type Rejection = ApiError;

    async fn from_request(mut request: Request, _: &S) -> Result<Self, ApiError> {
        require_json(request.headers())?;
        request.extensions_mut().insert(Limit(BYTES));
        Ok(LargeJson(parse(&read(request).await?)?))
    }
}

async fn read(request: Request) -> Result<bytes::Bytes> {
    let limit = request.extensions().get::<Limit>().map_or(DEFAULT_MAX_BYTES, |limit| limit.0);
    let (parts, body) = request.into_parts();
    body::read(&parts.headers, body, limit).await
}

/// `application/json`, in UTF-8.
fn require_json(headers: &HeaderMap) -> Result<()> {
    let unsupported = || Error::new(ErrorKind::UnsupportedMediaType, "content-type");
    let text = headers.get(CONTENT_TYPE).ok_or_else(unsupported)?;
    let text = text.to_str().map_err(|_| Error::new(ErrorKind::InvalidRequest, "content-type"))?;
    if text.len() > 255 || text.contains('\t') {
        return Err(Error::new(ErrorKind::InvalidRequest, "content-type"));
    }
    let (essence, parameters) = text.split_once(';').unwrap_or((text, ""));
    let parameters = parameters.trim().to_ascii_lowercase();
    let is_utf8 = matches!(parameters.as_str(), "" | "charset=utf-8" | "charset=\"utf-8\"");
    if essence.trim().eq_ignore_ascii_case("application/json") && is_utf8 {
        Ok(())
    } else {
        Err(unsupported())
    }
}

/// Reads one strict JSON object.
///
/// `InvalidJson` where it is not one; `UnknownField` with the field in the details; `InvalidRequest` where a member is
/// missing, of the wrong type or out of range.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    check(bytes)?;
    serde_json::from_slice(bytes).map_err(|cause| {
        let text = cause.to_string();
        let unknown = text.starts_with("unknown field `");
        let kind = if unknown { ErrorKind::UnknownField } else { ErrorKind::InvalidRequest };
        let error = Error::new(kind, "json body");
        // The texts of serde are the only way to learn the name; it is shown only where it cannot be anything but one.
        let quoted = unknown || text.starts_with("missing field `");
        match text.split('`').nth(1).filter(|name| quoted && is_name(name)) {
            Some(name) => error.with_details(serde_json::json!({ "field": name })),
            None => error,
        }
    })
}

fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

/// Whether `bytes` are exactly one JSON object without duplicate members, not deeper than [`MAX_DEPTH`].
pub fn check(bytes: &[u8]) -> Result<()> {
    // Of the cause only the place is kept: its text may quote the body, which the log must not hold.
    let invalid = |cause: serde_json::Error| {
        Error::new(ErrorKind::InvalidJson, format!("json at line {} column {}", cause.line(), cause.column()))
    };
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let is_object = Strict { depth: MAX_DEPTH }.deserialize(&mut deserializer).map_err(invalid)?;
    deserializer.end().map_err(invalid)?;
    if is_object { Ok(()) } else { Err(Error::new(ErrorKind::InvalidJson, "json that is not an object")) }
}

/// Walks a document without keeping it; answers whether its top is an object.
struct Strict {
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = bool;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = bool;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        let depth = self.depth.checked_sub(1).ok_or_else(|| A::Error::custom("too deep"))?;
        let mut names = HashSet::new();
        while let Some(name) = map.next_key::<String>()? {
            map.next_value_seed(Strict { depth })?;
            if !names.insert(name) {
                return Err(A::Error::custom("duplicate member"));
            }
        }
        Ok(true)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<bool, A::Error> {
        let depth = self.depth.checked_sub(1).ok_or_else(|| A::Error::custom("too deep"))?;
        while seq.next_element_seed(Strict { depth })?.is_some() {}
        Ok(false)
    }

    fn visit_unit<E>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_bool<E>(self, _: bool) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_i64<E>(self, _: i64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_u64<E>(self, _: u64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_f64<E>(self, _: f64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_str<E>(self, _: &str) -> Result<bool, E> {
        Ok(false)
    }
}

/// A count or a size: a JSON integer from 0 to 2^63 - 1. Text, fractions and exponents are no numbers here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "i64")]
pub struct Natural(u64);

impl Natural {
    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl TryFrom<i64> for Natural {
    type Error = &'static str;
    fn try_from(number: i64) -> Result<Self, Self::Error> {
        u64::try_from(number).map(Natural).map_err(|_| "a negative number")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        #[serde(default)]
        size: Option<Natural>,
        #[serde(default)]
        name: Option<String>,
        #[serde(default)]
        inner: Option<Box<Sample>>,
    }

    fn kind(bytes: &[u8]) -> ErrorKind {
        parse::<Sample>(bytes).unwrap_err().kind()
    }

    #[test]
    fn b01_b02_n12_only_one_object_is_json() {
        let deep = format!("{}1{}", "{\"inner\":".repeat(10_000), "}".repeat(10_000));
        let seventeen = format!("{}null{}", "{\"inner\":".repeat(17), "}".repeat(17));
        let utf16: Vec<u8> = "{}".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let cases: &[&[u8]] = &[
            b"",
            b"null",
            b"[]",
            b"\"x\"",
            b"{\"name\":",
            b"{\"name\":\"a\",}",
            b"\xEF\xBB\xBF{}",
            &utf16,
            b"{}{}",
            b"{\"name\":\"\\ud800\"}",
            b"{\"name\":\"\xFF\"}",
            b"{\"size\":1,\"size\":1}",
            b"{\"size\":1,\"\\u0073ize\":1}",
            b"{\"size\":NaN}",
            deep.as_bytes(),
            seventeen.as_bytes(),
        ];
        for case in cases {
            assert_eq!(kind(case), ErrorKind::InvalidJson, "{:.40}", String::from_utf8_lossy(case));
        }
        let sixteen = format!("{}null{}", "{\"inner\":".repeat(16), "}".repeat(16));
        parse::<Sample>(sixteen.as_bytes()).unwrap();
    }

    #[test]
    fn b03_b05_fields_are_known_and_of_their_type() {
        for bad in ["-1", "1.5", "\"10\"", "1e3", "9223372036854775808", "true"] {
            assert_eq!(kind(format!("{{\"size\":{bad}}}").as_bytes()), ErrorKind::InvalidRequest, "{bad}");
        }
        let error = parse::<Sample>(b"{\"state\":\"ready\"}").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnknownField);
        assert_eq!(error.details().unwrap()["field"], "state");
        let error = parse::<Sample>(b"{\"<script>\":1}").unwrap_err();
        assert!(error.details().is_none());
        let sample: Sample = parse(b"{\"size\":9223372036854775807,\"name\":\"a\"}").unwrap();
        assert_eq!(sample.size.unwrap().get(), i64::MAX as u64);
        assert_eq!(sample.name.as_deref(), Some("a"));
        assert!(sample.inner.is_none());
    }
}
