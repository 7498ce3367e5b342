//! The window of the resize, the same on every machine: a library's sine need not be.

use std::f64::consts::{FRAC_PI_2, PI};

use fast_image_resize::{Filter, FilterType};

/// How far the window reaches, in pixels of the smaller image.
const SUPPORT: f64 = 3.0;

/// Lanczos with three lobes.
pub(crate) fn filter() -> FilterType {
    // The support is one that a filter may have; if not, the library's own window serves as well.
    Filter::new("Lanczos3", window, SUPPORT).map_or(FilterType::Lanczos3, FilterType::Custom)
}

/// `sinc(x) * sinc(x / 3)` within the support, and 0 outside.
fn window(x: f64) -> f64 {
    let x = x.abs();
    if x >= SUPPORT {
        return 0.0;
    }
    if x < 1e-6 {
        return 1.0;
    }
    let third = x * PI / 3.0;
    let sine = sine(if third > FRAC_PI_2 { PI - third } else { third });
    // The sine of three times an angle follows from that of the angle.
    let whole = sine * (3.0 - 4.0 * sine * sine);
    3.0 * whole * sine / (PI * PI * x * x)
}

/// The sine of 0 to a quarter turn, by the terms of its series up to the 17th power: within 1e-13.
fn sine(angle: f64) -> f64 {
    let square = angle * angle;
    let mut factor = 1.0;
    for odd in [17.0, 15.0, 13.0, 11.0, 9.0, 7.0, 5.0, 3.0] {
        factor = 1.0 - factor * square / (odd * (odd - 1.0));
    }
    angle * factor
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_is_what_its_definition_says() {
        let sinc = |x: f64| if x == 0.0 { 1.0 } else { (PI * x).sin() / (PI * x) };
        for step in -4_000..=4_000 {
            let x = f64::from(step) / 1_000.0;
            let expected = if x.abs() < SUPPORT { sinc(x) * sinc(x / 3.0) } else { 0.0 };
            assert!((window(x) - expected).abs() < 1e-10, "{x}: {} for {expected}", window(x));
        }
        assert!(matches!(filter(), FilterType::Custom(_)));
    }
}
