//! Starts `delete-file`.

use storage_lambda::start;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), start::Error> {
    start::http(async |config| Ok(delete_file::router(delete_file::State::from_config(config).await?))).await
}
