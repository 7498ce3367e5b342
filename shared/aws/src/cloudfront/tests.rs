//! Signed URLs, verified by `openssl` as CloudFront would.

use std::process::Command;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use storage_core::ErrorKind;
use storage_core::filename::{Disposition, FileName};
use storage_core::ids::{BucketName, TenantId};
use storage_core::key::{StorageKey, Visibility};
use storage_core::ports::{ObjectRef, UrlSigner, UrlTarget};
use storage_core::timestamp::Timestamp;
use storage_testkit::loud::loudly;

use super::{CloudFrontKey, CloudFrontSigner};
use crate::settings::Secret;
use crate::window::Window;

const TENANT: &str = "0192f0c1-0000-7000-8000-000000000001";

fn target(key: &str, visibility: Visibility) -> UrlTarget {
    let bucket = BucketName::parse("acme-files").unwrap();
    UrlTarget {
        tenant: TenantId::parse(TENANT).unwrap(),
        object: ObjectRef::new(bucket, StorageKey::parse(key).unwrap()),
        visibility,
        disposition: None,
    }
}

fn window() -> Window {
    Window::new(Duration::from_secs(300), Duration::from_secs(900)).unwrap()
}

fn now() -> Timestamp {
    Timestamp::from_millis(1_795_000_200_001)
}

/// Runs `openssl`; `None`, loudly, where there is none.
fn openssl(arguments: &[&str]) -> Option<Vec<u8>> {
    match Command::new("openssl").args(arguments).output() {
        Ok(output) => {
            assert!(
                output.status.success(),
                "openssl {arguments:?}: {}",
                String::from_utf8_lossy(&output.stderr)
            );
            Some(output.stdout)
        }
        Err(error) => {
            loudly(&format!("SKIPPED: the openssl command is missing ({error}); nothing was verified"));
            None
        }
    }
}

/// A signer over a key that `openssl` made, and the path of its public half.
fn signer(directory: &tempfile::TempDir, making: &[&str]) -> Option<(CloudFrontSigner, String)> {
    let pem = String::from_utf8(openssl(making)?).unwrap();
    let (private, public) = (directory.path().join("private.pem"), directory.path().join("public.pem"));
    std::fs::write(&private, &pem).unwrap();
    let (private, public) = (private.to_str().unwrap(), public.to_str().unwrap().to_owned());
    openssl(&["pkey", "-in", private, "-pubout", "-out", &public])?;
    let key = CloudFrontKey::parse("K2JCJMDEHXQW5F", &Secret::new(pem)).unwrap();
    Some((CloudFrontSigner::new("cdn.example.com", vec![key], window()).unwrap(), public))
}

/// The policy as the documentation of CloudFront builds it from the URL alone.
fn verify(directory: &tempfile::TempDir, public: &str, url: &str) -> bool {
    let (resource, signed) = url.rsplit_once("Expires=").unwrap();
    let resource = resource.trim_end_matches(['?', '&']);
    let (expires, signed) = signed.split_once("&Signature=").unwrap();
    let (signature, rest) = signed.split_once('&').unwrap();
    assert_eq!(rest, "Key-Pair-Id=K2JCJMDEHXQW5F&Hash-Algorithm=SHA256");
    assert!(signature.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_~".contains(&byte)));
    let policy = format!(
        "{{\"Statement\":[{{\"Resource\":\"{resource}\",\"Condition\":{{\"DateLessThan\":{{\"AWS:EpochTime\":{expires}}}}}}}]}}"
    );
    let signature = STANDARD.decode(signature.replace('-', "+").replace('_', "=").replace('~', "/")).unwrap();
    let (policy_path, signature_path) = (directory.path().join("policy"), directory.path().join("signature"));
    std::fs::write(&policy_path, policy).unwrap();
    std::fs::write(&signature_path, signature).unwrap();
    let output = Command::new("openssl")
        .args(["dgst", "-sha256", "-verify", public, "-signature"])
        .args([signature_path, policy_path])
        .output()
        .unwrap();
    output.status.success()
}

const KEYS: [&[&str]; 4] = [
    &["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
    &["ecparam", "-name", "prime256v1", "-genkey"],
    &["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
    &["genrsa", "-traditional", "2048"],
];

#[tokio::test]
async fn openssl_verifies_what_is_signed_with_every_kind_of_key() {
    for making in KEYS {
        let directory = tempfile::tempdir().unwrap();
        let Some((signer, public)) = signer(&directory, making) else { return };
        let mut target = target("private/attachments/ü b.pdf", Visibility::Private);
        target.disposition = Some((Disposition::Attachment, FileName::parse("ré\"port.pdf").unwrap()));
        for disposition in [target.disposition.clone(), None] {
            target.disposition = disposition;
            let resolved = signer.resolve(&target, now()).await.unwrap();
            assert!(verify(&directory, &public, &resolved.url), "{making:?}");
            let end = resolved.expires_at.unwrap().as_seconds();
            assert!(resolved.url.contains(&format!("Expires={end}&")));
            // Any change is refused: another time, another name, another file.
            let changes = [
                resolved.url.replace(&format!("Expires={end}"), &format!("Expires={}", end + 300)),
                resolved.url.replace("attachments", "attachment5"),
                resolved.url.replace("/private/", "/public/"),
            ];
            for changed in changes {
                assert!(changed != resolved.url && !verify(&directory, &public, &changed), "{making:?}");
            }
        }
    }
}

#[tokio::test]
async fn all_callers_in_a_window_get_one_text() {
    for making in KEYS {
        let directory = tempfile::tempdir().unwrap();
        let Some((signer, _)) = signer(&directory, making) else { return };
        let target = target("private/x.pdf", Visibility::Private);
        let first = signer.resolve(&target, now()).await.unwrap();
        let clone = signer.clone();
        let last = clone.resolve(&target, now() + Duration::from_millis(299_999)).await.unwrap();
        assert_eq!(first, last);
        assert_eq!(first.expires_at, Some(Timestamp::from_millis(1_795_001_400_000)));
        let next = signer.resolve(&target, now() + Duration::from_secs(300)).await.unwrap();
        assert_ne!(first.url, next.url);
        assert_eq!(next.expires_at, Some(Timestamp::from_millis(1_795_001_700_000)));
        assert!(!format!("{signer:?} {first:?}").contains("Signature"));
    }
}

#[tokio::test]
async fn the_first_key_signs_while_keys_change() {
    let made = openssl(KEYS[0]).zip(openssl(KEYS[0]));
    let Some((old, new)) = made else { return };
    let key = |id: &str, pem: &[u8]| {
        CloudFrontKey::parse(id, &Secret::new(String::from_utf8_lossy(pem).into_owned())).unwrap()
    };
    let keys = vec![key("KNEW", &new), key("KOLD", &old)];
    let signer = CloudFrontSigner::new("cdn.example.com", keys, window()).unwrap();
    let url = signer.resolve(&target("private/x", Visibility::Private), now()).await.unwrap().url;
    assert!(url.contains("&Key-Pair-Id=KNEW&"));
}

#[tokio::test]
async fn paths_start_with_the_tenant_once() {
    let signer = CloudFrontSigner::new("CDN.example.com", Vec::new(), window()).unwrap();
    let open = async |key: &str| signer.resolve(&target(key, Visibility::Public), now()).await.unwrap();
    let url = open("public/avatars/users/é.jpg").await;
    assert_eq!(url.url, format!("https://cdn.example.com/{TENANT}/public/avatars/users/%C3%A9.jpg"));
    assert_eq!(url.expires_at, None);
    let url = open(&format!("{TENANT}/public/x.jpg")).await;
    assert_eq!(url.url, format!("https://cdn.example.com/{TENANT}/public/x.jpg"));
    let url = open(&format!("{TENANT}x/y.jpg")).await;
    assert_eq!(url.url, format!("https://cdn.example.com/{TENANT}/{TENANT}x/y.jpg"));
    let error = signer.resolve(&target("private/x", Visibility::Private), now()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StorageNotConfigured);
}

#[test]
fn keys_and_domains_that_cloudfront_does_not_take_stop_the_start() {
    for domain in ["", "https://cdn.example.com", "cdn.example.com/", "a..b", "a b", "a\"b"] {
        assert!(CloudFrontSigner::new(domain, Vec::new(), window()).is_err(), "{domain}");
    }
    let refused = |pem: &str| {
        let error = CloudFrontKey::parse("K1", &Secret::new(pem)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorageNotConfigured);
        assert!(!error.log_line().contains("canary"));
    };
    refused("");
    refused("canary");
    refused("-----BEGIN PRIVATE KEY-----\nY2FuYXJ5\n-----END PRIVATE KEY-----\n");
    for making in [
        &["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:3072"] as &[&str],
        &["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
        &["genpkey", "-algorithm", "ED25519"],
    ] {
        let Some(pem) = openssl(making) else { return };
        refused(&String::from_utf8(pem).unwrap());
    }
}
