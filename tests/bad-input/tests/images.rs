//! I01 to I44, G43 to G45 and G48: each file by both ways through the real functions, under their limits of memory and
//! time.

use bad_input_tests::table::images::{CASES, Check, Files, Upload, Way};
use bad_input_tests::{Case, generate};
use storage_core::key::VariantSize;
use storage_core::record::FileRecord;
use storage_testkit::images::inspect::{contains, dimensions, excess};

use crate::skip;
use crate::uploads::{Bench, MB, Seen};

/// Tries every case of one way.
async fn run(way: Way) {
    let mut bench = Bench::start().await;
    let mut wrong = Vec::new();
    for case in CASES.iter().filter(|case| matches!(case.input.way, Way::Both) || case.input.way == way) {
        let files = match case.input.files {
            Files::Made(make) => vec![(String::new(), make())],
            Files::Found(find) => find(),
        };
        if files.is_empty() {
            skip(case.id, "its files are not here");
        }
        if case.input.megabytes < 256 {
            assert!(!bench.has_panicked(), "a codec panicked before {}", case.id);
            // What an earlier file left behind would hide what this one takes.
            bench.restart();
        }
        for (name, bytes) in files {
            wrong.extend(try_one(&mut bench, way, case, &name, &bytes).await.err());
        }
    }
    assert!(wrong.is_empty(), "{way:?}: {wrong:#?}");
    assert!(!bench.has_panicked(), "a codec panicked");
}

async fn try_one(
    bench: &mut Bench,
    way: Way,
    case: &Case<Upload>,
    name: &str,
    bytes: &[u8],
) -> Result<(), String> {
    let Case { id, input, expect, .. } = case;
    let what = format!("{id} {name}");
    let seen = match bench.upload(way, input, bytes).await {
        Ok(seen) => seen,
        Err(ended) => {
            let panicked = bench.has_panicked();
            bench.restart();
            return Err(format!("{what}: {ended:?}, panicked: {panicked}"));
        }
    };
    let found = (seen.status, seen.code.as_deref(), seen.state());
    if found != (expect.status, expect.code, expect.state) {
        return Err(format!("{what}: {found:?}"));
    }
    if seen.memory >= input.megabytes * MB {
        return Err(format!("{what}: {} bytes of memory", seen.memory));
    }
    let Seen { record: Some(record), .. } = seen else { return Ok(()) };
    if let Some(code) = expect.code {
        assert_eq!(record.error_code.map(|kind| kind.code()), Some(code), "{what}");
    } else {
        accepted(bench, &record, &what).await;
        check(bench, &record, input.check, &what).await;
    }
    Ok(())
}

/// What holds of everything that is accepted: G44 and G48.
async fn accepted(bench: &Bench, record: &FileRecord, what: &str) {
    let stored = bench.stored(record).await;
    for (key, _, bytes) in &stored {
        assert!(!bytes.is_empty() && !contains(bytes, generate::CANARY), "{what}: {key}");
    }
    if record.purpose.entity_kind().is_none() {
        return;
    }
    let short = record.width.unwrap().min(record.height.unwrap());
    for (size, most) in [(VariantSize::Small, 32), (VariantSize::Medium, 150), (VariantSize::Large, 300)] {
        for variant in [&record.variants[&size], &record.webp[&size]] {
            let what = format!("{what}: {size:?} as {}", variant.content_type);
            let (.., bytes) = stored.iter().find(|(key, ..)| *key == variant.key).unwrap();
            let side = short.min(most);
            assert_eq!(dimensions(bytes), (side, side), "{what}");
            assert_eq!((variant.width, variant.height), (side, side), "{what}");
            assert_eq!(excess(bytes), None, "{what}");
        }
    }
}

async fn check(bench: &Bench, record: &FileRecord, check: Check, what: &str) {
    match check {
        Check::None => {}
        Check::Upright => assert_eq!((record.width, record.height), (Some(160), Some(120)), "{what}"),
        Check::Turned => assert_eq!((record.width, record.height), (Some(120), Some(160)), "{what}"),
        Check::Shows(colour) => {
            let average = record.placeholder.clone().unwrap().average_color;
            let shown = u32::from_str_radix(average.trim_start_matches('#'), 16).unwrap().to_be_bytes();
            let differs = shown[1..].iter().zip(colour).any(|(shown, wanted)| shown.abs_diff(wanted) > 12);
            assert!(!differs, "{what}: {average}");
        }
        Check::Without(bytes) => {
            for (key, _, stored) in bench.stored(record).await {
                assert!(!contains(&stored, bytes), "{what}: {key}");
            }
        }
        Check::Served(extension, content_type, disposition) => {
            let stored = bench.stored(record).await;
            let (key, meta, _) =
                stored.iter().find(|(key, ..)| Some(key) == record.final_key.as_ref()).unwrap();
            assert!(key.as_str().ends_with(extension), "{what}: {key}");
            assert_eq!(meta.content_type.as_deref(), Some(content_type), "{what}");
            let told = meta.content_disposition.as_deref().unwrap_or_default();
            assert!(told.starts_with(disposition), "{what}: {told}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i01_to_i44_in_the_request() {
    run(Way::Direct).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i01_to_i44_by_a_presigned_form() {
    run(Way::Presigned).await;
}
