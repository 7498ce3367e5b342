//! Starts `publish-event`.

use lambda_runtime::service_fn;
use publish_event::{State, handle};
use storage_lambda::start;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), start::Error> {
    let state = start::event(env!("CARGO_CRATE_NAME"), State::from_config).await?;
    lambda_runtime::run(service_fn(|event| handle(&state, event))).await
}
