//! From variables to [`Config`]: each group reads its own, so that every problem is found in one pass.

use std::time::Duration;

use storage_core::ids::{BucketName, TenantId};
use storage_core::key::{StorageKey, Visibility};
use storage_core::ports::ImageLimits;
use storage_core::tenant::Isolation;
use url::Url;

use super::model::*;
use super::reader::{ConfigErrors, Reader, parse_url, shown};
use super::secret::{SecretSource, parse_seal_keys};
use super::{names, strict};

/// The most bytes of a request that survive base64 in its 6 MB payload.
const LAMBDA_BODY_BYTES: u64 = 4_718_592;
/// S3's largest object.
const S3_OBJECT_BYTES: u64 = 5 << 40;

impl Config {
    /// Reads the environment of this process.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
    pub fn from_env() -> Result<Config, ConfigErrors> {
        Config::from_lookup(|name| std::env::var(name).ok())
    }

    /// Reads variables from `lookup`. Everything that is wrong is reported at once.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Config, ConfigErrors> {
        let on_lambda = lookup(names::LAMBDA_MARKER).is_some();
        let mut reader = Reader::new(&lookup);
        let config = load(&mut reader, on_lambda);
        if let Some(config) = &config {
            strict::check(&mut reader, config);
        }
        let Reader { problems, warnings, sources, .. } = reader;
        match config {
            Some(config) if problems.is_empty() => Ok(Config { warnings, sources, ..config }),
            _ => Err(ConfigErrors(problems)),
        }
    }
}

/// Reads every group before it looks at any result, so that one refused value does not hide another.
fn load(reader: &mut Reader<'_>, on_lambda: bool) -> Option<Config> {
    let enabled = reader.flag(&names::ENABLED).unwrap_or(true);
    let fallback = if on_lambda { Environment::Production } else { Environment::Development };
    let environments = [
        ("development", Environment::Development),
        ("staging", Environment::Staging),
        ("production", Environment::Production),
    ];
    let environment = reader.word(&names::ENVIRONMENT, &environments).unwrap_or(fallback);
    let strict = environment.is_strict() && enabled;

    let backends = [("local", Backend::Local), ("s3", Backend::S3), ("minio", Backend::S3)];
    let chosen = reader.set(&names::BACKEND).unwrap_or_default();
    let backend = match backends.iter().find(|(word, _)| chosen.eq_ignore_ascii_case(word)) {
        Some((_, backend)) => *backend,
        None if !chosen.is_empty() => {
            reader.problem(&names::BACKEND, format!("{} is none of local, s3, minio", shown(&chosen)));
            Backend::S3
        }
        None if environment.is_strict() => Backend::S3,
        None => Backend::Local,
    };
    let s3 = s3(reader);
    if chosen.eq_ignore_ascii_case("minio") && s3.endpoint.is_none() {
        reader.problem(&names::S3_ENDPOINT, "is required by the backend minio");
    }
    let buckets = buckets(reader, strict);
    let log_format = reader.word(&names::LOG_FORMAT, &[("json", LogFormat::Json), ("text", LogFormat::Text)]);
    let config = Config {
        enabled,
        environment,
        backend,
        local_root: reader.text(&names::LOCAL_ROOT).unwrap_or_default().into(),
        s3,
        metadata: metadata(reader, strict),
        tenancy: tenancy(reader),
        auth: auth(reader, strict),
        seal_keys: seal_keys(reader),
        delivery: delivery(reader, environment),
        limits: limits(reader),
        cleanup: cleanup(reader),
        health: HealthConfig {
            enabled: reader.flag(&names::HEALTH_CHECK_ENABLED).unwrap_or(true),
            timeout: reader.seconds(&names::HEALTH_CHECK_TIMEOUT, 1..=20),
        },
        log: LogConfig {
            filter: reader.parsed(&names::LOG_LEVEL, log_filter).unwrap_or_default(),
            format: log_format.unwrap_or(if on_lambda { LogFormat::Json } else { LogFormat::Text }),
        },
        cli_tenant: reader.text(&names::CLI_TENANT),
        warnings: Vec::new(),
        sources: Vec::new(),
        // Last, because it may end this function.
        buckets: buckets?,
    };
    Some(config)
}

/// A text that staging and production must set; elsewhere `development` holds.
fn required(reader: &mut Reader<'_>, variable: &names::Variable, strict: bool, development: &str) -> String {
    match reader.text(variable) {
        Some(text) => text,
        None => {
            if strict {
                reader.problem(variable, "is required in staging and production");
            }
            development.to_owned()
        }
    }
}

fn bucket(
    reader: &mut Reader<'_>,
    variable: &names::Variable,
    strict: bool,
    development: &str,
) -> Option<BucketName> {
    let text = required(reader, variable, strict, development);
    BucketName::parse(&text).ok().or_else(|| {
        reader.problem(variable, format!("{} is not the name of a bucket", shown(&text)));
        BucketName::parse(development).ok()
    })
}

fn buckets(reader: &mut Reader<'_>, strict: bool) -> Option<BucketConfig> {
    let files = bucket(reader, &names::BUCKET, strict, "stowage-files");
    let staging = bucket(reader, &names::SHARED_BUCKET, strict, "stowage-staging");
    if files == staging {
        reader.problem(&names::SHARED_BUCKET, "is the bucket of final objects too");
    }
    let base_path = reader.parsed(&names::BUCKET_PATH, |text| {
        StorageKey::parse(text.trim_matches('/')).map_err(|_| "is not a usable prefix".to_owned())
    });
    let owner = reader.parsed(&names::BUCKET_OWNER, |text| {
        let is_account = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
        if is_account { Ok(text.to_owned()) } else { Err("is not an account id of 12 digits".to_owned()) }
    });
    let visibility = reader.parsed(&names::DEFAULT_ACL, |text| match text {
        "private" => Ok(Visibility::Private),
        "public-read" | "public" => Ok(Visibility::Public),
        "public-read-write" => Err("would let anyone write; use private or public-read".to_owned()),
        other => Err(format!("{} is none of private, public-read", shown(other))),
    });
    let storage_class = reader.parsed(&names::DEFAULT_STORAGE_CLASS, |text| {
        let class = StorageClass::ALL.iter().find(|(name, _)| *name == text).map(|(_, class)| *class);
        class.ok_or_else(|| match text {
            "GLACIER" | "DEEP_ARCHIVE" => "is an archive class, whose objects cannot be served".to_owned(),
            "REDUCED_REDUNDANCY" => "is less durable than STANDARD and no cheaper".to_owned(),
            other => format!("{} is not a storage class that can be served", shown(other)),
        })
    });
    Some(BucketConfig {
        files: files?,
        staging: staging?,
        base_path,
        owner,
        default_visibility: visibility.unwrap_or(Visibility::Private),
        storage_class: storage_class.unwrap_or(StorageClass::Standard),
    })
}

fn s3(reader: &mut Reader<'_>) -> S3Config {
    let use_ssl = reader.flag(&names::S3_USE_SSL);
    let endpoint = reader.parsed(&names::S3_ENDPOINT, |text| {
        let scheme = if use_ssl == Some(false) { "http" } else { "https" };
        let url = if text.contains("://") { text.to_owned() } else { format!("{scheme}://{text}") };
        parse_url(&url)
    });
    if endpoint.as_ref().is_some_and(|url| use_ssl.is_some_and(|ssl| ssl != (url.scheme() == "https"))) {
        reader.problem(&names::S3_USE_SSL, format!("contradicts the scheme of {}", names::S3_ENDPOINT.name));
    }
    let region = reader.parsed(&names::S3_REGION, |text| {
        let plain = text.len() <= 64
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if plain { Ok(text.to_owned()) } else { Err(format!("{} is not a region", shown(text))) }
    });
    let credentials = match (reader.secret(&names::S3_ACCESS_KEY), reader.secret(&names::S3_SECRET_KEY)) {
        (Some(id), Some(secret)) => Some((id, secret)),
        (None, None) => None,
        (Some(_), None) => {
            reader.problem(&names::S3_SECRET_KEY, "is missing while the access key is set");
            None
        }
        (None, Some(_)) => {
            reader.problem(&names::S3_ACCESS_KEY, "is missing while the secret key is set");
            None
        }
    };
    let modes = [("standard", RetryMode::Standard), ("adaptive", RetryMode::Adaptive)];
    let legacy = reader.text(&names::RETRY_MODE).is_some_and(|text| text.eq_ignore_ascii_case("legacy"));
    let retry_mode = if legacy {
        reader.warnings.push(format!("{}=legacy is read as standard", names::RETRY_MODE.name));
        RetryMode::Standard
    } else {
        reader.word(&names::RETRY_MODE, &modes).unwrap_or(RetryMode::Standard)
    };
    S3Config {
        region: region.unwrap_or_default(),
        endpoint,
        credentials,
        verify_ssl: reader.flag(&names::S3_VERIFY_SSL).unwrap_or(true),
        max_pool_connections: reader.number(&names::MAX_POOL_CONNECTIONS, 1..=1000) as usize,
        max_retries: reader.number(&names::MAX_RETRIES, 0..=10) as u32,
        retry_mode,
        timeout: reader.seconds(&names::TIMEOUT, 1..=900),
    }
}

fn metadata(reader: &mut Reader<'_>, strict: bool) -> MetadataConfig {
    let table = required(reader, &names::TABLE, strict, "stowage");
    let named = (3..=255).contains(&table.len())
        && table.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
    if !named {
        reader.problem(&names::TABLE, format!("{} is not the name of a table", shown(&table)));
    }
    MetadataConfig {
        table,
        dynamodb_endpoint: reader.url(&names::DYNAMODB_ENDPOINT),
        ingest_queue_url: reader.url(&names::INGEST_QUEUE_URL),
        ingest_invoke_url: reader.url(&names::INGEST_INVOKE_URL),
    }
}

fn tenancy(reader: &mut Reader<'_>) -> TenancyConfig {
    let multi_tenancy = reader.flag(&names::ENABLE_MULTI_TENANCY).unwrap_or(true);
    let require = reader.flag(&names::REQUIRE_TENANT_CONTEXT).unwrap_or(multi_tenancy);
    if multi_tenancy && !require {
        let name = names::REQUIRE_TENANT_CONTEXT.name;
        reader.warnings.push(format!("{name}=false: requests without a tenant share the default tenant"));
    }
    let default_tenant = reader.parsed(&names::DEFAULT_TENANT, |text| {
        TenantId::parse(text).map_err(|_| format!("{} is not a UUID", shown(text)))
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

fn auth(reader: &mut Reader<'_>, strict: bool) -> AuthConfig {
    let jwks = reader.parsed(&names::JWKS, |text| match crate::http::auth::KeySet::parse(text.as_bytes()) {
        Ok(keys) if !keys.is_empty() => Ok(text.to_owned()),
        Ok(_) => Err("holds no key of RS256, ES256 or EdDSA".to_owned()),
        Err(_) => Err("is not a JWK set".to_owned()),
    });
    let dev_key = reader.secret(&names::JWT_DEV_KEY);
    if dev_key.as_ref().is_some_and(|key| crate::http::auth::KeySet::parse_dev_key(key).is_err()) {
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

fn seal_keys(reader: &mut Reader<'_>) -> Option<SecretSource> {
    let source = reader.secret_source(&names::SEAL_KEYS, &names::SEAL_KEYS_SSM);
    if let Some(SecretSource::Inline(text)) = &source {
        if let Err(why) = parse_seal_keys(text.expose()) {
            reader.problem(&names::SEAL_KEYS, why);
        }
    }
    source
}

fn delivery(reader: &mut Reader<'_>, environment: Environment) -> DeliveryConfig {
    let base = reader.url(&names::PUBLIC_BASE_URL).map(|url| url.as_str().trim_end_matches('/').to_owned());
    let development = (!environment.is_strict()).then(|| "http://localhost:8000".to_owned());
    let origins = reader.parsed(&names::ALLOWED_ORIGINS, |text| text.split(',').map(origin).collect());
    DeliveryConfig {
        public_base_url: base.or(development),
        allowed_origins: origins.unwrap_or_default(),
        cdn: cdn(reader),
        url_life: reader.seconds(&names::URL_LIFE, 60..=604_800),
        url_window: reader.seconds(&names::URL_WINDOW, 1..=86_400),
        presign_expiry: reader.seconds(&names::PRESIGN_EXPIRY, 60..=604_800),
    }
}

/// An origin exactly as a browser sends it: scheme, host and port, nothing else.
fn origin(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text == "*" {
        return Ok(text.to_owned());
    }
    let serialised = Url::parse(text).ok().map(|url| url.origin().ascii_serialization());
    match serialised {
        Some(origin) if origin == text && origin.starts_with("http") => Ok(origin),
        _ => Err(format!("{} is not an origin such as https://app.example.com", shown(text))),
    }
}

fn cdn(reader: &mut Reader<'_>) -> Option<CdnConfig> {
    let domain = reader.parsed(&names::CDN_DOMAIN, |text| {
        let host = text.trim_start_matches("https://").trim_end_matches('/');
        match Url::parse(&format!("https://{host}/")) {
            Ok(url) if url.host_str() == Some(host) && url.port().is_none() => Ok(host.to_owned()),
            _ => Err(format!("{} is not a host name", shown(text))),
        }
    });
    let key_pair_id = reader.text(&names::CDN_KEY_PAIR_ID);
    let private_keys = reader.secret_source(&names::CDN_PRIVATE_KEYS, &names::CDN_PRIVATE_KEYS_SSM);
    let domain = domain?;
    if key_pair_id.is_none() {
        reader.problem(&names::CDN_KEY_PAIR_ID, "is required with a CDN");
    }
    match &private_keys {
        None => {
            let other = names::CDN_PRIVATE_KEYS_SSM.name;
            reader.problem(&names::CDN_PRIVATE_KEYS, format!("or {other} is required with a CDN"));
        }
        Some(SecretSource::Inline(pem)) if !pem.expose().contains("PRIVATE KEY-----") => {
            reader.problem(&names::CDN_PRIVATE_KEYS, "holds no PEM private key");
        }
        Some(_) => {}
    }
    Some(CdnConfig { domain, key_pair_id: key_pair_id?, private_keys: private_keys? })
}

fn limits(reader: &mut Reader<'_>) -> LimitsConfig {
    LimitsConfig {
        avatar_max_bytes: reader.number(&names::AVATAR_MAX_BYTES, 1..=25 << 20),
        attachment_max_bytes: reader.number(&names::ATTACHMENT_MAX_BYTES, 1..=S3_OBJECT_BYTES),
        post_max_bytes: reader.number(&names::POST_MAX_BYTES, 1..=5 << 30),
        direct_max_bytes: reader.number(&names::DIRECT_MAX_BYTES, 1..=LAMBDA_BODY_BYTES),
        json_max_bytes: reader.number(&names::JSON_MAX_BYTES, 1024..=1 << 20) as usize,
        images: ImageLimits {
            max_side: reader.number(&names::IMAGE_MAX_SIDE, 1..=16_384) as u32,
            max_pixels: reader.number(&names::IMAGE_MAX_PIXELS, 1..=100_000_000),
            ..ImageLimits::default()
        },
    }
}

fn cleanup(reader: &mut Reader<'_>) -> CleanupConfig {
    let schedule = reader.parsed(&names::CLEANUP_SCHEDULE, |text| {
        let fields = text.split_ascii_whitespace().count();
        let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" *,-/?#".contains(&byte));
        if fields == 5 && plain {
            Ok(text.to_owned())
        } else {
            Err(format!("{} is not five cron fields", shown(text)))
        }
    });
    CleanupConfig {
        enabled: reader.flag(&names::CLEANUP_ENABLED).unwrap_or(true),
        retention: Duration::from_secs(86_400 * reader.number(&names::RETENTION_DAYS, 1..=3650)),
        schedule: schedule.unwrap_or_default(),
    }
}

fn log_filter(text: &str) -> Result<String, String> {
    text.parse::<tracing_subscriber::filter::Targets>()
        .map(|_| text.to_owned())
        .map_err(|_| format!("{} is neither a level nor a filter", shown(text)))
}
