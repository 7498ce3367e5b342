//! Where a page of an index ends, as an opaque text that is good for that listing only.

use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use storage_core::{Error, ErrorKind, Result};

use super::Item;
use super::keys::{FILE, Index, PK, SK, parse_file_partition};

/// The last key that was evaluated. The partition of the index is in it, so that a cursor of another listing is known as
/// such; DynamoDB would answer it with anything between an error and a wrong page.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cursor {
    index: String,
    partition: String,
    range: String,
    pk: String,
}

fn invalid() -> Error {
    Error::new(ErrorKind::InvalidCursor, "cursor of an index")
}

/// The text of a `LastEvaluatedKey`.
pub(super) fn write(index: Index, key: &Item) -> Result<String> {
    let text = |name: &str| {
        let value = key.get(name).and_then(|value| value.as_s().ok());
        value
            .cloned()
            .ok_or_else(|| Error::new(ErrorKind::Internal, "a last evaluated key without its parts"))
    };
    let cursor = Cursor {
        index: index.name.to_owned(),
        partition: text(index.partition)?,
        range: index.range.map(text).transpose()?.unwrap_or_default(),
        pk: text(PK)?,
    };
    Ok(URL_SAFE_NO_PAD.encode(serde_json::to_vec(&cursor).unwrap_or_default()))
}

/// The `ExclusiveStartKey` of a text; `InvalidCursor` where it is not one of this partition.
pub(super) fn read(index: Index, partition: &str, cursor: &str) -> Result<Item> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| invalid())?;
    let cursor: Cursor = serde_json::from_slice(&bytes).map_err(|_| invalid())?;
    let ours = cursor.index == index.name
        && cursor.partition == partition
        && parse_file_partition(&cursor.pk).is_some()
        && cursor.range.is_empty() == index.range.is_none();
    if !ours {
        return Err(invalid());
    }
    let mut key = Item::from([
        (PK.to_owned(), AttributeValue::S(cursor.pk)),
        (SK.to_owned(), AttributeValue::S(FILE.to_owned())),
        (index.partition.to_owned(), AttributeValue::S(cursor.partition)),
    ]);
    if let Some(range) = index.range {
        key.insert(range.to_owned(), AttributeValue::S(cursor.range));
    }
    Ok(key)
}

/// The text of a `LastEvaluatedKey` of the table itself.
pub(super) fn write_item(key: &Item) -> Result<String> {
    let text = |name: &str| key.get(name).and_then(|value| value.as_s().ok()).cloned();
    let place = text(PK).zip(text(SK));
    let place =
        place.ok_or_else(|| Error::new(ErrorKind::Internal, "a last evaluated key without its parts"))?;
    Ok(URL_SAFE_NO_PAD.encode(serde_json::to_vec(&place).unwrap_or_default()))
}

/// The `ExclusiveStartKey` of such a text.
pub(super) fn read_file(cursor: &str) -> Result<Item> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| invalid())?;
    let (pk, sk): (String, String) = serde_json::from_slice(&bytes).map_err(|_| invalid())?;
    Ok(Item::from([(PK.to_owned(), AttributeValue::S(pk)), (SK.to_owned(), AttributeValue::S(sk))]))
}

/// The refusal of a cursor that only DynamoDB could find wrong.
pub(super) fn refused() -> Error {
    invalid()
}
