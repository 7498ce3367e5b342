//! Thumbnails beside sharp and Pillow: CPU time, quality, memory, and the time from start to the first job done.

mod contestant;
mod photos;
mod quality;
mod scene;

use std::collections::BTreeMap;

use contestant::{Contestant, First, Serving};
use photos::{Photo, Photos};
use quality::Luma;

use crate::options::Options;
use crate::random::Random;
use crate::statistics::{Rounds, geometric_mean};
use crate::table::{Goal, Row};
use crate::{Outcome, screen};

/// How long a turn is, in milliseconds of CPU.
const TURN: u64 = 150;
/// The sides of the thumbnails, in pixels.
const SIDES: [usize; 3] = [300, 150, 32];
/// By how much our similarity may be below sharp's.
const MARGIN: f64 = 0.003;
/// The peer that has targets, and the other one.
const SHARP: &str = "sharp";
const PILLOW: &str = "Pillow";

/// Everything about images: T1 to T4, T9 and T10.
pub(crate) fn measure(options: &Options, random: &mut Random) -> Outcome<Vec<Row>> {
    let photos = Photos::prepare(options)?;
    let all = [Contestant::ours()?, Contestant::sharp(options), Contestant::pillow(options)];
    let mut serving = all.iter().map(Contestant::serve).collect::<Outcome<Vec<_>>>()?;
    let mut warm = Warm { options, random, serving: &mut serving };
    let mut rows = Vec::new();
    let avatars = "three avatars of a baseline JPEG, 0.6 to 24 MP";
    rows.extend(warm.rows("T1", avatars, &photos.baseline, 2.2)?);
    rows.extend(warm.rows("T1c", "three avatars of a progressive JPEG", &[photos.progressive], 12.0)?);
    rows.extend(warm.rows("T9", "three avatars of a PNG", &[photos.png], 2.0)?);
    rows.extend(warm.rows("T10", "three avatars of a lossy WebP", &[photos.webp], 1.0)?);
    rows.extend(qualities(options, &mut serving, &photos.baseline)?);
    drop(serving);
    rows.extend(fresh(options, random, &all[..2], &photos.large)?);
    Ok(rows)
}

/// Contestants that run, and are warm.
struct Warm<'a> {
    options: &'a Options,
    random: &'a mut Random,
    serving: &'a mut [Serving],
}

impl Warm<'_> {
    /// One row for each peer, over all the photos.
    fn rows(&mut self, target: &str, work: &str, photos: &[Photo], least: f64) -> Outcome<Vec<Row>> {
        let mut measured = Vec::new();
        for photo in photos {
            for contestant in self.serving.iter_mut() {
                contestant.load(&photo.file)?;
                contestant.work(TURN / 2)?;
            }
            let turn = |contestant: &mut Serving| contestant.work(TURN);
            let rounds = Rounds::interleave(self.random, self.options.rounds, self.serving, turn)?;
            screen::progress(&format!(
                "{target}, {}: {:.2}x {SHARP}, {:.2}x {PILLOW}",
                photo.name,
                rounds.ratio(1, 0),
                rounds.ratio(2, 0)
            ));
            measured.push((photo.name.clone(), rounds));
        }
        let rows = [(1, SHARP, Goal::Ratio(least)), (2, PILLOW, Goal::Nothing)];
        Ok(rows.map(|(peer, name, goal)| self.row(target, work, &measured, (peer, name), goal)).into())
    }

    fn row(
        &self,
        target: &str,
        work: &str,
        measured: &[(String, Rounds)],
        (peer, name): (usize, &str),
        goal: Goal,
    ) -> Row {
        let mean =
            |of: &dyn Fn(&Rounds) -> f64| geometric_mean(measured.iter().map(|(_, rounds)| of(rounds)));
        let parts: BTreeMap<_, _> =
            measured.iter().map(|(photo, rounds)| (photo.clone(), rounds.ratio(peer, 0))).collect();
        Row {
            target: target.into(),
            work: work.into(),
            peer: name.into(),
            unit: "ms CPU".into(),
            ours: mean(&|rounds| rounds.median(0)),
            theirs: Some(mean(&|rounds| rounds.median(peer))),
            ratio: Some(geometric_mean(parts.values().copied())),
            note: match parts.len() {
                1 => parts.keys().next().cloned().unwrap_or_default(),
                _ => format!("geometric mean over {} photos", parts.len()),
            },
            parts,
            goal,
            rounds: self.options.rounds,
        }
    }
}

/// T2: one row for each size, over all the photos.
fn qualities(options: &Options, serving: &mut [Serving], photos: &[Photo]) -> Outcome<Vec<Row>> {
    // By side, then by photo: ours and sharp's.
    let mut similar = vec![Vec::new(); SIDES.len()];
    for photo in photos {
        let whole = Luma::read(&photo.file)?;
        let folder = |name: &str| options.root.join("target/bench/outputs").join(&photo.name).join(name);
        for contestant in serving[..2].iter_mut() {
            contestant.load(&photo.file)?;
            contestant.save(&folder(contestant.name()))?;
        }
        for (side, similar) in SIDES.into_iter().zip(&mut similar) {
            let ideal = whole.square(side);
            let of = |name: &str| ideal.similarity(&Luma::read(&folder(name).join(format!("{side}.jpg")))?);
            let (ours, theirs) = (of("ours")?, of(SHARP)?);
            screen::progress(&format!("T2, {}, {side} px: {ours:.4}, {SHARP} {theirs:.4}", photo.name));
            similar.push((ours, theirs));
        }
    }
    let row = |(side, similar): (usize, Vec<(f64, f64)>)| {
        let mean = |of: fn(&(f64, f64)) -> f64| similar.iter().map(of).sum::<f64>() / similar.len() as f64;
        let (ours, theirs) = (mean(|pair| pair.0), mean(|pair| pair.1));
        let worst = similar.iter().map(|(ours, theirs)| ours - theirs).fold(f64::INFINITY, f64::min);
        Row {
            target: "T2".into(),
            work: format!("quality at {side} px"),
            peer: SHARP.into(),
            unit: "SSIM".into(),
            ours,
            theirs: Some(theirs),
            ratio: Some((1.0 - theirs) / (1.0 - ours)),
            parts: BTreeMap::new(),
            goal: Goal::Judged {
                aim: format!("each >= {SHARP} - {MARGIN}, mean above"),
                met: worst >= -MARGIN && ours > theirs,
            },
            rounds: 1,
            note: format!("worst difference {worst:+.4}; the ratio is that of the distances to 1"),
        }
    };
    Ok(SIDES.into_iter().zip(similar).map(row).collect())
}

/// T3 and T4: processes that do one job and end.
fn fresh(
    options: &Options,
    random: &mut Random,
    contestants: &[Contestant],
    photos: &[Photo],
) -> Outcome<Vec<Row>> {
    let mut rows = Vec::new();
    for photo in photos {
        let mut turns: Vec<(&Contestant, Vec<First>)> =
            contestants.iter().map(|contestant| (contestant, Vec::new())).collect();
        for (contestant, _) in &turns {
            contestant.first(&photo.file)?;
        }
        let wall = Rounds::interleave(random, options.rounds, &mut turns, |(contestant, taken)| {
            let first = contestant.first(&photo.file)?;
            taken.push(first);
            Ok(first.wall_ms)
        })?;
        let of = |field: fn(&First) -> f64| {
            Rounds::of(turns.iter().map(|turn| turn.1.iter().map(field).collect()))
        };
        let row = |target: &str, work: String, unit: &str, rounds: &Rounds, goal: Goal| Row {
            target: target.into(),
            work,
            peer: format!("Node and {SHARP}"),
            unit: unit.into(),
            ours: rounds.median(0),
            theirs: Some(rounds.median(1)),
            ratio: Some(rounds.ratio(1, 0)),
            parts: BTreeMap::new(),
            goal,
            rounds: options.rounds,
            note: photo.name.clone(),
        };
        let size = photo.name.split(' ').next().unwrap_or_default();
        let peak = of(|first| first.peak_mb);
        rows.push(row("T3", format!("peak memory of one job, {size} MP"), "MB", &peak, Goal::AtMost(20.0)));
        if rows.len() == 1 {
            let cpu = of(|first| first.cpu_ms);
            let work = "start of the process to the first job done";
            rows.push(row("T4", work.into(), "ms", &wall, Goal::Ratio(6.0)));
            rows.push(row("T4", format!("{work}, CPU"), "ms CPU", &cpu, Goal::Ratio(6.0)));
        }
    }
    rows.sort_by(|a, b| a.target.cmp(&b.target));
    Ok(rows)
}
