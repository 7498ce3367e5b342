//! Servers that the environment names: AWS itself, garage, moto. Without the variables their tests say so and pass.
//!
//! `STOWAGE_TEST_S3_ENDPOINT` (a URL), `STOWAGE_TEST_S3_ACCESS_KEY`, `STOWAGE_TEST_S3_SECRET_KEY` and
//! `STOWAGE_TEST_S3_BUCKET` name a server; `STOWAGE_TEST_S3_OTHER_BUCKET` a second bucket, by default the first with
//! `-other` behind it; `STOWAGE_TEST_S3_SERVER` (`aws`, `garage` or `moto`, by default `aws`) what is known of it.
//! `STOWAGE_TEST_DYNAMODB_ENDPOINT` names a DynamoDB server.

use storage_aws::S3Backend;
use storage_testkit::conformance::backend::{BackendFixture, Differences};

use crate::aws::settings;
use crate::bucket;

/// A variable of the environment that is set and not empty.
#[expect(clippy::disallowed_methods, reason = "opt-in servers are named by the environment")]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The S3 backend on the server that the environment names; `None` where it names none.
pub async fn opted_in_s3() -> Option<(S3Backend, BackendFixture)> {
    let endpoint = variable("STOWAGE_TEST_S3_ENDPOINT")?;
    let required = |name: &str| variable(name).unwrap_or_else(|| panic!("{name} goes with an endpoint"));
    let name = required("STOWAGE_TEST_S3_BUCKET");
    let other = variable("STOWAGE_TEST_S3_OTHER_BUCKET").unwrap_or_else(|| format!("{name}-other"));
    let server = variable("STOWAGE_TEST_S3_SERVER").unwrap_or_else(|| "aws".to_owned());
    let settings =
        settings(&endpoint, &required("STOWAGE_TEST_S3_ACCESS_KEY"), &required("STOWAGE_TEST_S3_SECRET_KEY"));
    let fixture = BackendFixture {
        min_part: 5 * 1024 * 1024,
        differences: differences(&server),
        ..BackendFixture::new(&format!("s3 on {server}"), bucket(&name), bucket(&other))
    };
    Some((S3Backend::connect(&settings).await.unwrap(), fixture))
}

/// What is known of a kind of server.
fn differences(server: &str) -> Differences {
    match server {
        "aws" => Differences::none(),
        "garage" => Differences {
            conditional_writes: false,
            atomic_conditions: false,
            conditional_copy_destination: false,
            ..Differences::none()
        },
        "moto" => Differences {
            conditional_copy_source: false,
            conditional_copy_destination: false,
            // Its answers have other root elements than those of S3.
            multipart: false,
            ..Differences::none()
        },
        other => panic!("STOWAGE_TEST_S3_SERVER is aws, garage or moto, not {other}"),
    }
}
