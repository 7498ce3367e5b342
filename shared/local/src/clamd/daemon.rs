//! A daemon of one's own, with a configuration of its own and one signature: that of the EICAR test file, which every
//! scanner knows and which is no virus.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use storage_core::{Error, ErrorKind, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};

use super::ClamdAddress;

/// Where Debian's `clamav-daemon` puts it.
const PROGRAM: &str = "/usr/sbin/clamd";
/// How long it may take to listen. With one signature it takes some 30 ms.
const PATIENCE: Duration = Duration::from_secs(10);
/// The test file in hexadecimal, at the start of any file, so that no file here is taken for it.
const SIGNATURES: &str = concat!(
    "Eicar-Test-Signature:0:0:",
    "58354f2150254041505b345c505a58353428505e2937434329377d2445494341522d5354414e44415244",
    "2d414e544956495255532d544553542d46494c452124482b482a\n",
);

/// A running daemon, which is killed with this.
#[derive(Debug)]
pub struct ClamdDaemon {
    child: Child,
    socket: PathBuf,
}

impl ClamdDaemon {
    /// Whether this machine has the program.
    pub fn is_installed() -> bool {
        Path::new(PROGRAM).exists()
    }

    /// Starts one that keeps everything it has in `folder`, and waits until it answers.
    ///
    /// `StorageUnavailable` where it does not; the reason is in `clamd.log` there.
    pub async fn start(folder: &Path) -> Result<Self> {
        let failed = |cause: std::io::Error| outage("clamd cannot be started").with_cause(cause);
        let socket = folder.join("clamd.sock");
        let (signatures, scratch) = (folder.join("signatures"), folder.join("scratch"));
        for place in [&signatures, &scratch] {
            std::fs::create_dir_all(place).map_err(failed)?;
        }
        std::fs::write(signatures.join("test.ndb"), SIGNATURES).map_err(failed)?;
        let file = folder.join("clamd.conf");
        std::fs::write(&file, configuration(folder, &socket, &signatures, &scratch)).map_err(failed)?;
        // One that was killed leaves its socket behind.
        let _ = std::fs::remove_file(&socket);
        let child = Command::new(PROGRAM)
            .arg("--config-file")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C is for the stack, which stops the daemon itself.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let mut daemon = ClamdDaemon { child, socket };
        daemon.wait_until_ready().await?;
        Ok(daemon)
    }

    /// Where it listens.
    pub fn address(&self) -> ClamdAddress {
        ClamdAddress::Unix(self.socket.clone())
    }

    /// Stops it.
    pub async fn stop(mut self) {
        let _ = self.child.kill().await;
    }

    async fn wait_until_ready(&mut self) -> Result<()> {
        let started = Instant::now();
        while !self.answers().await {
            if let Ok(Some(_)) = self.child.try_wait() {
                return Err(outage("clamd ended while starting; see clamd.log"));
            }
            if started.elapsed() > PATIENCE {
                return Err(outage("clamd does not answer; see clamd.log"));
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    async fn answers(&self) -> bool {
        let Ok(mut connection) = UnixStream::connect(&self.socket).await else { return false };
        let mut answer = Vec::new();
        connection.write_all(b"zPING\0").await.is_ok()
            && connection.read_to_end(&mut answer).await.is_ok()
            && answer == b"PONG\0"
    }
}

/// Everything it needs to be told. What is over a limit is reported, never passed over as clean.
fn configuration(folder: &Path, socket: &Path, signatures: &Path, scratch: &Path) -> String {
    format!(
        "Foreground yes\n\
         LocalSocket {socket}\n\
         LocalSocketMode 600\n\
         DatabaseDirectory {signatures}\n\
         TemporaryDirectory {scratch}\n\
         LogFile {log}\n\
         LogTime yes\n\
         MaxThreads 4\n\
         StreamMaxLength 2047M\n\
         MaxFileSize 2047M\n\
         MaxScanSize 2047M\n\
         AlertExceedsMax yes\n",
        socket = socket.display(),
        signatures = signatures.display(),
        scratch = scratch.display(),
        log = folder.join("clamd.log").display(),
    )
}

fn outage(context: &str) -> Error {
    Error::new(ErrorKind::StorageUnavailable, context)
}
