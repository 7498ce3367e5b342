//! Credentials for signing by hand, and how long what they sign can live.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use storage_core::timestamp::Timestamp;
use storage_core::{Error, ErrorKind, Result};

/// With less than this left, the provider is asked again.
const REFRESH_BEFORE: Duration = Duration::from_secs(600);
/// Credentials that say nothing of their end are asked for again after this long.
const REFRESH_UNKNOWN: Duration = Duration::from_secs(900);
/// The longest life of a signature, by the rules of SigV4.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);

/// Remembers the answer of a credentials provider.
#[derive(Clone)]
pub(crate) struct CredentialSource {
    provider: SharedCredentialsProvider,
    cached: Arc<Mutex<Option<(Credentials, Instant)>>>,
}

impl CredentialSource {
    pub(crate) fn new(provider: SharedCredentialsProvider) -> Self {
        CredentialSource { provider, cached: Arc::default() }
    }

    /// Credentials to sign with at `now`. Two callers may ask the provider at the same time, which harms nobody.
    pub(crate) async fn current(&self, now: Timestamp) -> Result<Credentials> {
        let cached = self.cached.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((credentials, fetched)) = cached {
            let fresh = match expiry(&credentials) {
                Some(end) => end.since(now) > REFRESH_BEFORE,
                None => fetched.elapsed() < REFRESH_UNKNOWN,
            };
            if fresh {
                return Ok(credentials);
            }
        }
        let credentials = self.provider.provide_credentials().await.map_err(|cause| {
            Error::new(ErrorKind::StorageUnavailable, "no credentials to sign with").with_cause(cause)
        })?;
        *self.cached.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((credentials.clone(), Instant::now()));
        Ok(credentials)
    }
}

impl fmt::Debug for CredentialSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("CredentialSource(..)")
    }
}

fn expiry(credentials: &Credentials) -> Option<Timestamp> {
    credentials.expiry().map(from_system_time)
}

/// What a signature's life comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Life {
    /// When it is signed, in whole seconds, as signatures have them.
    pub(crate) start: Timestamp,
    /// How long it works, in whole seconds.
    pub(crate) length: Duration,
}

impl Life {
    /// A life of `wanted` from `now`, or shorter where the credentials end before that.
    ///
    /// `InvalidExpiry` for zero and for more than the seven days S3 allows; `StorageUnavailable` where the credentials
    /// are at their end already.
    pub(crate) fn bounded(now: Timestamp, wanted: Duration, credentials: &Credentials) -> Result<Life> {
        if wanted.as_secs() == 0 || wanted > LONGEST {
            return Err(Error::new(ErrorKind::InvalidExpiry, "life of a signature"));
        }
        let start = Timestamp::from_millis(now.as_seconds() * 1000);
        let left = expiry(credentials).map_or(LONGEST, |end| end.since(start));
        let length = Duration::from_secs(wanted.min(left).as_secs());
        if length.is_zero() {
            return Err(Error::new(ErrorKind::StorageUnavailable, "the signing credentials have expired"));
        }
        Ok(Life { start, length })
    }

    /// Until when it works.
    pub(crate) fn end(self) -> Timestamp {
        self.start + self.length
    }
}

/// A point in time as the SDK has it.
pub(crate) fn from_system_time(time: SystemTime) -> Timestamp {
    let millis = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
    Timestamp::from_millis(i64::try_from(millis).unwrap_or(i64::MAX))
}

/// A point in time for the SDK.
pub(crate) fn to_system_time(time: Timestamp) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(time.as_millis().unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_795_000_000_123;

    fn ending_in(seconds: u64) -> Credentials {
        let end = to_system_time(Timestamp::from_millis(NOW)) + Duration::from_secs(seconds);
        Credentials::new("AKIDEXAMPLE", "secret", None, Some(end), "test")
    }

    #[test]
    fn a_signature_never_outlives_its_credentials() {
        let now = Timestamp::from_millis(NOW);
        let life = Life::bounded(now, Duration::from_secs(900), &ending_in(120)).unwrap();
        assert_eq!(life.length, Duration::from_secs(120));
        assert_eq!(life.end(), Timestamp::from_millis(1_795_000_120_000));
        let life = Life::bounded(now, Duration::from_secs(60), &ending_in(120)).unwrap();
        assert_eq!(life.length, Duration::from_secs(60));
        let error = Life::bounded(now, Duration::from_secs(60), &ending_in(0)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorageUnavailable);
    }

    #[test]
    fn impossible_lives_are_refused() {
        let now = Timestamp::from_millis(NOW);
        for wanted in
            [Duration::ZERO, Duration::from_millis(999), Duration::from_secs(604_801), Duration::MAX]
        {
            let error = Life::bounded(now, wanted, &ending_in(3600)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidExpiry);
        }
    }
}
