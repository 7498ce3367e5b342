use std::collections::BTreeMap;

use super::*;

type Env = BTreeMap<&'static str, String>;

/// Bytes without a pattern, in base64: 32 of them are a seal key.
const SEAL: &str = "k1:q83vEjRWeJCrze8SNFZ4kJh2VDIQ/ty6CRtPYnaKnrI=";
const JWKS: &str =
    r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
const DEV_KEY: &str = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","kid":"dev"}"#;

fn production() -> Env {
    [
        ("ENVIRONMENT", "production"),
        ("STORAGE_BUCKET", "acme-files-123456789012"),
        ("STORAGE_SHARED_BUCKET", "acme-staging-123456789012"),
        ("STORAGE_BUCKET_OWNER", "123456789012"),
        ("STORAGE_TABLE", "acme-metadata"),
        ("STORAGE_INGEST_QUEUE_URL", "https://sqs.eu-west-1.amazonaws.com/123456789012/ingest"),
        ("STORAGE_JWT_ISSUER", "https://auth.example.com"),
        ("STORAGE_JWT_AUDIENCE", "storage"),
        ("STORAGE_JWKS_URL", "https://auth.example.com/.well-known/jwks.json"),
        ("STORAGE_SEAL_KEYS_SSM", "/stowage/seal-keys"),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ("STORAGE_CDN_DOMAIN", ""),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .into()
}

fn with(mut env: Env, changes: &[(&'static str, &str)]) -> Env {
    for (name, value) in changes {
        env.insert(name, (*value).to_owned());
    }
    env
}

fn load(env: &Env) -> Result<Config, ConfigErrors> {
    Config::from_lookup(|name| env.get(name).cloned())
}

fn blamed(env: &Env) -> Vec<&'static str> {
    load(env).unwrap_err().0.iter().map(|problem| problem.name).collect()
}

#[test]
fn an_empty_environment_is_a_development_stack() {
    let config = load(&Env::new()).unwrap();
    assert_eq!(config.environment, Environment::Development);
    assert_eq!(config.backend, Backend::Local);
    assert_eq!(config.buckets.files.as_str(), "stowage-files");
    assert_eq!(config.s3.region, "us-east-1");
    assert_eq!(config.s3.retry_mode, RetryMode::Standard);
    assert!(config.tenancy.multi_tenancy && config.tenancy.require_tenant_context);
    assert_eq!(config.cleanup.retention.as_secs(), 30 * 86_400);
    assert_eq!(config.log.format, LogFormat::Text);
    assert_eq!(config.delivery.presign_expiry.as_secs(), 3600);
    assert_eq!(config.limits.direct_max_bytes, 4 << 20);
    assert!(config.warnings().is_empty());
}

#[test]
fn the_environment_of_the_template_is_accepted() {
    let config = load(&production()).unwrap();
    assert_eq!(config.environment, Environment::Production);
    assert_eq!(config.backend, Backend::S3);
    assert_eq!(config.s3.region, "eu-west-1");
    assert_eq!(config.log.format, LogFormat::Json);
    assert!(config.delivery.cdn.is_none());
    assert!(config.delivery.public_base_url.is_none());
    let region = config.sources().iter().find(|source| source.name == "STORAGE_S3_REGION").unwrap();
    assert_eq!(region.from, Some("AWS_REGION"));
}

#[test]
fn every_spelling_of_the_documents_is_read() {
    let env = with(
        Env::new(),
        &[
            ("STORAGE_BACKEND", "minio"),
            ("S3_BUCKET_NAME", "dev-uploads"),
            ("S3_BUCKET_PATH", "/files/eu/"),
            ("UPLOAD_DIRECTORY", "/srv/uploads"),
            ("CLOUDFRONT_DOMAIN", "cdn.example.com"),
            ("CLOUDFRONT_KEY_PAIR_ID", "K1"),
            ("CLOUDFRONT_PRIVATE_KEYS_SSM", "/stowage/cdn"),
            ("STORAGE_S3_ENDPOINT", "localhost:9000"),
            ("STORAGE_S3_ACCESS_KEY", "minioadmin"),
            ("STORAGE_S3_SECRET_KEY", "minioadmin"),
            ("STORAGE_S3_USE_SSL", "false"),
            ("STORAGE_S3_VERIFY_SSL", "false"),
            ("STORAGE_RETRY_MODE", "legacy"),
            ("STORAGE_ENABLE_MULTI_TENANCY", "true"),
            ("STORAGE_BUCKET_NAMING_PATTERN", "{tenant_slug}-dev-uploads"),
            ("STORAGE_SHARED_BUCKET", "dev-staging"),
            ("STORAGE_REQUIRE_TENANT_CONTEXT", "false"),
            ("STORAGE_DEFAULT_ACL", "public-read"),
            ("RUST_LOG", "info,storage_services=debug"),
            ("TENANT_ID", "acme-123"),
        ],
    );
    let config = load(&env).unwrap();
    assert_eq!(config.backend, Backend::S3);
    assert_eq!(config.buckets.files.as_str(), "dev-uploads");
    assert_eq!(config.buckets.base_path.as_ref().unwrap().as_str(), "files/eu");
    assert_eq!(config.local_root.to_str(), Some("/srv/uploads"));
    assert_eq!(config.s3.endpoint.as_ref().unwrap().as_str(), "http://localhost:9000/");
    assert_eq!(config.delivery.cdn.as_ref().unwrap().domain, "cdn.example.com");
    assert_eq!(config.cli_tenant.as_deref(), Some("acme-123"));
    assert!(!config.tenancy.require_tenant_context);
    let warnings = config.warnings().join("\n");
    assert!(warnings.contains("legacy") && warnings.contains("REQUIRE_TENANT_CONTEXT"), "{warnings}");
    assert!(!format!("{config:?}").contains("minioadmin"));
}

#[test]
fn the_canonical_name_wins_over_an_alias_and_says_so() {
    let env = with(
        Env::new(),
        &[("STORAGE_BUCKET", "first-one"), ("S3_BUCKET_NAME", "second-one"), ("AWS_REGION", "eu-west-1")],
    );
    let config = load(&with(env, &[("STORAGE_S3_REGION", "eu-north-1")])).unwrap();
    assert_eq!(config.buckets.files.as_str(), "first-one");
    assert_eq!(config.s3.region, "eu-north-1");
    assert_eq!(config.warnings(), ["S3_BUCKET_NAME differs from STORAGE_BUCKET and is ignored"]);
}

#[test]
fn all_problems_are_reported_at_once_and_no_secret_is() {
    let env = with(
        production(),
        &[
            ("STORAGE_BUCKET", "Not A Bucket"),
            ("STORAGE_S3_SECRET_KEY", "canary-secret"),
            ("STORAGE_SEAL_KEYS", "canary-seal"),
            ("STORAGE_JWT_DEV_KEY", "canary-dev"),
            ("STORAGE_MAX_RETRIES", "many"),
            ("RUST_LOG", "loud=very"),
            ("STORAGE_S3_ENDPOINT", "https://user:canary-password@s3.example.com"),
        ],
    );
    let errors = load(&env).unwrap_err();
    let text = errors.to_string();
    for name in [
        "STORAGE_BUCKET:",
        "STORAGE_S3_ACCESS_KEY",
        "STORAGE_SEAL_KEYS",
        "STORAGE_JWT_DEV_KEY",
        "STORAGE_MAX_RETRIES",
        "STORAGE_S3_ENDPOINT",
        "STORAGE_LOG_LEVEL (set as RUST_LOG)",
    ] {
        assert!(text.contains(name), "{name} is missing in {text}");
    }
    assert!(!text.contains("canary"), "{text}");
}

#[test]
fn g65_bad_environments_are_refused_in_staging_and_production() {
    let weak_seal = "k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let table: &[(&str, &[(&'static str, &str)])] = &[
        ("STORAGE_BUCKET", &[("STORAGE_BUCKET", "")]),
        ("STORAGE_SHARED_BUCKET", &[("STORAGE_SHARED_BUCKET", "")]),
        ("STORAGE_SHARED_BUCKET", &[("STORAGE_SHARED_BUCKET", "acme-files-123456789012")]),
        ("STORAGE_BUCKET_OWNER", &[("STORAGE_BUCKET_OWNER", "")]),
        ("STORAGE_BUCKET_OWNER", &[("STORAGE_BUCKET_OWNER", "12345")]),
        ("STORAGE_TABLE", &[("STORAGE_TABLE", "")]),
        ("STORAGE_INGEST_QUEUE_URL", &[("STORAGE_INGEST_QUEUE_URL", "")]),
        ("STORAGE_INGEST_QUEUE_URL", &[("STORAGE_INGEST_QUEUE_URL", "http://sqs.example.com/q")]),
        ("STORAGE_INGEST_INVOKE_URL", &[("STORAGE_INGEST_INVOKE_URL", "https://x.example.com/invoke")]),
        ("STORAGE_JWT_ISSUER", &[("STORAGE_JWT_ISSUER", "")]),
        ("STORAGE_JWT_ISSUER", &[("STORAGE_JWT_ISSUER", "stowage-dev")]),
        ("STORAGE_JWT_ISSUER", &[("STORAGE_JWT_ISSUER", "http://localhost:8000")]),
        ("STORAGE_JWT_AUDIENCE", &[("STORAGE_JWT_AUDIENCE", "")]),
        ("STORAGE_JWKS_URL", &[("STORAGE_JWKS_URL", "")]),
        ("STORAGE_JWKS_URL", &[("STORAGE_JWKS_URL", "http://auth.example.com/jwks")]),
        ("STORAGE_JWKS_URL", &[("STORAGE_JWKS_URL", "https://localhost/jwks")]),
        ("STORAGE_JWKS_URL", &[("STORAGE_JWKS_URL", "https://169.254.169.254/latest")]),
        ("STORAGE_JWKS", &[("STORAGE_JWKS_URL", ""), ("STORAGE_JWKS", r#"{"keys":[]}"#)]),
        ("STORAGE_JWT_DEV_KEY", &[("STORAGE_JWT_DEV_KEY", DEV_KEY)]),
        ("STORAGE_SEAL_KEYS_SSM", &[("STORAGE_SEAL_KEYS_SSM", "")]),
        ("STORAGE_SEAL_KEYS", &[("STORAGE_SEAL_KEYS_SSM", ""), ("STORAGE_SEAL_KEYS", weak_seal)]),
        ("STORAGE_SEAL_KEYS", &[("STORAGE_SEAL_KEYS_SSM", ""), ("STORAGE_SEAL_KEYS", "changeme")]),
        ("STORAGE_SEAL_KEYS", &[("STORAGE_SEAL_KEYS", SEAL)]),
        ("STORAGE_BACKEND", &[("STORAGE_BACKEND", "local")]),
        ("STORAGE_BACKEND", &[("STORAGE_BACKEND", "gcs")]),
        ("STORAGE_S3_ENDPOINT", &[("STORAGE_BACKEND", "minio")]),
        ("STORAGE_S3_ENDPOINT", &[("STORAGE_S3_ENDPOINT", "http://s3.example.com")]),
        ("STORAGE_S3_ENDPOINT", &[("STORAGE_S3_ENDPOINT", "https://[::1]:9000")]),
        ("STORAGE_S3_USE_SSL", &[("STORAGE_S3_USE_SSL", "false")]),
        ("STORAGE_S3_VERIFY_SSL", &[("STORAGE_S3_VERIFY_SSL", "false")]),
        (
            "STORAGE_S3_ACCESS_KEY",
            &[("STORAGE_S3_ACCESS_KEY", "minioadmin"), ("STORAGE_S3_SECRET_KEY", "minioadmin")],
        ),
        (
            "STORAGE_S3_SECRET_KEY",
            &[("STORAGE_S3_ACCESS_KEY", "AKIAREAL"), ("STORAGE_S3_SECRET_KEY", "wJalrXUtnFEMI/K7MDENG")],
        ),
        ("STORAGE_S3_SECRET_KEY", &[("STORAGE_S3_ACCESS_KEY", "AKIAREAL")]),
        ("STORAGE_DYNAMODB_ENDPOINT", &[("STORAGE_DYNAMODB_ENDPOINT", "http://127.0.0.1:8001")]),
        ("STORAGE_PUBLIC_BASE_URL", &[("STORAGE_PUBLIC_BASE_URL", "http://api.example.com")]),
        ("STORAGE_ALLOWED_ORIGINS", &[("STORAGE_ALLOWED_ORIGINS", "*")]),
        (
            "STORAGE_ALLOWED_ORIGINS",
            &[("STORAGE_ALLOWED_ORIGINS", "https://app.example.com,http://localhost:3000")],
        ),
        ("STORAGE_ALLOWED_ORIGINS", &[("STORAGE_ALLOWED_ORIGINS", "https://app.example.com/")]),
        (
            "STORAGE_CDN_KEY_PAIR_ID",
            &[("STORAGE_CDN_DOMAIN", "cdn.example.com"), ("CLOUDFRONT_PRIVATE_KEYS_SSM", "/k")],
        ),
        (
            "STORAGE_CDN_PRIVATE_KEYS",
            &[("STORAGE_CDN_DOMAIN", "cdn.example.com"), ("STORAGE_CDN_KEY_PAIR_ID", "K1")],
        ),
        ("STORAGE_ENVIRONMENT", &[("ENVIRONMENT", "prod")]),
        ("STORAGE_DEFAULT_ACL", &[("STORAGE_DEFAULT_ACL", "public-read-write")]),
        ("STORAGE_DEFAULT_STORAGE_CLASS", &[("STORAGE_DEFAULT_STORAGE_CLASS", "GLACIER")]),
        ("STORAGE_DEFAULT_STORAGE_CLASS", &[("STORAGE_DEFAULT_STORAGE_CLASS", "REDUCED_REDUNDANCY")]),
        ("STORAGE_BUCKET_NAMING_PATTERN", &[("STORAGE_BUCKET_NAMING_PATTERN", "uploads")]),
        ("STORAGE_BUCKET_NAMING_PATTERN", &[("STORAGE_BUCKET_NAMING_PATTERN", "{tenant}-{tenant_slug}")]),
        (
            "STORAGE_ISOLATION_MODE",
            &[("STORAGE_ENABLE_MULTI_TENANCY", "false"), ("STORAGE_ISOLATION_MODE", "bucket")],
        ),
        ("STORAGE_DEFAULT_TENANT", &[("STORAGE_DEFAULT_TENANT", "acme")]),
        ("STORAGE_PRESIGN_EXPIRY", &[("STORAGE_PRESIGN_EXPIRY", "604801")]),
        ("STORAGE_DIRECT_MAX_BYTES", &[("STORAGE_DIRECT_MAX_BYTES", "10485760")]),
        ("STORAGE_RETENTION_DAYS", &[("STORAGE_RETENTION_DAYS", "0")]),
        ("STORAGE_CLEANUP_SCHEDULE", &[("STORAGE_CLEANUP_SCHEDULE", "daily")]),
        ("STORAGE_LOG_LEVEL", &[("RUST_LOG", "loud=very")]),
    ];
    assert!(table.len() >= 30);
    for environment in ["staging", "production"] {
        let good = with(production(), &[("ENVIRONMENT", environment)]);
        load(&good).unwrap();
        for (name, changes) in table {
            let bad = with(good.clone(), changes);
            assert!(blamed(&bad).contains(name), "{environment}: {changes:?} blames {:?}", blamed(&bad));
        }
    }
}

#[test]
fn lambda_without_a_named_environment_is_production() {
    let marker = names::LAMBDA_MARKER;
    let bare = with(Env::new(), &[(marker, "on-demand")]);
    assert!(blamed(&bare).contains(&"STORAGE_JWT_ISSUER"));
    let off = with(bare, &[("STORAGE_ENABLED", "false")]);
    assert!(!load(&off).unwrap().enabled);
}

#[test]
fn inline_keys_and_named_parameters_are_both_sources() {
    let env = with(
        production(),
        &[
            ("STORAGE_SEAL_KEYS_SSM", ""),
            ("STORAGE_SEAL_KEYS", SEAL),
            ("STORAGE_JWKS_URL", ""),
            ("STORAGE_JWKS", JWKS),
        ],
    );
    let config = load(&env).unwrap();
    assert!(matches!(config.seal_keys, Some(SecretSource::Inline(_))));
    assert_eq!(config.warnings().len(), 1);
    let dev = load(&with(Env::new(), &[("STORAGE_JWT_DEV_KEY", DEV_KEY)])).unwrap();
    assert!(!format!("{dev:?}").contains("nWGxne"));
}

#[test]
fn names_are_unique_and_the_documentation_has_them_all() {
    let mut seen: Vec<&str> = Vec::new();
    let markdown = names::markdown();
    for variable in names::VARIABLES {
        for name in std::iter::once(&variable.name).chain(variable.aliases) {
            assert!(!seen.contains(name), "{name} is named twice");
            assert!(markdown.contains(&format!("`{name}`")));
            seen.push(name);
        }
        assert!(variable.name.starts_with("STORAGE_"), "{}", variable.name);
    }
    // Nothing is documented that is not read.
    let config = load(&Env::new()).unwrap();
    for variable in names::VARIABLES {
        assert!(config.sources().iter().any(|source| source.name == variable.name), "{}", variable.name);
    }
}

#[test]
fn scan_policies_are_for_all_or_for_each_purpose() {
    use storage_core::record::Purpose;
    let scanned = |text: &str| {
        let env = with(production(), &[("STORAGE_SCAN", text)]);
        load(&env).map(|config| config.scan.scanned.into_iter().collect::<Vec<_>>())
    };
    assert_eq!(scanned("").unwrap(), []);
    assert_eq!(scanned("off").unwrap(), []);
    assert_eq!(scanned("before_ready").unwrap(), Purpose::ALL);
    let some = scanned("export=before_ready, attachment = before_ready,avatar.user=off").unwrap();
    assert_eq!(some, [Purpose::Attachment, Purpose::Export]);
    for bad in [
        "on",
        "true",
        "attachment",
        "attachment=yes",
        "attachment=before_ready;export=off",
        "avatar=before_ready",
        "attachment=before_ready,",
        "attachment=before_ready,attachment=off",
        "before_ready,attachment=off",
    ] {
        let env = with(production(), &[("STORAGE_SCAN", bad)]);
        assert_eq!(blamed(&env), ["STORAGE_SCAN"], "{bad}");
    }
}

#[test]
fn the_daemon_that_scans_is_on_this_machine_and_in_development_only() {
    let clamd =
        |text: &str| load(&with(Env::new(), &[("STORAGE_CLAMD", text)])).map(|config| config.scan.clamd);
    assert_eq!(clamd("/run/clamd.sock").unwrap(), Some(ClamdSocket::Unix("/run/clamd.sock".into())));
    assert!(matches!(clamd("127.0.0.1:3310").unwrap(), Some(ClamdSocket::Tcp(_))));
    for bad in ["10.0.0.1:3310", "0.0.0.0:3310", "clamd", "localhost:3310", "127.0.0.1"] {
        assert_eq!(blamed(&with(Env::new(), &[("STORAGE_CLAMD", bad)])), ["STORAGE_CLAMD"], "{bad}");
    }
    let env = with(production(), &[("STORAGE_CLAMD", "/run/clamd.sock")]);
    assert_eq!(blamed(&env), ["STORAGE_CLAMD"]);
    // Nothing scans the local backend but the daemon.
    assert_eq!(blamed(&with(Env::new(), &[("STORAGE_SCAN", "before_ready")])), ["STORAGE_SCAN"]);
    load(&with(Env::new(), &[("STORAGE_SCAN", "before_ready"), ("STORAGE_CLAMD", "/x")])).unwrap();
}
