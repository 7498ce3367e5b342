//! Who owns what, which tokens are believed, and which keys seal.

use storage_core::ids::BucketName;
use storage_core::ids::TenantId;
use storage_core::tenant::Isolation;

use super::required;
use crate::config::model::{AuthConfig, TenancyConfig};
use crate::config::names;
use crate::config::reader::{Reader, shown};
use crate::config::secret::{SecretSource, parse_seal_keys};
use crate::http::auth::KeySet;

pub(super) fn tenancy(reader: &mut Reader<'_>) -> TenancyConfig {
    let multi_tenancy = reader.flag(&names::ENABLE_MULTI_TENANCY).unwrap_or(true);
    let require = reader.flag(&names::REQUIRE_TENANT_CONTEXT).unwrap_or(multi_tenancy);
    if multi_tenancy && !require {
        let name = names::REQUIRE_TENANT_CONTEXT.name;
        reader.warnings.push(format!("{name}=false: requests without a tenant share the default tenant"));
    }
    let default_tenant = reader.parsed(&names::DEFAULT_TENANT, |text| match TenantId::parse(text) {
        Ok(TenantId::UNASSIGNED) => Err("is the tenant of files that wait for theirs".to_owned()),
        Ok(tenant) => Ok(tenant),
        Err(_) => Err(format!("{} is not a UUID", shown(text))),
    });
    let modes = [("prefix", Isolation::Prefix), ("bucket", Isolation::Bucket)];
    let isolation = reader.word(&names::ISOLATION_MODE, &modes).unwrap_or(Isolation::Prefix);
    let pattern = reader.parsed(&names::BUCKET_NAMING_PATTERN, |text| {
        let sample = text.replacen("{tenant_slug}", "a", 1).replacen(
            "{tenant_uuid}",
            "11111111-1111-4111-8111-111111111111",
            1,
        );
        if sample == text {
            Err("names neither {tenant_slug} nor {tenant_uuid}, so all tenants would share one".to_owned())
        } else if BucketName::parse(&sample).is_err() {
            Err(format!("{} does not make the name of a bucket", shown(text)))
        } else {
            Ok(text.to_owned())
        }
    });
    TenancyConfig {
        multi_tenancy,
        require_tenant_context: require,
        default_tenant: default_tenant.unwrap_or_else(|| uuid::Uuid::max().into()),
        isolation,
        bucket_naming_pattern: pattern.unwrap_or_default(),
    }
}

pub(super) fn auth(reader: &mut Reader<'_>, strict: bool) -> AuthConfig {
    let jwks = reader.parsed(&names::JWKS, |text| match KeySet::parse(text.as_bytes()) {
        Ok(keys) if !keys.is_empty() => Ok(text.to_owned()),
        Ok(_) => Err("holds no key of RS256, ES256 or EdDSA".to_owned()),
        Err(_) => Err("is not a JWK set".to_owned()),
    });
    let dev_key = reader.secret(&names::JWT_DEV_KEY);
    if dev_key.as_ref().is_some_and(|key| KeySet::parse_dev_key(key).is_err()) {
        reader.problem(&names::JWT_DEV_KEY, "is not a JWK of RS256, ES256 or EdDSA");
    }
    AuthConfig {
        issuer: required(reader, &names::JWT_ISSUER, strict, "stowage-dev"),
        audience: required(reader, &names::JWT_AUDIENCE, strict, "stowage"),
        jwks_url: reader.url(&names::JWKS_URL),
        jwks,
        dev_key,
    }
}

pub(super) fn seal_keys(reader: &mut Reader<'_>) -> Option<SecretSource> {
    let source = reader.secret_source(&names::SEAL_KEYS, &names::SEAL_KEYS_SSM);
    if let Some(SecretSource::Inline(text)) = &source
        && let Err(why) = parse_seal_keys(text.expose())
    {
        reader.problem(&names::SEAL_KEYS, why);
    }
    source
}
