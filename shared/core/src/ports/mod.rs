//! The ports: what services need of the world. The documentation of each trait is its contract.

mod clock;
mod image;
mod metadata;
mod presign;
mod queue;
mod scan;
mod signer;
mod storage;

pub use clock::{Clock, SystemClock};
pub use image::{
    AvatarRecipe, ImageFormat, ImageInfo, ImageLimits, ImageProcessor, Placeholder, ProcessedAvatar, Variant,
};
pub use metadata::{
    CommitError, Conflict, DUE_SHARDS, DuePage, FilePage, MetadataStore, OwnerPage, OwnerQuery, RateWindow,
    SelfTest, SweepReport, Transaction, Write,
};
pub use presign::{
    MultipartBackend, Part, PostRequest, PresignParts, PresignPost, PresignUrl, PresignedPost, PresignedUrl,
    RawCall, UploadId,
};
pub use queue::{IngestQueue, StagedObject};
pub use scan::{NoScanner, ScanVerdict, Scanner};
pub use signer::{ResolvedUrl, UrlSigner, UrlTarget};
pub use storage::{
    Body, BodyStream, CopyRequest, ETag, GetOptions, ListPage, ListRequest, ObjectMeta, ObjectRead,
    ObjectRef, ObjectStore, PutOptions, RangeRequest, StorageBackend, Stored, WriteCondition,
};
