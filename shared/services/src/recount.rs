//! The recount: what records say is what a tenant stores, whatever its counters have come to say.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use storage_core::Result;
use storage_core::ids::TenantId;
use storage_core::ports::FilePage;
use storage_core::record::Purpose;
use storage_core::timestamp::Timestamp;
use storage_core::usage::{TenantUsage, USAGE_SHARDS, Usage, UsageShard, usage_shard};

use crate::ledger::Ledger;

/// How many items of the table are read at once; not every one is a file.
const PAGE: usize = 500;

/// What a recount found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Recounted {
    /// Records read.
    pub files: u64,
    /// Tenants they belong to.
    pub tenants: u64,
    /// Shards of counters that were wrong, and are right now.
    pub corrected: u64,
    /// Shards that were changed while the records were read: the next recount looks again.
    pub changed: u64,
    /// Whether every record was read. Nothing is corrected before that.
    pub finished: bool,
}

/// What is counted of one shard of one tenant.
type Counted = BTreeMap<(TenantId, u8), BTreeMap<Purpose, Usage>>;

/// Counts records anew.
#[derive(Clone, Debug)]
pub struct Recount {
    ledger: Ledger,
}

impl Recount {
    /// Over this.
    pub fn new(ledger: Ledger) -> Self {
        Recount { ledger }
    }

    /// Reads every record twice: once for the tenants there are, and, when their counters are known, once to count. A
    /// shard that nobody changed from then on is what its records make. It gives up at `until`, having changed nothing.
    pub async fn run(&self, until: Timestamp) -> Result<Recounted> {
        let mut found = Recounted::default();
        let mut tenants = BTreeSet::new();
        let see = |page: &FilePage| tenants.extend(page.files.iter().map(|record| record.tenant));
        if !self.read(until, see).await? {
            return Ok(found);
        }
        let mut seen: BTreeMap<TenantId, TenantUsage> = BTreeMap::new();
        for tenant in tenants {
            seen.insert(tenant, self.ledger.store.get_usage(tenant).await?);
        }
        found.tenants = seen.len() as u64;
        let mut counted = Counted::new();
        let count = |page: &FilePage| {
            for record in &page.files {
                let shard = counted.entry((record.tenant, usage_shard(record.file_id))).or_default();
                let sum = shard.entry(record.purpose).or_default();
                *sum = sum.plus(Usage::of(record));
            }
            found.files += page.files.len() as u64;
        };
        if !self.read(until, count).await? {
            return Ok(found);
        }
        found.finished = true;
        for (tenant, usage) in &seen {
            for shard in 0..USAGE_SHARDS {
                let by_purpose = counted.remove(&(*tenant, shard)).unwrap_or_default();
                self.correct(*tenant, shard, &usage.shards[usize::from(shard)], by_purpose, &mut found)
                    .await?;
            }
        }
        Ok(found)
    }

    async fn read(&self, until: Timestamp, mut each: impl FnMut(&FilePage)) -> Result<bool> {
        let mut cursor = None;
        loop {
            if self.ledger.clock.now() >= until {
                return Ok(false);
            }
            let page = self.ledger.store.scan_files(cursor, PAGE).await?;
            each(&page);
            match page.next {
                Some(next) => cursor = Some(next),
                None => return Ok(true),
            }
        }
    }

    async fn correct(
        &self,
        tenant: TenantId,
        shard: u8,
        seen: &UsageShard,
        by_purpose: BTreeMap<Purpose, Usage>,
        found: &mut Recounted,
    ) -> Result<()> {
        let plain = |counters: &BTreeMap<Purpose, Usage>| -> BTreeMap<Purpose, Usage> {
            let counted = counters.iter().filter(|(_, usage)| **usage != Usage::default());
            counted.map(|(purpose, usage)| (*purpose, *usage)).collect()
        };
        if plain(&seen.by_purpose) == plain(&by_purpose) {
            return Ok(());
        }
        // Purposes that nothing is counted of any more are set to zero, not left out.
        let mut right: BTreeMap<Purpose, Usage> =
            seen.by_purpose.keys().map(|purpose| (*purpose, Usage::default())).collect();
        right.extend(by_purpose);
        let to = UsageShard { changes: seen.changes + 1, by_purpose: right };
        match self.ledger.store.correct_usage(tenant, shard, seen, &to).await? {
            true => found.corrected += 1,
            false => found.changed += 1,
        }
        Ok(())
    }
}
