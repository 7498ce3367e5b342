//! What this function takes and answers, for the API's document.

use storage_lambda::openapi::Shapes;

use crate::AuditQuery;
use crate::cleanup::{CleanupQuery, CleanupView};

/// The shapes that are this function's own.
pub fn shapes() -> Shapes {
    Shapes::default().schema::<CleanupView>().query::<AuditQuery>("Audit").query::<CleanupQuery>("Cleanup")
}
