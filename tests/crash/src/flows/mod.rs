//! What can be struck: how the world is made ready for it, and what is then done.

mod parts;
mod scans;
mod scenes;
mod uploads;

use storage_core::ErrorKind;

use crate::process::Action;

/// A world that is ready, and what is done in it.
#[derive(Debug)]
pub struct Scene {
    /// What is done, and may die.
    pub action: Action,
    /// What somebody else does while it is dead.
    pub meanwhile: Option<Action>,
    /// What the client is told where all goes well, if that is a refusal.
    pub refusal: Option<ErrorKind>,
}

impl From<Action> for Scene {
    fn from(action: Action) -> Self {
        Scene { action, meanwhile: None, refusal: None }
    }
}

macro_rules! flows {
    ($($(#[$doc:meta])* $flow:ident $name:literal,)+) => {
        /// A flow.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Flow {
            $($(#[$doc])* $flow,)+
        }

        impl Flow {
            /// Every flow.
            pub const ALL: &[Flow] = &[$(Flow::$flow),+];

            /// Its name, which is that of its golden file.
            pub fn name(self) -> &'static str {
                match self { $(Flow::$flow => $name,)+ }
            }
        }
    };
}

flows! {
    /// A form for an avatar.
    IssueAvatar "issue-avatar",
    /// The same with an `Idempotency-Key`.
    IssueAvatarKeyed "issue-avatar-keyed",
    /// A form for an attachment.
    IssueAttachment "issue-attachment",
    /// The same with an `Idempotency-Key`.
    IssueAttachmentKeyed "issue-attachment-keyed",
    /// An avatar in the request itself.
    DirectAvatar "direct-avatar",
    /// An attachment in the request itself.
    DirectAttachment "direct-attachment",
    /// The same with an `Idempotency-Key`.
    DirectAttachmentKeyed "direct-attachment-keyed",
    /// A direct upload of an attachment that is no image, and says that it is.
    DirectRefused "direct-refused",
    /// The event of an avatar.
    IngestAvatar "ingest-avatar",
    /// The event of an attachment.
    IngestAttachment "ingest-attachment",
    /// The event of an avatar that is no image.
    RefuseAvatar "refuse-avatar",
    /// The event of an attachment with another digest than declared.
    RefuseAttachment "refuse-attachment",
    /// The event of a second avatar.
    ReplaceAvatar "replace-avatar",
    /// The event of an avatar that is older than the one that is shown.
    SupersededAvatar "superseded-avatar",
    /// The event of an avatar, and that of a newer one meanwhile.
    OldAvatarDies "old-avatar-dies",
    /// The event of an avatar, and that of an older one meanwhile.
    NewAvatarDies "new-avatar-dies",
    /// The event of an avatar that is deleted meanwhile.
    AvatarDeletedMeanwhile "avatar-deleted-meanwhile",
    /// The event of an attachment that is deleted meanwhile.
    AttachmentDeletedMeanwhile "attachment-deleted-meanwhile",
    /// The owner puts an attachment into the trash.
    DeleteSoft "delete-soft",
    /// The owner deletes an attachment for good.
    DeletePermanent "delete-permanent",
    /// The owner deletes an upload that has not been ingested.
    DeletePending "delete-pending",
    /// The owner deletes the current avatar as a file.
    DeleteCurrentAvatar "delete-current-avatar",
    /// The owner deletes the avatar.
    DeleteAvatar "delete-avatar",
    /// The owner takes an attachment out of the trash.
    Restore "restore",
    /// The owner publishes an attachment under a new name.
    PublishAttachment "publish-attachment",
    /// The owner publishes the avatar.
    PublishAvatar "publish-avatar",
    /// The owner publishes an attachment, and takes that back meanwhile.
    PublishedMeanwhile "published-meanwhile",
    /// The owner publishes an attachment that is deleted meanwhile.
    PublishedDeletedMeanwhile "published-deleted-meanwhile",
    /// The owner copies an attachment.
    Copy "copy",
    /// The same with an `Idempotency-Key`.
    CopyKeyed "copy-keyed",
    /// The owner moves an attachment.
    Move "move",
    /// The same with an `Idempotency-Key`.
    MoveKeyed "move-keyed",
    /// The owner moves an attachment that is deleted meanwhile.
    MovedDeletedMeanwhile "moved-deleted-meanwhile",
    /// A service claims an attachment for the tenant.
    Claim "claim",
    /// The event of an export that the scanner finds clean.
    ScanClean "scan-clean",
    /// The event of an export whose verdict comes later.
    ScanAwaited "scan-awaited",
    /// The event of an export in which the scanner finds something.
    ScanInfected "scan-infected",
    /// An export in the request itself, which the scanner finds clean.
    DirectScanned "direct-scanned",
    /// The verdict on an export that waits for it: clean.
    VerdictClean "verdict-clean",
    /// The verdict on an export that waits for it: not clean.
    VerdictInfected "verdict-infected",
    /// A clean verdict on an export that is deleted meanwhile.
    VerdictDeletedMeanwhile "verdict-deleted-meanwhile",
    /// The owner deletes an export that is in quarantine.
    DeleteQuarantined "delete-quarantined",
    /// An administrator lets an export out of quarantine.
    Unquarantine "unquarantine",
    /// The event of an export that was let out.
    IngestReleased "ingest-released",
    /// The beginning of an upload in parts.
    BeginParts "begin-parts",
    /// The same with an `Idempotency-Key`.
    BeginPartsKeyed "begin-parts-keyed",
    /// The URL of a part.
    SignPart "sign-part",
    /// The end of an upload in parts, all of which have arrived.
    CompleteParts "complete-parts",
    /// The owner gives up an upload in parts.
    AbortParts "abort-parts",
    /// The owner deletes an upload in parts as a file.
    DeleteParts "delete-parts",
    /// The event of an upload that is copied in parts.
    IngestLarge "ingest-large",
    /// The event of such an upload that is deleted meanwhile.
    LargeDeletedMeanwhile "large-deleted-meanwhile",
    /// The sweep finds an upload whose event was lost.
    SweepLostEvent "sweep-lost-event",
    /// The sweep finds such an upload after an outage of its own, older than what nobody waits for.
    SweepAfterOutage "sweep-after-outage",
    /// The sweep finds an upload whose worker died.
    SweepDeadWorker "sweep-dead-worker",
    /// The sweep finds an upload that never came.
    SweepExpired "sweep-expired",
    /// The sweep finds an upload that five workers died of.
    SweepExhausted "sweep-exhausted",
    /// The sweep finds a direct upload that died with its function.
    SweepDeadDirect "sweep-dead-direct",
    /// The sweep finds a tombstone with bytes.
    SweepTombstoneWithBytes "sweep-tombstone-with-bytes",
    /// The sweep finds a tombstone without bytes.
    SweepTombstone "sweep-tombstone",
    /// The sweep finds a refused upload that has settled.
    SweepRefused "sweep-refused",
    /// The sweep finds a file whose time in the trash is over.
    SweepTrash "sweep-trash",
    /// The sweep finds the verdict on an export whose event was lost.
    SweepScanFound "sweep-scan-found",
    /// The sweep finds an export that has waited for its verdict for an hour.
    SweepScanTimeout "sweep-scan-timeout",
    /// The sweep finds an export in quarantine whose bytes are still on staging.
    SweepUnmoved "sweep-unmoved",
    /// The sweep finds an export whose time in quarantine is over.
    SweepQuarantineOver "sweep-quarantine-over",
    /// The sweep finds a staging object that nobody waits for.
    SweepStagingOrphan "sweep-staging-orphan",
    /// The sweep finds a file that was to be published, and a part of the copy.
    SweepLeftCopy "sweep-left-copy",
    /// The sweep finds a copy that died with its function.
    SweepDeadCopy "sweep-dead-copy",
    /// The sweep finds an upload in parts whose time is over.
    SweepExpiredParts "sweep-expired-parts",
    /// The sweep finds the tombstone of an upload in parts that nobody finished.
    SweepAbandonedParts "sweep-abandoned-parts",
    /// The sweep finds an upload in parts that was completed, and whose event was lost.
    SweepCompletedParts "sweep-completed-parts",
    /// The sweep finds an upload whose worker died while it was copied in parts.
    SweepDeadLarge "sweep-dead-large",
    /// The sweep finds the tombstone of an upload that was being copied in parts.
    SweepDeletedLarge "sweep-deleted-large",
}

impl Flow {
    /// Whether it is a run of the sweep, which comes again by itself.
    pub fn is_sweep(self) -> bool {
        self >= Flow::SweepLostEvent
    }

    /// Whether all of its requests have one `Idempotency-Key`.
    pub fn is_keyed(self) -> bool {
        use Flow::*;
        matches!(self, IssueAvatarKeyed | IssueAttachmentKeyed | DirectAttachmentKeyed | BeginPartsKeyed)
            || self.is_keyed_transfer()
    }

    fn is_keyed_transfer(self) -> bool {
        matches!(self, Flow::CopyKeyed | Flow::MoveKeyed)
    }

    /// How many files there may be at the end where all requests have one key: a transfer has a source too.
    pub fn most_files(self) -> usize {
        1 + usize::from(self.is_keyed_transfer())
    }

    /// Whether somebody else does something meanwhile. Its calls are those of another flow.
    pub fn is_race(self) -> bool {
        use Flow::*;
        matches!(
            self,
            OldAvatarDies
                | NewAvatarDies
                | AvatarDeletedMeanwhile
                | AttachmentDeletedMeanwhile
                | PublishedMeanwhile
                | PublishedDeletedMeanwhile
                | MovedDeletedMeanwhile
                | VerdictDeletedMeanwhile
                | LargeDeletedMeanwhile
        )
    }
}
