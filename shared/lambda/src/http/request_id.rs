//! The id that joins a client's report, the gateway's access log and our own lines.

use std::fmt;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::Extensions;
use http::request::Parts;
use lambda_http::request::RequestContext;
use uuid::Uuid;

use super::error::ApiError;

/// The header that carries it in every response.
pub const HEADER: &str = "x-request-id";

/// 1 to 128 visible ASCII characters. A client never chooses it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// This id.
    pub fn new(text: &str) -> Self {
        RequestId(text.into())
    }

    /// The gateway's id, else that of the Lambda invocation, else a fresh one.
    pub(super) fn of(extensions: &Extensions) -> Self {
        let gateway = extensions.get::<RequestContext>().and_then(|context| match context {
            RequestContext::ApiGatewayV2(context) => context.request_id.as_deref(),
            #[allow(unreachable_patterns, reason = "other crates of a build may enable other triggers")]
            _ => None,
        });
        let invocation = extensions.get::<lambda_http::Context>().map(|context| context.request_id.as_str());
        let usable = |id: &&str| {
            (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"')
        };
        match gateway.filter(usable).or(invocation.filter(usable)) {
            Some(id) => RequestId::new(id),
            None => RequestId::new(&Uuid::new_v4().to_string()),
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl<S: Sync> FromRequestParts<S> for RequestId {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let known = parts.extensions.get::<RequestId>().cloned();
        Ok(known.unwrap_or_else(|| RequestId::of(&parts.extensions)))
    }
}
