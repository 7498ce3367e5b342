//! Starts `scheduled-cleanup`.

use storage_lambda::start;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), start::Error> {
    let state = start::event(async |config| scheduled_cleanup::State::from_config(config).await).await?;
    lambda_runtime::run(lambda_runtime::service_fn(|event| scheduled_cleanup::handle(&state, event))).await
}
