//! The conformance suites of [`StorageBackend`] and [`MultipartBackend`].
//!
//! Each case works under a prefix of its own, so that the cases can share one bucket with each other, with earlier
//! runs and with anything else.

mod atomic;
mod bench;
mod conditions;
mod copies;
mod deletes;
mod differences;
mod keys;
mod listing;
mod multipart;
mod outages;
mod paging;
mod reads;
mod sequence;
mod writes;

use std::sync::Arc;

use storage_core::ids::BucketName;
use storage_core::ports::{MultipartBackend, StorageBackend};
use uuid::Uuid;

use crate::suite::{Case, Report, cases, run_cases};

pub use bench::Bench;
pub use differences::Differences;
pub use sequence::run_sequence;

use bench::{READ_LIMIT, assert_same, on, pattern, refused};

/// What the suites work on besides the backend.
#[derive(Clone, Debug)]
pub struct BackendFixture {
    /// The server, as reports name it.
    pub server: String,
    /// An existing bucket.
    pub bucket: BucketName,
    /// Another existing bucket.
    pub other_bucket: BucketName,
    /// A bucket that does not exist.
    pub missing_bucket: BucketName,
    /// The smallest part that is not the last: 5 MiB on S3.
    pub min_part: usize,
    /// What the server is known to differ in.
    pub differences: Differences,
}

impl BackendFixture {
    /// A fixture for a server that keeps every promise and takes parts of any size.
    pub fn new(server: &str, bucket: BucketName, other_bucket: BucketName) -> Self {
        BackendFixture {
            server: server.to_owned(),
            bucket,
            other_bucket,
            missing_bucket: BucketName::parse("stowage-no-such-bucket").unwrap(),
            min_part: 1024,
            differences: Differences::none(),
        }
    }
}

/// The cases of [`StorageBackend`].
pub const CASES: &[Case<Bench, Differences>] = cases![
    writes::bytes_come_back,
    writes::every_metadata_field_comes_back,
    writes::an_absent_content_type_is_octet_stream,
    writes::metadata_values_of_any_text_come_back,
    writes::metadata_of_two_kilobytes_comes_back,
    writes::an_overwrite_replaces_bytes_and_metadata,
    writes::one_tag_everywhere,
    writes::a_listing_tells_the_same_tag[listed_tags],
    writes::other_bytes_have_another_tag,
    writes::an_empty_object,
    writes::an_empty_stream,
    writes::a_stream_of_exactly_its_length,
    writes::a_short_stream_stores_nothing,
    writes::a_long_stream_stores_nothing,
    writes::a_broken_stream_stores_nothing,
    writes::a_refused_stream_leaves_the_old_object,
    writes::last_modified_is_now,
    writes::the_name_is_a_word_for_records,
    conditions::create_only_writes_where_nothing_is[conditional_writes],
    conditions::create_only_refuses_what_is_there[conditional_writes],
    conditions::create_only_refuses_a_stream_too[conditional_writes],
    conditions::create_only_writes_again_after_a_delete[conditional_writes],
    conditions::one_of_60_racing_creates_wins[conditional_writes],
    conditions::if_match_writes_over_its_tag[conditional_writes],
    conditions::if_match_refuses_another_tag[conditional_writes],
    conditions::if_match_refuses_a_missing_object[conditional_writes],
    conditions::one_of_30_racing_updates_wins[conditional_writes],
    conditions::a_refused_write_changes_no_metadata[conditional_writes],
    reads::ranges_give_their_bytes,
    reads::ranges_beyond_the_end_are_invalid,
    reads::ranges_of_huge_numbers,
    reads::a_suffix_longer_than_the_object_is_all_of_it[any_suffix],
    reads::an_inverted_range_is_invalid,
    reads::every_range_of_an_empty_object_is_invalid,
    reads::a_suffix_without_bytes_is_invalid[any_suffix],
    reads::a_range_across_chunks,
    reads::a_read_of_its_tag,
    reads::a_read_of_another_tag_is_refused,
    reads::a_range_of_another_tag_is_refused,
    reads::a_missing_object_is_not_found,
    reads::exists_tells_yes_and_no,
    reads::a_folder_is_no_object[object_beside_folder],
    reads::a_read_tells_the_whole_object,
    deletes::a_delete_is_idempotent,
    deletes::a_deleted_object_is_missing,
    deletes::a_deleted_object_can_be_written_again,
    deletes::a_delete_leaves_its_neighbours,
    deletes::a_delete_by_a_prefix_of_any_characters,
    deletes::a_delete_of_a_folder_removes_nothing[object_beside_folder],
    deletes::racing_deletes_all_succeed,
    keys::glob_characters_are_literal,
    keys::percent_signs_are_literal,
    keys::spaces_and_punctuation,
    keys::letters_of_all_scripts,
    keys::characters_at_the_edge_of_xml,
    keys::an_object_beside_its_folder[object_beside_folder],
    keys::case_pairs_are_different[case_sensitive],
    keys::composed_and_decomposed_are_different[normalisation_sensitive],
    keys::a_key_of_1024_bytes[long_keys],
    keys::a_segment_of_255_bytes[long_keys],
    keys::a_key_of_many_segments[long_keys],
    keys::names_like_side_files,
    keys::names_of_dots_and_devices,
    listing::an_empty_listing,
    listing::byte_order[list_in_byte_order],
    listing::a_prefix_is_literal,
    listing::a_prefix_need_not_end_at_a_slash[list_any_prefix],
    listing::a_prefix_can_be_a_whole_key[list_any_prefix],
    listing::a_delimiter_folds,
    listing::a_delimiter_folds_behind_a_partial_prefix[list_any_prefix],
    listing::any_character_can_be_the_delimiter[list_any_prefix],
    listing::a_wide_character_can_be_the_delimiter[wide_delimiters],
    listing::it_sees_every_write_and_delete,
    listing::an_overwritten_object_is_listed_once,
    listing::it_tells_sizes_tags_and_times,
    listing::other_buckets_are_not_listed,
    paging::pages_of_every_size_give_everything_once[list_pages],
    paging::pages_count_common_prefixes[list_pages],
    paging::a_full_last_page_has_no_next,
    paging::more_than_a_thousand_objects,
    paging::a_page_is_not_disturbed_by_deletes,
    paging::a_made_up_cursor_is_invalid,
    paging::a_changed_cursor_is_invalid,
    paging::a_cursor_of_another_prefix_is_invalid,
    paging::a_cursor_of_another_delimiter_is_invalid,
    copies::a_copy_has_the_bytes,
    copies::options_replace_those_of_the_source,
    copies::a_copy_without_options_has_none,
    copies::a_copy_of_its_tag,
    copies::a_copy_of_another_tag_is_refused,
    copies::a_copy_overwrites,
    copies::a_create_only_copy_writes_where_nothing_is,
    copies::a_create_only_copy_refuses_what_is_there,
    copies::a_copy_over_its_tag,
    copies::a_copy_over_another_tag_is_refused,
    copies::one_of_20_racing_create_only_copies_wins[conditional_copy_destination],
    copies::a_copy_onto_itself_changes_its_options,
    copies::a_missing_source_is_not_found,
    copies::sources_with_special_characters,
    copies::across_buckets,
    copies::a_copy_of_an_empty_object,
    copies::a_copied_tag_is_the_tag_of_the_destination,
    atomic::readers_never_see_a_mix,
    atomic::readers_never_see_a_mix_of_bytes_and_metadata[atomic_metadata],
    atomic::readers_of_a_recreated_object_see_all_or_nothing[atomic_metadata],
    atomic::a_read_that_began_before_an_overwrite_gives_the_old_bytes,
    atomic::a_read_that_began_before_a_delete_gives_the_old_bytes_or_fails,
    atomic::an_unfinished_write_is_invisible,
    atomic::an_abandoned_write_leaves_nothing,
    atomic::the_last_writer_wins_whole[atomic_metadata],
    atomic::readers_never_see_half_a_copy[atomic_copies],
    outages::check_of_a_bucket,
    outages::check_of_a_missing_bucket,
    outages::reads_of_a_missing_bucket_do_not_look_missing[missing_bucket_is_told],
    outages::writes_to_a_missing_bucket_fail[missing_bucket_is_told],
    outages::a_delete_in_a_missing_bucket_is_no_success[missing_bucket_is_told],
];

/// The cases of [`MultipartBackend`].
pub const MULTIPART_CASES: &[Case<Bench, Differences>] = cases![
    multipart::parts_in_order[multipart],
    multipart::parts_out_of_order[multipart],
    multipart::part_numbers_with_gaps[multipart, part_number_gaps],
    multipart::one_part[multipart],
    multipart::a_part_sent_again_replaces_the_earlier[multipart, listed_tags],
    multipart::parts_are_listed_by_number[multipart, listed_tags],
    multipart::parts_that_are_not_named_are_left_out[multipart, part_number_gaps],
    multipart::a_part_that_was_not_sent_is_refused[multipart, checked_parts],
    multipart::another_tag_is_refused[multipart, checked_parts],
    multipart::descending_numbers_are_refused[multipart],
    multipart::repeated_numbers_are_refused[multipart],
    multipart::a_refused_completion_can_be_repaired[multipart, repairable_completions],
    multipart::an_abort_leaves_nothing[multipart],
    multipart::an_abort_is_idempotent[multipart, unknown_upload_is_told],
    multipart::an_unknown_upload_is_not_found[multipart, unknown_upload_is_told],
    multipart::an_upload_belongs_to_one_object[multipart, unknown_upload_is_told],
    multipart::parts_are_invisible_until_completion[multipart],
    multipart::the_old_object_stays_until_completion[multipart],
    multipart::options_are_those_of_the_start[multipart],
    multipart::the_tag_of_parts[multipart],
    multipart::two_uploads_of_one_object[multipart],
    multipart::a_short_part_is_refused[multipart],
];

/// Runs the cases of [`StorageBackend`].
pub async fn run(backend: Arc<dyn StorageBackend>, fixture: BackendFixture) -> Report {
    run_on(CASES, backend, None, fixture).await
}

/// Runs the cases of [`MultipartBackend`]; `backend` reads what the uploads leave.
pub async fn run_multipart(
    backend: Arc<dyn StorageBackend>,
    multipart: Arc<dyn MultipartBackend>,
    fixture: BackendFixture,
) -> Report {
    run_on(MULTIPART_CASES, backend, Some(multipart), fixture).await
}

async fn run_on(
    cases: &[Case<Bench, Differences>],
    backend: Arc<dyn StorageBackend>,
    multipart: Option<Arc<dyn MultipartBackend>>,
    fixture: BackendFixture,
) -> Report {
    let fixture = Arc::new(fixture);
    let run = &Uuid::new_v4().simple().to_string()[..8];
    run_cases(&fixture.server, cases, &fixture.differences, |name| Bench {
        backend: Arc::clone(&backend),
        multipart: multipart.clone(),
        fixture: Arc::clone(&fixture),
        prefix: format!("run-{run}/{name}/"),
    })
    .await
}
