//! Starts `health`.

use storage_lambda::start;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), start::Error> {
    start::http(async |config| Ok(health::router(health::State::from_config(config).await?))).await
}
