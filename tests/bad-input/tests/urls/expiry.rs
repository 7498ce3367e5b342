//! G38: what we verify ends exactly when it says.

use std::time::Duration;

use bad_input_tests::table::urls::Artefact;
use storage_core::ports::{Clock, SystemClock};
use storage_core::timestamp::Timestamp;

use super::signed::{LIFE, Shop, Signed};

/// The start of the second that is now.
fn this_second() -> Timestamp {
    Timestamp::from_millis(SystemClock.now().as_millis() / 1000 * 1000)
}

/// At its end, and not a second later, it is refused.
#[tokio::test(flavor = "multi_thread")]
async fn g38_urls_and_forms_are_refused_at_the_moment_they_end() {
    let shop = Shop::open().await;
    let before = shop.keys().await;
    for artefact in [Artefact::Get, Artefact::Put, Artefact::Form] {
        // It ended when this second began.
        let answer = shop.send(&shop.sign(artefact, this_second() - LIFE).await).await;
        assert_eq!((answer.status, answer.code.as_deref()), (403, Some("AccessDenied")), "{artefact:?}");
    }
    assert_eq!(shop.keys().await, before);
}

/// In its last second it works. A machine that was too slow to ask within it tries again.
#[tokio::test(flavor = "multi_thread")]
async fn g38_urls_and_forms_work_until_their_last_second() {
    let shop = Shop::open().await;
    for artefact in [Artefact::Get, Artefact::Put, Artefact::Form] {
        let mut asked = false;
        for _ in 0..100 {
            let end = this_second() + Duration::from_secs(1);
            let answer = shop.send(&shop.sign(artefact, end - LIFE).await).await;
            if SystemClock.now() < end {
                assert!(matches!(answer.status, 200 | 201), "{artefact:?}: {answer:?}");
                asked = true;
                break;
            }
        }
        assert!(asked, "a hundred times no answer came within a second");
    }
}

/// The end of a CloudFront URL is the end that its answer states, to the second.
#[tokio::test(flavor = "multi_thread")]
async fn g38_urls_of_the_edge_end_when_they_say() {
    let shop = Shop::open().await;
    let Signed::Edge { url, .. } = shop.sign(Artefact::Edge, SystemClock.now()).await else { panic!() };
    let (_, rest) = url.split_once("Expires=").unwrap();
    let end = Timestamp::from_millis(rest.split('&').next().unwrap().parse::<i64>().unwrap() * 1000);
    for (at, status) in [
        (end - Duration::from_secs(1), 200),
        (end - Duration::from_millis(1), 200),
        (end, 403),
        (end + Duration::from_secs(1), 403),
    ] {
        assert_eq!(shop.edge.answer("GET", &url, at).status, status, "{at}");
    }
}
