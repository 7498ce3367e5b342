//! The order S3 gives to the events of one key.

use std::cmp::Ordering;

/// A hexadecimal number whose shorter form stands for the same digits followed by zeros.
///
/// It orders work and decides nothing: the record's conditional write does. What cannot be read is older than all else.
#[derive(Clone, Debug, Default)]
pub struct Sequencer(Option<String>);

impl Sequencer {
    /// Reads the text of an event.
    pub fn new(text: Option<&str>) -> Self {
        let readable =
            |text: &&str| (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        Sequencer(
            text.filter(readable).map(|text| text.to_ascii_uppercase().trim_end_matches('0').to_owned()),
        )
    }
}

impl Ord for Sequencer {
    fn cmp(&self, other: &Self) -> Ordering {
        // Without trailing zeros, comparing texts is comparing right-padded numbers: digits sort before letters.
        self.0.cmp(&other.0)
    }
}

impl PartialOrd for Sequencer {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Sequencer {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Sequencer {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g11_sequencers_of_unequal_length_compare_right_padded() {
        use Ordering::{Equal, Greater, Less};
        let table: &[(&str, &str, Ordering)] = &[
            ("0055AED6DCD90281E5", "0055AED6DCD90281E5", Equal),
            ("0055AED6DCD90281E5", "0055aed6dcd90281e5", Equal),
            ("0055AED6DCD90281E5", "0055AED6DCD90281E500", Equal),
            ("0055AED6DCD90281E5", "0055AED6DCD90281E501", Less),
            ("0055AED6DCD90281E6", "0055AED6DCD90281E5FF", Greater),
            ("00", "0", Equal),
            ("00", "000000", Equal),
            ("01", "1", Less),
            ("1", "01", Greater),
            ("A", "9", Greater),
            ("a", "B", Less),
            ("F", "FF", Less),
            ("FF", "F", Greater),
            ("F0", "F", Equal),
            ("10", "1", Equal),
            ("10", "11", Less),
            ("9F", "A", Less),
            ("", "0", Less),
            ("zz", "0", Less),
            ("", "zz", Equal),
        ];
        for (left, right, expected) in table {
            let ordering = Sequencer::new(Some(left)).cmp(&Sequencer::new(Some(right)));
            assert_eq!(ordering, *expected, "{left} {right}");
        }
    }

    #[test]
    fn e12_what_cannot_be_read_is_oldest() {
        let oldest = Sequencer::new(None);
        assert_eq!(Sequencer::new(Some("xyz")), oldest);
        assert!(Sequencer::new(Some("ABC")) > oldest);
        assert!(Sequencer::new(Some("0")) > oldest);
    }
}
