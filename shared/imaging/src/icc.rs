//! Colours of a wide or old colour space, such as a phone's Display P3, to sRGB.

use moxcms::{ColorProfile, DataColorSpace, TransformOptions};

use crate::pixels::{Layout, Pixels};

/// `pixels` with three colour channels in sRGB. Without a profile they are sRGB already; a profile that is broken, or
/// is for another kind of pixels (the CMYK of a JPEG that was decoded to RGB), is ignored.
pub(crate) fn to_srgb(pixels: Pixels, profile: Option<&[u8]>) -> Pixels {
    let Some(profile) = profile.and_then(|profile| ColorProfile::new_from_slice(profile).ok()) else {
        return pixels.into_rgb();
    };
    let source = match profile.color_space {
        DataColorSpace::Rgb if is_srgb(&profile) => return pixels.into_rgb(),
        DataColorSpace::Rgb => pixels.into_rgb(),
        DataColorSpace::Gray if matches!(pixels.layout, Layout::Gray | Layout::GrayAlpha) => pixels,
        _ => return pixels.into_rgb(),
    };
    match convert(&source, &profile) {
        Some(converted) => converted,
        None => source.into_rgb(),
    }
}

fn convert(source: &Pixels, profile: &ColorProfile) -> Option<Pixels> {
    let (from, to, layout) = match source.layout {
        Layout::Gray => (moxcms::Layout::Gray, moxcms::Layout::Rgb, Layout::Rgb),
        Layout::GrayAlpha => (moxcms::Layout::GrayAlpha, moxcms::Layout::Rgba, Layout::Rgba),
        Layout::Rgb => (moxcms::Layout::Rgb, moxcms::Layout::Rgb, Layout::Rgb),
        Layout::Rgba => (moxcms::Layout::Rgba, moxcms::Layout::Rgba, Layout::Rgba),
    };
    // Fixed point gives the same bits on every machine.
    let options = TransformOptions { prefer_fixed_point: true, ..TransformOptions::default() };
    let transform = profile.create_transform_8bit(from, &ColorProfile::new_srgb(), to, options).ok()?;
    let mut data = vec![0; source.width as usize * source.height as usize * layout.channels()];
    transform.transform(&source.data, &mut data).ok()?;
    Some(Pixels { width: source.width, height: source.height, layout, data })
}

/// Whether a profile maps the corners and some middle colours of its space to the same sRGB values: then converting
/// would only add rounding errors.
fn is_srgb(profile: &ColorProfile) -> bool {
    const PROBES: [u8; 24] =
        [0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 255, 0, 0, 0, 255, 128, 128, 128, 200, 100, 50, 30, 60, 90];
    let probes = Pixels { width: 8, height: 1, layout: Layout::Rgb, data: PROBES.to_vec() };
    convert(&probes, profile)
        .is_some_and(|converted| converted.data.iter().zip(PROBES).all(|(to, from)| to.abs_diff(from) <= 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one_pixel(layout: Layout, data: &[u8]) -> Pixels {
        Pixels { width: 1, height: 1, layout, data: data.to_vec() }
    }

    #[test]
    fn display_p3_moves_towards_srgb_and_srgb_stays() {
        let p3 = ColorProfile::new_display_p3().encode().unwrap();
        let pixel = one_pixel(Layout::Rgb, &[200, 100, 50]);
        let converted = to_srgb(pixel.clone(), Some(&p3)).data;
        assert!(
            converted[0] > 205 && converted[2] < 50,
            "the same light needs stronger sRGB values: {converted:?}"
        );

        let srgb = ColorProfile::new_srgb().encode().unwrap();
        assert!(is_srgb(&ColorProfile::new_from_slice(&srgb).unwrap()));
        assert_eq!(to_srgb(pixel.clone(), Some(&srgb)), pixel);
    }

    #[test]
    fn gray_profiles_apply_to_gray_pixels_only() {
        let gray = ColorProfile::new_gray_with_gamma(1.0).encode().unwrap();
        let converted = to_srgb(one_pixel(Layout::Gray, &[55]), Some(&gray));
        assert_eq!(converted.layout, Layout::Rgb);
        assert!(converted.data[0] > 110, "linear 55 is much lighter in sRGB: {:?}", converted.data);
        let colours = one_pixel(Layout::Rgb, &[1, 2, 3]);
        assert_eq!(to_srgb(colours.clone(), Some(&gray)), colours);
    }

    #[test]
    fn broken_profiles_are_ignored() {
        let p3 = ColorProfile::new_display_p3().encode().unwrap();
        let pixel = one_pixel(Layout::Rgba, &[200, 100, 50, 128]);
        assert_eq!(to_srgb(pixel.clone(), Some(b"")), pixel);
        assert_eq!(to_srgb(pixel.clone(), Some(&[0xff; 300])), pixel);
        assert_eq!(to_srgb(pixel.clone(), Some(&p3[..150])), pixel);
    }
}
