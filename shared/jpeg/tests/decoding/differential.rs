//! Images at every scale, beside those of other decoders.
//!
//! Each floor is about 1.5 dB below the least that was measured over all cases of its table.

use std::collections::BTreeMap;

use jpeg_encoder::{ColorType, SamplingFactor};
use scaled_jpeg::{ColorModel, Error, Planes, Scale};

use crate::files::{Form, SAMPLINGS, SIZES, SOME_SAMPLINGS, alone, decode, segment, with_adobe};
use crate::peers::{Plane, cjpeg, djpeg, full_size, full_size_rgb, psnr, turbo};

/// The least that is allowed at 1/8, 1/4 and 1/2.
type Floors = [f64; 3];

/// The least that was measured, by what was compared and scale.
#[derive(Default)]
struct Measured(BTreeMap<(&'static str, u32), (f64, String)>);

impl Measured {
    fn add(&mut self, what: &'static str, scale: Scale, decibels: f64, case: impl FnOnce() -> String) {
        let least = self.0.entry((what, scale.denominator())).or_insert((100.0, String::new()));
        if decibels < least.0 {
            *least = (decibels, case());
        }
    }

    /// All that was measured is above its floor, and nothing else has one.
    fn check(&self, floors: &[(&'static str, Floors)]) {
        assert_eq!(self.0.len(), floors.len() * 3, "{:?}", self.0.keys());
        let lines: Vec<String> = self
            .0
            .iter()
            .map(|((what, scale), (decibels, case))| format!("{what} at 1/{scale}: {decibels:.1} dB: {case}"))
            .collect();
        for (what, of_scales) in floors {
            for (scale, floor) in Scale::ALL.iter().zip(of_scales) {
                let (decibels, case) = &self.0[&(*what, scale.denominator())];
                assert!(
                    decibels >= floor,
                    "{what} at {scale:?}: {decibels:.1} of {floor} dB: {case}\n{}",
                    lines.join("\n")
                );
            }
        }
    }
}

fn size(planes: &Planes) -> (usize, usize) {
    (planes.width as usize, planes.height as usize)
}

fn plane(planes: &Planes, index: usize) -> Plane {
    let (width, height) = size(planes);
    Plane { width, height, pixels: planes.data[index].clone() }
}

/// How many pixels a block of a component becomes, and how often each is repeated, where it has a `ratio`th of the
/// samples: it keeps more of its frequencies, as far as it has them.
fn block(ratio: (u8, u8), scale: Scale) -> ((usize, usize), (usize, usize)) {
    let side = |ratio: u8| {
        let wanted = 8 / scale.denominator() as usize * usize::from(ratio);
        (wanted.min(8), wanted / wanted.min(8))
    };
    let (across, down) = (side(ratio.0), side(ratio.1));
    ((across.0, down.0), (across.1, down.1))
}

/// How many samples the largest component has for each of a component, across and down.
fn ratios(file: &[u8]) -> Vec<(u8, u8)> {
    let frame = segment(file, 0xc0);
    let own: Vec<(u8, u8)> =
        file[frame.start + 10..frame.end].chunks_exact(3).map(|part| (part[1] >> 4, part[1] & 15)).collect();
    let most = own.iter().fold((1, 1), |most, own| (own.0.max(most.0), own.1.max(most.1)));
    own.into_iter().map(|own| (most.0 / own.0, most.1 / own.1)).collect()
}

#[test]
fn every_sampling_and_size_at_every_scale() {
    let mut measured = Measured::default();
    for (color, model) in [
        (ColorType::Luma, ColorModel::Gray),
        (ColorType::Rgb, ColorModel::YCbCr),
        (ColorType::Cmyk, ColorModel::Cmyk),
        (ColorType::CmykAsYcck, ColorModel::Ycck),
    ] {
        for sampling in SAMPLINGS {
            for (width, height) in SIZES {
                let form = Form::new(width, height).colored(color).sampled(sampling).separate();
                let file = form.encode();
                let ratios = ratios(&file);
                let full: Vec<Plane> = (0..ratios.len())
                    .map(|index| full_size(&alone(&file, index), ColorModel::Gray).remove(0))
                    .collect();
                for scale in Scale::ALL {
                    let case = || format!("{form:?}");
                    let planes = decode(&file, scale).unwrap();
                    let expected = (scale.of(width.into()) as usize, scale.of(height.into()) as usize);
                    assert_eq!((size(&planes), planes.model), (expected, model), "{form:?}");
                    for (index, (full, ratio)) in full.iter().zip(&ratios).enumerate() {
                        let (block, spread) = block(*ratio, scale);
                        let exact = full.reduced(block, spread);
                        let (width, height) = (exact.width.min(expected.0), exact.height.min(expected.1));
                        if width * height > 0 {
                            let exact = exact.cropped(width, height);
                            let found = plane(&planes, index).cropped(width, height);
                            measured.add("by definition", scale, psnr(&found.pixels, &exact.pixels), case);
                        }
                        if *ratio == (1, 1) {
                            let averaged = full.averaged(scale);
                            measured.add(
                                "averaged",
                                scale,
                                psnr(&planes.data[index], &averaged.pixels),
                                case,
                            );
                        }
                    }
                }
            }
        }
    }
    measured.check(&[
        // The same, but from pixels that were rounded once before.
        ("by definition", [49.5, 51.5, 51.5]),
        // Means also have what aliases of the higher frequencies, which the decoder leaves out. And of a block that the
        // edge of the image cuts, its last pixels also stand for what is behind the edge.
        ("averaged", [38.5, 37.0, 39.5]),
    ]);
}

#[test]
fn the_same_blocks_in_any_order_are_the_same_image() {
    for sampling in SAMPLINGS {
        for (width, height) in SIZES {
            let form = Form::new(width, height).sampled(sampling);
            let file = form.separate().encode();
            // 32 and more are a row of MCUs, of 8 to 32 pixels.
            let restarts = [0, 1, 7, 32];
            let others = restarts.into_iter().flat_map(|restart| {
                let form = form.restarted(restart);
                [form, form.progressive(true)]
            });
            let others: Vec<_> = others.map(|form| (form, form.encode())).collect();
            for scale in Scale::ALL {
                let planes = decode(&file, scale).unwrap();
                for (form, other) in &others {
                    assert!(decode(other, scale).unwrap() == planes, "{form:?} at {scale:?}");
                }
            }
        }
    }
}

#[test]
fn every_colour_model() {
    let mut measured = Measured::default();
    for (color, model) in [
        (ColorType::Luma, ColorModel::Gray),
        (ColorType::Rgb, ColorModel::YCbCr),
        (ColorType::Rgb, ColorModel::Rgb),
        (ColorType::Cmyk, ColorModel::Cmyk),
        (ColorType::CmykAsYcck, ColorModel::Ycck),
    ] {
        // zune-jpeg decodes ratios of 4 down wrongly where components have scans of their own, and of four components
        // only whole ones.
        for sampling in
            [SamplingFactor::F_1_1, SamplingFactor::F_2_1, SamplingFactor::F_1_2, SamplingFactor::F_2_2]
        {
            if matches!(model, ColorModel::Cmyk | ColorModel::Ycck) && sampling != SamplingFactor::F_1_1 {
                continue;
            }
            for is_progressive in [false, true] {
                let form = Form::new(120, 88).colored(color).sampled(sampling).progressive(is_progressive);
                let mut file = form.encode();
                if model == ColorModel::Rgb {
                    file = with_adobe(&file, 0);
                }
                let full = full_size(&file, model);
                let rgb =
                    if model == ColorModel::Gray { full[0].pixels.clone() } else { full_size_rgb(&file) };
                for scale in Scale::ALL {
                    let case = || format!("{model:?}, {form:?}");
                    let planes = decode(&file, scale).unwrap();
                    assert_eq!((planes.model, planes.data.len()), (model, full.len()), "{}", case());
                    for (plane, full) in planes.data.iter().zip(&full) {
                        measured.add("components", scale, psnr(plane, &full.averaged(scale).pixels), case);
                    }
                    let pixels = model.to_pixels(&planes.data);
                    let channels = model.channels();
                    for channel in 0..channels {
                        let of_channel =
                            |pixels: &[u8]| pixels.iter().skip(channel).step_by(channels).copied().collect();
                        let full = Plane { width: 120, height: 88, pixels: of_channel(&rgb) };
                        let found: Vec<u8> = of_channel(&pixels);
                        measured.add("colours", scale, psnr(&found, &full.averaged(scale).pixels), case);
                    }
                }
            }
        }
    }
    measured.check(&[("components", [41.5, 39.5, 37.0]), ("colours", [38.5, 36.5, 33.5])]);
}

/// `djpeg -scale`, which repeats chroma as the decoder does and does not smooth it.
fn compare_with_turbo(file: &[u8], measured: &mut Measured, case: &str, is_uneven: bool) -> Option<()> {
    for scale in Scale::ALL {
        let of = format!("1/{}", scale.denominator());
        let planes = decode(file, scale).unwrap_or_else(|error| panic!("{case}: {error}"));
        if planes.model != ColorModel::Rgb {
            let luma = djpeg(&["-dct", "float", "-scale", &of, "-grayscale"], file)?;
            assert_eq!((luma.0, luma.1), size(&planes), "{case}");
            measured.add("luma", scale, psnr(&planes.data[0], &luma.2), || case.to_owned());
        }
        if planes.model != ColorModel::Gray {
            let colors = djpeg(&["-dct", "float", "-nosmooth", "-scale", &of], file)?;
            let pixels = planes.model.to_pixels(&planes.data);
            let what = if is_uneven { "colours of uneven ratios" } else { "colours" };
            measured.add(what, scale, psnr(&pixels, &colors.2), || case.to_owned());
        }
    }
    Some(())
}

const TURBO_FLOORS: [(&str, Floors); 3] = [
    // At 1/8 both take the mean of a block. Else libjpeg-turbo takes some of the frequencies that alias.
    ("luma", [65.5, 49.0, 43.5]),
    // Where components have other ratios across than down, it makes chroma as small as luma and then larger again.
    ("colours", [38.0, 38.5, 38.5]),
    ("colours of uneven ratios", [21.5, 23.5, 27.0]),
];

#[test]
fn libjpeg_turbo_decodes_its_own_files_alike() {
    let mut measured = Measured::default();
    let compare = |measured: &mut Measured| {
        for sample in [
            "1x1",
            "2x1",
            "1x2",
            "2x2",
            "4x1",
            "1x4",
            "4x2",
            "2x4",
            "3x1",
            "1x3",
            "2x2,1x2,2x1",
            "2x2,2x1,2x1",
        ] {
            for more in [
                &[][..],
                &["-progressive"],
                &["-restart", "1B"],
                &["-restart", "1"],
                &["-progressive", "-restart", "7B"],
                &["-optimize"],
            ] {
                let arguments = [&["-quality", "90", "-sample", sample], more].concat();
                let file = cjpeg(&arguments, 123, 77)?;
                compare_with_turbo(
                    &file,
                    measured,
                    &format!("{arguments:?}"),
                    !matches!(sample, "1x1" | "2x2"),
                )?;
            }
        }
        for more in
            [&["-grayscale"][..], &["-grayscale", "-progressive"], &["-rgb"], &["-rgb", "-progressive"]]
        {
            let file = cjpeg(more, 99, 130)?;
            compare_with_turbo(&file, measured, &format!("{more:?}"), false)?;
        }
        Some(())
    };
    if compare(&mut measured).is_some() {
        measured.check(&TURBO_FLOORS);
    }
}

/// Scan scripts as `cjpeg` and `jpegtran` read them.
const SCRIPTS: [(&str, &str); 6] = [
    ("a baseline scan for each component", "0;\n1;\n2;\n"),
    ("two components together", "0;\n1,2;\n"),
    ("the last component first", "2;\n0,1;\n"),
    (
        "bands without refinement",
        "0,1,2: 0-0, 0, 0;\n0: 1-5, 0, 0;\n0: 6-63, 0, 0;\n1: 1-63, 0, 0;\n2: 1-63, 0, 0;\n",
    ),
    (
        "many refinements",
        "0,1,2: 0-0, 0, 3;\n0: 1-20, 0, 3;\n2: 1-63, 0, 2;\n1: 1-63, 0, 0;\n0,1,2: 0-0, 3, 2;\n0: 21-63, 0, 1;\n\
         0: 1-20, 3, 2;\n0,1,2: 0-0, 2, 1;\n0: 1-20, 2, 1;\n2: 1-63, 2, 1;\n0: 1-63, 1, 0;\n2: 1-63, 1, 0;\n0,1,2: 0-0, 1, 0;\n",
    ),
    (
        "averages of single components",
        "0: 0-0, 0, 1;\n1: 0-0, 0, 0;\n2: 0-0, 0, 1;\n0: 0-0, 1, 0;\n0: 1-63, 0, 0;\n2: 0-0, 1, 0;\n1: 1-63, 0, 0;\n2: 1-63, 0, 0;\n",
    ),
];

#[test]
fn libjpeg_turbo_decodes_every_order_of_scans_alike() {
    let mut measured = Measured::default();
    let compare = |measured: &mut Measured| {
        for (name, script) in SCRIPTS {
            let path = std::env::temp_dir().join(format!(
                "scaled-jpeg-{}-{}",
                std::process::id(),
                name.replace(' ', "-")
            ));
            std::fs::write(&path, script).unwrap();
            let path_text = path.to_str().unwrap();
            for sample in ["1x1", "2x2", "2x1", "4x1"] {
                for restart in ["0", "5B"] {
                    let arguments =
                        ["-quality", "85", "-sample", sample, "-restart", restart, "-scans", path_text];
                    let file = cjpeg(&arguments, 91, 62)?;
                    compare_with_turbo(
                        &file,
                        measured,
                        &format!("{name}, {sample}, {restart}"),
                        !matches!(sample, "1x1" | "2x2"),
                    )?;
                }
            }
            std::fs::remove_file(path).unwrap();
        }
        Some(())
    };
    if compare(&mut measured).is_some() {
        measured.check(&TURBO_FLOORS);
    }
}

#[test]
fn rewriting_without_loss_changes_nothing_but_unseen_bits() {
    for sampling in SOME_SAMPLINGS {
        let file = Form::new(130, 75).sampled(sampling).encode();
        for arguments in
            [&["-progressive"][..], &["-restart", "3B"], &["-optimize"], &["-progressive", "-restart", "1"]]
        {
            let Some(output) = turbo("jpegtran", arguments, &file) else { return };
            assert!(output.status.success());
            for scale in Scale::ALL {
                let (one, other) = (decode(&file, scale).unwrap(), decode(&output.stdout, scale).unwrap());
                let what = format!("{sampling:?}, {arguments:?}, {scale:?}");
                assert!(one.data[0] == other.data[0], "{what}");
                // At 1/8 the last bits of what only sharpens chroma are not waited for.
                if scale != Scale::Eighth || !arguments.contains(&"-progressive") {
                    assert!(one == other, "{what}");
                }
                for (one, other) in one.data.iter().zip(&other.data) {
                    let decibels = psnr(one, other);
                    assert!(decibels > 40.0, "{what}: {decibels:.1} dB");
                }
            }
        }
    }
}

#[test]
fn arithmetic_codes_are_unsupported() {
    for arguments in [&["-arithmetic"][..], &["-arithmetic", "-progressive"]] {
        let Some(file) = cjpeg(arguments, 40, 30) else { return };
        let found = decode(&file, Scale::Half);
        assert!(matches!(found, Err(Error::Unsupported(_))), "{arguments:?}: {found:?}");
    }
}
