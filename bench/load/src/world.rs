//! S3 and DynamoDB of this machine, one user, and what the processes are told.

use std::time::{SystemTime, UNIX_EPOCH};

use storage_core::timestamp::Timestamp;
use storage_testkit::jwt::Issuer;
use test_harness::Sim;

/// The user whose files they are.
pub(crate) const USER: &str = "33333333-3333-4333-8333-333333333333";

/// One world for all processes of a part of the run.
pub(crate) struct World {
    /// The servers.
    pub(crate) sim: Sim,
    /// For S3, as a client of the API has it.
    pub(crate) client: reqwest::Client,
}

impl World {
    /// Starts the servers.
    pub(crate) async fn start() -> Self {
        World { sim: Sim::start().await, client: reqwest::Client::new() }
    }

    /// A token of the user, good for an hour.
    pub(crate) fn token(&self) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = Timestamp::from_millis(i64::try_from(now.as_millis()).unwrap_or_default());
        self.sim.issuer.token(&Issuer::claims(self.sim.tenant, USER, now))
    }

    /// The environment of every process, as a deployed function has it. Each reads what it knows.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let mut environment = self.sim.environment(&self.sim.s3_url, &self.sim.dynamodb_url);
        // That of development, which a deployed binary does not have.
        environment.retain(|(name, _)| name != "STORAGE_INGEST_INVOKE_URL");
        for (name, value) in [
            ("STORAGE_INGEST_QUEUE_URL", "http://127.0.0.1:9/queue"),
            ("STORAGE_SEAL_KEYS", "k1:3q2+796tvu/erb7v3q2+78rxs9X6TRaZpVb0Qm1nKxU="),
            ("STORAGE_LOG_LEVEL", "info"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ] {
            environment.retain(|(known, _)| known != name);
            environment.push((name.to_owned(), value.to_owned()));
        }
        environment
    }
}
