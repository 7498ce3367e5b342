//! What this function takes and answers, for the API's document.

use storage_lambda::openapi::Shapes;

use crate::{avatars, fallback, files, listing};

/// The shapes that are this function's own.
pub fn shapes() -> Shapes {
    Shapes::default()
        .schema::<avatars::UrlView>()
        .schema::<fallback::FallbackView>()
        .schema::<avatars::Batch>()
        .schema::<avatars::BatchAnswer>()
        .schema::<files::Batch>()
        .schema::<files::BatchAnswer>()
        .schema::<listing::Page>()
        .query::<avatars::AvatarQuery>("Avatar")
        .query::<avatars::InfoQuery>("Tenant")
        .query::<files::DownloadQuery>("Download")
        .query::<listing::FilesQuery>("Files")
}
