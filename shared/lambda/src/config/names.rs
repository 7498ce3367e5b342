//! Every environment variable the system reads: canonical name, accepted other spellings, default and meaning.
//! `docs/CONFIGURATION.md` is generated from [`VARIABLES`], and nothing reads a variable that is not in it.

/// The value of a variable that is not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// There is none: the setting is off or absent.
    Unset,
    /// Exactly this.
    Is(&'static str),
    /// It depends on other settings; the text says how.
    Depends(&'static str),
}

/// One setting.
#[derive(Debug, PartialEq, Eq)]
pub struct Variable {
    /// The canonical name.
    pub name: &'static str,
    /// Other spellings, from the requirement documents; the first that is set counts.
    pub aliases: &'static [&'static str],
    /// What holds where it is not set.
    pub preset: Preset,
    /// What it means.
    pub meaning: &'static str,
    /// The heading it is documented under.
    pub group: &'static str,
}

impl Variable {
    /// Whether its value is a secret, which no message shows.
    pub fn is_secret(&self) -> bool {
        SECRETS.contains(&self.name)
    }
}

macro_rules! variables {
    ($($group:literal { $($id:ident $name:literal [$($alias:literal),*] $preset:expr, $meaning:literal;)* })*) => {
        $($(
            #[doc = $meaning]
            pub const $id: Variable = Variable {
                name: $name, aliases: &[$($alias),*], preset: $preset, meaning: $meaning, group: $group,
            };
        )*)*

        /// Every variable, in the order of the documentation.
        pub const VARIABLES: &[Variable] = &[$($($id,)*)*];
    };
}

use Preset::{Depends, Is, Unset};

variables! {
    "Basics" {
        ENABLED "STORAGE_ENABLED" [] Is("true"), "Whether storage is on. Off, every route answers 503 `STORAGE_NOT_CONFIGURED`.";
        ENVIRONMENT "STORAGE_ENVIRONMENT" ["ENVIRONMENT"] Depends("`production` on AWS Lambda, else `development`"), "`development`, `staging` or `production`. The last two refuse weak settings at start.";
        BACKEND "STORAGE_BACKEND" [] Depends("`local` in development, else `s3`"), "`local`, `s3`, or `minio` (`s3` with an endpoint).";
        LOCAL_ROOT "STORAGE_LOCAL_ROOT" ["UPLOAD_DIRECTORY"] Is("uploads"), "The folder of the local backend.";
    }
    "Buckets" {
        BUCKET "STORAGE_BUCKET" ["S3_BUCKET_NAME", "AWS_S3_BUCKET"] Depends("`stowage-files` in development, else required"), "The bucket of files whose tenant has none of its own.";
        SHARED_BUCKET "STORAGE_SHARED_BUCKET" ["STORAGE_STAGING_BUCKET"] Depends("`stowage-staging` in development, else required"), "The staging bucket that browsers upload to.";
        BUCKET_PATH "STORAGE_BUCKET_PATH" ["S3_BUCKET_PATH"] Unset, "A prefix for every key.";
        BUCKET_OWNER "STORAGE_BUCKET_OWNER" [] Depends("required in staging and production on AWS"), "The account id, 12 digits, that every S3 call expects to own the bucket.";
        DEFAULT_ACL "STORAGE_DEFAULT_ACL" [] Is("private"), "The visibility of uploads that do not say: `private` or `public-read`.";
        DEFAULT_STORAGE_CLASS "STORAGE_DEFAULT_STORAGE_CLASS" [] Is("STANDARD"), "The storage class of final objects: `STANDARD`, `INTELLIGENT_TIERING`, `STANDARD_IA`, `ONEZONE_IA` or `GLACIER_IR`.";
    }
    "S3 connection" {
        S3_REGION "STORAGE_S3_REGION" ["AWS_REGION", "AWS_DEFAULT_REGION"] Is("us-east-1"), "The region of buckets, table and queue.";
        S3_ENDPOINT "STORAGE_S3_ENDPOINT" ["AWS_ENDPOINT_URL_S3"] Unset, "An S3-compatible service in place of AWS; addressed path-style.";
        S3_ACCESS_KEY "STORAGE_S3_ACCESS_KEY" [] Unset, "The access key id of an S3-compatible service. Without it the AWS default chain gives credentials.";
        S3_SECRET_KEY "STORAGE_S3_SECRET_KEY" [] Unset, "The secret of the access key; both or none.";
        S3_USE_SSL "STORAGE_S3_USE_SSL" [] Depends("what the endpoint's scheme says"), "Whether an endpoint without a scheme is `https`.";
        S3_VERIFY_SSL "STORAGE_S3_VERIFY_SSL" [] Is("true"), "Whether the endpoint's certificate is checked.";
        MAX_POOL_CONNECTIONS "STORAGE_MAX_POOL_CONNECTIONS" [] Is("10"), "The most idle connections kept to one host.";
        MAX_RETRIES "STORAGE_MAX_RETRIES" [] Is("3"), "How often a failed call is repeated, 0 to 10.";
        RETRY_MODE "STORAGE_RETRY_MODE" [] Is("standard"), "`standard` or `adaptive`; `legacy` is read as `standard`.";
        TIMEOUT "STORAGE_TIMEOUT" [] Is("20"), "The most seconds for one call with all its retries, 1 to 900.";
    }
    "Metadata and events" {
        TABLE "STORAGE_TABLE" ["STORAGE_TABLE_NAME"] Depends("`stowage` in development, else required"), "The DynamoDB table.";
        DYNAMODB_ENDPOINT "STORAGE_DYNAMODB_ENDPOINT" ["AWS_ENDPOINT_URL_DYNAMODB"] Unset, "A DynamoDB-compatible service in place of AWS.";
        INGEST_QUEUE_URL "STORAGE_INGEST_QUEUE_URL" [] Depends("required in staging and production"), "The queue that wakes `process-upload`.";
        INGEST_INVOKE_URL "STORAGE_INGEST_INVOKE_URL" [] Unset, "In development: the emulator's invoke URL of `process-upload`, in place of the queue.";
    }
    "Tenants" {
        ENABLE_MULTI_TENANCY "STORAGE_ENABLE_MULTI_TENANCY" [] Is("true"), "Whether the token names the tenant. Off, everything belongs to the default tenant.";
        REQUIRE_TENANT_CONTEXT "STORAGE_REQUIRE_TENANT_CONTEXT" [] Depends("`true` with multi-tenancy"), "Whether a request without a tenant is refused; `false` gives it to the default tenant, and is logged at start.";
        DEFAULT_TENANT "STORAGE_DEFAULT_TENANT" ["STORAGE_DEFAULT_TENANT_UUID"] Is("00000000-0000-4000-8000-000000000001"), "The UUID of the tenant of single-tenant mode.";
        ISOLATION_MODE "STORAGE_ISOLATION_MODE" [] Is("prefix"), "What a new tenant gets: a `prefix` in the shared bucket or a `bucket` of its own.";
        BUCKET_NAMING_PATTERN "STORAGE_BUCKET_NAMING_PATTERN" [] Is("{tenant_slug}-uploads"), "The name of a new tenant's bucket, with `{tenant_slug}` or `{tenant_uuid}`. Used once, at provisioning.";
        CLI_TENANT "STORAGE_TENANT_ID" ["TENANT_ID"] Unset, "The tenant the command line acts for. Functions ignore it.";
    }
    "Tokens and secrets" {
        JWT_ISSUER "STORAGE_JWT_ISSUER" [] Depends("`stowage-dev` in development, else required"), "The `iss` a bearer token must carry.";
        JWT_AUDIENCE "STORAGE_JWT_AUDIENCE" [] Depends("`stowage` in development, else required"), "The `aud` a bearer token must carry.";
        JWKS_URL "STORAGE_JWKS_URL" ["STORAGE_JWT_JWKS_URL"] Unset, "Where the issuer publishes its public keys. This or `STORAGE_JWKS` is required in staging and production.";
        JWKS "STORAGE_JWKS" ["STORAGE_JWT_JWKS"] Unset, "The issuer's public keys themselves, as a JWK set.";
        JWT_DEV_KEY "STORAGE_JWT_DEV_KEY" [] Unset, "In development: a private JWK with which tools mint tokens; functions accept them by its public half.";
        SEAL_KEYS "STORAGE_SEAL_KEYS" [] Unset, "One or two `id:base64(32 bytes)`, comma separated, that seal ids, cursors and tickets. The first seals, both open.";
        SEAL_KEYS_SSM "STORAGE_SEAL_KEYS_SSM" [] Unset, "The name of the SSM SecureString that holds the seal keys. This or `STORAGE_SEAL_KEYS` is required in staging and production.";
    }
    "Delivery" {
        PUBLIC_BASE_URL "STORAGE_PUBLIC_BASE_URL" [] Depends("`http://localhost:8000` in development"), "The origin under which clients reach this API. Never taken from a request.";
        ALLOWED_ORIGINS "STORAGE_ALLOWED_ORIGINS" ["STORAGE_CORS_ORIGINS"] Unset, "Comma-separated browser origins that may call the API; `*` in development only.";
        CDN_DOMAIN "STORAGE_CDN_DOMAIN" ["CLOUDFRONT_DOMAIN"] Unset, "The host name of the CloudFront distribution. Without it readers get presigned S3 URLs.";
        CDN_KEY_PAIR_ID "STORAGE_CDN_KEY_PAIR_ID" ["CLOUDFRONT_KEY_PAIR_ID"] Unset, "The id of the CloudFront public key whose private half signs; with a CDN it is required.";
        CDN_PRIVATE_KEYS "STORAGE_CDN_PRIVATE_KEYS" ["CLOUDFRONT_PRIVATE_KEYS"] Unset, "The PEM private keys that sign CloudFront URLs; the first signs.";
        CDN_PRIVATE_KEYS_SSM "STORAGE_CDN_PRIVATE_KEYS_SSM" ["CLOUDFRONT_PRIVATE_KEYS_SSM"] Unset, "The name of the SSM SecureString that holds them.";
        URL_LIFE "STORAGE_URL_LIFE" [] Is("3600"), "The seconds a reader's signed URL works at least, 60 to 604800.";
        URL_WINDOW "STORAGE_URL_WINDOW" [] Is("900"), "The seconds within which all readers get the same signed URL, 1 to 86400.";
        PRESIGN_EXPIRY "STORAGE_PRESIGN_EXPIRY" [] Is("3600"), "The seconds an upload form works, 60 to 604800.";
        AVATAR_WEBP "STORAGE_AVATAR_WEBP" [] Is("true"), "Whether avatars that are uploaded from now on also get their sizes as WebP, for clients that accept it.";
    }
    "Limits" {
        AVATAR_MAX_BYTES "STORAGE_AVATAR_MAX_BYTES" [] Is("5242880"), "The most bytes of an avatar.";
        ATTACHMENT_MAX_BYTES "STORAGE_ATTACHMENT_MAX_BYTES" [] Is("104857600"), "The most bytes of an attachment.";
        POST_MAX_BYTES "STORAGE_POST_MAX_BYTES" [] Is("104857600"), "The most bytes of an upload by form; larger ones are sent in parts.";
        TENANT_MAX_BYTES "STORAGE_TENANT_MAX_BYTES" [] Is("0"), "The most bytes of all files of a tenant whose own limits do not say; 0 for no limit.";
        ISSUES_PER_MINUTE "STORAGE_ISSUES_PER_MINUTE" [] Is("600"), "How many uploads one caller may issue a minute; 0 for no limit.";
        DIRECT_MAX_BYTES "STORAGE_DIRECT_MAX_BYTES" [] Is("4194304"), "The most bytes of a file in a request body; the gateway takes about 4.5 MB.";
        JSON_MAX_BYTES "STORAGE_JSON_MAX_BYTES" [] Is("65536"), "The most bytes of a JSON body.";
        IMAGE_MAX_SIDE "STORAGE_IMAGE_MAX_SIDE" [] Is("12000"), "The most pixels of a side of an image.";
        IMAGE_MAX_PIXELS "STORAGE_IMAGE_MAX_PIXELS" [] Is("40000000"), "The most pixels of an image.";
    }
    "Scans" {
        SCAN "STORAGE_SCAN" [] Is("off"), "Which uploads are scanned for malware: `off`, `before_ready` for all, or a policy for each purpose, such as `attachment=before_ready,export=before_ready`. It counts when an upload is issued, and never becomes less for that upload.";
        CLAMD "STORAGE_CLAMD" [] Unset, "In development: where ClamAV's daemon listens, a path or `127.0.0.1:3310`. Without it verdicts are those of GuardDuty, read from the tags of staging objects.";
    }
    "Cleanup" {
        CLEANUP_ENABLED "STORAGE_CLEANUP_ENABLED" [] Is("true"), "Whether the scheduled sweep removes anything.";
        RETENTION_DAYS "STORAGE_RETENTION_DAYS" ["STORAGE_CLEANUP_RETENTION_DAYS"] Is("30"), "How many days a trashed file can be restored, 1 to 3650.";
        EXPORT_DAYS "STORAGE_EXPORT_DAYS" [] Is("7"), "How many days an export is kept once it is readable, 1 to 3650.";
        CLEANUP_SCHEDULE "STORAGE_CLEANUP_SCHEDULE" [] Is("0 2 * * *"), "When the command line's cleanup is due, as five cron fields in UTC. The sweep itself runs every ten minutes: the template says so in the cloud, and `make dev` on a laptop.";
    }
    "Operation" {
        HEALTH_CHECK_ENABLED "STORAGE_HEALTH_CHECK_ENABLED" [] Is("true"), "Whether readiness asks the dependencies.";
        HEALTH_CHECK_TIMEOUT "STORAGE_HEALTH_CHECK_TIMEOUT" [] Is("5"), "The most seconds a dependency may take to answer it, 1 to 20.";
        LOG_LEVEL "STORAGE_LOG_LEVEL" ["RUST_LOG"] Is("info"), "A level, or a filter such as `info,storage_services=debug`.";
        LOG_FORMAT "STORAGE_LOG_FORMAT" [] Depends("`json` on AWS Lambda, else `text`"), "`json` or `text`.";
    }
}

/// The variables whose values are secrets.
const SECRETS: &[&str] =
    &[S3_ACCESS_KEY.name, S3_SECRET_KEY.name, JWT_DEV_KEY.name, SEAL_KEYS.name, CDN_PRIVATE_KEYS.name];

/// Aliases that the platform sets by itself, so that another value in the canonical name is no contradiction.
pub const AMBIENT_ALIASES: &[&str] = &["AWS_REGION", "AWS_DEFAULT_REGION"];

/// Set by AWS Lambda and by no emulator: it tells the cloud from a laptop.
pub const LAMBDA_MARKER: &str = "AWS_LAMBDA_INITIALIZATION_TYPE";

/// The tables of `docs/CONFIGURATION.md`.
pub fn markdown() -> String {
    let mut text = String::new();
    let mut group = "";
    for variable in VARIABLES {
        if variable.group != group {
            group = variable.group;
            text.push_str(&format!(
                "\n## {group}\n\n| variable | other spellings | default | meaning |\n|---|---|---|---|\n"
            ));
        }
        let aliases: Vec<String> = variable.aliases.iter().map(|alias| format!("`{alias}`")).collect();
        let preset = match variable.preset {
            Unset => "none".to_owned(),
            Is(value) => format!("`{value}`"),
            Depends(words) => words.to_owned(),
        };
        text.push_str(&format!(
            "| `{}` | {} | {preset} | {} |\n",
            variable.name,
            aliases.join(", "),
            variable.meaning
        ));
    }
    text
}
