//! What this function takes and answers, for the API's document.

use storage_lambda::openapi::Shapes;

use crate::Alive;
use crate::checks::Report;

/// The shapes that are this function's own.
pub fn shapes() -> Shapes {
    Shapes::default().schema::<Alive>().schema::<Report>()
}
