//! Uploads in parts that keep every promise but one.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use bytes::Bytes;
use storage_core::Result;
use storage_core::ports::{
    Body, ETag, MultipartBackend, ObjectRef, Part, PutOptions, StorageBackend, Stored, UploadId,
    WriteCondition,
};
use storage_testkit::memory::MemoryBackend;

use crate::faults::Fault;

/// The uploads of the reference model with one fault.
#[derive(Debug)]
pub(crate) struct BrokenUploads {
    inner: MemoryBackend,
    fault: Fault,
    started: Mutex<BTreeMap<String, Started>>,
}

/// What is known of an upload besides what the model knows.
#[derive(Clone, Debug)]
struct Started {
    object: ObjectRef,
    /// The numbers of the parts as they arrived.
    arrived: Vec<u16>,
}

impl BrokenUploads {
    pub(crate) fn new(inner: MemoryBackend, fault: Fault) -> Self {
        BrokenUploads { inner, fault, started: Mutex::default() }
    }

    /// The object that the model is asked for.
    fn object(&self, object: &ObjectRef, upload: &UploadId) -> ObjectRef {
        let started = self.started.lock().unwrap();
        match started.get(&upload.0) {
            Some(started) if self.fault == Fault::UploadOfAnyObject => started.object.clone(),
            _ => object.clone(),
        }
    }

    /// The number under which the model keeps a part: its own, or that of its arrival.
    fn number(&self, upload: &UploadId, number: u16) -> u16 {
        if self.fault != Fault::JoinsInArrivalOrder {
            return number;
        }
        let mut started = self.started.lock().unwrap();
        let Some(started) = started.get_mut(&upload.0) else { return number };
        if !started.arrived.contains(&number) {
            started.arrived.push(number);
        }
        started.arrived.iter().position(|known| *known == number).unwrap() as u16 + 1
    }

    /// The number that a part of the model was sent with.
    fn sent_number(&self, upload: &UploadId, kept: u16) -> u16 {
        let started = self.started.lock().unwrap();
        let arrived = started.get(&upload.0).filter(|_| self.fault == Fault::JoinsInArrivalOrder);
        arrived.map_or(kept, |started| started.arrived[usize::from(kept) - 1])
    }
}

#[async_trait]
impl MultipartBackend for BrokenUploads {
    async fn create(&self, object: &ObjectRef, mut options: PutOptions) -> Result<UploadId> {
        match self.fault {
            Fault::LosesOptionsOfTheStart => options = PutOptions::default(),
            Fault::PartsAreVisible => {
                self.inner.put(object, Bytes::new().into(), PutOptions::default()).await?;
            }
            Fault::OneUploadAnObject => {
                let started = self.started.lock().unwrap();
                if let Some((id, _)) = started.iter().find(|(_, started)| started.object == *object) {
                    return Ok(UploadId(id.clone()));
                }
            }
            _ => {}
        }
        let upload = self.inner.create(object, options).await?;
        let started = Started { object: object.clone(), arrived: Vec::new() };
        self.started.lock().unwrap().insert(upload.0.clone(), started);
        Ok(upload)
    }

    async fn upload_part(
        &self,
        object: &ObjectRef,
        upload: &UploadId,
        number: u16,
        body: Body,
    ) -> Result<Part> {
        let object = &self.object(object, upload);
        if self.fault == Fault::KeepsTheFirstPart {
            let known = self.inner.parts(object, upload).await?;
            if let Some(part) = known.into_iter().find(|part| part.number == number) {
                return Ok(Part { size: body.len(), ..part });
            }
        }
        let part = self.inner.upload_part(object, upload, self.number(upload, number), body).await?;
        Ok(Part { number, ..part })
    }

    async fn parts(&self, object: &ObjectRef, upload: &UploadId) -> Result<Vec<Part>> {
        let mut parts = self.inner.parts(&self.object(object, upload), upload).await?;
        parts.iter_mut().for_each(|part| part.number = self.sent_number(upload, part.number));
        parts.sort_by_key(|part| part.number);
        Ok(parts)
    }

    async fn complete(&self, object: &ObjectRef, upload: &UploadId, parts: &[(u16, ETag)]) -> Result<Stored> {
        let object = &self.object(object, upload);
        let known = self.inner.parts(object, upload).await?;
        let mut parts = parts.to_vec();
        match self.fault {
            Fault::JoinsInArrivalOrder => {
                parts.iter_mut().for_each(|part| part.0 = self.number(upload, part.0));
                parts.sort_by_key(|part| part.0);
            }
            Fault::SortsTheList => parts.sort_by_key(|part| part.0),
            Fault::PassesOverUnknownParts => {
                parts.retain(|(number, _)| known.iter().any(|part| part.number == *number));
            }
            Fault::IgnoresPartTags => {
                for (number, etag) in &mut parts {
                    let part = known.iter().find(|part| part.number == *number);
                    *etag = part.map_or(etag.clone(), |part| part.etag.clone());
                }
            }
            Fault::TakesUnnamedParts => {
                parts = known.into_iter().map(|part| (part.number, part.etag)).collect();
            }
            _ => {}
        }
        self.inner.complete(object, upload, &parts).await
    }

    async fn complete_if(
        &self,
        object: &ObjectRef,
        upload: &UploadId,
        parts: &[(u16, ETag)],
        condition: &WriteCondition,
    ) -> Result<Stored> {
        self.inner.complete_if(object, upload, parts, condition).await
    }

    async fn copy_part(
        &self,
        object: &ObjectRef,
        upload: &UploadId,
        number: u16,
        source: (&ObjectRef, &ETag),
        range: (u64, u64),
    ) -> Result<Part> {
        self.inner.copy_part(object, upload, number, source, range).await
    }

    async fn abort(&self, object: &ObjectRef, upload: &UploadId) -> Result<()> {
        match self.fault {
            Fault::AbortForgetsNothing => return Ok(()),
            Fault::AbortLeavesTheObject => {
                let known = self.inner.parts(object, upload).await.unwrap_or_default();
                let parts: Vec<_> = known.into_iter().map(|part| (part.number, part.etag)).collect();
                if !parts.is_empty() {
                    self.inner.complete(object, upload, &parts).await?;
                }
            }
            _ => {}
        }
        self.inner.abort(&self.object(object, upload), upload).await
    }

    async fn open_uploads(&self, object: &ObjectRef) -> Result<Vec<UploadId>> {
        self.inner.open_uploads(object).await
    }
}
