//! Which uploads are scanned for malware, and by what.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use storage_core::record::Purpose;

use crate::config::model::{Backend, ClamdSocket, ScanConfig};
use crate::config::names;
use crate::config::reader::{Reader, shown};

pub(super) fn scan(reader: &mut Reader<'_>, backend: Backend) -> ScanConfig {
    let scanned = reader.parsed(&names::SCAN, policies).unwrap_or_default();
    let clamd = reader.parsed(&names::CLAMD, socket);
    if backend == Backend::Local && !scanned.is_empty() && reader.set(&names::CLAMD).is_none() {
        let other = names::CLAMD.name;
        reader
            .problem(&names::SCAN, format!("needs {other} with the local backend, which nothing else scans"));
    }
    ScanConfig { scanned, clamd }
}

/// One policy for everything, or one for each purpose that is named.
fn policies(text: &str) -> Result<BTreeSet<Purpose>, String> {
    if let Some(before_ready) = policy(text) {
        let all = Purpose::ALL.iter().copied();
        return Ok(all.filter(|_| before_ready).collect());
    }
    let (mut scanned, mut named) = (BTreeSet::new(), BTreeSet::new());
    for part in text.split(',') {
        let wrong = || format!("{} is not purpose=off or purpose=before_ready", shown(part));
        let (purpose, word) = part.trim().split_once('=').ok_or_else(wrong)?;
        let purpose = Purpose::from_word(purpose.trim())
            .ok_or_else(|| format!("{} is none of {}", shown(purpose), words()))?;
        let before_ready = policy(word.trim()).ok_or_else(wrong)?;
        if !named.insert(purpose) {
            return Err(format!("{purpose} is named twice"));
        }
        if before_ready {
            scanned.insert(purpose);
        }
    }
    Ok(scanned)
}

fn policy(word: &str) -> Option<bool> {
    match word {
        "off" => Some(false),
        "before_ready" => Some(true),
        _ => None,
    }
}

fn words() -> String {
    let words: Vec<&str> = Purpose::ALL.iter().map(|purpose| purpose.as_str()).collect();
    words.join(", ")
}

fn socket(text: &str) -> Result<ClamdSocket, String> {
    if text.starts_with('/') {
        return Ok(ClamdSocket::Unix(text.into()));
    }
    match text.parse::<SocketAddr>() {
        Ok(address) if address.ip().is_loopback() => Ok(ClamdSocket::Tcp(address)),
        Ok(_) => Err("is not on this machine, and the daemon has no passwords".to_owned()),
        Err(_) => Err(format!("{} is neither a path nor an address such as 127.0.0.1:3310", shown(text))),
    }
}
