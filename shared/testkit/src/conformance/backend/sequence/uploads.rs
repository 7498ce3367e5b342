//! One upload in parts as a step of a sequence: sent in any order, completed well or badly, or given up.

use storage_core::ports::{ETag, MultipartBackend, ObjectRef, UploadId};

use super::Play;
use super::answers::{Compared, Played, compare};
use crate::conformance::backend::pattern;

/// A completion of the parts that were sent, with the tags of both sides: number, real, model.
type Sent = Vec<(u16, ETag, ETag)>;

impl Play<'_> {
    /// An upload from its start to its end.
    pub(super) async fn upload(&mut self, multipart: &dyn MultipartBackend, object: ObjectRef) -> Played {
        let mut numbers = [1, 2, 3, 2];
        self.random.shuffle(&mut numbers);
        let sent = &numbers[..=self.random.below(numbers.len())];
        let how = ["completed", "given up", "of an unknown part", "of another tag", "descending"]
            [self.random.below(7).saturating_sub(2)];
        let what = format!("upload of {} by {sent:?}, {how}", object.key);
        (what, self.upload_parts(multipart, &object, sent, how).await)
    }

    async fn upload_parts(
        &mut self,
        multipart: &dyn MultipartBackend,
        object: &ObjectRef,
        numbers: &[u16],
        how: &str,
    ) -> Compared {
        let options = self.plain_options();
        let real = multipart.create(object, options.clone()).await.map_err(told)?;
        let model = self.model.create(object, options).await.map_err(told)?;
        let mut sent = self.send(multipart, object, numbers, (&real, &model)).await?;
        match how {
            "given up" => sent.clear(),
            "of an unknown part" => sent.push((9, ETag::new("9"), ETag::new("9"))),
            "of another tag" => sent[0].1 = ETag::new("00000000000000000000000000000000"),
            "descending" => sent.reverse(),
            _ => {}
        }
        if how == "of another tag" {
            sent[0].2 = ETag::new("00000000000000000000000000000000");
        }
        if !sent.is_empty() {
            let reals: Vec<_> = sent.iter().map(|part| (part.0, part.1.clone())).collect();
            let models: Vec<_> = sent.iter().map(|part| (part.0, part.2.clone())).collect();
            let answer = multipart.complete(object, &real, &reals).await;
            let expected = self.model.complete(object, &model, &models).await;
            self.ended(answer, expected)?;
        }
        // It is gone already where it was completed, and an abort of what is gone succeeds.
        compare(multipart.abort(object, &real).await, self.model.abort(object, &model).await)
    }

    /// Sends a part for each number, and compares the parts that both sides know then.
    async fn send(
        &mut self,
        multipart: &dyn MultipartBackend,
        object: &ObjectRef,
        numbers: &[u16],
        (real, model): (&UploadId, &UploadId),
    ) -> Result<Sent, (String, String)> {
        let last = numbers.iter().max();
        for number in numbers {
            let least = if Some(number) == last { 1 } else { self.fixture.min_part };
            let bytes = pattern(least + self.random.below(3), self.random.next() % 3);
            let answer = multipart.upload_part(object, real, *number, bytes.clone().into()).await;
            let expected = self.model.upload_part(object, model, *number, bytes.into()).await;
            compare(answer.map(|part| part.size), expected.map(|part| part.size))?;
        }
        let reals = multipart.parts(object, real).await.map_err(told)?;
        let models = self.model.parts(object, model).await.map_err(told)?;
        let facts = |parts: &[storage_core::ports::Part]| -> Vec<(u16, u64)> {
            parts.iter().map(|part| (part.number, part.size)).collect()
        };
        if facts(&reals) != facts(&models) {
            return Err((format!("{reals:?}"), format!("{models:?}")));
        }
        Ok(reals.into_iter().zip(models).map(|(real, model)| (real.number, real.etag, model.etag)).collect())
    }
}

/// An error where none may be.
fn told(error: storage_core::Error) -> (String, String) {
    (format!("{error:?}"), "success".to_owned())
}
