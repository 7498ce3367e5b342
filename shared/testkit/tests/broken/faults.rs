//! What can be wrong with a backend, and the cases that are about it.

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fault {
    /// User metadata is not stored.
    LosesMetadata,
    /// The content type is not stored.
    LosesContentType,
    /// An overwrite adds its metadata to that of the object before.
    MergesMetadata,
    /// A write publishes new bytes beside old metadata, then the metadata.
    WritesMetadataLater,
    /// A write publishes the first half of its bytes, then all.
    WritesInPlace,
    /// A stream is visible as an empty object until it ends.
    PublishesEarly,
    /// A stream that breaks or has another length than declared is stored as it came.
    StoresBrokenStreams,
    /// An object without bytes is not stored.
    LosesEmptyObjects,
    /// Every object has the same tag.
    ConstantTags,
    /// A listing has tags of its own.
    OtherTagsInListings,
    /// `head` tells a byte more than there is.
    WrongHeadSize,
    /// `head` knows no time.
    ForgetsTheTime,
    /// The check of a create-only write is a step of its own.
    RacyCreate,
    /// The check of a tag is a step of its own.
    RacyUpdate,
    /// `CreateOnly` is not judged.
    IgnoresCreateOnly,
    /// `IfMatch` is not judged.
    IgnoresIfMatch,
    /// The tag of a read is not judged.
    IgnoresReadTags,
    /// The first read after an overwrite gives the object before.
    StaleReads,
    /// A range lacks its last byte.
    TruncatesRanges,
    /// A suffix is a byte too long.
    OffByOneSuffix,
    /// A range beyond the end has no bytes instead of an error.
    EmptyRangesBeyondTheEnd,
    /// An outage looks like a missing object.
    OutageLooksMissing,
    /// A delete in a missing bucket succeeds.
    DeletesNowhere,
    /// A second delete fails.
    DeletesOnce,
    /// A delete of `a` removes `a/b`.
    DeletesTheFolder,
    /// Keys differ only by their lower-case form.
    FoldsCase,
    /// Decomposed characters become composed ones.
    NormalisesNames,
    /// `%41` in a key becomes `A`.
    DecodesPercents,
    /// Keys are cut after 1,000 bytes.
    CutsLongKeys,
    /// An object `a` hides `a/b`.
    HidesWhatIsBelow,
    /// Two buckets are one.
    MixesBuckets,
    /// Listings lack the key that was written last.
    StaleLists,
    /// Pages are in descending order.
    ReversesPages,
    /// Listings lose the last object of a full page.
    DropsAnObject,
    /// A page begins with the last object of the page before.
    RepeatsAnObject,
    /// There is no page but the first.
    NoNextPage,
    /// A cursor that is none starts from the beginning.
    AnyCursor,
    /// The slash at the end of a prefix is not looked at, so that `a/a/` takes in `a/aaa/`.
    PrefixOverreach,
    /// `*`, `?`, `[` and `{` in a prefix stand for anything.
    PrefixIsAPattern,
    /// Nothing is folded.
    IgnoresTheDelimiter,
    /// The tag of a copy's source is not judged.
    CopiesAnyTag,
    /// The condition of a copy's destination is not judged.
    CopiesOverAnything,
    /// A copy has no headers and no metadata.
    CopiesWithoutOptions,
    /// A copy has the headers and the metadata of its source.
    CopiesOldOptions,
    /// Parts are put together as they came.
    JoinsInArrivalOrder,
    /// Parts that were not sent are passed over.
    PassesOverUnknownParts,
    /// The tags of a completion are not compared.
    IgnoresPartTags,
    /// The order of a completion is not judged.
    SortsTheList,
    /// A completion takes the parts that it does not name too.
    TakesUnnamedParts,
    /// A part sent again is not stored.
    KeepsTheFirstPart,
    /// An abort makes the object of what has arrived.
    AbortLeavesTheObject,
    /// An abort does nothing.
    AbortForgetsNothing,
    /// An upload starts with the object that its parts become.
    PartsAreVisible,
    /// The object has none of the options of the start.
    LosesOptionsOfTheStart,
    /// Two uploads of an object are one.
    OneUploadAnObject,
    /// An upload answers for every object.
    UploadOfAnyObject,
}

/// Faults of a `StorageBackend`, each with cases that must fail for it.
pub(crate) const OBJECT_FAULTS: &[(Fault, &[&str])] = &[
    (
        Fault::LosesMetadata,
        &[
            "every_metadata_field_comes_back",
            "metadata_values_of_any_text_come_back",
            "metadata_of_two_kilobytes_comes_back",
        ],
    ),
    (Fault::LosesContentType, &["every_metadata_field_comes_back"]),
    (Fault::MergesMetadata, &["an_overwrite_replaces_bytes_and_metadata"]),
    (Fault::WritesMetadataLater, &["readers_never_see_a_mix_of_bytes_and_metadata"]),
    (Fault::WritesInPlace, &["readers_never_see_a_mix"]),
    (Fault::PublishesEarly, &["an_unfinished_write_is_invisible", "an_abandoned_write_leaves_nothing"]),
    (
        Fault::StoresBrokenStreams,
        &[
            "a_short_stream_stores_nothing",
            "a_long_stream_stores_nothing",
            "a_broken_stream_stores_nothing",
            "a_refused_stream_leaves_the_old_object",
        ],
    ),
    (Fault::LosesEmptyObjects, &["an_empty_object", "an_empty_stream", "exists_tells_yes_and_no"]),
    (Fault::ConstantTags, &["other_bytes_have_another_tag"]),
    (Fault::OtherTagsInListings, &["a_listing_tells_the_same_tag", "it_tells_sizes_tags_and_times"]),
    (Fault::WrongHeadSize, &["an_empty_object", "a_read_tells_the_whole_object"]),
    (Fault::ForgetsTheTime, &["last_modified_is_now"]),
    (Fault::RacyCreate, &["one_of_60_racing_creates_wins"]),
    (Fault::RacyUpdate, &["one_of_30_racing_updates_wins"]),
    (
        Fault::IgnoresCreateOnly,
        &[
            "create_only_refuses_what_is_there",
            "create_only_refuses_a_stream_too",
            "one_of_60_racing_creates_wins",
            "a_refused_write_changes_no_metadata",
        ],
    ),
    (
        Fault::IgnoresIfMatch,
        &[
            "if_match_refuses_another_tag",
            "if_match_refuses_a_missing_object",
            "one_of_30_racing_updates_wins",
        ],
    ),
    (Fault::IgnoresReadTags, &["a_read_of_another_tag_is_refused", "a_range_of_another_tag_is_refused"]),
    (Fault::StaleReads, &["an_overwrite_replaces_bytes_and_metadata"]),
    (Fault::TruncatesRanges, &["ranges_give_their_bytes", "a_range_across_chunks"]),
    (Fault::OffByOneSuffix, &["ranges_give_their_bytes"]),
    (
        Fault::EmptyRangesBeyondTheEnd,
        &[
            "ranges_beyond_the_end_are_invalid",
            "ranges_of_huge_numbers",
            "every_range_of_an_empty_object_is_invalid",
            "a_suffix_without_bytes_is_invalid",
        ],
    ),
    (Fault::OutageLooksMissing, &["reads_of_a_missing_bucket_do_not_look_missing"]),
    (Fault::DeletesNowhere, &["a_delete_in_a_missing_bucket_is_no_success"]),
    (
        Fault::DeletesOnce,
        &["a_delete_is_idempotent", "a_delete_of_a_folder_removes_nothing", "racing_deletes_all_succeed"],
    ),
    (Fault::DeletesTheFolder, &["a_delete_of_a_folder_removes_nothing", "an_object_beside_its_folder"]),
    (Fault::FoldsCase, &["case_pairs_are_different"]),
    (Fault::NormalisesNames, &["composed_and_decomposed_are_different"]),
    (Fault::DecodesPercents, &["percent_signs_are_literal"]),
    (Fault::CutsLongKeys, &["a_key_of_1024_bytes"]),
    (Fault::HidesWhatIsBelow, &["an_object_beside_its_folder"]),
    (Fault::MixesBuckets, &["other_buckets_are_not_listed"]),
    (Fault::StaleLists, &["it_sees_every_write_and_delete"]),
    (Fault::ReversesPages, &["byte_order"]),
    (Fault::DropsAnObject, &["pages_of_every_size_give_everything_once", "more_than_a_thousand_objects"]),
    (Fault::RepeatsAnObject, &["pages_of_every_size_give_everything_once", "more_than_a_thousand_objects"]),
    (Fault::NoNextPage, &["pages_of_every_size_give_everything_once", "more_than_a_thousand_objects"]),
    (
        Fault::AnyCursor,
        &[
            "a_made_up_cursor_is_invalid",
            "a_changed_cursor_is_invalid",
            "a_cursor_of_another_prefix_is_invalid",
            "a_cursor_of_another_delimiter_is_invalid",
        ],
    ),
    (Fault::PrefixOverreach, &["a_delete_leaves_its_neighbours", "a_prefix_need_not_end_at_a_slash"]),
    (Fault::PrefixIsAPattern, &["a_prefix_is_literal", "a_delete_by_a_prefix_of_any_characters"]),
    (Fault::IgnoresTheDelimiter, &["a_delimiter_folds", "pages_count_common_prefixes"]),
    (Fault::CopiesAnyTag, &["a_copy_of_another_tag_is_refused"]),
    (
        Fault::CopiesOverAnything,
        &[
            "a_create_only_copy_refuses_what_is_there",
            "a_copy_over_another_tag_is_refused",
            "one_of_20_racing_create_only_copies_wins",
        ],
    ),
    (Fault::CopiesWithoutOptions, &["options_replace_those_of_the_source"]),
    (Fault::CopiesOldOptions, &["options_replace_those_of_the_source", "a_copy_without_options_has_none"]),
];

/// Faults of a `MultipartBackend`, each with cases that must fail for it.
pub(crate) const UPLOAD_FAULTS: &[(Fault, &[&str])] = &[
    (Fault::JoinsInArrivalOrder, &["parts_out_of_order", "part_numbers_with_gaps"]),
    (Fault::PassesOverUnknownParts, &["a_part_that_was_not_sent_is_refused"]),
    (Fault::IgnoresPartTags, &["another_tag_is_refused"]),
    (Fault::SortsTheList, &["descending_numbers_are_refused"]),
    (Fault::TakesUnnamedParts, &["parts_that_are_not_named_are_left_out"]),
    (Fault::KeepsTheFirstPart, &["a_part_sent_again_replaces_the_earlier"]),
    (Fault::AbortLeavesTheObject, &["an_abort_leaves_nothing"]),
    (Fault::AbortForgetsNothing, &["an_abort_leaves_nothing", "an_unknown_upload_is_not_found"]),
    (
        Fault::PartsAreVisible,
        &["parts_are_invisible_until_completion", "the_old_object_stays_until_completion"],
    ),
    (Fault::LosesOptionsOfTheStart, &["options_are_those_of_the_start"]),
    (Fault::OneUploadAnObject, &["two_uploads_of_one_object"]),
    (Fault::UploadOfAnyObject, &["an_upload_belongs_to_one_object"]),
];
