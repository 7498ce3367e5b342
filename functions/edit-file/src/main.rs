//! Starts `edit-file`.

use edit_file::{State, router};
use storage_lambda::start;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), start::Error> {
    start::http(env!("CARGO_CRATE_NAME"), async |config| Ok(router(State::from_config(config).await?))).await
}
