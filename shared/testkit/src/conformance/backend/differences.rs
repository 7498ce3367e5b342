//! What servers are known to differ in: each difference is asserted, or reported as what the server lacks.

/// What servers are known to differ in. `true` is what S3 does, [`Differences::none`] is all of them.
#[derive(Clone, Debug)]
pub struct Differences {
    /// Conditions of writes are judged at all.
    pub conditional_writes: bool,
    /// The check and the write are one step: of many racing writes with one condition one wins, else at least one.
    pub atomic_conditions: bool,
    /// `IfMatch` on a missing object is `PreconditionFailed`.
    pub if_match_needs_an_object: bool,
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
            conditional_copy_destination: true,
            conditional_copy_source: true,
            atomic_copies: true,
            atomic_metadata: true,
            object_beside_folder: true,
            case_sensitive: true,
            normalisation_sensitive: true,
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
