//! What the API's document says of values that the code reads by hand: ids, times, closed lists, bounded texts. The types
//! here have no values; they stand in `schema(value_type = ..)` for the types that do.

use std::collections::BTreeMap;

use storage_core::ErrorKind;
use storage_core::key::{EntityKind, VariantSize};
use storage_core::record::{FileState, Purpose};
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::openapi::schema::{AdditionalProperties, KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::openapi::{RefOr, schema};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use crate::http::json::Natural;

/// The schemas and queries of a function, by name.
#[derive(Default)]
pub struct Shapes {
    /// What bodies are made of.
    pub schemas: BTreeMap<String, RefOr<Schema>>,
    /// The parameters of queries.
    pub queries: BTreeMap<&'static str, Vec<Parameter>>,
}

impl Shapes {
    /// The same with `T` and everything that `T` is made of.
    #[must_use]
    pub fn schema<T: ToSchema>(mut self) -> Self {
        let mut found = vec![(T::name().into_owned(), T::schema())];
        T::schemas(&mut found);
        self.schemas.extend(found);
        self
    }

    /// The same with the query `T`, under this name.
    #[must_use]
    pub fn query<T: IntoParams>(mut self, name: &'static str) -> Self {
        self.queries.insert(name, T::into_params(|| Some(ParameterIn::Query)));
        self
    }

    /// Both together.
    #[must_use]
    pub fn and(mut self, other: Shapes) -> Self {
        self.schemas.extend(other.schemas);
        self.queries.extend(other.queries);
        self
    }
}

/// The shapes of this crate: what several functions take and answer.
pub fn shapes() -> Shapes {
    Shapes::default()
        .schema::<crate::http::extract::Nothing>()
        .schema::<crate::requests::PresignBody>()
        .schema::<crate::requests::AvatarRequest>()
        .schema::<crate::requests::PatchRequest>()
        .schema::<crate::requests::CopyFileRequest>()
        .schema::<crate::requests::MoveFileRequest>()
        .schema::<crate::requests::ClaimRequest>()
        .schema::<crate::views::FileView>()
        .schema::<crate::views::AvatarView>()
        .schema::<crate::views::IssuedView>()
        .schema::<crate::views::AuditView>()
        .schema::<crate::views::UsageView>()
        .and(words_of_queries())
}

/// What only paths and queries say: their types do not bring along what they name.
fn words_of_queries() -> Shapes {
    Shapes::default()
        .schema::<Kind>()
        .schema::<PartNumber>()
        .schema::<ListedState>()
        .schema::<DispositionWord>()
        .schema::<Format>()
        .schema::<FallbackWord>()
        .schema::<PrincipalName>()
}

macro_rules! values {
    ($($(#[doc = $doc:literal])+ $name:ident: $schema:expr;)+) => {$(
        $(#[doc = $doc])+
        pub enum $name {}

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let description = [$($doc.trim()),+].join(" ");
                let described: ObjectBuilder = $schema.description(Some(description));
                described.into()
            }
        }

        impl ToSchema for $name {}
    )+};
}

values! {
    /// A UUID in its hyphenated form.
    Id: formatted(SchemaFormat::Custom("uuid".to_owned()));
    /// The id of a file: a UUID of version 7, in its hyphenated form.
    FileId: formatted(SchemaFormat::Custom("uuid".to_owned()))
        .pattern(Some("^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-7[0-9A-Fa-f]{3}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$"));
    /// An RFC 3339 time in UTC, with milliseconds.
    Time: formatted(SchemaFormat::KnownFormat(KnownFormat::DateTime));
    /// A code of the closed list of errors.
    ErrorCode: words(ErrorKind::ALL.iter().map(|kind| kind.code()));
    /// Where a file is in its life.
    State: words(FileState::ALL.iter().map(|state| state.as_str()));
    /// What a file is for.
    PurposeWord: words(Purpose::ALL.iter().map(|purpose| purpose.as_str()));
    /// Files that are no avatars.
    FilePurpose: words(
        Purpose::ALL.iter().filter(|purpose| purpose.entity_kind().is_none()).map(|purpose| purpose.as_str())
    );
    /// A state that listings show.
    ListedState: words(
        FileState::ALL
            .iter()
            .filter(|state| !matches!(state, FileState::Deleting | FileState::Deleted))
            .map(|state| state.as_str())
    );
    /// The sizes an avatar exists in.
    Size: words(VariantSize::ALL.iter().map(|size| size.as_str()));
    /// What an avatar belongs to.
    Kind: words(EntityKind::ALL.iter().map(|kind| kind.as_str()));
    /// How a picture is encoded: `auto` is WebP for a client whose `Accept` names it, else JPEG or PNG.
    Format: words(["auto", "webp", "jpeg"].into_iter());
    /// What stands in the place of an avatar that is not there.
    FallbackWord: words(["initials"].into_iter());
    /// Whether a browser shows a file or saves it.
    DispositionWord: words(["inline", "attachment"].into_iter());
    /// Whether an entity has an avatar.
    AvatarState: words(["ready", "none"].into_iter());
    /// A folder of the caller's: letters, digits, `-`, `_` and `.`, not starting with a dot.
    Scope: text(1, 100).pattern(Some("^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}$"));
    /// The caller's own id of a file, unique in the tenant: at most 255 bytes, without control characters.
    ExternalId: text(1, 255).pattern(Some("^[^\\x00-\\x1f\\x7f-\\x9f]+$"));
    /// Who a token speaks for: its `sub`, at most 255 bytes, without control characters.
    PrincipalName: text(1, 255).pattern(Some("^[^\\x00-\\x1f\\x7f-\\x9f]+$"));
    /// SHA-256 in hex.
    Sha256: text(64, 64).pattern(Some("^[0-9A-Fa-f]{64}$"));
    /// A name to show: at most 255 bytes, without control characters. Folders before it are dropped.
    Name: text(1, 255).pattern(Some("^[^\\x00-\\x1f\\x7f-\\x9f]+$"));
    /// A media type.
    MediaType: text(3, 255).pattern(Some("^[A-Za-z0-9!#$&^_+-][A-Za-z0-9!#$&^_.+-]*/[A-Za-z0-9!#$&^_+-][A-Za-z0-9!#$&^_.+-]*(;[ -~]*)?$"));
    /// The caller's own metadata: at most 2 KB of names and values, names of `a-z 0-9 - _`.
    Metadata: ObjectBuilder::new()
        .property_names(Some(text(1, 100).pattern(Some("^[a-z0-9_-]+$"))))
        .additional_properties(Some(AdditionalProperties::RefOr(text(0, 2000).into())));
    /// A number of seconds: what signatures allow.
    Seconds: ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).maximum(Some(604_800));
    /// The number of a part of an upload.
    PartNumber: ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).maximum(Some(10_000));
    /// Text, a number or a truth, as pages of uploaders keep it.
    Scalar: ObjectBuilder::new().schema_type(schema::SchemaType::from_iter([
        Type::String, Type::Number, Type::Boolean, Type::Null,
    ]));
}

impl PartialSchema for Natural {
    fn schema() -> RefOr<Schema> {
        let number = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).maximum(Some(i64::MAX));
        number.description(Some("A count or a size, a whole number.")).into()
    }
}

impl ToSchema for Natural {}

fn formatted(format: SchemaFormat) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).format(Some(format))
}

fn text(shortest: usize, longest: usize) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).min_length(Some(shortest)).max_length(Some(longest))
}

fn words<'a>(words: impl Iterator<Item = &'a str>) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words))
}

/// The thumbhash and the average colour of an image.
#[derive(ToSchema)]
pub struct Placeholder {
    /// The thumbhash, in standard base64.
    pub thumbhash: String,
    /// The average colour as `#rrggbb`.
    pub average_color: String,
}
