//! The table as the template declares it, for development and tests.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::operation::create_table::CreateTableError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType, StreamSpecification, StreamViewType, TimeToLiveSpecification,
};
use storage_core::{Error, ErrorKind, Result};

use super::error;
use super::item::TTL;
use super::keys::{INDEXES, Index, PK, SK};

/// Creates `table` unless it exists, with its time to live where the server has that.
pub(super) async fn create(client: &Client, table: &str) -> Result<()> {
    let internal = |cause| Error::new(ErrorKind::Internal, "a table definition").with_cause(cause);
    let stream = StreamSpecification::builder()
        .stream_enabled(true)
        .stream_view_type(StreamViewType::NewImage)
        .build();
    let answer = client
        .create_table()
        .table_name(table)
        .billing_mode(BillingMode::PayPerRequest)
        .stream_specification(stream.map_err(internal)?)
        .set_attribute_definitions(Some(attributes().map_err(internal)?))
        .set_key_schema(Some(key_schema(PK, Some(SK)).map_err(internal)?))
        .set_global_secondary_indexes(Some(
            INDEXES.into_iter().map(index).collect::<Result<_, _>>().map_err(internal)?,
        ))
        .send()
        .await;
    match answer {
        Ok(_) => {}
        Err(failure)
            if matches!(failure.as_service_error(), Some(CreateTableError::ResourceInUseException(_))) =>
        {
            return Ok(());
        }
        Err(failure) => return Err(error::map("CreateTable", failure)),
    }
    let ttl =
        TimeToLiveSpecification::builder().attribute_name(TTL).enabled(true).build().map_err(internal)?;
    let answer = client.update_time_to_live().table_name(table).time_to_live_specification(ttl).send().await;
    if answer.is_err() {
        // Nothing is judged by it, so a server without it will do.
        tracing::warn!("the table keeps expired items: the server has no time to live");
    }
    Ok(())
}

fn attributes() -> Result<Vec<AttributeDefinition>, BuildError> {
    let indexed = INDEXES.into_iter().flat_map(|index| [Some(index.partition), index.range]).flatten();
    [PK, SK]
        .into_iter()
        .chain(indexed)
        .map(|name| {
            AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S).build()
        })
        .collect()
}

fn key_schema(partition: &str, range: Option<&str>) -> Result<Vec<KeySchemaElement>, BuildError> {
    let element = |name, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build();
    let mut schema = vec![element(partition, KeyType::Hash)?];
    if let Some(range) = range {
        schema.push(element(range, KeyType::Range)?);
    }
    Ok(schema)
}

/// Only keys are projected: an index finds a file, and the file is then read strongly.
fn index(index: Index) -> Result<GlobalSecondaryIndex, BuildError> {
    GlobalSecondaryIndex::builder()
        .index_name(index.name)
        .set_key_schema(Some(key_schema(index.partition, index.range)?))
        .projection(Projection::builder().projection_type(ProjectionType::KeysOnly).build())
        .build()
}
