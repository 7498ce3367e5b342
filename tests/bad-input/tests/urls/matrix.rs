//! G18: what is signed for one thing is good for nothing else.

use bad_input_tests::table::urls::Artefact;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use storage_core::ports::{Clock, SystemClock};
use storage_testkit::trials::Trials;

use super::signed::{LIFE, OTHER_TENANT, STORED, Shop, Signed, UPLOAD};

/// What is asked for, beyond what was signed.
#[derive(Clone, Copy, Debug)]
enum Beyond {
    Method,
    Key,
    Tenant,
    Size,
    Expiry,
}

const BEYOND: [Beyond; 5] = [Beyond::Method, Beyond::Key, Beyond::Tenant, Beyond::Size, Beyond::Expiry];
const ARTEFACTS: [Artefact; 4] = [Artefact::Get, Artefact::Put, Artefact::Form, Artefact::Edge];

/// Every way to ask for more than was signed.
async fn stretched(shop: &Shop, artefact: Artefact, beyond: Beyond) -> Vec<Signed> {
    let now = SystemClock.now();
    let fresh = shop.sign(artefact, now).await;
    let tenant = shop.sim.tenant.to_string();
    let with = |from: &str, to: &str| {
        let mut signed = fresh.clone();
        let text = match &mut signed {
            Signed::Url { url, .. } | Signed::Edge { url, .. } => url,
            Signed::Form { fields, .. } => &mut fields.iter_mut().find(|(name, _)| name == "key").unwrap().1,
        };
        assert!(text.contains(from), "{from}");
        *text = text.replace(from, to);
        signed
    };
    match (artefact, beyond) {
        (Artefact::Form, Beyond::Method) => other_methods(&fresh, &["GET", "HEAD", "PUT", "DELETE"]),
        (Artefact::Get, Beyond::Method) => other_methods(&fresh, &["PUT", "POST", "DELETE"]),
        (Artefact::Put, Beyond::Method) => other_methods(&fresh, &["GET", "HEAD", "POST", "DELETE"]),
        (Artefact::Edge, Beyond::Method) => other_methods(&fresh, &["PUT", "POST", "DELETE"]),
        (Artefact::Get | Artefact::Edge, Beyond::Key) => vec![with("/avatars/", "/attachments/")],
        (Artefact::Put | Artefact::Form, Beyond::Key) => {
            vec![with("nonce", "other"), with("temp/", "public/")]
        }
        (_, Beyond::Tenant) => vec![with(&tenant, OTHER_TENANT)],
        // To a reader, the size is that of the picture.
        (Artefact::Get | Artefact::Edge, Beyond::Size) => vec![with("medium", "large")],
        (Artefact::Put | Artefact::Form, Beyond::Size) => [&UPLOAD[1..], &[UPLOAD, UPLOAD].concat()]
            .into_iter()
            .map(|bytes| with_bytes(fresh.clone(), bytes))
            .collect(),
        (_, Beyond::Expiry) => {
            let mut old = shop.sign(artefact, now - LIFE - LIFE).await;
            if let Signed::Edge { at, .. } = &mut old {
                *at = now;
            }
            let mut longer = old.clone();
            match artefact {
                Artefact::Get | Artefact::Put => {
                    longer.parameters().set("X-Amz-Expires", |_| "600".to_owned())
                }
                Artefact::Edge => longer.parameters().set("Expires", |_| "4102444800".to_owned()),
                Artefact::Form => longer.parameters().set("policy", longer_policy),
            }
            vec![old, longer]
        }
    }
}

/// The same policy with an end in the far future.
fn longer_policy(policy: &str) -> String {
    let mut policy: Value = serde_json::from_slice(&STANDARD.decode(policy).unwrap()).unwrap();
    policy["expiration"] = json!("2100-01-01T00:00:00.000Z");
    STANDARD.encode(policy.to_string())
}

fn other_methods(signed: &Signed, methods: &[&'static str]) -> Vec<Signed> {
    let mut all = Vec::new();
    for &other in methods {
        let mut signed = signed.clone();
        match &mut signed {
            Signed::Url { method, body, headers, .. } => {
                *method = other;
                *body = if matches!(other, "PUT" | "POST") { UPLOAD.to_vec() } else { Vec::new() };
                headers.retain(|(name, _)| name != "content-length");
            }
            Signed::Edge { method, .. } => *method = other,
            // The fields of a form, as parameters of a URL for its key.
            Signed::Form { url, fields, .. } => {
                let key = &fields.iter().find(|(name, _)| name == "key").unwrap().1;
                let pair = |(name, value): &(String, String)| {
                    format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC))
                };
                let query: Vec<String> = fields.iter().map(pair).collect();
                let url = format!("{url}{key}?{}", query.join("&"));
                let body = if other == "PUT" { UPLOAD.to_vec() } else { Vec::new() };
                signed = Signed::Url { method: other, url, headers: Vec::new(), body };
            }
        }
        all.push(signed);
    }
    all
}

fn with_bytes(mut signed: Signed, bytes: &[u8]) -> Signed {
    match &mut signed {
        Signed::Url { headers, body, .. } => {
            *body = bytes.to_vec();
            for (_, value) in headers.iter_mut().filter(|(name, _)| name == "content-length") {
                *value = bytes.len().to_string();
            }
        }
        Signed::Form { file, .. } => *file = bytes.to_vec(),
        Signed::Edge { .. } => panic!("nothing is uploaded there"),
    }
    signed
}

#[tokio::test(flavor = "multi_thread")]
async fn g18_what_is_signed_is_good_for_one_method_key_tenant_size_and_time() {
    let trials = Trials::new("G18", ARTEFACTS.len() * BEYOND.len());
    let shop = Shop::open().await;
    let before = shop.keys().await;
    let mut tried = 0;
    for artefact in ARTEFACTS {
        for beyond in BEYOND {
            for signed in stretched(&shop, artefact, beyond).await {
                let answer = shop.send(&signed).await;
                let case = format!("{artefact:?} beyond its {beyond:?}: {signed:?}");
                assert!(matches!(answer.status, 400..=405), "{case}: {}", answer.status);
                assert_ne!(answer.body, STORED, "{case}");
                assert_eq!(shop.keys().await, before, "{case}");
                tried += 1;
            }
        }
        // And it is good for what it was signed for.
        let answer = shop.send(&shop.sign(artefact, SystemClock.now()).await).await;
        assert!(matches!(answer.status, 200 | 201), "{artefact:?}: {answer:?}");
        assert_eq!(
            shop.keys().await.len() - before.len(),
            usize::from(matches!(artefact, Artefact::Put | Artefact::Form))
        );
        shop.clean().await;
    }
    assert!(tried >= 20, "{tried}");
    trials.report(json!({ "tried": tried, "successes": 0 }));
}
