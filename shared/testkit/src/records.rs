//! Records with every field set, so that a field that is not stored is noticed.

use std::collections::BTreeMap;
use std::time::Duration;

use storage_core::ErrorKind;
use storage_core::filename::FileName;
use storage_core::ids::{
    BucketName, EntityId, ExternalId, FileId, IdempotencyKey, PrincipalId, TenantId, TenantSlug, WorkerId,
};
use storage_core::key::{EntityKind, StorageKey, VariantSize, Visibility};
use storage_core::ports::{ETag, Placeholder};
use storage_core::record::{
    AuditEntry, Declared, FileRecord, FileState, IdempotencyRecord, MultipartUpload, PointerKey, Promotion,
    Purpose, SCHEMA_VERSION, Scan, ScanStatus, ScannedObject, StoredVariant,
};
use storage_core::tenant::{Isolation, TenantRecord, TenantState};
use storage_core::timestamp::Timestamp;
use uuid::{NoContext, Uuid};

/// 2026-11-20T12:00:00Z, when the sample records are made.
pub fn sample_time() -> Timestamp {
    Timestamp::from_millis(1_795_176_000_000)
}

/// A tenant nobody else has.
pub fn new_tenant() -> TenantId {
    TenantId::from(Uuid::new_v4())
}

/// A file id made at `at`: ids of later times sort later.
pub fn file_id_at(at: Timestamp) -> FileId {
    FileId::from(uuid_at(at))
}

/// A UUIDv7 made at `at`.
pub fn uuid_at(at: Timestamp) -> Uuid {
    let millis = at.as_millis().unsigned_abs();
    let nanos = u32::try_from(millis % 1000).unwrap() * 1_000_000;
    Uuid::new_v7(uuid::Timestamp::from_unix(NoContext, millis / 1000, nanos))
}

/// A principal of this name.
pub fn principal(name: &str) -> PrincipalId {
    PrincipalId::parse(name).unwrap()
}

/// A new pointer of a user of `tenant`.
pub fn new_pointer(tenant: TenantId) -> PointerKey {
    PointerKey { tenant, kind: EntityKind::Users, entity: EntityId::from(Uuid::new_v4()) }
}

/// A pending attachment of `tenant`, issued at `created_at` by `user-1`: what an issue writes, due when it expires.
pub fn sample_file(tenant: TenantId, created_at: Timestamp) -> FileRecord {
    let file_id = file_id_at(created_at);
    let staging = format!("temp/uploads/{tenant}/{file_id}/0123456789abcdef0123456789abcdef");
    FileRecord {
        v: SCHEMA_VERSION,
        rev: 1,
        tenant,
        file_id,
        state: FileState::Pending,
        purpose: Purpose::Attachment,
        owner: principal("user-1"),
        entity: None,
        scope: None,
        external_id: None,
        bucket: BucketName::parse("acme-files").unwrap(),
        key_prefix: None,
        backend: "local".to_owned(),
        staging_bucket: BucketName::parse("stowage-staging").unwrap(),
        staging_key: Some(StorageKey::parse(&staging).unwrap()),
        planned_keys: Vec::new(),
        final_key: None,
        etag: None,
        version_id: None,
        multipart: None,
        promotion: None,
        checksum_crc64nvme: None,
        source_sha256: None,
        sha256: None,
        size: None,
        content_type: None,
        original_filename: None,
        renamed: false,
        declared: Declared { content_type: "image/jpeg".to_owned(), size: Some(1000), sha256: None },
        max_bytes: 5 * 1024 * 1024,
        visibility: Visibility::Private,
        width: None,
        height: None,
        variants: BTreeMap::new(),
        webp: BTreeMap::new(),
        inline_small: None,
        placeholder: None,
        metadata: BTreeMap::new(),
        scan: None,
        quarantine_key: None,
        seq: None,
        lease_owner: None,
        lease_until: None,
        attempts: 0,
        error_code: None,
        created_at,
        updated_at: created_at,
        expires_at: Some(created_at + Duration::from_secs(900)),
        clearing_until: None,
        delete_after: None,
        legal_hold: false,
        due_at: Some(created_at + Duration::from_secs(900)),
        ttl: None,
    }
}

/// A record whose every field is set, with texts that are hard to store. Its combination of fields is no real state.
pub fn full_file(tenant: TenantId, created_at: Timestamp) -> FileRecord {
    let base = sample_file(tenant, created_at);
    let folder = format!("public/avatars/users/11111111-1111-4111-8111-111111111111/{}", base.file_id);
    let key = |name: &str| StorageKey::parse(&format!("{folder}/{name}")).unwrap();
    let variant = |name: &str, side: u32| StoredVariant {
        key: key(name),
        content_type: "image/jpeg".to_owned(),
        width: side,
        height: side,
        bytes: u64::from(side) * 7,
        etag: ETag::new(&format!("etag-{name}")),
    };
    FileRecord {
        rev: 1,
        state: FileState::Processing,
        purpose: Purpose::AvatarUser,
        entity: Some(EntityId::parse("11111111-1111-4111-8111-111111111111").unwrap()),
        scope: Some("Project Ω/😀".to_owned()),
        external_id: Some(ExternalId::parse(&format!("ext {}", base.file_id)).unwrap()),
        multipart: Some(MultipartUpload { upload_id: Some("u".repeat(128)), part_size: Some(1 << 34) }),
        promotion: Some(Promotion {
            upload_id: "p/1+2=".to_owned(),
            key: key("original.jpg"),
            source_version: Some("3sL4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY".to_owned()),
            source_etag: ETag::new("etag-upload"),
            part_size: 1 << 30,
            parts: 1000,
            copied: 999,
        }),
        checksum_crc64nvme: Some("Vz7yJ0PLbFs=".to_owned()),
        key_prefix: Some(StorageKey::parse("stowage/22222222-2222-4222-8222-222222222222").unwrap()),
        planned_keys: vec![key("original.jpg"), key("small.jpg")],
        final_key: Some(key("original.jpg")),
        etag: Some(ETag::new("9b2cf535f27731c974343645a3985328-3")),
        version_id: Some("v.3HL4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY".to_owned()),
        source_sha256: Some("5f".repeat(32)),
        sha256: Some("a0".repeat(32)),
        size: Some(u64::from(u32::MAX) + 1),
        content_type: Some("image/jpeg".to_owned()),
        original_filename: Some(FileName::parse("Übersicht \"final\" 日本.jpeg").unwrap()),
        renamed: true,
        declared: Declared {
            content_type: "image/jpeg".to_owned(),
            size: Some(9_007_199_254_740_993),
            sha256: Some("5f".repeat(32)),
        },
        max_bytes: 9_007_199_254_740_993,
        visibility: Visibility::Public,
        width: Some(640),
        height: Some(480),
        variants: BTreeMap::from([
            (VariantSize::Original, variant("original.jpg", 640)),
            (VariantSize::Small, variant("small.jpg", 32)),
            (VariantSize::Medium, variant("medium.jpg", 150)),
            (VariantSize::Large, variant("large.jpg", 300)),
        ]),
        webp: BTreeMap::from([(VariantSize::Small, variant("small.webp", 32))]),
        inline_small: Some(format!("data:image/jpeg;base64,{}", "QUJD".repeat(200))),
        placeholder: Some(Placeholder {
            thumbhash: "1QcSHQRnh493V4dIh4eXh1h4kJUI".to_owned(),
            average_color: "#a0b1c2".to_owned(),
        }),
        metadata: BTreeMap::from([
            ("empty".to_owned(), String::new()),
            ("text".to_owned(), "line\nbreak, \"quotes\", 日本 and 😀".to_owned()),
        ]),
        scan: Some(Scan {
            status: ScanStatus::Infected,
            object: Some(ScannedObject {
                etag: ETag::new("etag-upload"),
                version_id: Some("v-2".to_owned()),
            }),
            threat: Some("Test.Virus (Ω)".to_owned()),
            at: created_at,
            moved: true,
            deadline: Some(created_at + Duration::from_secs(3600)),
        }),
        quarantine_key: Some(key("quarantined")),
        seq: Some(u64::from(u32::MAX) + 7),
        lease_owner: Some(WorkerId::generate()),
        lease_until: Some(created_at + Duration::from_secs(960)),
        clearing_until: Some(created_at + Duration::from_secs(1860)),
        attempts: 4,
        error_code: Some(ErrorKind::ContentMismatch),
        updated_at: created_at + Duration::from_millis(1),
        delete_after: Some(created_at + Duration::from_secs(3600)),
        legal_hold: true,
        ttl: Some(9_999_999_999),
        ..base
    }
}

/// The record after one more write: the next revision, a millisecond later.
pub fn next_revision(record: &FileRecord) -> FileRecord {
    let updated_at = record.updated_at + Duration::from_millis(1);
    FileRecord { rev: record.rev + 1, updated_at, ..record.clone() }
}

/// A line of history of `record` at `at`.
pub fn sample_audit(record: &FileRecord, action: &str, at: Timestamp) -> AuditEntry {
    AuditEntry {
        id: uuid_at(at),
        tenant: record.tenant,
        file_id: record.file_id,
        at,
        action: action.to_owned(),
        actor: "user-1".to_owned(),
        from: Some(FileState::Pending),
        to: record.state,
        error_code: Some(ErrorKind::InvalidImage),
        request_id: Some("req-1".to_owned()),
    }
}

/// An idempotency record of `tenant` for `key`, kept until `expires_at`.
pub fn sample_idempotency(tenant: TenantId, key: &str, expires_at: Timestamp) -> IdempotencyRecord {
    IdempotencyRecord {
        tenant,
        principal: principal("user-1"),
        key: IdempotencyKey::parse(key).unwrap(),
        request_hash: "c3".repeat(32),
        file_id: FileId::generate(),
        expires_at,
    }
}

/// The mapping record of an active tenant in a bucket of its own.
pub fn sample_tenant(tenant: TenantId) -> TenantRecord {
    TenantRecord {
        tenant,
        slug: TenantSlug::parse("acme").unwrap(),
        bucket: BucketName::parse("acme-files").unwrap(),
        isolation: Isolation::Bucket,
        state: TenantState::Active,
        limits: Default::default(),
        created_at: sample_time(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_full_record_leaves_no_field_out() {
        let json = serde_json::to_value(full_file(new_tenant(), sample_time())).unwrap();
        let fields = json.as_object().unwrap();
        assert_eq!(fields.len(), 53, "{:?}", fields.keys().collect::<Vec<_>>());
        assert!(fields.values().all(|value| !value.is_null()));
    }

    #[test]
    fn ids_sort_by_the_time_they_are_made_for() {
        let early = file_id_at(sample_time());
        let late = file_id_at(sample_time() + Duration::from_millis(1));
        assert!(early < late);
    }
}
