//! From a name to the letters that stand for it.

use unicode_normalization::UnicodeNormalization;

use super::font::{self, Glyph};

/// The first letters of the first and of the last word, as they are drawn; `None` where there are none, or where one of
/// them is not among the letters that are drawn.
///
/// Letters count without their accents: José Álvarez is JA. Words without a letter or digit do not count.
pub(super) fn of(name: &str) -> Option<Vec<&'static Glyph>> {
    let mut words = name.split_whitespace().filter_map(first_letter);
    let first = words.next()?;
    [Some(first), words.next_back()].into_iter().flatten().map(font::glyph).collect()
}

fn first_letter(word: &str) -> Option<char> {
    word.nfkd().find(|letter| letter.is_alphanumeric()).and_then(|letter| letter.to_uppercase().next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_and_the_last_word_give_a_letter_each() {
        for (name, letters) in [
            ("Ada Lovelace", Some("AL")),
            ("ada", Some("A")),
            ("  Grace   Brewster Murray Hopper ", Some("GH")),
            ("Jose\u{301} \u{c1}lvarez", Some("JA")),
            ("\u{e9}lodie", Some("E")),
            ("\u{df}", Some("S")),
            ("\u{ff21}gent \u{2460}", Some("A1")),
            ("7 of 9", Some("79")),
            ("(Bob) \u{1f600} \"Smith\"", Some("BS")),
            ("Bob \u{1f600}", Some("B")),
            ("Anna \u{738b}", None),
            ("\u{418}\u{432}\u{430}\u{43d}", None),
            ("\u{1f600}", None),
            ("-", None),
            (" ", None),
        ] {
            let expected: Option<Vec<_>> =
                letters.map(|letters| letters.chars().map(|letter| font::glyph(letter).unwrap()).collect());
            let found = of(name);
            let same = match (&found, &expected) {
                (Some(found), Some(expected)) => {
                    found.len() == expected.len()
                        && found.iter().zip(expected).all(|(one, other)| std::ptr::eq(*one, *other))
                }
                (found, expected) => found.is_none() && expected.is_none(),
            };
            assert!(same, "{name:?}");
        }
    }
}
