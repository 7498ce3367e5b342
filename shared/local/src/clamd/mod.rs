//! ClamAV's daemon as a scanner, for development: it sits on this machine, and the object is streamed to it.
//!
//! The daemon passes over what is larger than its own limits and calls it clean, unless `AlertExceedsMax` is set: the
//! configuration of the development stack sets it, and whoever configures another daemon has to.

mod daemon;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;
use storage_core::ports::{
    BodyStream, GetOptions, ObjectMeta, ObjectRef, ScanVerdict, Scanner, StorageBackend,
};
use storage_core::{Error, ErrorKind, Result};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

pub use daemon::ClamdDaemon;

/// How many bytes are sent in one piece.
const PIECE: usize = 64 * 1024;
/// How long an answer is waited for that may say why the bytes could not be sent.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// The longest answer that is read, in bytes.
const LONGEST_ANSWER: u64 = 4096;

/// Where the daemon listens. Its protocol has neither a key nor a password, so it is on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClamdAddress {
    /// A Unix socket.
    Unix(PathBuf),
    /// An address of the loopback interface.
    Tcp(SocketAddr),
}

/// How much is sent, and how long is waited.
#[derive(Clone, Copy, Debug)]
pub struct ClamdLimits {
    /// The most bytes of an object. Larger ones are not sent, and count as not scannable: the daemon scans less than 2 GiB.
    pub max_bytes: u64,
    /// The longest the daemon may take to accept a connection or a piece.
    pub piece: Duration,
    /// The longest it may take for its verdict once it has everything.
    pub verdict: Duration,
}

impl Default for ClamdLimits {
    fn default() -> Self {
        ClamdLimits {
            max_bytes: 2047 << 20,
            piece: Duration::from_secs(20),
            verdict: Duration::from_secs(120),
        }
    }
}

/// The daemon.
pub struct Clamd {
    address: ClamdAddress,
    storage: Arc<dyn StorageBackend>,
    limits: ClamdLimits,
}

impl Clamd {
    /// The daemon at `address`, to which objects of `storage` are sent.
    pub fn new(address: ClamdAddress, storage: Arc<dyn StorageBackend>) -> Self {
        Clamd { address, storage, limits: ClamdLimits::default() }
    }

    /// The same with other limits.
    #[must_use]
    pub fn with_limits(mut self, limits: ClamdLimits) -> Self {
        self.limits = limits;
        self
    }

    async fn connect(&self) -> Result<Box<dyn Connection>> {
        let limit = self.limits.piece;
        Ok(match &self.address {
            ClamdAddress::Unix(path) => Box::new(within(limit, UnixStream::connect(path)).await?),
            ClamdAddress::Tcp(address) => Box::new(within(limit, TcpStream::connect(address)).await?),
        })
    }

    /// Sends the command and the bytes; says how many there were. A daemon that has heard enough stops listening.
    async fn send(&self, connection: &mut dyn Connection, mut body: BodyStream) -> Result<u64> {
        let limit = self.limits.piece;
        within(limit, connection.write_all(b"zINSTREAM\0")).await?;
        let mut sent = 0;
        while let Some(chunk) = body.next().await {
            let chunk = chunk?;
            for piece in chunk.chunks(PIECE) {
                let length = u32::try_from(piece.len()).unwrap_or_default().to_be_bytes();
                within(limit, connection.write_all(&length)).await?;
                within(limit, connection.write_all(piece)).await?;
                sent += piece.len() as u64;
            }
        }
        within(limit, connection.write_all(&0_u32.to_be_bytes())).await?;
        within(limit, connection.flush()).await?;
        Ok(sent)
    }
}

#[async_trait]
impl Scanner for Clamd {
    async fn verdict(&self, object: &ObjectRef, meta: &ObjectMeta) -> Result<Option<ScanVerdict>> {
        if meta.size > self.limits.max_bytes {
            tracing::warn!(size_bytes = meta.size, "an object is too large to be scanned");
            return Ok(Some(ScanVerdict::Error));
        }
        let options = GetOptions { range: None, if_match: Some(meta.etag.clone()) };
        let read = self.storage.get(object, options).await?;
        let mut connection = self.connect().await?;
        let sent = self.send(connection.as_mut(), read.body).await;
        let mut answer = Vec::new();
        let reading = connection.take(LONGEST_ANSWER);
        let mut reading = std::pin::pin!(reading);
        let patience = if sent.is_ok() { self.limits.verdict } else { LAST_WORDS };
        let heard = within(patience, reading.read_to_end(&mut answer)).await;
        match (sent, parse(&answer)) {
            (Ok(sent), _) if sent != meta.size => Err(outage("the object ended early")),
            // A refusal that came before the end of the bytes explains why they could not be sent.
            (_, Some(verdict)) if verdict != ScanVerdict::Clean => Ok(Some(verdict)),
            (Err(failed), _) => Err(failed),
            (Ok(_), Some(verdict)) => Ok(Some(verdict)),
            (Ok(_), None) => Err(heard.err().unwrap_or_else(|| outage("clamd hung up without an answer"))),
        }
    }
}

impl fmt::Debug for Clamd {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Clamd").field("address", &self.address).finish_non_exhaustive()
    }
}

/// A connection of either kind.
trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

/// What the daemon says; `None` where it says nothing. Only its own word is clean.
fn parse(answer: &[u8]) -> Option<ScanVerdict> {
    let text = String::from_utf8_lossy(answer);
    let text = text.trim_end_matches('\0').trim();
    let found = text.strip_prefix("stream: ").and_then(|rest| rest.strip_suffix(" FOUND"));
    match (text, found) {
        ("", _) => None,
        ("stream: OK", _) => Some(ScanVerdict::Clean),
        (_, Some(threat)) => Some(ScanVerdict::Infected { threat: threat.to_owned() }),
        (other, None) => {
            tracing::warn!(clamd.answer = other, "clamd could not scan an object");
            Some(ScanVerdict::Error)
        }
    }
}

async fn within<T>(limit: Duration, action: impl Future<Output = std::io::Result<T>>) -> Result<T> {
    match tokio::time::timeout(limit, action).await {
        Ok(result) => result.map_err(|cause| outage("clamd cannot be reached").with_cause(cause)),
        Err(_) => Err(outage("clamd does not answer in time")),
    }
}

fn outage(context: &str) -> Error {
    Error::new(ErrorKind::StorageUnavailable, context)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_daemons_own_word_is_clean() {
        assert_eq!(parse(b"stream: OK\0"), Some(ScanVerdict::Clean));
        let eicar = Some(ScanVerdict::Infected { threat: "Eicar-Test.UNOFFICIAL".to_owned() });
        assert_eq!(parse(b"stream: Eicar-Test.UNOFFICIAL FOUND\0"), eicar);
        for error in [
            "INSTREAM size limit exceeded. ERROR\0",
            "stream: Can't allocate memory ERROR\0",
            "UNKNOWN COMMAND\0",
            "OK",
            "stream: OK stream: X FOUND and more",
            "stream: ok",
            "\u{fffd}",
        ] {
            assert_eq!(parse(error.as_bytes()), Some(ScanVerdict::Error), "{error}");
        }
        assert_eq!(parse(b""), None);
        assert_eq!(parse(b"\0"), None);
    }
}
