//! Starts `direct-upload`.

use storage_lambda::start;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), start::Error> {
    start::http(async |config| Ok(direct_upload::router(direct_upload::State::from_config(config).await?))).await
}
