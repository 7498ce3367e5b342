//! Signed URLs of the current windows, so that one window has one text.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Mutex, PoisonError};

use storage_core::Result;

/// The most URLs that are remembered, about 1 MB. The oldest goes first: entries age with their window, so which was
/// used last says little.
const CAPACITY: usize = 2048;

/// A URL before it is signed, and when it ends.
type Entry = (String, i64);

#[derive(Default)]
struct Inner {
    urls: HashMap<Entry, String>,
    order: VecDeque<Entry>,
}

#[derive(Default)]
pub(super) struct SignedUrls(Mutex<Inner>);

impl SignedUrls {
    /// The remembered URL, or a newly signed one. The lock is held while signing (about 20 µs with P-256), so that two
    /// callers at the same moment get one text.
    pub(super) fn get_or_sign(
        &self,
        resource: &str,
        end: i64,
        sign: impl FnOnce() -> Result<String>,
    ) -> Result<String> {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = (resource.to_owned(), end);
        if let Some(url) = inner.urls.get(&entry) {
            return Ok(url.clone());
        }
        let url = sign()?;
        if inner.order.len() >= CAPACITY
            && let Some(oldest) = inner.order.pop_front()
        {
            inner.urls.remove(&oldest);
        }
        inner.order.push_back(entry.clone());
        inner.urls.insert(entry, url.clone());
        Ok(url)
    }
}

impl fmt::Debug for SignedUrls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SignedUrls(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_text_per_window_and_a_bounded_number_of_them() {
        let urls = SignedUrls::default();
        let mut signed = 0;
        for round in 0..3 {
            for end in [1, 2] {
                let url = urls.get_or_sign("u", end, || {
                    signed += 1;
                    Ok(format!("{round}-{end}"))
                });
                assert_eq!(url.unwrap(), format!("0-{end}"));
            }
        }
        assert_eq!(signed, 2);
        for index in 0..2 * CAPACITY {
            urls.get_or_sign(&index.to_string(), 1, || Ok(String::new())).unwrap();
        }
        let inner = urls.0.lock().unwrap();
        assert_eq!((inner.urls.len(), inner.order.len()), (CAPACITY, CAPACITY));
    }
}
