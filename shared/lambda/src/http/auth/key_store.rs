//! Where keys come from: configured ones, and those the issuer publishes, fetched rarely and kept for a limited time.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use storage_core::timestamp::Timestamp;
use storage_core::{Error, ErrorKind, Result};
use tokio::sync::Mutex;

use super::jwk::{Key, KeySet};
use super::jws::refused;

/// After this long the keys are fetched again.
const FRESH: Duration = Duration::from_secs(10 * 60);
/// After this long without a successful fetch no token is believed any more.
const HARD_LIMIT: Duration = Duration::from_secs(6 * 3600);
/// Between two fetches, so that tokens with made-up key names cannot cause a flood.
const PAUSE: Duration = Duration::from_secs(60);
/// Between two fetches while there are no keys at all.
const PAUSE_WITHOUT_KEYS: Duration = Duration::from_secs(5);
/// The most time one fetch may take, because requests wait for it.
const PATIENCE: Duration = Duration::from_secs(3);

/// Fetches the issuer's JWK set.
#[async_trait]
pub trait FetchJwks: Send + Sync + fmt::Debug {
    /// The document at the configured URL. It asks no other place and follows no redirect.
    async fn fetch(&self) -> Result<Bytes>;
}

/// The keys tokens are checked against.
#[derive(Debug)]
pub struct KeyStore {
    configured: KeySet,
    published: Option<Published>,
}

#[derive(Debug)]
struct Published {
    source: Arc<dyn FetchJwks>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The keys and when they were fetched.
    held: Option<(KeySet, Timestamp)>,
    tried_at: Option<Timestamp>,
}

impl KeyStore {
    /// These keys, and those that `source` publishes.
    pub fn new(configured: KeySet, source: Option<Arc<dyn FetchJwks>>) -> Self {
        let published = source.map(|source| Published { source, state: Mutex::default() });
        KeyStore { configured, published }
    }

    /// Fetches the issuer's keys before the first token needs them. A failure is left to that token, which asks at once.
    pub(super) async fn warm(&self, now: Timestamp) {
        if let Some(published) = &self.published {
            published.warm(now).await;
        }
    }

    /// The key named `kid`. `Unauthenticated` where there is none, `Internal` where the issuer's keys are not to be had.
    pub(super) async fn find(&self, kid: Option<&str>, now: Timestamp) -> Result<Key> {
        // A token without a name is ambiguous as soon as keys have two sources.
        let known = self.configured.find(kid).filter(|_| kid.is_some() || self.published.is_none());
        match (known, &self.published) {
            (Some(key), _) => Ok(key.clone()),
            (None, Some(published)) => published.find(kid, now).await,
            (None, None) => Err(refused("unknown key")),
        }
    }
}

impl Published {
    async fn warm(&self, now: Timestamp) {
        let mut state = self.state.lock().await;
        match self.fetch().await {
            Ok(keys) => *state = State { held: Some((keys, now)), tried_at: Some(now) },
            // No `tried_at`: it would make the first token wait for its turn.
            Err(error) => {
                tracing::warn!(error.cause = %error.log_line(), "token keys could not be fetched at start");
            }
        }
    }

    async fn find(&self, kid: Option<&str>, now: Timestamp) -> Result<Key> {
        // Held during the fetch: requests that wait for the same keys need not ask for them too.
        let mut state = self.state.lock().await;
        let wanted = match &state.held {
            None => true,
            Some((keys, fetched_at)) => {
                now.since(*fetched_at) >= FRESH || (kid.is_some() && keys.find(kid).is_none())
            }
        };
        let pause = if state.held.is_some() { PAUSE } else { PAUSE_WITHOUT_KEYS };
        if wanted && state.tried_at.is_none_or(|tried_at| now.since(tried_at) >= pause) {
            state.tried_at = Some(now);
            match self.fetch().await {
                Ok(keys) => state.held = Some((keys, now)),
                Err(error) => {
                    tracing::warn!(error.cause = %error.log_line(), "token keys could not be fetched");
                }
            }
        }
        match &state.held {
            Some((keys, fetched_at)) if now.since(*fetched_at) < HARD_LIMIT => {
                keys.find(kid).cloned().ok_or_else(|| refused("unknown key"))
            }
            _ => Err(Error::new(ErrorKind::Internal, "no usable token keys")),
        }
    }

    async fn fetch(&self) -> Result<KeySet> {
        let fetched = tokio::time::timeout(PATIENCE, self.source.fetch()).await;
        let late = |_| Error::new(ErrorKind::Internal, "the issuer does not answer in time");
        let keys = KeySet::parse(&fetched.map_err(late)??)?;
        if keys.is_empty() {
            return Err(Error::new(ErrorKind::Internal, "the issuer publishes no usable key"));
        }
        Ok(keys)
    }
}
