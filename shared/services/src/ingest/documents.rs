//! What is looked up inside a PDF: its pages and its title.

use bytes::Bytes;
use lopdf::Document;

/// What is known of a PDF.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PdfInfo {
    pub(super) pages: Option<u64>,
    pub(super) title: Option<String>,
}

/// Reads the document's catalogue. A PDF that cannot be read is still an attachment, about which less is known.
pub(super) fn pdf_info(bytes: &Bytes) -> PdfInfo {
    match Document::load_metadata_mem(bytes) {
        Ok(metadata) => PdfInfo {
            pages: Some(u64::from(metadata.page_count)),
            title: metadata.title.map(|title| clean(&title)).filter(|title| !title.is_empty()),
        },
        Err(_) => PdfInfo::default(),
    }
}

/// One line of at most 255 characters.
fn clean(title: &str) -> String {
    title.chars().filter(|character| !character.is_control()).take(255).collect::<String>().trim().to_owned()
}
