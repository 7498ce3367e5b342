//! What this function takes and answers, for the API's document.

use storage_lambda::openapi::Shapes;

use crate::AuditQuery;

/// The shapes that are this function's own.
pub fn shapes() -> Shapes {
    Shapes::default().query::<AuditQuery>("Audit")
}
