//! Starts `process-upload`.

use storage_lambda::start;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), start::Error> {
    let state = start::event(async |config| process_upload::State::from_config(config).await).await?;
    lambda_runtime::run(lambda_runtime::service_fn(|event| process_upload::handle(&state, event))).await
}
