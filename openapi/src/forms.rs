//! The two forms of `multipart/form-data`. They are read field by field, so no type of the code says what they hold.

use storage_lambda::openapi::{ExternalId, PrincipalName, Scope, Sha256};
use utoipa::ToSchema;

/// The form of an avatar. Beside the file it takes 16 KB a field.
#[derive(ToSchema)]
#[schema(as = AvatarForm)]
#[expect(dead_code, reason = "a form is described here and read elsewhere")]
pub(crate) struct Avatar {
    /// JPEG, PNG, WebP or GIF of at most 4 MB.
    #[schema(format = Binary)]
    file: String,
    /// Whether anyone may read it; the installation's default where absent.
    is_public: Option<bool>,
    /// The digest to compare with.
    #[schema(value_type = Option<Sha256>)]
    sha256: Option<String>,
}

/// The form of a file. Beside the file it takes 16 KB a field.
#[derive(ToSchema)]
#[schema(as = FileForm)]
#[expect(dead_code, reason = "a form is described here and read elsewhere")]
pub(crate) struct File {
    /// At most 4 MB; the part's name and type are the declared ones.
    #[schema(format = Binary)]
    file: String,
    /// The caller itself, where it is there.
    #[schema(value_type = Option<PrincipalName>)]
    owner_id: Option<String>,
    /// Whether anyone may read it; the installation's default where absent.
    is_public: Option<bool>,
    /// The caller's own metadata: a JSON object of texts.
    metadata: Option<String>,
    /// The digest to compare with.
    #[schema(value_type = Option<Sha256>)]
    sha256: Option<String>,
    /// A folder of the caller's.
    #[schema(value_type = Option<Scope>)]
    scope: Option<String>,
    /// The caller's own id of the file.
    #[schema(value_type = Option<ExternalId>)]
    external_id: Option<String>,
}
