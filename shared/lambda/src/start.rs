//! Starting a function: read the configuration, say everything that is wrong with it, connect, serve.

use std::sync::Arc;

use axum::Router;
use storage_core::Result;

use crate::config::Config;
use crate::observability;

/// Why a function does not start, or stopped. It is printed by the runtime.
pub type Error = lambda_runtime::Error;

/// Starts an HTTP function whose router `build` makes from the configuration. `name` is that of the crate.
pub async fn http(
    name: &'static str,
    build: impl AsyncFnOnce(Arc<Config>) -> Result<Router>,
) -> Result<(), Error> {
    let router = event(name, build).await?;
    lambda_http::run(router).await
}

/// Starts any function: what `build` makes is ready to be called.
pub async fn event<T>(
    name: &'static str,
    build: impl AsyncFnOnce(Arc<Config>) -> Result<T>,
) -> Result<T, Error> {
    // The message names every wrong variable; it is all an operator sees of a function that does not start.
    #[cfg(feature = "switches")]
    crate::switches::init()?;
    let config = Config::from_env().map_err(|errors| Error::from(errors.to_string()))?;
    observability::init(&config.log, name);
    observability::log_warnings(&config);
    build(Arc::new(config)).await.map_err(|error| {
        tracing::error!(error.kind = %error.kind(), error.cause = %error.log_line(), "the function does not start");
        Error::from(format!("{}: {}", error.kind(), error.log_line()))
    })
}
