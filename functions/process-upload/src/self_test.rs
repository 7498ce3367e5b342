//! A function whose image code is broken must not take the work away from one whose code is not.

use std::time::{Duration, Instant};

use storage_core::ports::{AvatarRecipe, ImageLimits, ImageProcessor, SelfTest};
use storage_core::{Error, ErrorKind, Result};
use storage_services::ledger::Ledger;

/// The longest keeping the verdict may hold up the start.
const PATIENCE: Duration = Duration::from_secs(2);

/// A 16 px JPEG gradient.
const IMAGE: &[u8] = include_bytes!("self_test.jpg");

/// Makes the thumbnails of a built-in image, and keeps the verdict for `health`.
pub(crate) async fn run(images: &dyn ImageProcessor, ledger: &Ledger) -> Result<()> {
    let started = Instant::now();
    let everything = AvatarRecipe { webp: true };
    let processed = images.process_avatar(IMAGE.into(), &ImageLimits::default(), everything);
    let passed = processed.as_ref().is_ok_and(|avatar| {
        [&avatar.variants, &avatar.webp].into_iter().all(|variants| {
            variants.len() == 3
                && variants.iter().all(|variant| variant.width == 16 && !variant.bytes.is_empty())
        })
    });
    let verdict = SelfTest {
        function: crate::NAME.to_owned(),
        at: ledger.clock.now(),
        passed,
        duration_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
    };
    // The verdict is for operators. That it cannot be kept is no reason not to work.
    match tokio::time::timeout(PATIENCE, ledger.store.put_self_test(&verdict)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::warn!(error.kind = %error.kind(), "the verdict of the self-test is not kept")
        }
        Err(_) => tracing::warn!("the verdict of the self-test is not kept in time"),
    }
    if passed { Ok(()) } else { Err(Error::new(ErrorKind::Internal, "the image self-test failed")) }
}
