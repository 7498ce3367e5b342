//! What this function takes and answers, for the API's document.

use storage_lambda::openapi::Shapes;

use crate::{companion, form, raw, tickets, uppy};

/// The shapes that are this function's own.
pub fn shapes() -> Shapes {
    Shapes::default()
        .schema::<form::BatchAnswer>()
        .schema::<tickets::TicketRequest>()
        .schema::<tickets::TicketView>()
        .schema::<uppy::UppyFile>()
        .schema::<companion::FormView>()
        .schema::<companion::CreatedView>()
        .schema::<companion::PartView>()
        .schema::<companion::PartUrl>()
        .schema::<companion::PartUrls>()
        .schema::<companion::CompleteRequest>()
        .schema::<companion::CompletedView>()
        .schema::<raw::SignRequest>()
        .schema::<raw::SignedView>()
        .query::<companion::KeyQuery>("Key")
        .query::<companion::BatchQuery>("PartNumbers")
}
