//! The part of CloudFront: it builds the canned policy of a URL from its text, and verifies it with a key of its group.

use std::time::Duration;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair, UnparsedPublicKey,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use storage_aws::{CloudFrontKey, CloudFrontSigner, Secret, Window};
use storage_core::ports::{UrlSigner, UrlTarget};
use storage_core::timestamp::Timestamp;

use crate::cloud::Answer;

/// How long URLs live here, at the least.
pub(super) const EDGE_LIFE: Duration = Duration::from_secs(60);

/// The id of the key that the group has.
const KNOWN: &str = "K2JCJMDEHXQW5F";
/// The id of a key that is not in it any more.
const RETIRED: &str = "K1RETIRED";

/// A signer, and the edge that knows one of its keys.
pub(super) struct Edge {
    known: CloudFrontSigner,
    retired: CloudFrontSigner,
    public: Vec<u8>,
}

impl Edge {
    pub(super) fn new() -> Self {
        let (known, public) = signer(KNOWN);
        Edge { known, retired: signer(RETIRED).0, public }
    }

    /// A URL that is made at `now`, with the key that the edge knows or with the other.
    pub(super) async fn sign(&self, target: &UrlTarget, now: Timestamp, known: bool) -> String {
        let signer = if known { &self.known } else { &self.retired };
        signer.resolve(target, now).await.unwrap().url
    }

    /// What the edge says to a request at `now`. The behaviours of `infra/delivery.yaml` allow GET and HEAD.
    pub(super) fn answer(&self, method: &str, url: &str, now: Timestamp) -> Answer {
        let allowed = matches!(method, "GET" | "HEAD") && self.verify(url, now).is_some();
        let (status, code) = if allowed { (200, None) } else { (403, Some("AccessDenied".to_owned())) };
        Answer { status, code, body: Vec::new() }
    }

    fn verify(&self, url: &str, now: Timestamp) -> Option<()> {
        let (path, query) = url.split_once('?')?;
        let (mut expires, mut signature, mut id, mut hash, mut rest) = (None, None, None, None, Vec::new());
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=')?;
            let place = match name {
                "Expires" => &mut expires,
                "Signature" => &mut signature,
                "Key-Pair-Id" => &mut id,
                "Hash-Algorithm" => &mut hash,
                _ => {
                    rest.push(pair);
                    continue;
                }
            };
            if place.replace(value).is_some() {
                return None;
            }
        }
        let (expires, signature) = (expires?, signature?);
        if id? != KNOWN || hash? != "SHA256" || now.as_seconds() >= expires.parse::<i64>().ok()? {
            return None;
        }
        let resource = if rest.is_empty() { path.to_owned() } else { format!("{path}?{}", rest.join("&")) };
        let policy = format!(
            r#"{{"Statement":[{{"Resource":"{resource}","Condition":{{"DateLessThan":{{"AWS:EpochTime":{expires}}}}}}}]}}"#
        );
        let signature =
            STANDARD.decode(signature.replace('-', "+").replace('_', "=").replace('~', "/")).ok()?;
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &self.public);
        key.verify(policy.as_bytes(), &signature).ok()
    }
}

fn signer(id: &str) -> (CloudFrontSigner, Vec<u8>) {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
    let secret = pem::encode(&pem::Pem::new("PRIVATE KEY", pair.to_pkcs8v1().unwrap().as_ref()));
    let key = CloudFrontKey::parse(id, &Secret::new(secret)).unwrap();
    let window = Window::new(Duration::from_secs(1), EDGE_LIFE).unwrap();
    let signer = CloudFrontSigner::new("cdn.example.com", vec![key], window).unwrap();
    (signer, pair.public_key().as_ref().to_vec())
}
