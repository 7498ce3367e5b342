use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
    RsaPublicKeyComponents,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderMap;
use serde_json::{Value, json};
use std::sync::{Arc, LazyLock};
use storage_core::ids::TenantId;
use storage_core::ports::Clock;
use storage_core::tenant::Isolation;
use storage_core::timestamp::Timestamp;
use storage_core::{Error, ErrorKind, Result};

use super::jws::Jws;
use super::*;
use crate::config::{AuthConfig, Secret, TenancyConfig};

const A: &str = "11111111-1111-4111-8111-111111111111";
const B: &str = "22222222-2222-4222-8222-222222222222";
const DEFAULT: &str = "33333333-3333-4333-8333-333333333333";
const NOW: i64 = 1_795_000_000;

#[derive(Debug)]
struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(NOW * 1000)
    }
}

/// Someone who signs.
struct Issuer {
    kid: &'static str,
    alg: &'static str,
    jwk: Value,
    sign: Box<dyn Fn(&[u8]) -> Vec<u8> + Send + Sync>,
}

fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

static RSA: LazyLock<Issuer> = LazyLock::new(|| {
    let key = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let public = RsaPublicKeyComponents::<Vec<u8>>::from(key.public_key());
    let jwk = json!({ "kty": "RSA", "kid": "rsa", "alg": "RS256", "use": "sig",
        "n": base64url(&public.n), "e": base64url(&public.e) });
    let sign = move |message: &[u8]| {
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).unwrap();
        signature
    };
    Issuer { kid: "rsa", alg: "RS256", jwk, sign: Box::new(sign) }
});

static EC: LazyLock<Issuer> = LazyLock::new(|| {
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let point = key.public_key().as_ref().to_vec();
    let jwk = json!({ "kty": "EC", "crv": "P-256", "kid": "ec",
        "x": base64url(&point[1..33]), "y": base64url(&point[33..]) });
    let sign = move |message: &[u8]| key.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec();
    Issuer { kid: "ec", alg: "ES256", jwk, sign: Box::new(sign) }
});

static ED: LazyLock<Issuer> = LazyLock::new(|| {
    let key = Ed25519KeyPair::generate().unwrap();
    let jwk =
        json!({ "kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": base64url(key.public_key().as_ref()) });
    let sign = move |message: &[u8]| key.sign(message).as_ref().to_vec();
    Issuer { kid: "ed", alg: "EdDSA", jwk, sign: Box::new(sign) }
});

impl Issuer {
    /// A token of exactly these texts.
    fn raw(&self, header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", base64url(header.as_bytes()), base64url(claims.as_bytes()));
        let signature = (self.sign)(signed.as_bytes());
        format!("{signed}.{}", base64url(&signature))
    }

    fn header(&self) -> String {
        json!({ "alg": self.alg, "kid": self.kid, "typ": "JWT" }).to_string()
    }

    fn token(&self, changes: Value) -> String {
        self.raw(&self.header(), &claims(changes).to_string())
    }
}

/// Good claims with some changed; `null` removes one.
fn claims(changes: Value) -> Value {
    let mut claims = json!({ "sub": "user-1", "iss": "https://auth.example.com", "aud": "storage",
        "exp": NOW + 600, "iat": NOW, "tenant_uuid": A });
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => claims.as_object_mut().unwrap().remove(name),
            value => claims.as_object_mut().unwrap().insert(name.clone(), value.clone()),
        };
    }
    claims
}

fn tenancy(multi_tenancy: bool, require_tenant_context: bool) -> TenancyConfig {
    TenancyConfig {
        multi_tenancy,
        require_tenant_context,
        default_tenant: TenantId::parse(DEFAULT).unwrap(),
        isolation: Isolation::Prefix,
        bucket_naming_pattern: String::new(),
    }
}

fn auth_config(keys: &[&Value]) -> AuthConfig {
    AuthConfig {
        issuer: "https://auth.example.com".to_owned(),
        audience: "storage".to_owned(),
        jwks_url: None,
        jwks: Some(json!({ "keys": keys }).to_string()),
        dev_key: None,
    }
}

fn authenticator(keys: &[&Value]) -> Authenticator {
    Authenticator::new(&auth_config(keys), &tenancy(true, true), None, Arc::new(Fixed)).unwrap()
}

fn headers(authorization: &str) -> HeaderMap {
    [("authorization", authorization)]
        .into_iter()
        .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
        .collect::<HeaderMap>()
}

async fn present(authenticator: &Authenticator, authorization: &str) -> Result<Verified, ErrorKind> {
    let verified = authenticator.authenticate(&headers(authorization), "r-1", Fixed.now()).await;
    verified.map_err(|error| error.kind())
}

async fn bearer(token: &str) -> Result<Verified, ErrorKind> {
    let authenticator = authenticator(&[&RSA.jwk, &EC.jwk, &ED.jwk]);
    present(&authenticator, &format!("Bearer {token}")).await
}

const REFUSED: Result<Verified, ErrorKind> = Err(ErrorKind::Unauthenticated);

#[tokio::test]
async fn the_three_algorithms_are_accepted() {
    for issuer in [&RSA, &EC, &ED] {
        let verified = bearer(&issuer.token(json!({}))).await.unwrap();
        assert_eq!(verified.principal.as_str(), "user-1");
        assert_eq!(verified.tenant, TenantClaim::Named(TenantId::parse(A).unwrap()));
        assert_eq!(verified.request_id, "r-1");
    }
}

#[tokio::test]
async fn j01_the_header_is_bearer_and_a_token() {
    let authenticator = authenticator(&[&RSA.jwk]);
    let token = RSA.token(json!({}));
    let none = authenticator.authenticate(&HeaderMap::new(), "r", Fixed.now()).await;
    assert_eq!(none.unwrap_err().kind(), ErrorKind::Unauthenticated);
    for (text, accepted) in [
        (format!("Bearer {token}"), true),
        (format!("bearer {token}"), true),
        (format!("Basic {token}"), false),
        (format!("Bearer {token} "), false),
        (format!("Bearer  {token}"), false),
        (format!("Bearer{token}"), false),
        ("Bearer ".to_owned(), false),
        (token.clone(), false),
    ] {
        assert_eq!(present(&authenticator, &text).await.is_ok(), accepted, "{text:.12}");
    }
}

#[tokio::test]
async fn j02_j03_j04_the_algorithm_is_that_of_the_key() {
    let good = claims(json!({})).to_string();
    for alg in ["none", "None", "nOnE", "RS384", "PS256", "HS256", "ES256", "rs256", ""] {
        let header = json!({ "alg": alg, "kid": "rsa" }).to_string();
        assert_eq!(bearer(&RSA.raw(&header, &good)).await, REFUSED, "{alg}");
        let unsigned = format!("{}.{}.", base64url(header.as_bytes()), base64url(good.as_bytes()));
        assert_eq!(bearer(&unsigned).await, REFUSED, "{alg}");
    }
    assert_eq!(bearer(&RSA.raw(r#"{"kid":"rsa"}"#, &good)).await, REFUSED);
    // A symmetric signature with every form of the public key.
    for secret in [RSA.jwk.to_string(), RSA.jwk["n"].as_str().unwrap().to_owned()] {
        let header = base64url(br#"{"alg":"HS256","kid":"rsa"}"#);
        let signed = format!("{header}.{}", base64url(good.as_bytes()));
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret.as_bytes());
        let tag = aws_lc_rs::hmac::sign(&key, signed.as_bytes());
        assert_eq!(bearer(&format!("{signed}.{}", base64url(tag.as_ref()))).await, REFUSED);
    }
    // A key that is bound to another algorithm verifies nothing here.
    for alg in ["PS256", "RS512", "ES256"] {
        let mut bound = RSA.jwk.clone();
        bound["alg"] = alg.into();
        let token = format!("Bearer {}", RSA.token(json!({})));
        assert_eq!(present(&authenticator(&[&bound]), &token).await, REFUSED, "{alg}");
    }
}

#[tokio::test]
async fn j05_keys_are_found_by_name_only() {
    let good = claims(json!({})).to_string();
    let long = "k".repeat(10_240);
    for kid in ["../../dev/null", "' OR 1=1", "unknown", "", "ec", &long] {
        let header = json!({ "alg": "RS256", "kid": kid }).to_string();
        assert_eq!(bearer(&RSA.raw(&header, &good)).await, REFUSED, "{kid:.20}");
    }
    let nameless = format!("Bearer {}", RSA.raw(r#"{"alg":"RS256"}"#, &good));
    assert_eq!(present(&authenticator(&[&RSA.jwk, &EC.jwk]), &nameless).await, REFUSED);
    present(&authenticator(&[&RSA.jwk]), &nameless).await.unwrap();
}

#[tokio::test]
async fn j06_headers_bring_no_keys_and_no_conditions() {
    let good = claims(json!({})).to_string();
    let brings = json!({ "alg": "RS256", "kid": "rsa", "jku": "https://evil", "x5u": "https://evil",
        "jwk": EC.jwk, "x5c": ["AA"] });
    bearer(&RSA.raw(&brings.to_string(), &good)).await.unwrap();
    let mut forged = brings.clone();
    forged["alg"] = "ES256".into();
    assert_eq!(bearer(&EC.raw(&forged.to_string(), &good)).await, REFUSED);
    for header in [
        r#"{"alg":"RS256","kid":"rsa","crit":["exp"]}"#,
        r#"{"alg":"RS256","kid":"rsa","crit":null}"#,
        r#"{"alg":"RS256","kid":"rsa","typ":"dpop+jwt"}"#,
        r#"{"alg":"RS256","kid":"rsa","alg":"RS256"}"#,
        r#"["RS256"]"#,
    ] {
        assert_eq!(bearer(&RSA.raw(header, &good)).await, REFUSED, "{header}");
    }
}

#[tokio::test]
async fn j07_j08_j09_times_are_whole_numbers_and_hold() {
    let with_exp = |exp: &str| {
        let text = claims(json!({ "exp": null })).to_string();
        RSA.raw(&RSA.header(), &text.replacen('{', &format!("{{\"exp\":{exp},"), 1))
    };
    for exp in [
        "\"1795000600\"",
        "-1",
        "1795000600.5",
        "1795000600.0",
        "1e400",
        "1e10",
        "9223372036854775808",
        "null",
        "true",
    ] {
        assert_eq!(bearer(&with_exp(exp)).await, REFUSED, "{exp}");
    }
    assert_eq!(bearer(&RSA.token(json!({ "exp": null }))).await, REFUSED);
    let at = |exp: i64| async move { bearer(&RSA.token(json!({ "exp": exp }))).await };
    at(NOW - 1).await.unwrap();
    at(NOW - 29).await.unwrap();
    assert_eq!(at(NOW - 30).await, Err(ErrorKind::TokenExpired));
    assert_eq!(at(0).await, Err(ErrorKind::TokenExpired));
    for name in ["nbf", "iat"] {
        assert_eq!(bearer(&RSA.token(json!({ name: NOW + 600 }))).await, REFUSED, "{name}");
        assert_eq!(bearer(&RSA.token(json!({ name: NOW.to_string() }))).await, REFUSED, "{name}");
        bearer(&RSA.token(json!({ name: NOW + 30 }))).await.unwrap();
    }
}

#[tokio::test]
async fn j10_j11_audience_issuer_and_subject_are_ours() {
    bearer(&RSA.token(json!({ "aud": ["other", "storage"] }))).await.unwrap();
    for bad in [
        json!({ "aud": null }),
        json!({ "aud": "other" }),
        json!({ "aud": [] }),
        json!({ "aud": [["storage"]] }),
        json!({ "iss": null }),
        json!({ "iss": "https://evil.example.com" }),
        json!({ "iss": "https://auth.example.com/" }),
        json!({ "iss": ["https://auth.example.com"] }),
        json!({ "sub": null }),
        json!({ "sub": "" }),
        json!({ "sub": 7 }),
        json!({ "sub": "a\nb" }),
    ] {
        assert_eq!(bearer(&RSA.token(bad.clone())).await, REFUSED, "{bad}");
    }
}

#[tokio::test]
async fn j12_claims_are_one_strict_object() {
    let doubled = claims(json!({})).to_string().replacen('{', &format!("{{\"tenant_uuid\":\"{B}\","), 1);
    let escaped =
        claims(json!({})).to_string().replacen('{', &format!("{{\"tenant_\\u0075uid\":\"{B}\","), 1);
    for text in [doubled.as_str(), escaped.as_str(), "[]", "null", "{}", "", "{} {}"] {
        assert_eq!(bearer(&RSA.raw(&RSA.header(), text)).await, REFUSED, "{text:.30}");
    }
}

fn context(changes: Value, header: Option<&str>, tenancy: &TenancyConfig) -> Result<TenantId, ErrorKind> {
    let expected = super::claims::Expected {
        issuer: "https://auth.example.com".to_owned(),
        audience: "storage".to_owned(),
    };
    let payload = claims(changes).to_string();
    let verified = super::claims::read(payload.as_bytes(), &expected, "r-1", Fixed.now()).unwrap();
    tenant_context(&verified, header, tenancy).map(|context| context.tenant).map_err(|error| error.kind())
}

#[test]
fn j13_to_j16_g28_g29_the_token_decides_the_tenant() {
    use ErrorKind::{InvalidRequest, TenantMismatch, TenantRequired};
    let required = tenancy(true, true);
    let [a, b] = [A, B].map(|text| TenantId::parse(text).unwrap());
    let none = json!({ "tenant_uuid": null });
    let service = json!({ "tenant_uuid": null, "scope": "openid storage:service" });
    let service_role = json!({ "tenant_uuid": null, "roles": ["storage:service"] });
    let nested = json!({ "tenant_uuid": null, "metadata": { "tenant_uuid": B } });
    let table: Vec<(Value, Option<&str>, Result<TenantId, ErrorKind>)> = vec![
        (json!({}), None, Ok(a)),
        (json!({ "tenant_uuid": A.to_uppercase() }), None, Ok(a)),
        (nested.clone(), None, Ok(b)),
        (json!({ "metadata": { "tenant_uuid": A } }), None, Ok(a)),
        (json!({ "metadata": { "tenant_uuid": B } }), None, Err(TenantMismatch)),
        (json!({ "tenant_uuid": "acme" }), None, Err(TenantRequired)),
        (json!({ "tenant_uuid": "00000000-0000-0000-0000-000000000000" }), None, Err(TenantRequired)),
        (json!({ "tenant_uuid": [A] }), None, Err(TenantRequired)),
        (json!({ "tenant_slug": "a/../b" }), None, Err(TenantRequired)),
        (json!({ "tenant_slug": 7 }), None, Err(TenantRequired)),
        (none.clone(), None, Err(TenantRequired)),
        (json!({ "tenant_uuid": null, "tenant_slug": "acme" }), None, Err(TenantRequired)),
        (json!({}), Some(A), Ok(a)),
        (json!({}), Some(B), Err(TenantMismatch)),
        (json!({ "scope": "storage:service" }), Some(B), Err(TenantMismatch)),
        (json!({}), Some("acme"), Err(InvalidRequest)),
        (none.clone(), Some(A), Err(TenantRequired)),
        (json!({ "tenant_uuid": null, "scope": "storage:services" }), Some(A), Err(TenantRequired)),
        (json!({ "tenant_uuid": null, "scope": ["storage:service"] }), Some(A), Err(TenantRequired)),
        (service.clone(), Some(A), Ok(a)),
        (service_role, Some(A), Ok(a)),
        (service, None, Err(TenantRequired)),
        (json!({ "tenant_uuid": "x", "scope": "storage:service" }), Some(A), Err(TenantRequired)),
    ];
    for (changes, header, expected) in table {
        assert_eq!(context(changes.clone(), header, &required), expected, "{changes} {header:?}");
    }
    let default = TenantId::parse(DEFAULT).unwrap();
    let chosen = tenancy(true, false);
    assert_eq!(context(none.clone(), None, &chosen), Ok(default));
    assert_eq!(context(none.clone(), Some(B), &chosen), Err(TenantMismatch));
    assert_eq!(context(json!({ "tenant_uuid": "x" }), None, &chosen), Err(TenantRequired));
    let single = tenancy(false, false);
    assert_eq!(context(json!({}), None, &single), Ok(default));
    assert_eq!(context(none.clone(), Some(DEFAULT), &single), Ok(default));
    assert_eq!(context(none, Some(A), &single), Err(TenantMismatch));
}

#[tokio::test]
async fn scopes_and_slug_are_read_from_both_places() {
    let changes =
        json!({ "scope": "agent:write openid", "roles": ["storage:admin", 7], "tenant_slug": "acme" });
    let verified = bearer(&RSA.token(changes)).await.unwrap();
    assert!(verified.scopes.agent_write && verified.scopes.admin && !verified.scopes.service);
    assert_eq!(verified.slug.unwrap().as_str(), "acme");
}

#[tokio::test]
async fn j17_the_form_of_a_token_is_exact() {
    let token = RSA.token(json!({}));
    let [header, payload, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!() };
    let long = RSA.token(json!({ "x": "a".repeat(9 * 1024) }));
    let last = match signature.chars().last().unwrap() {
        // 256 bytes leave four unused bits in the last character.
        character => {
            let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
            let index = alphabet.find(character).unwrap();
            assert_eq!(index % 16, 0);
            alphabet.chars().nth(index + 1).unwrap()
        }
    };
    let loose = format!("{header}.{payload}.{}{last}", &signature[..signature.len() - 1]);
    for bad in [
        long,
        loose,
        format!("{token}.x"),
        format!("{header}.{payload}"),
        format!("{header}..{signature}"),
        format!("{token}="),
        format!("{header}. {payload}.{signature}"),
        format!("{header}.{payload}.{}", signature.replacen(['-', '_'], "+", 1)).replacen('.', "/.", 1),
        format!("{header}.{payload}.!{signature}"),
        format!("{header}.{payload}.{}", &signature[1..]),
    ] {
        assert_eq!(bearer(&bad).await, REFUSED, "{bad:.20}");
    }
}

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
        eprintln!("SKIPPED: the Wycheproof vectors are not at {}", path.display());
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
