//! What this function takes and answers, for the API's document.

use storage_lambda::openapi::Shapes;

use crate::files;

/// The shapes that are this function's own.
pub fn shapes() -> Shapes {
    Shapes::default()
        .schema::<files::DeleteMany>()
        .schema::<files::Deleted>()
        .query::<files::DeleteQuery>("Delete")
}
