//! The conformance suite of [`MetadataStore`].
//!
//! Each case works in a tenant of its own, so that the cases can share one table with each other and with earlier runs.

mod counters;
mod idempotency;
mod indexes;
mod pointers;
mod records;
mod reports;
mod transactions;

use std::fmt::Debug;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use storage_core::ids::TenantId;
use storage_core::ports::{CommitError, Conflict, MetadataStore, Transaction, Write};
use storage_core::record::FileRecord;

use crate::records::new_tenant;
use crate::suite::{Case, Report, cases, eventually, run_cases};

/// What servers are known to differ in. `true` is what DynamoDB does, [`Differences::none`] is all of them.
#[derive(Clone, Debug)]
pub struct Differences {
    /// A transaction whose condition does not hold writes nothing.
    pub atomic_transactions: bool,
    /// There is a store of the same kind that cannot be reached.
    pub an_unreachable_store: bool,
}

impl Differences {
    /// A server that keeps every promise.
    pub const fn none() -> Self {
        Differences { atomic_transactions: true, an_unreachable_store: true }
    }
}

/// What the suite works on besides the store.
#[derive(Clone, Debug)]
pub struct StoreFixture {
    /// The server, as reports name it.
    pub server: String,
    /// A store of the same kind that cannot be reached.
    pub unreachable: Option<Arc<dyn MetadataStore>>,
    /// How long an index may lag behind a commit.
    pub lag: Duration,
    /// What the server is known to differ in.
    pub differences: Differences,
}

impl StoreFixture {
    /// A fixture for a server that keeps every promise.
    pub fn new(server: &str, unreachable: Option<Arc<dyn MetadataStore>>) -> Self {
        let differences = Differences { an_unreachable_store: unreachable.is_some(), ..Differences::none() };
        StoreFixture { server: server.to_owned(), unreachable, lag: Duration::from_secs(10), differences }
    }
}

/// What one case works on. Clones share it.
#[derive(Clone, Debug)]
pub struct Bench {
    /// The store.
    pub store: Arc<dyn MetadataStore>,
    /// A store that cannot be reached, the lag and the differences.
    pub fixture: Arc<StoreFixture>,
    /// The tenant of this case.
    pub tenant: TenantId,
}

/// The cases of [`MetadataStore`].
pub const CASES: &[Case<Bench, Differences>] = cases![
    records::a_record_with_every_field_comes_back,
    records::a_record_without_optional_fields_comes_back,
    records::an_update_replaces_the_whole_record,
    records::a_missing_record_is_none,
    records::a_record_belongs_to_one_tenant,
    records::creating_what_exists_is_a_conflict,
    records::an_update_of_another_revision_is_a_conflict,
    records::an_update_of_a_missing_record_is_a_conflict,
    records::one_of_50_racing_updates_wins,
    records::one_of_50_racing_creates_wins,
    records::every_update_of_a_chain_is_seen,
    records::a_large_record_comes_back,
    transactions::a_failing_write_undoes_the_others[atomic_transactions],
    transactions::the_conflict_names_the_first_failing_write[atomic_transactions],
    transactions::every_kind_of_write_names_its_conflict,
    transactions::all_kinds_of_writes_together,
    transactions::a_repeated_commit_is_a_conflict,
    transactions::a_hundred_writes,
    transactions::more_than_a_hundred_writes_are_refused[atomic_transactions],
    transactions::two_writes_of_one_item_are_refused[atomic_transactions],
    transactions::readers_see_all_of_a_transaction,
    transactions::history_is_oldest_first,
    transactions::history_comes_back_field_by_field,
    transactions::a_repeated_line_of_history_is_one_line,
    transactions::history_belongs_to_one_file,
    transactions::a_long_history_is_whole,
    pointers::a_pointer_that_was_never_issued_is_none,
    pointers::numbers_grow_from_one,
    pointers::a_hundred_concurrent_numbers_are_different,
    pointers::a_number_leaves_the_current_file,
    pointers::a_set_pointer_keeps_its_last_number,
    pointers::a_pointer_is_set_from_what_was_read,
    pointers::a_pointer_that_moved_is_a_conflict,
    pointers::a_pointer_can_be_emptied,
    pointers::a_pointer_can_be_set_before_a_number_was_taken,
    pointers::one_of_20_racing_pointers_wins,
    pointers::pointers_of_other_entities_are_others,
    idempotency::a_key_comes_back,
    idempotency::a_key_in_use_is_a_conflict,
    idempotency::an_expired_key_can_be_used_again,
    idempotency::expiry_is_judged_by_the_request,
    idempotency::a_key_belongs_to_one_caller,
    idempotency::an_expired_key_is_still_read,
    idempotency::one_of_20_racing_requests_wins,
    indexes::due_files_are_found_soonest_first,
    indexes::each_due_file_is_in_one_shard,
    indexes::a_file_without_due_time_is_not_due,
    indexes::a_moved_due_time_is_seen,
    indexes::due_files_by_pages,
    indexes::files_of_an_owner_newest_first,
    indexes::files_of_an_owner_by_pages,
    indexes::files_of_others_are_not_listed,
    indexes::an_owner_with_an_awkward_name,
    indexes::a_cursor_of_another_owner_is_invalid,
    indexes::a_made_up_cursor_is_invalid,
    indexes::files_of_an_external_id,
    indexes::an_external_id_belongs_to_one_tenant,
    counters::counters_that_nothing_changed_are_zero,
    counters::a_change_comes_with_its_record_or_not_at_all,
    counters::a_hundred_concurrent_changes_add_up,
    counters::changes_of_one_shard_are_one_write,
    counters::a_correction_gives_way_to_a_change,
    counters::what_is_told_is_written_with_its_record,
    counters::requests_are_counted_by_window_and_caller,
    counters::a_scan_finds_every_file_once,
    counters::files_of_an_owner_since_a_time,
    reports::a_tenant_comes_back,
    reports::a_tenant_is_overwritten,
    reports::the_last_sweep_report,
    reports::a_self_test_comes_back,
    reports::check_of_a_store,
    reports::an_unreachable_store_is_unavailable[an_unreachable_store],
];

/// Runs the cases of [`MetadataStore`].
pub async fn run(store: Arc<dyn MetadataStore>, fixture: StoreFixture) -> Report {
    let fixture = Arc::new(fixture);
    run_cases(&fixture.server, CASES, &fixture.differences, |_name| Bench {
        store: Arc::clone(&store),
        fixture: Arc::clone(&fixture),
        tenant: new_tenant(),
    })
    .await
}

impl Bench {
    /// Commits these writes.
    pub(crate) async fn commit(&self, writes: Vec<Write>) -> Result<(), CommitError> {
        self.store.commit(Transaction::new(writes)).await
    }

    /// Creates these files in one transaction.
    pub(crate) async fn create(&self, records: &[FileRecord]) {
        self.commit(records.iter().map(create).collect()).await.unwrap();
    }

    /// The file as it is stored.
    pub(crate) async fn stored(&self, record: &FileRecord) -> Option<FileRecord> {
        self.store.get_file(record.tenant, record.file_id).await.unwrap()
    }

    /// Polls an index until it answers as expected.
    pub(crate) async fn eventually<T: PartialEq + Debug, F: Future<Output = T>>(
        &self,
        expected: T,
        mut query: impl FnMut() -> F,
    ) {
        eventually(self.fixture.lag, || {
            let (answer, expected) = (query(), &expected);
            async move {
                let answer = answer.await;
                if answer == *expected { Ok(()) } else { Err(format!("{answer:?} instead of {expected:?}")) }
            }
        })
        .await;
    }
}

/// A write that creates `record`.
pub(crate) fn create(record: &FileRecord) -> Write {
    Write::CreateFile(Box::new(record.clone()))
}

/// A write that updates to `record`.
pub(crate) fn update(record: &FileRecord) -> Write {
    Write::UpdateFile(Box::new(record.clone()))
}

/// Asserts that a commit was refused for this condition of this write.
#[track_caller]
pub(crate) fn conflicts(result: Result<(), CommitError>, index: usize, conflict: Conflict) {
    match result {
        Err(CommitError::Conflict(actual, kind)) => assert_eq!((actual, kind), (index, conflict)),
        other => panic!("{other:?} instead of a conflict {conflict:?} of write {index}"),
    }
}
