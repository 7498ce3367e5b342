//! URLs for readers where there is no CDN: every one a presigned URL of the storage, public files included.
//!
//! A presigned URL carries the moment it was signed. That moment is the start of the window, so that all callers in a
//! window get the same text for as long as the credentials stay the same.

use std::sync::Arc;

use async_trait::async_trait;
use storage_core::ports::{PresignUrl, ResolvedUrl, UrlSigner, UrlTarget};
use storage_core::timestamp::Timestamp;
use storage_core::{Error, ErrorKind, Result};

use crate::window::Window;

/// Makes presigned URLs of a backend.
#[derive(Clone, Debug)]
pub struct PresignSigner {
    backend: Arc<dyn PresignUrl>,
    window: Window,
}

impl PresignSigner {
    /// URLs of `backend` that end with `window`.
    pub fn new(backend: Arc<dyn PresignUrl>, window: Window) -> Self {
        PresignSigner { backend, window }
    }
}

#[async_trait]
impl UrlSigner for PresignSigner {
    async fn resolve(&self, target: &UrlTarget, now: Timestamp) -> Result<ResolvedUrl> {
        let signed = self
            .backend
            .presign_get(
                &target.object,
                target.disposition.clone(),
                self.window.span(),
                self.window.start(now),
            )
            .await?;
        // Signed at the start of the window, it may have ended with its credentials meanwhile.
        if signed.expires_at <= now {
            return Err(Error::new(ErrorKind::StorageUnavailable, "the signing credentials have expired"));
        }
        Ok(ResolvedUrl { url: signed.url, expires_at: Some(signed.expires_at) })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use aws_credential_types::Credentials;
    use aws_credential_types::provider::SharedCredentialsProvider;
    use storage_core::ids::{BucketName, TenantId};
    use storage_core::key::{StorageKey, Visibility};
    use storage_core::ports::ObjectRef;

    use super::*;
    use crate::client::Aws;
    use crate::credentials::to_system_time;
    use crate::s3::S3Backend;
    use crate::settings::AwsSettings;

    const NOW: i64 = 1_795_000_200_001;

    async fn signer(left: Duration) -> PresignSigner {
        let end = to_system_time(Timestamp::from_millis(NOW)) + left;
        let keys = Credentials::new("AKIDEXAMPLE", "secret", None, Some(end), "test");
        let provider = SharedCredentialsProvider::new(keys);
        let aws = Aws::build(&AwsSettings::new("eu-central-1"), Some(provider)).await.unwrap();
        let window = Window::new(Duration::from_secs(300), Duration::from_secs(900)).unwrap();
        PresignSigner::new(Arc::new(S3Backend::new(&aws)), window)
    }

    fn target(visibility: Visibility) -> UrlTarget {
        UrlTarget {
            tenant: TenantId::parse("0192f0c1-0000-7000-8000-000000000001").unwrap(),
            object: ObjectRef::new(
                BucketName::parse("acme-files").unwrap(),
                StorageKey::parse("public/x.jpg").unwrap(),
            ),
            visibility,
            disposition: None,
        }
    }

    #[tokio::test]
    async fn all_callers_in_a_window_get_one_text() {
        let signer = signer(Duration::from_secs(36_000)).await;
        let now = Timestamp::from_millis(NOW);
        let first = signer.resolve(&target(Visibility::Private), now).await.unwrap();
        let last =
            signer.resolve(&target(Visibility::Private), now + Duration::from_secs(299)).await.unwrap();
        assert_eq!(first, last);
        assert_eq!(first.expires_at, Some(Timestamp::from_millis(1_795_001_400_000)));
        let next =
            signer.resolve(&target(Visibility::Private), now + Duration::from_secs(300)).await.unwrap();
        assert_ne!(first.url, next.url);
        // Without a CDN nothing is open.
        let open = signer.resolve(&target(Visibility::Public), now).await.unwrap();
        assert!(open.expires_at.is_some());
    }

    /// What the signature itself says of its life is what the answer says.
    #[tokio::test]
    async fn g17_a_url_ends_when_it_says_and_never_after_its_credentials() {
        let now = Timestamp::from_millis(NOW);
        for left in [1, 120, 899, 901, 1_199, 1_201, 36_000] {
            let left = Duration::from_secs(left);
            let resolved = signer(left).await.resolve(&target(Visibility::Private), now).await.unwrap();
            let end = resolved.expires_at.unwrap();
            let value = |name: &str| {
                let (_, rest) = resolved.url.split_once(name).unwrap();
                rest.split('&').next().unwrap().to_owned()
            };
            let signed = Window::new(Duration::from_secs(300), Duration::from_secs(900)).unwrap().start(now);
            let life: u64 = value("X-Amz-Expires=").parse().unwrap();
            assert_eq!(end, signed + Duration::from_secs(life), "{left:?}");
            assert!(end <= now + left, "{left:?}: the credentials end before the URL");
            let wanted = Duration::from_secs(900).min(left - Duration::from_secs(1));
            assert!(end.since(now) >= wanted, "{left:?}: {:?} is shorter than it has to be", end.since(now));
        }
    }

    #[tokio::test]
    async fn g17_a_url_ends_with_its_credentials() {
        let signer = signer(Duration::from_secs(120)).await;
        let now = Timestamp::from_millis(NOW);
        let resolved = signer.resolve(&target(Visibility::Private), now).await.unwrap();
        assert_eq!(resolved.expires_at, Some(Timestamp::from_millis(1_795_000_320_000)));
        let late = now + Duration::from_secs(121);
        let error = signer.resolve(&target(Visibility::Private), late).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorageUnavailable);
    }
}
