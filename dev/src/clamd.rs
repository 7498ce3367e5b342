//! The scanner of uploads, where ClamAV's daemon is installed (Debian: `clamav-daemon`).
//!
//! It has one signature, that of the EICAR test file, so it starts in a moment and finds that file and nothing else.

use storage_local::{ClamdAddress, ClamdDaemon};

use crate::screen;
use crate::workspace::Local;

/// What is scanned here unless `STORAGE_SCAN` says otherwise.
const POLICY: &str = "attachment=before_ready,export=before_ready";

/// Starts the daemon, and says what the functions have to be told about it. Without one nothing is scanned.
#[expect(clippy::disallowed_methods, reason = "the policy of a stack is set as that of a deployment is")]
pub(crate) async fn start(local: &Local) -> (Option<ClamdDaemon>, Vec<(String, String)>) {
    let policy = std::env::var("STORAGE_SCAN").unwrap_or_else(|_| POLICY.to_owned());
    if policy == "off" {
        screen::step("uploads are not scanned: STORAGE_SCAN is off");
        return (None, Vec::new());
    }
    if !ClamdDaemon::is_installed() {
        screen::step("uploads are not scanned: clamd is missing (Debian: apt-get install clamav-daemon)");
        return (None, Vec::new());
    }
    let daemon = match ClamdDaemon::start(&local.path("clamd")).await {
        Ok(daemon) => daemon,
        Err(error) => {
            screen::step(&format!("uploads are not scanned: {}", error.log_line()));
            return (None, Vec::new());
        }
    };
    let told = match daemon.address() {
        ClamdAddress::Unix(socket) => socket.to_string_lossy().into_owned(),
        ClamdAddress::Tcp(address) => address.to_string(),
    };
    let told = [("STORAGE_SCAN", policy), ("STORAGE_CLAMD", told)];
    (Some(daemon), told.map(|(name, value)| (name.to_owned(), value)).into())
}
