//! The token itself: J01 to J12 and J17.

use super::*;

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

#[tokio::test]
async fn j17_the_form_of_a_token_is_exact() {
    let token = RSA.token(json!({}));
    let [header, payload, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!() };
    let long = RSA.token(json!({ "x": "a".repeat(9 * 1024) }));
    // 256 bytes leave four unused bits in the last character, which must be zero.
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let index = alphabet.find(signature.chars().last().unwrap()).unwrap();
    assert_eq!(index % 16, 0);
    let last = alphabet.chars().nth(index + 1).unwrap();
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
