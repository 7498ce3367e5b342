//! Starts `resolve-url`.

use storage_lambda::start;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), start::Error> {
    start::http(async |config| Ok(resolve_url::router(resolve_url::State::from_config(config).await?))).await
}
