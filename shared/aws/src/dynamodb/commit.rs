//! The one kind of write: all of a transaction or none of it, each write with its condition.

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem, Update};
use storage_core::ids::FileId;
use storage_core::ports::{CommitError, Conflict, Write};
use storage_core::record::PointerKey;
use storage_core::safeguards::Safeguard;
use storage_core::usage::UsageChange;
use storage_core::{Error, ErrorKind, Result};

use super::keys::Key;
use super::{DynamoStore, Item, error, item};

/// The most writes of one transaction, by DynamoDB's rules.
const MOST_WRITES: usize = 100;

/// What a condition is on: DynamoDB's expression, its names and its values.
#[derive(Default)]
struct Condition {
    expression: Option<&'static str>,
    names: Vec<(String, String)>,
    values: Vec<(String, AttributeValue)>,
}

impl Condition {
    fn names(&self) -> std::collections::HashMap<String, String> {
        self.names.iter().cloned().collect()
    }

    /// The same, or nothing: an empty map is an error to DynamoDB.
    fn some_names(&self) -> Option<std::collections::HashMap<String, String>> {
        Some(self.names()).filter(|names| !names.is_empty())
    }

    fn values(&self) -> Item {
        self.values.iter().cloned().collect()
    }
}

/// One write in DynamoDB's terms.
enum Operation {
    Put { item: Item, condition: Condition },
    Update { key: Key, expression: String, condition: Condition },
}

fn number(value: u64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

fn operation(write: &Write) -> Result<Operation> {
    Ok(match write {
        Write::CreateFile(record) => Operation::Put {
            item: item::file(record)?,
            condition: Condition { expression: Some("attribute_not_exists(PK)"), ..Condition::default() },
        },
        Write::UpdateFile(record) => {
            let read = record
                .rev
                .checked_sub(1)
                .ok_or_else(|| Error::new(ErrorKind::Internal, "an update to revision 0"))?;
            let condition = match Safeguard::Revision.holds() {
                false => Condition::default(),
                true => Condition {
                    expression: Some("#rev = :read"),
                    names: vec![("#rev".to_owned(), "rev".to_owned())],
                    values: vec![(":read".to_owned(), number(read))],
                },
            };
            Operation::Put { item: item::file(record)?, condition }
        }
        Write::SetPointer { key, expected, seq, file } => set_pointer(key, *expected, *seq, *file),
        Write::PutIdempotency { record, now } => Operation::Put {
            item: item::idempotency(record)?,
            condition: Condition {
                // Timestamps have a fixed width, so their texts compare as times.
                expression: Some("attribute_not_exists(PK) OR expires_at < :now"),
                names: Vec::new(),
                values: vec![(":now".to_owned(), AttributeValue::S(now.to_string()))],
            },
        },
        Write::Audit(entry) => Operation::Put { item: item::audit(entry)?, condition: Condition::default() },
        Write::Usage(change) => count(change),
        Write::Outbox(told) => Operation::Put { item: item::outbox(told)?, condition: Condition::default() },
    })
}

/// An update and no put: `seq` belongs to `take_seq`, and a put would set it back.
fn set_pointer(key: &PointerKey, expected: Option<u64>, seq: u64, file: Option<FileId>) -> Operation {
    let mut values = vec![(":seq".to_owned(), number(seq))];
    let expression = match file {
        Some(file) => {
            values.push((":file".to_owned(), AttributeValue::S(file.to_string())));
            "SET current_seq = :seq, current_file_id = :file"
        }
        None => "SET current_seq = :seq REMOVE current_file_id",
    };
    let condition = match expected {
        Some(expected) => {
            values.push((":read".to_owned(), number(expected)));
            "current_seq = :read"
        }
        None => "attribute_not_exists(current_seq)",
    };
    Operation::Update {
        key: Key::pointer(key),
        expression: expression.to_owned(),
        condition: Condition { expression: Some(condition), names: Vec::new(), values },
    }
}

/// An addition to each counter that changes, and to the count of changes.
fn count(change: &UsageChange) -> Operation {
    let mut condition = Condition::default();
    let mut additions = vec!["changes :one".to_owned()];
    condition.values.push((":one".to_owned(), number(1)));
    for (purpose, by) in &change.by_purpose {
        for (kind, by) in [("reserved", by.reserved), ("stored", by.stored), ("files", by.files)] {
            if by == 0 {
                continue;
            }
            let index = condition.names.len();
            condition.names.push((format!("#c{index}"), item::counter(*purpose, kind)));
            condition.values.push((format!(":c{index}"), AttributeValue::N(by.to_string())));
            additions.push(format!("#c{index} :c{index}"));
        }
    }
    let key = Key::usage(change.tenant, change.shard);
    Operation::Update { key, expression: format!("ADD {}", additions.join(", ")), condition }
}

/// The conflict a failed condition of `write` means.
fn conflict(write: &Write) -> Conflict {
    match write {
        Write::CreateFile(_) => Conflict::Exists,
        Write::UpdateFile(_) => Conflict::Revision,
        Write::SetPointer { .. } => Conflict::Pointer,
        Write::PutIdempotency { .. } => Conflict::Idempotency,
        // They have no condition, so none can fail; a revision is the word nearest to "read again".
        Write::Audit(_) | Write::Usage(_) | Write::Outbox(_) => Conflict::Revision,
    }
}

impl DynamoStore {
    pub(super) async fn commit_writes(&self, writes: &[Write]) -> std::result::Result<(), CommitError> {
        match writes {
            [] => Ok(()),
            // Half the price of a transaction, and as atomic.
            [write] => self.commit_one(write).await,
            writes if writes.len() > MOST_WRITES => {
                Err(Error::new(ErrorKind::Internal, "a transaction of more than 100 writes").into())
            }
            writes => self.commit_all(writes).await,
        }
    }

    async fn commit_one(&self, write: &Write) -> std::result::Result<(), CommitError> {
        let failed = || CommitError::Conflict(0, conflict(write));
        match operation(write)? {
            Operation::Put { item, condition } => {
                let (names, values) = (condition.names(), condition.values());
                self.client
                    .put_item()
                    .table_name(&self.table)
                    .set_item(Some(item))
                    .set_condition_expression(condition.expression.map(str::to_owned))
                    .set_expression_attribute_names((!names.is_empty()).then_some(names))
                    .set_expression_attribute_values((!values.is_empty()).then_some(values))
                    .send()
                    .await
                    .map_err(|failure| match failure.as_service_error() {
                        Some(PutItemError::ConditionalCheckFailedException(_)) => failed(),
                        _ => error::map("PutItem", failure).into(),
                    })?;
            }
            Operation::Update { key, expression, condition } => {
                self.client
                    .update_item()
                    .table_name(&self.table)
                    .set_key(Some(key.into_item()))
                    .update_expression(expression)
                    .set_condition_expression(condition.expression.map(str::to_owned))
                    .set_expression_attribute_names(condition.some_names())
                    .set_expression_attribute_values(Some(condition.values()))
                    .send()
                    .await
                    .map_err(|failure| match failure.as_service_error() {
                        Some(UpdateItemError::ConditionalCheckFailedException(_)) => failed(),
                        _ => error::map("UpdateItem", failure).into(),
                    })?;
            }
        }
        Ok(())
    }

    /// The SDK makes one `ClientRequestToken` per call and sends it with every repetition, so a lost reply is repaired
    /// without a second effect. Losing to another transaction is repeated by [`crate::retry`].
    async fn commit_all(&self, writes: &[Write]) -> std::result::Result<(), CommitError> {
        let items = writes.iter().map(|write| self.transact_item(write)).collect::<Result<Vec<_>>>()?;
        let answer = self.client.transact_write_items().set_transact_items(Some(items)).send().await;
        answer.map(drop).map_err(|failure| {
            if let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) =
                failure.as_service_error()
            {
                let mut reasons = cancelled.cancellation_reasons().iter();
                let first = reasons.position(|reason| reason.code() == Some("ConditionalCheckFailed"));
                if let Some((index, write)) = first.and_then(|index| Some((index, writes.get(index)?))) {
                    return CommitError::Conflict(index, conflict(write));
                }
                let malformed = |code: Option<&str>| {
                    matches!(code, Some("ValidationError" | "ItemCollectionSizeLimitExceeded"))
                };
                if cancelled.cancellation_reasons().iter().any(|reason| malformed(reason.code())) {
                    return Error::new(ErrorKind::Internal, "TransactWriteItems").with_cause(failure).into();
                }
            }
            error::map("TransactWriteItems", failure).into()
        })
    }

    fn transact_item(&self, write: &Write) -> Result<TransactWriteItem> {
        let internal = |cause| Error::new(ErrorKind::Internal, "building a transaction").with_cause(cause);
        Ok(match operation(write)? {
            Operation::Put { item, condition } => {
                let (names, values) = (condition.names(), condition.values());
                let put = Put::builder()
                    .table_name(&self.table)
                    .set_item(Some(item))
                    .set_condition_expression(condition.expression.map(str::to_owned))
                    .set_expression_attribute_names((!names.is_empty()).then_some(names))
                    .set_expression_attribute_values((!values.is_empty()).then_some(values))
                    .build()
                    .map_err(internal)?;
                TransactWriteItem::builder().put(put).build()
            }
            Operation::Update { key, expression, condition } => {
                let update = Update::builder()
                    .table_name(&self.table)
                    .set_key(Some(key.into_item()))
                    .update_expression(expression)
                    .set_condition_expression(condition.expression.map(str::to_owned))
                    .set_expression_attribute_names(condition.some_names())
                    .set_expression_attribute_values(Some(condition.values()))
                    .build()
                    .map_err(internal)?;
                TransactWriteItem::builder().update(update).build()
            }
        })
    }
}
