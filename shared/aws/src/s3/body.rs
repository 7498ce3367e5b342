//! A stream of known length as an HTTP body that keeps its word or fails.
//!
//! One chunk is held back until the next is known. So a stream that goes on beyond its length fails before the last
//! promised byte is sent, and the server never has a whole object to store.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use aws_sdk_s3::primitives::{ByteStream, SdkBody};
use bytes::Bytes;
use futures_util::StreamExt;
use http_body::{Frame, SizeHint};
use storage_core::ports::{Body, BodyStream};
use storage_core::{Error, ErrorKind, Result};

/// Why a body failed. The SDK only passes on that it did.
#[derive(Clone, Default)]
pub(super) struct Verdict(Arc<Mutex<Option<Error>>>);

impl Verdict {
    fn set(&self, error: Error) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }

    /// The body's own failure, or else that of the call.
    pub(super) fn or(&self, call: Error) -> Error {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or(call)
    }
}

/// The body of a call, with the place where its failure will be found.
pub(super) async fn to_byte_stream(body: Body) -> Result<(ByteStream, Verdict)> {
    let verdict = Verdict::default();
    let stream = match body {
        Body::Bytes(bytes) => ByteStream::from(bytes),
        Body::Stream { length: 0, mut stream } => {
            // A body without length is never polled, so what it holds is looked at here.
            while let Some(chunk) = stream.next().await {
                if !chunk?.is_empty() {
                    return Err(mismatch());
                }
            }
            ByteStream::from_static(b"")
        }
        Body::Stream { length, stream } => {
            let sized = Sized {
                stream: Mutex::new(stream),
                held: None,
                left: length,
                unsent: length,
                verdict: verdict.clone(),
            };
            ByteStream::new(SdkBody::from_body_1_x(sized))
        }
    };
    Ok((stream, verdict))
}

fn mismatch() -> Error {
    Error::new(ErrorKind::SizeMismatch, "the stream is not as long as declared")
}

struct Sized {
    /// The SDK wants bodies that are `Sync`, which a mutex makes of any stream; it is never locked.
    stream: Mutex<BodyStream>,
    held: Option<Bytes>,
    /// What the stream still owes.
    left: u64,
    /// What the connection still waits for.
    unsent: u64,
    verdict: Verdict,
}

impl http_body::Body for Sized {
    type Data = Bytes;
    type Error = BodyFailed;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<std::result::Result<Frame<Bytes>, BodyFailed>>> {
        let this = self.get_mut();
        loop {
            let stream = this.stream.get_mut().unwrap_or_else(PoisonError::into_inner);
            let frame = match ready!(stream.as_mut().poll_next(context)) {
                Some(Ok(chunk)) if chunk.is_empty() => continue,
                Some(Ok(chunk)) => match this.left.checked_sub(chunk.len() as u64) {
                    Some(left) => {
                        this.left = left;
                        match this.held.replace(chunk) {
                            Some(held) => Ok(held),
                            None => continue,
                        }
                    }
                    None => Err(mismatch()),
                },
                Some(Err(error)) => Err(error),
                None if this.left > 0 => Err(mismatch()),
                None => match this.held.take() {
                    Some(held) => Ok(held),
                    None => return Poll::Ready(None),
                },
            };
            return Poll::Ready(Some(match frame {
                Ok(bytes) => {
                    this.unsent = this.unsent.saturating_sub(bytes.len() as u64);
                    Ok(Frame::data(bytes))
                }
                Err(error) => {
                    this.verdict.set(error);
                    Err(BodyFailed)
                }
            }));
        }
    }

    fn is_end_stream(&self) -> bool {
        self.unsent == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.unsent)
    }
}

/// What the SDK is told; the reason is in the [`Verdict`].
#[derive(Debug)]
pub(super) struct BodyFailed;

impl fmt::Display for BodyFailed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the body of the request failed")
    }
}

impl std::error::Error for BodyFailed {}
