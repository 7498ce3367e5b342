//! What the contestants talk to and are told: S3 and DynamoDB on this machine, one user, one request.

use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use serde_json::json;
use storage_core::timestamp::Timestamp;
use storage_testkit::jwt::Issuer;
use test_harness::{Request, Sim};

use super::Result;
use super::tls::Front;

/// The route that is measured.
const ROUTE: &str = "/api/v1/files/presigned-upload";

/// One world for all contestants of a run.
pub(super) struct World {
    sim: Sim,
    /// TLS in front of DynamoDB.
    pub(super) front: Front,
}

/// How DynamoDB is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wire {
    /// Over TCP, so that the cost of a start is the program's own.
    Plain,
    /// Over TLS, as in the cloud.
    Tls,
}

impl World {
    /// Starts the servers.
    pub(super) async fn start() -> Result<Self> {
        let sim = Sim::start().await;
        let address: SocketAddr = sim.dynamodb_url.trim_start_matches("http://").parse()?;
        let front = Front::start(address, sim.folder()).await?;
        Ok(World { sim, front })
    }

    /// A fresh request, with a token of its own: a user who wants to upload one small file.
    pub(super) fn event(&self) -> Bytes {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = Timestamp::from_millis(i64::try_from(now.as_millis()).unwrap_or_default());
        let token = self.sim.issuer.token(&Issuer::claims(self.sim.tenant, "bench", now));
        let body = json!({ "filename": "report.pdf", "content_type": "application/pdf", "size_bytes": 4096 });
        Request::new("POST", ROUTE).token(&token).json(&body).event().to_string().into()
    }

    /// The environment of every contestant. Each reads what it knows.
    pub(super) fn environment(&self, wire: Wire) -> Vec<(String, String)> {
        let dynamodb_url = match wire {
            Wire::Plain => &self.sim.dynamodb_url,
            Wire::Tls => &self.front.url,
        };
        let roots = self.front.roots.display().to_string();
        let mut environment = self.sim.environment(&self.sim.s3_url, dynamodb_url);
        // That of development, which a deployed binary does not have.
        environment.retain(|(name, _)| name != "STORAGE_INGEST_INVOKE_URL");
        for (name, value) in [
            ("STORAGE_INGEST_QUEUE_URL", "http://127.0.0.1:9/queue"),
            ("STORAGE_SEAL_KEYS", "k1:3q2+796tvu/erb7v3q2+78rxs9X6TRaZpVb0Qm1nKxU="),
            ("STORAGE_LOG_LEVEL", "info"),
            // Where Rust, Node and Python look for more roots.
            ("SSL_CERT_FILE", &roots),
            ("NODE_EXTRA_CA_CERTS", &roots),
            ("AWS_CA_BUNDLE", &roots),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ] {
            environment.retain(|(known, _)| known != name);
            environment.push((name.to_owned(), value.to_owned()));
        }
        environment
    }
}
