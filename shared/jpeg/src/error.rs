//! Why an image was not decoded.

use std::fmt;

/// Why an image was not decoded. The texts are fixed: they hold nothing of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The bytes are no JPEG, or contradict themselves.
    Corrupt(&'static str),
    /// The bytes end before the image does.
    Truncated,
    /// A JPEG that another decoder may decode: for example arithmetic, lossless, of 12 bits, of components in odd ratios,
    /// too small to be scaled, or with more data than its blocks need.
    Unsupported(&'static str),
    /// The image would exceed one of the [`Limits`](crate::Limits).
    TooLarge(&'static str),
}

/// The result of everything here that can fail.
pub type Result<T> = std::result::Result<T, Error>;

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Corrupt(what) => write!(formatter, "corrupt JPEG: {what}"),
            Error::Truncated => formatter.write_str("the JPEG ends before its image does"),
            Error::Unsupported(what) => write!(formatter, "unsupported JPEG: {what}"),
            Error::TooLarge(what) => write!(formatter, "the JPEG is too large: {what}"),
        }
    }
}

impl std::error::Error for Error {}
