//! What readiness is made of: S3, DynamoDB, and what `process-upload` found about itself.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use storage_core::ids::BucketName;
use storage_core::ports::StorageBackend;
use storage_core::{Error, ErrorKind, Result};
use storage_lambda::config::Config;
use storage_services::ledger::Ledger;
use tokio::sync::Mutex;

/// How long a report is answered again: health checks must not become load.
const CACHED: Duration = Duration::from_secs(5);

/// The dependencies, with the last report.
#[derive(Debug)]
pub struct Checks {
    enabled: bool,
    timeout: Duration,
    buckets: [BucketName; 2],
    ledger: Ledger,
    storage: Arc<dyn StorageBackend>,
    last: Mutex<Option<(Instant, Report)>>,
}

/// The answer of `GET /api/v1/health/ready`.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = Readiness))]
pub struct Report {
    /// `ok` or `unavailable`.
    status: &'static str,
    /// Each dependency by its name.
    #[cfg_attr(feature = "openapi", schema(value_type = BTreeMap<String, Check>))]
    checks: BTreeMap<&'static str, Check>,
}

/// One dependency.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
struct Check {
    /// `ok` or `failed`.
    status: &'static str,
    /// How long the answer took, in milliseconds.
    latency_ms: u64,
    /// What failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<storage_lambda::openapi::ErrorCode>))]
    error: Option<ErrorKind>,
    /// How old the verdict is, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    age_s: Option<u64>,
}

impl Report {
    /// Whether requests can be served.
    pub fn is_ready(&self) -> bool {
        self.status == "ok"
    }
}

impl Checks {
    /// Of this configuration's dependencies.
    pub fn new(config: &Config, ledger: Ledger, storage: Arc<dyn StorageBackend>) -> Self {
        Checks {
            enabled: config.health.enabled && config.enabled,
            timeout: config.health.timeout,
            buckets: [config.buckets.files.clone(), config.buckets.staging.clone()],
            ledger,
            storage,
            last: Mutex::new(None),
        }
    }

    /// Asks every dependency, or answers the report of a moment ago.
    pub async fn report(&self) -> Report {
        let mut last = self.last.lock().await;
        if let Some((_, report)) = last.as_ref().filter(|(at, _)| at.elapsed() < CACHED) {
            return report.clone();
        }
        let report = self.ask().await;
        *last = Some((Instant::now(), report.clone()));
        report
    }

    async fn ask(&self) -> Report {
        if !self.enabled {
            return Report { status: "ok", checks: BTreeMap::new() };
        }
        let storage = async {
            for bucket in &self.buckets {
                self.storage.check(bucket).await?;
            }
            Ok(None)
        };
        let metadata = async { self.ledger.store.check().await.map(|()| None) };
        let (storage, metadata, ingest) = tokio::join!(
            self.timed(storage, ErrorKind::StorageUnavailable),
            self.timed(metadata, ErrorKind::MetadataUnavailable),
            self.timed(self.self_test(), ErrorKind::MetadataUnavailable),
        );
        let failed = [&storage, &metadata, &ingest].into_iter().any(|check| check.status == "failed");
        let checks = [("s3", storage), ("dynamodb", metadata), ("process-upload", ingest)].into();
        Report { status: if failed { "unavailable" } else { "ok" }, checks }
    }

    /// The age of the last self-test. A function that was never started has none, which is no failure.
    async fn self_test(&self) -> Result<Option<u64>> {
        match self.ledger.store.get_self_test("process-upload").await? {
            Some(test) if !test.passed => {
                Err(Error::new(ErrorKind::Internal, "process-upload failed its self-test"))
            }
            Some(test) => Ok(Some(self.ledger.clock.now().since(test.at).as_secs())),
            None => Ok(None),
        }
    }

    async fn timed(&self, check: impl Future<Output = Result<Option<u64>>>, late: ErrorKind) -> Check {
        let started = Instant::now();
        let result = tokio::time::timeout(self.timeout, check).await;
        let result = result.unwrap_or_else(|_| Err(Error::new(late, "no answer in time")));
        let latency_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        match result {
            Ok(age_s) => Check { status: "ok", latency_ms, error: None, age_s },
            Err(error) => {
                tracing::warn!(error.kind = %error.kind(), error.cause = %error.log_line(), "dependency not ready");
                Check { status: "failed", latency_ms, error: Some(error.kind()), age_s: None }
            }
        }
    }
}
