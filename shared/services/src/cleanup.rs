//! The cleanup that administrators ask for: the old files of their tenant, into the trash.

use std::sync::Arc;

use storage_core::Result;
use storage_core::ports::ObjectStore;
use storage_core::record::{FileRecord, FileState};
use storage_core::tenant::TenantContext;
use storage_core::timestamp::Timestamp;

use crate::admin::require_admin;
use crate::deletion::Deletion;
use crate::ledger::Ledger;
use crate::settings::Settings;
use crate::tenants::Tenants;

/// How many items of the table are read at once; not every one is a file.
const PAGE: usize = 200;
/// The most pages one request reads. No index knows the files of a tenant by age.
const MOST_PAGES: usize = 10;

/// What one request found.
#[derive(Clone, Debug, Default)]
pub struct Cleaned {
    /// Records looked at.
    pub examined: u64,
    /// The files that are old.
    pub files: Vec<FileRecord>,
    /// How many of them are in the trash now.
    pub trashed: u64,
    /// Where the next request goes on; `None` where this one came to the end.
    pub next: Option<String>,
}

/// Cleans up.
#[derive(Clone, Debug)]
pub struct Cleanup {
    ledger: Ledger,
    tenants: Tenants,
    deletion: Deletion,
}

impl Cleanup {
    /// Over these.
    pub fn new(ledger: Ledger, settings: Arc<Settings>, storage: Arc<dyn ObjectStore>) -> Self {
        let tenants = Tenants::new(ledger.store.clone(), settings.clone());
        let deletion = Deletion::new(ledger.clone(), settings, storage);
        Cleanup { ledger, tenants, deletion }
    }

    /// Finds the readable files of the caller's tenant that were issued before `before`, and with `confirm` puts them
    /// into the trash, from where they can be restored. Avatars do not age, and files on legal hold stay.
    ///
    /// `Forbidden` for callers that are no administrators; `InvalidCursor` for a cursor that is not one of the store.
    pub async fn run(
        &self,
        context: &TenantContext,
        before: Timestamp,
        confirm: bool,
        cursor: Option<String>,
    ) -> Result<Cleaned> {
        self.tenants.check(context).await?;
        require_admin(context)?;
        let mut cleaned = Cleaned { next: cursor, ..Cleaned::default() };
        for _ in 0..MOST_PAGES {
            let page = self.ledger.store.scan_files(cleaned.next.take(), PAGE).await?;
            cleaned.examined += page.files.len() as u64;
            let old = |record: &FileRecord| {
                record.tenant == context.tenant
                    && record.state == FileState::Ready
                    && record.pointer_key().is_none()
                    && !record.legal_hold
                    && record.created_at < before
            };
            cleaned.files.extend(page.files.into_iter().filter(old));
            cleaned.next = page.next;
            if cleaned.next.is_none() {
                break;
            }
        }
        if confirm {
            let files = cleaned.files.iter().map(|record| record.file_id).collect();
            let results = self.deletion.delete_files(context, files, false, None).await?;
            cleaned.trashed = results.iter().filter(|(_, result)| result.is_ok()).count() as u64;
        }
        Ok(cleaned)
    }
}
