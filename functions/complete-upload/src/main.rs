//! Starts `complete-upload`.

use storage_lambda::start;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), start::Error> {
    start::http(async |config| Ok(complete_upload::router(complete_upload::State::from_config(config).await?))).await
}
