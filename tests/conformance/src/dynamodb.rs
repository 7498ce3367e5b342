//! DynamoDB, served in this process by dynoxide, or by a server that the environment names.

use std::sync::Arc;

use dynoxide::Database;
use storage_aws::DynamoStore;
use storage_core::ports::MetadataStore;
use storage_testkit::conformance::metadata::StoreFixture;
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::aws::{ACCESS_KEY, SECRET_KEY, settings};
use crate::opted_in::variable;

/// A store on a new table in a server of its own, and a store that nobody answers.
pub async fn dynoxide() -> (Arc<dyn MetadataStore>, StoreFixture) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let database = Database::memory().unwrap();
    tokio::spawn(dynoxide::server::serve_with_shutdown(listener, database, std::future::pending()));
    store_on(&endpoint, "dynamodb on dynoxide").await
}

/// A store on a new table of the server in `STOWAGE_TEST_DYNAMODB_ENDPOINT`; `None` where nobody names one.
pub async fn opted_in_store() -> Option<(Arc<dyn MetadataStore>, StoreFixture)> {
    let endpoint = variable("STOWAGE_TEST_DYNAMODB_ENDPOINT")?;
    Some(store_on(&endpoint, &format!("dynamodb on {endpoint}")).await)
}

async fn store_on(endpoint: &str, server: &str) -> (Arc<dyn MetadataStore>, StoreFixture) {
    let table = format!("conformance-{}", Uuid::new_v4());
    let store = DynamoStore::connect(&settings(endpoint, ACCESS_KEY, SECRET_KEY), table).await.unwrap();
    store.create_table().await.unwrap();
    (Arc::new(store), StoreFixture::new(server, Some(unreachable().await)))
}

/// A store whose server has gone: its port was free a moment ago.
async fn unreachable() -> Arc<dyn MetadataStore> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let mut settings = settings(&endpoint, ACCESS_KEY, SECRET_KEY);
    settings.max_retries = 0;
    Arc::new(DynamoStore::connect(&settings, "nowhere").await.unwrap())
}
