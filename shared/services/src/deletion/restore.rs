//! Taking a deletion back, while the file is in the trash.

use super::*;

impl Deletion {
    /// Makes a trashed file readable again, and answers its record.
    ///
    /// `NotFound` for a file that is gone or somebody else's; `StateConflict` where it is not in the trash, where its time
    /// there is over, and for an avatar while another one is shown.
    pub async fn restore(
        &self,
        context: &TenantContext,
        file: FileId,
        idempotency: Option<Idempotency>,
    ) -> Result<FileRecord> {
        self.tenants.check(context).await?;
        for _ in 0..ROUNDS {
            let kept = match &idempotency {
                Some(idempotency) => idempotency::kept(&self.ledger, context, idempotency).await?,
                None => None,
            };
            let record = self.ledger.read(context.tenant, file).await?;
            access::may_use_file(context, &record, true)?;
            if matches!(record.state, FileState::Deleting | FileState::Deleted) {
                return Err(Error::new(ErrorKind::NotFound, "a tombstone"));
            }
            if kept.is_some() {
                return Ok(record);
            }
            let now = self.ledger.clock.now();
            let mut change = state::apply(&record, Event::Restore, &actor(context), now)
                .map_err(|refused| Error::new(ErrorKind::StateConflict, format!("{refused:?}")))?;
            let mut others = Vec::new();
            if let Some(key) = record.pointer_key() {
                let (seq, expected) = self.place_of_restored(&key).await?;
                // It is the newest now: whatever was issued before it loses against it, as it would against an upload.
                change.record.seq = Some(seq);
                others.push(Write::SetPointer { key, expected, seq, file: Some(file) });
            }
            others.extend(idempotency.as_ref().map(|known| idempotency::keep(context, known, file, now)));
            match self.ledger.commit(change, others).await {
                Ok(record) => return Ok(record),
                Err(CommitError::Conflict(..)) => {}
                Err(CommitError::Store(error)) => return Err(error),
            }
        }
        Err(Error::new(ErrorKind::MetadataUnavailable, "the record kept changing"))
    }

    /// The next number of an avatar nothing is shown of, and the one the pointer has now.
    async fn place_of_restored(&self, key: &PointerKey) -> Result<(u64, Option<u64>)> {
        let store = &self.ledger.store;
        let pointer = store.get_pointer(key).await?.unwrap_or_default();
        if pointer.current_file_id.is_some() {
            return Err(Error::new(ErrorKind::StateConflict, "another avatar is shown"));
        }
        Ok((store.take_seq(key).await?, pointer.current_seq))
    }
}
