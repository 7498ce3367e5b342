//! From variables to [`Config`]: each group reads its own, so that every problem is found in one pass.

mod access;
mod delivery;
mod scan;
mod storage;

use std::time::Duration;

use storage_core::ports::ImageLimits;

use super::model::{
    Backend, CleanupConfig, Config, Environment, HealthConfig, LimitsConfig, LogConfig, LogFormat,
    MetadataConfig,
};
use super::reader::{ConfigErrors, Reader, shown};
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
    let s3 = storage::s3(reader);
    if chosen.eq_ignore_ascii_case("minio") && s3.endpoint.is_none() {
        reader.problem(&names::S3_ENDPOINT, "is required by the backend minio");
    }
    let buckets = storage::buckets(reader, strict);
    let log_format = reader.word(&names::LOG_FORMAT, &[("json", LogFormat::Json), ("text", LogFormat::Text)]);
    let config = Config {
        enabled,
        environment,
        backend,
        local_root: reader.text(&names::LOCAL_ROOT).unwrap_or_default().into(),
        s3,
        metadata: metadata(reader, strict),
        tenancy: access::tenancy(reader),
        auth: access::auth(reader, strict),
        seal_keys: access::seal_keys(reader),
        delivery: delivery::delivery(reader, environment),
        limits: limits(reader),
        scan: scan::scan(reader, backend),
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

fn limits(reader: &mut Reader<'_>) -> LimitsConfig {
    LimitsConfig {
        avatar_max_bytes: reader.number(&names::AVATAR_MAX_BYTES, 1..=25 << 20),
        attachment_max_bytes: reader.number(&names::ATTACHMENT_MAX_BYTES, 1..=S3_OBJECT_BYTES),
        post_max_bytes: reader.number(&names::POST_MAX_BYTES, 1..=5 << 30),
        tenant_max_bytes: Some(reader.number(&names::TENANT_MAX_BYTES, 0..=u64::MAX))
            .filter(|most| *most > 0),
        issues_per_minute: Some(reader.number(&names::ISSUES_PER_MINUTE, 0..=1_000_000))
            .filter(|most| *most > 0),
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
        export_life: Duration::from_secs(86_400 * reader.number(&names::EXPORT_DAYS, 1..=3650)),
        schedule: schedule.unwrap_or_default(),
    }
}

fn log_filter(text: &str) -> Result<String, String> {
    text.parse::<tracing_subscriber::filter::Targets>()
        .map(|_| text.to_owned())
        .map_err(|_| format!("{} is neither a level nor a filter", shown(text)))
}
