//! Starts `issue-upload`.

use storage_lambda::start;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), start::Error> {
    start::http(async |config| Ok(issue_upload::router(issue_upload::State::from_config(config).await?))).await
}
