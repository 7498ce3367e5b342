//! The safeguards that a test-only build can switch off, one at a time, so that a campaign shows that it would notice.
//!
//! Without the feature `switches` every one of them holds, by a constant that the compiler removes. No deployed function
//! has the feature; a contract test says so.

#[cfg(all(feature = "switches", not(debug_assertions)))]
compile_error!("the feature `switches` is for tests: a release build has every safeguard");

/// A check without which the system still works until something goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Safeguard {
    /// A live lease is not taken over.
    Lease = 1,
    /// A copy is pinned to the tag of the object that was validated.
    CopySource,
    /// Tombstones are passed over again once a slow writer must be done.
    SecondPass,
    /// A record is written only over the revision it was read at.
    Revision,
    /// A file and its folder are on disk before a write is acknowledged.
    Fsync,
    /// Final objects are created, not overwritten.
    CreateOnly,
    /// The size of an upload is compared with what was declared and allowed.
    Size,
    /// The type of an upload is compared with what its bytes are.
    Sniff,
    /// An event of a deleted file changes nothing.
    Tombstone,
    /// An avatar never takes the place of one that was issued later.
    AvatarOrder,
    /// Keys are recorded before anything is written under them.
    WriteAhead,
    /// A worker whose commit is refused removes what it wrote only from a tombstone.
    Survivors,
}

impl Safeguard {
    /// Every safeguard.
    pub const ALL: [Safeguard; 12] = [
        Safeguard::Lease,
        Safeguard::CopySource,
        Safeguard::SecondPass,
        Safeguard::Revision,
        Safeguard::Fsync,
        Safeguard::CreateOnly,
        Safeguard::Size,
        Safeguard::Sniff,
        Safeguard::Tombstone,
        Safeguard::AvatarOrder,
        Safeguard::WriteAhead,
        Safeguard::Survivors,
    ];

    /// Whether it holds, as it always does in a build without the feature `switches`.
    #[cfg(not(feature = "switches"))]
    pub const fn holds(self) -> bool {
        true
    }

    /// Whether it holds: all but the one that was switched off.
    #[cfg(feature = "switches")]
    pub fn holds(self) -> bool {
        switched::OFF.load(std::sync::atomic::Ordering::Relaxed) != self as u8
    }

    /// Switches it off in this process, and every other one on.
    #[cfg(feature = "switches")]
    pub fn switch_off(self) {
        switched::OFF.store(self as u8, std::sync::atomic::Ordering::Relaxed);
    }

    /// The safeguard with this name, as its `Debug` spells it.
    pub fn parse(name: &str) -> Option<Self> {
        Safeguard::ALL.into_iter().find(|safeguard| format!("{safeguard:?}") == name)
    }
}

#[cfg(feature = "switches")]
mod switched {
    /// The safeguard that is off; 0 where all hold.
    pub(super) static OFF: std::sync::atomic::AtomicU8 = std::sync::atomic::AtomicU8::new(0);
}
