//! Where keys come from, and what the public vectors say.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use storage_core::Error;
use storage_testkit::loud::loudly;

use super::super::jws::Jws;
use super::*;
use crate::config::Secret;

#[tokio::test]
async fn the_key_of_development_is_accepted_beside_the_others() {
    let mut private = ED.jwk.clone();
    private["d"] = "canary".into();
    let mut config = auth_config(&[&RSA.jwk]);
    config.dev_key = Some(Secret::new(private.to_string()));
    let authenticator = Authenticator::new(&config, &tenancy(true, true), None, Arc::new(Fixed)).unwrap();
    present(&authenticator, &format!("Bearer {}", ED.token(json!({})))).await.unwrap();
    present(&authenticator, &format!("Bearer {}", RSA.token(json!({})))).await.unwrap();
    assert!(!format!("{authenticator:?}").contains("canary"));
    // In a published set such a key is known to everyone.
    assert!(KeySet::parse(json!({ "keys": [private] }).to_string().as_bytes()).unwrap().is_empty());
}

/// Publishes what it is told, or is down.
#[derive(Debug, Default)]
struct Published {
    keys: Mutex<Option<Vec<Value>>>,
    fetches: AtomicUsize,
}

#[async_trait::async_trait]
impl FetchJwks for Published {
    async fn fetch(&self) -> Result<bytes::Bytes> {
        self.fetches.fetch_add(1, Ordering::Relaxed);
        let keys = self.keys.lock().unwrap().clone();
        let keys = keys.ok_or_else(|| Error::new(ErrorKind::Internal, "down"))?;
        Ok(json!({ "keys": keys }).to_string().into())
    }
}

#[tokio::test]
async fn keys_are_there_before_the_first_token_and_a_failure_at_start_is_none_of_it() {
    let source = Arc::new(Published::default());
    let mut config = auth_config(&[]);
    config.jwks = None;
    let authenticator =
        Authenticator::new(&config, &tenancy(true, true), Some(source.clone()), Arc::new(Fixed)).unwrap();
    let fetches = || source.fetches.load(Ordering::Relaxed);
    authenticator.warm().await;
    assert_eq!(fetches(), 1, "it asked, and the issuer was down");
    *source.keys.lock().unwrap() = Some(vec![RSA.jwk.clone()]);
    let token = format!("Bearer {}", RSA.token(json!({})));
    present(&authenticator, &token).await.unwrap();
    assert_eq!(fetches(), 2, "the first token asks at once");

    let warmed =
        Authenticator::new(&config, &tenancy(true, true), Some(source.clone()), Arc::new(Fixed)).unwrap();
    warmed.warm().await;
    assert_eq!(fetches(), 3);
    present(&warmed, &token).await.unwrap();
    assert_eq!(fetches(), 3, "the first token finds the keys");
}

#[tokio::test]
async fn g35_keys_are_fetched_rarely_and_believed_for_a_limited_time() {
    let source = Arc::new(Published::default());
    *source.keys.lock().unwrap() = Some(vec![RSA.jwk.clone()]);
    let mut config = auth_config(&[]);
    config.jwks = None;
    let authenticator =
        Authenticator::new(&config, &tenancy(true, true), Some(source.clone()), Arc::new(Fixed)).unwrap();
    let fetches = || source.fetches.load(Ordering::Relaxed);
    let ask = |token: String, second: i64| {
        let authenticator = &authenticator;
        async move {
            let now = Timestamp::from_millis((NOW + second) * 1000);
            let headers = headers(&format!("Bearer {token}"));
            authenticator.authenticate(&headers, "r", now).await.map(drop).map_err(|error| error.kind())
        }
    };
    let long = json!({ "exp": NOW + 100_000 });
    let [rsa, ec] = [&*RSA, &*EC].map(|issuer| issuer.token(long.clone()));

    assert_eq!(ask(rsa.clone(), 0).await, Ok(()));
    assert_eq!(fetches(), 1);
    // A flood of unknown names asks once a minute.
    for second in 1..=180 {
        assert_eq!(ask(ec.clone(), second).await, Err(ErrorKind::Unauthenticated));
    }
    assert_eq!(fetches(), 4);
    // A new key is found at the next permitted refresh.
    *source.keys.lock().unwrap() = Some(vec![RSA.jwk.clone(), EC.jwk.clone()]);
    assert_eq!(ask(ec.clone(), 240).await, Ok(()));
    assert_eq!(fetches(), 5);
    // While the issuer is down, the keys are believed until the hard limit and not after it.
    *source.keys.lock().unwrap() = None;
    assert_eq!(ask(rsa.clone(), 240 + 6 * 3600 - 1).await, Ok(()));
    assert_eq!(ask(rsa.clone(), 240 + 6 * 3600).await, Err(ErrorKind::Internal));
    assert_eq!(ask(rsa.clone(), 240 + 6 * 3600 + 1).await, Err(ErrorKind::Internal));
    // An empty set is as good as none.
    *source.keys.lock().unwrap() = Some(vec![]);
    assert_eq!(ask(rsa.clone(), 240 + 6 * 3600 + 120).await, Err(ErrorKind::Internal));
    *source.keys.lock().unwrap() = Some(vec![RSA.jwk.clone()]);
    assert_eq!(ask(rsa, 240 + 6 * 3600 + 240).await, Ok(()));
}

#[test]
fn j18_g34_wycheproof() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/corpus/wycheproof/testvectors_v1/json_web_signature_test.json");
    let Ok(text) = std::fs::read_to_string(&path) else {
        loudly(&format!("SKIPPED: the Wycheproof vectors are not at {}", path.display()));
        return;
    };
    let file: Value = serde_json::from_str(&text).unwrap();
    let (mut accepted, mut refused) = (0, 0);
    for group in file["testGroups"].as_array().unwrap() {
        let jwk = group.get("public").or_else(|| group.get("private")).unwrap();
        let keys = KeySet::parse(json!({ "keys": [jwk] }).to_string().as_bytes()).unwrap();
        let enabled = matches!(jwk["alg"].as_str(), Some("RS256" | "ES256" | "EdDSA"));
        for test in group["tests"].as_array().unwrap() {
            let valid = enabled && test["result"] == "valid";
            let verified = Jws::parse(test["jws"].as_str().unwrap()).and_then(|token| {
                keys.find(token.kid()).map_or(Err(ErrorKind::Unauthenticated.into()), |key| token.verify(key))
            });
            assert_eq!(verified.is_ok(), valid, "{} {}: {verified:?}", test["tcId"], test["comment"]);
            if valid { accepted += 1 } else { refused += 1 }
        }
    }
    assert_eq!((accepted, refused), (10, 391));
}
