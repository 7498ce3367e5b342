//! Bodies between `s3s` and the backend, as streams with a known length.

use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use http::HeaderMap;
use s3s::dto::StreamingBlob;
use s3s::stream::{ByteStream, RemainingLength};
use s3s::{S3Result, StdError, s3_error};
use storage_core::ports::{Body, BodyStream};
use storage_core::{Error, ErrorKind};

use super::checksum::Expected;

/// The body of a write: as long as the client says, and ending in an error where a checksum differs.
pub(super) fn incoming(
    blob: Option<StreamingBlob>,
    content_length: Option<i64>,
    headers: &HeaderMap,
    expected: Expected,
) -> S3Result<Body> {
    let exact = blob.as_ref().and_then(|blob| blob.remaining_length().exact());
    let decoded = headers
        .get("x-amz-decoded-content-length")
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let length = content_length
        .and_then(|length| u64::try_from(length).ok())
        .or(decoded)
        .or(exact.map(|length| length as u64))
        .ok_or_else(|| s3_error!(MissingContentLength))?;
    let state = (blob, expected);
    let stream = futures_util::stream::try_unfold(state, |(mut blob, mut expected)| async move {
        let next = match &mut blob {
            Some(blob) => blob.next().await,
            None => None,
        };
        match next {
            Some(chunk) => {
                let chunk = chunk.map_err(broken)?;
                expected.update(&chunk);
                Ok(Some((chunk, (blob, expected))))
            }
            None => expected.check().map(|()| None),
        }
    });
    Ok(Body::Stream { length, stream: Box::pin(stream) })
}

/// A body that `s3s` found fault with, or that the client broke off. Its errors are private: only their text tells.
fn broken(cause: StdError) -> Error {
    let text = cause.to_string();
    let kind = if text.contains("Sha256Mismatch") {
        ErrorKind::ChecksumMismatch
    } else if text.contains("SignatureMismatch") {
        ErrorKind::InvalidSignature
    } else {
        ErrorKind::SizeMismatch
    };
    Error::new(kind, "body of a request").with_cause(cause)
}

/// The body of an answer.
pub(super) fn outgoing(stream: BodyStream, length: u64) -> StreamingBlob {
    StreamingBlob::new(Outgoing { stream: Mutex::new(stream), left: length })
}

/// `s3s` wants streams that threads can share. Nobody does: the lock is never taken, only bypassed.
struct Outgoing {
    stream: Mutex<BodyStream>,
    left: u64,
}

impl Stream for Outgoing {
    type Item = Result<Bytes, StdError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let stream = self.stream.get_mut().unwrap_or_else(PoisonError::into_inner);
        let polled = stream.as_mut().poll_next(context);
        if let Poll::Ready(Some(Ok(chunk))) = &polled {
            self.left = self.left.saturating_sub(chunk.len() as u64);
        }
        polled.map(|chunk| chunk.map(|chunk| chunk.map_err(StdError::from)))
    }
}

impl ByteStream for Outgoing {
    fn remaining_length(&self) -> RemainingLength {
        usize::try_from(self.left).map_or_else(|_| RemainingLength::unknown(), RemainingLength::new_exact)
    }
}
