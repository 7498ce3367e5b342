//! What staging and production refuse: missing, weak and default settings, and anything that only a laptop needs.

use std::net::IpAddr;

use storage_core::tenant::Isolation;
use url::{Host, Url};

use super::model::{Backend, Config};
use super::names;
use super::reader::Reader;
use super::secret::SecretSource;

/// Credentials that come with a product or a manual.
const KNOWN_KEYS: &[&str] = &[
    "minioadmin",
    "minio",
    "test",
    "admin",
    "password",
    "secret",
    "changeme",
    "your-access-key",
    "your-secret-key",
    "AKIAIOSFODNN7EXAMPLE",
    "wJalrXUtnFEMI/K7MDENG",
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
];

pub(super) fn check(reader: &mut Reader<'_>, config: &Config) {
    if config.tenancy.isolation == Isolation::Bucket && !config.tenancy.multi_tenancy {
        reader.problem(&names::ISOLATION_MODE, "is bucket, which needs multi-tenancy");
    }
    if config.delivery.allowed_origins.len() > 1
        && config.delivery.allowed_origins.iter().any(|origin| origin == "*")
    {
        reader.problem(&names::ALLOWED_ORIGINS, "mixes * with named origins");
    }
    if !config.environment.is_strict() || !config.enabled {
        return;
    }
    storage(reader, config);
    metadata(reader, config);
    if config.scan.clamd.is_some() {
        reader.problem(&names::CLAMD, "is set, which only development may do");
    }
    tokens(reader, config);
    delivery(reader, config);
}

fn storage(reader: &mut Reader<'_>, config: &Config) {
    if config.backend == Backend::Local {
        reader.problem(&names::BACKEND, "is local, which only development may use");
    }
    match &config.s3.endpoint {
        Some(endpoint) => require_public(reader, &names::S3_ENDPOINT, endpoint),
        None if config.buckets.owner.is_none() => {
            reader.problem(&names::BUCKET_OWNER, "is required in staging and production");
        }
        None => {}
    }
    if reader.flag(&names::S3_USE_SSL) == Some(false) {
        reader.problem(&names::S3_USE_SSL, "is false, which only development may use");
    }
    if !config.s3.verify_ssl {
        reader.problem(&names::S3_VERIFY_SSL, "is false, which only development may use");
    }
    if let Some((id, secret)) = &config.s3.credentials {
        if KNOWN_KEYS.contains(&id.expose().as_str()) {
            reader.problem(&names::S3_ACCESS_KEY, "is a well-known default");
        }
        if KNOWN_KEYS.contains(&secret.expose().as_str()) {
            reader.problem(&names::S3_SECRET_KEY, "is a well-known default");
        } else if secret.expose().len() < 16 {
            reader.problem(&names::S3_SECRET_KEY, "is shorter than 16 characters");
        }
    }
}

fn metadata(reader: &mut Reader<'_>, config: &Config) {
    if let Some(endpoint) = &config.metadata.dynamodb_endpoint {
        require_public(reader, &names::DYNAMODB_ENDPOINT, endpoint);
    }
    match &config.metadata.ingest_queue_url {
        Some(url) => require_public(reader, &names::INGEST_QUEUE_URL, url),
        None => reader.problem(&names::INGEST_QUEUE_URL, "is required in staging and production"),
    }
    if config.metadata.ingest_invoke_url.is_some() {
        reader.problem(&names::INGEST_INVOKE_URL, "is set, which only development may do");
    }
}

fn tokens(reader: &mut Reader<'_>, config: &Config) {
    if config.auth.dev_key.is_some() {
        reader.problem(&names::JWT_DEV_KEY, "is set, which only development may do");
    }
    if config.auth.issuer.contains("localhost") || config.auth.issuer == "stowage-dev" {
        reader.problem(&names::JWT_ISSUER, "is that of a development stack");
    }
    match &config.auth.jwks_url {
        Some(url) => require_public(reader, &names::JWKS_URL, url),
        None if config.auth.jwks.is_none() => {
            let other = names::JWKS.name;
            reader.problem(&names::JWKS_URL, format!("or {other} is required in staging and production"));
        }
        None => {}
    }
    if config.seal_keys.is_none() && !reader.problems.iter().any(|found| found.name == names::SEAL_KEYS.name)
    {
        let other = names::SEAL_KEYS.name;
        reader.problem(&names::SEAL_KEYS_SSM, format!("or {other} is required in staging and production"));
    }
    if let Some(SecretSource::Inline(_)) = &config.seal_keys {
        let name = names::SEAL_KEYS.name;
        reader.warnings.push(format!("{name} is in the environment; an SSM SecureString is safer"));
    }
}

fn delivery(reader: &mut Reader<'_>, config: &Config) {
    let base = config.delivery.public_base_url.as_deref().and_then(|url| Url::parse(url).ok());
    if let Some(url) = base {
        require_public(reader, &names::PUBLIC_BASE_URL, &url);
    }
    for origin in &config.delivery.allowed_origins {
        match Url::parse(origin) {
            Ok(url) => require_public(reader, &names::ALLOWED_ORIGINS, &url),
            Err(_) => reader.problem(&names::ALLOWED_ORIGINS, "is *, which only development may use"),
        }
    }
}

/// Reports a URL that is not `https`, or whose host is this machine.
fn require_public(reader: &mut Reader<'_>, variable: &names::Variable, url: &Url) {
    if url.scheme() != "https" {
        reader.problem(variable, "is not https");
    }
    let is_local = match url.host() {
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            name == "localhost" || name.ends_with(".localhost") || name.ends_with(".local")
        }
        Some(Host::Ipv4(address)) => is_this_machine(address.into()),
        Some(Host::Ipv6(address)) => is_this_machine(address.into()),
        None => true,
    };
    if is_local {
        reader.problem(variable, "names this machine");
    }
}

/// Loopback, unspecified and link-local addresses: the last are where cloud machines find their own credentials.
fn is_this_machine(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => address.is_loopback() || address.is_unspecified() || address.is_link_local(),
        IpAddr::V6(address) => {
            address.is_loopback() || address.is_unspecified() || address.is_unicast_link_local()
        }
    }
}
