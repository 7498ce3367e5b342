//! The conformance suites of [`StorageBackend`] and [`MultipartBackend`].
//!
//! Each case works under a prefix of its own, so that the cases can share one bucket with each other, with earlier
//! runs and with anything else.

mod atomic;
mod conditions;
mod copies;
mod deletes;
mod keys;
mod listing;
mod multipart;
mod outages;
mod paging;
mod reads;
mod sequence;
mod writes;

use std::fmt::Debug;
use std::sync::Arc;

use bytes::Bytes;
use storage_core::ids::BucketName;
use storage_core::key::StorageKey;
use storage_core::ports::{
    Body, GetOptions, ListRequest, MultipartBackend, ObjectRef, PutOptions, StorageBackend, Stored,
    WriteCondition,
};
use storage_core::{ErrorKind, Result};
use uuid::Uuid;

use crate::suite::{Case, Report, cases, run_cases};

pub use sequence::run_sequence;

/// The most a case reads at once.
const READ_LIMIT: u64 = 64 * 1024 * 1024;

/// What servers are known to differ in. `true` is what S3 does, [`Differences::none`] is all of them.
#[derive(Clone, Debug)]
pub struct Differences {
    /// Conditions of writes are judged at all.
    pub conditional_writes: bool,
    /// The check and the write are one step: of many racing writes with one condition one wins, else at least one.
    pub atomic_conditions: bool,
    /// `IfMatch` on a missing object is `PreconditionFailed`.
    pub if_match_needs_an_object: bool,
    /// `if_match` of a read is judged; else the object is read whatever its tag.
    pub conditional_reads: bool,
    /// The condition of a copy's destination is judged; else the copy happens whatever is there.
    pub conditional_copy_destination: bool,
    /// The `source_etag` of a copy is judged; else the copy happens whatever the tag.
    pub conditional_copy_source: bool,
    /// A copy onto an existing object is seen whole or not at all.
    pub atomic_copies: bool,
    /// A write replaces metadata in the same step as the bytes; else readers may see those of two writes together.
    pub atomic_metadata: bool,
    /// Keys have no folders: `a` and `a/b` can both exist, and `a` is missing where only `a/b` exists.
    pub object_beside_folder: bool,
    /// `A` and `a` are different keys.
    pub case_sensitive: bool,
    /// Composed and decomposed forms of a character are different keys.
    pub normalisation_sensitive: bool,
    /// Keys can hold characters that XML 1.0 cannot, such as U+FFFF.
    pub noncharacters: bool,
    /// Keys up to 1,024 bytes and segments up to 255 bytes can be stored.
    pub long_keys: bool,
    /// Listings are in the byte order of whole keys.
    pub list_in_byte_order: bool,
    /// A prefix need not end at a slash, and the delimiter can be another character.
    pub list_any_prefix: bool,
    /// The delimiter can be a character of several bytes.
    pub wide_delimiters: bool,
    /// Listings of objects and of parts tell their tags.
    pub listed_tags: bool,
    /// A listing ends in pages of at most the limit, common prefixes counted.
    pub list_pages: bool,
    /// A write to a missing bucket, or a read of one, does not look like a missing object.
    pub missing_bucket_is_told: bool,
    /// A suffix longer than the object is all of it, and one without bytes is invalid; else either may fail.
    pub any_suffix: bool,
    /// Uploads in parts work, and their answers can be read.
    pub multipart: bool,
    /// The tag of an object made of parts differs from that of the same bytes written at once; else it may not.
    pub multipart_etag_differs: bool,
    /// Part numbers may leave some out.
    pub part_number_gaps: bool,
    /// A part list is compared with what was uploaded, tag by tag.
    pub checked_parts: bool,
    /// An upload is still there after a completion that was refused.
    pub repairable_completions: bool,
    /// Calls for an unknown upload are `NotFound`.
    pub unknown_upload_is_told: bool,
}

impl Differences {
    /// A server that keeps every promise.
    pub const fn none() -> Self {
        Differences {
            conditional_writes: true,
            atomic_conditions: true,
            if_match_needs_an_object: true,
            conditional_reads: true,
            conditional_copy_destination: true,
            conditional_copy_source: true,
            atomic_copies: true,
            atomic_metadata: true,
            object_beside_folder: true,
            case_sensitive: true,
            normalisation_sensitive: true,
            noncharacters: true,
            long_keys: true,
            list_in_byte_order: true,
            list_any_prefix: true,
            wide_delimiters: true,
            listed_tags: true,
            list_pages: true,
            missing_bucket_is_told: true,
            any_suffix: true,
            multipart: true,
            multipart_etag_differs: true,
            part_number_gaps: true,
            checked_parts: true,
            repairable_completions: true,
            unknown_upload_is_told: true,
        }
    }
}

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

/// What one case works on. Clones share it.
#[derive(Clone, Debug)]
pub struct Bench {
    /// The backend.
    pub backend: Arc<dyn StorageBackend>,
    /// The same backend's uploads in parts.
    multipart: Option<Arc<dyn MultipartBackend>>,
    /// The buckets and differences.
    pub fixture: Arc<BackendFixture>,
    /// What all keys of this case start with; it ends in a slash.
    pub prefix: String,
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
    deletes::a_delete_of_a_folder_removes_nothing[object_beside_folder],
    deletes::racing_deletes_all_succeed,
    keys::glob_characters_are_literal,
    keys::percent_signs_are_literal,
    keys::spaces_and_punctuation,
    keys::letters_of_all_scripts,
    keys::characters_that_xml_cannot_say[noncharacters],
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

impl Bench {
    /// The object `name` under the prefix of the case.
    pub(crate) fn object(&self, name: &str) -> ObjectRef {
        let key = StorageKey::parse(&format!("{}{name}", self.prefix)).unwrap();
        ObjectRef::new(self.fixture.bucket.clone(), key)
    }

    /// The same key in the other bucket.
    pub(crate) fn elsewhere(&self, name: &str) -> ObjectRef {
        ObjectRef::new(self.fixture.other_bucket.clone(), self.object(name).key)
    }

    /// The uploads in parts.
    pub(crate) fn multipart(&self) -> &dyn MultipartBackend {
        self.multipart.as_deref().expect("multipart cases have a multipart backend")
    }

    /// Writes `bytes` without options.
    pub(crate) async fn put(&self, name: &str, bytes: impl Into<Bytes>) -> Stored {
        self.put_with(name, bytes, PutOptions::default()).await.unwrap()
    }

    /// Writes `bytes` with options.
    pub(crate) async fn put_with(
        &self,
        name: &str,
        bytes: impl Into<Bytes>,
        options: PutOptions,
    ) -> Result<Stored> {
        self.backend.put(&self.object(name), Body::Bytes(bytes.into()), options).await
    }

    /// Reads a whole object.
    pub(crate) async fn read(&self, name: &str) -> Result<Bytes> {
        self.backend.get(&self.object(name), GetOptions::default()).await?.collect(READ_LIMIT).await
    }

    /// Asserts that the object has these bytes.
    pub(crate) async fn assert_bytes(&self, name: &str, expected: impl AsRef<[u8]>) {
        let bytes = self.read(name).await.unwrap_or_else(|error| panic!("read of {name:?}: {error:?}"));
        assert_same(&bytes, expected.as_ref(), name);
    }

    /// Asserts that there is no object, by every way to ask.
    pub(crate) async fn assert_missing(&self, name: &str) {
        let object = self.object(name);
        refused(self.backend.get(&object, GetOptions::default()).await, ErrorKind::NotFound, name);
        refused(self.backend.head(&object).await, ErrorKind::NotFound, name);
        assert!(!self.backend.exists(&object).await.unwrap(), "{name:?} exists");
        let listed = self.names_under(name).await;
        assert!(!listed.iter().any(|listed| listed == name), "{name:?} is listed");
    }

    /// Every name under the prefix of the case followed by `start`, without delimiter, by pages of 1,000.
    pub(crate) async fn names_under(&self, start: &str) -> Vec<String> {
        let mut names = Vec::new();
        let mut request = ListRequest::under(format!("{}{start}", self.prefix));
        loop {
            let page = self.backend.list(&self.fixture.bucket, request.clone()).await.unwrap();
            names.extend(page.objects.iter().map(|meta| self.name_of(meta.key.as_str())));
            match page.next {
                Some(next) => request.cursor = Some(next),
                None => return names,
            }
        }
    }

    /// A listed key or common prefix without the prefix of the case.
    pub(crate) fn name_of(&self, listed: &str) -> String {
        let rest = listed.strip_prefix(&self.prefix);
        rest.unwrap_or_else(|| panic!("{listed:?} is not under {:?}", self.prefix)).to_owned()
    }
}

/// Options that only say what must hold of the destination.
pub(crate) fn on(condition: WriteCondition) -> PutOptions {
    PutOptions { condition, ..PutOptions::default() }
}

/// Asserts that a call was refused with `kind`.
#[track_caller]
pub(crate) fn refused<T: Debug>(result: Result<T>, kind: ErrorKind, what: &str) {
    match result {
        Ok(value) => panic!("{what:?}: {value:?} instead of {kind}"),
        Err(error) => assert_eq!(error.kind(), kind, "{what:?}: {error:?}"),
    }
}

/// Asserts equality without printing megabytes.
#[track_caller]
pub(crate) fn assert_same(actual: &[u8], expected: &[u8], what: &str) {
    if actual != expected {
        let first = actual.iter().zip(expected).position(|(one, other)| one != other);
        panic!(
            "{what:?}: {} bytes instead of {}, first difference at {first:?}",
            actual.len(),
            expected.len()
        );
    }
}

/// Bytes that do not repeat within a few kilobytes, so that a shifted or repeated chunk is noticed.
pub(crate) fn pattern(length: usize, seed: u64) -> Bytes {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes.into()
}
