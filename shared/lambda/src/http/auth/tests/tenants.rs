//! The tenant of a verified principal: J13 to J16.

use super::*;

/// The tenant of files that wait for theirs, as a token would spell it.
const UNASSIGNED: &str = "ffffffff-ffff-4fff-8fff-000000000001";

fn context(changes: Value, header: Option<&str>, tenancy: &TenancyConfig) -> Result<TenantId, ErrorKind> {
    let expected = crate::http::auth::claims::Expected {
        issuer: "https://auth.example.com".to_owned(),
        audience: "storage".to_owned(),
    };
    let payload = claims(changes).to_string();
    let verified =
        crate::http::auth::claims::read(payload.as_bytes(), &expected, "r-1", Fixed.now()).unwrap();
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
        (json!({ "tenant_uuid": UNASSIGNED }), None, Err(TenantRequired)),
        (json!({}), Some(UNASSIGNED), Err(TenantMismatch)),
        (service.clone(), Some(UNASSIGNED), Err(TenantRequired)),
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
