//! How a cost grows with what is stored, as a picture: both axes by powers of ten, a line for each question.

use std::fmt::Write;

/// What was asked, and for each number of rows the milliseconds of processor time that an answer took.
pub(super) struct Line {
    pub(super) name: &'static str,
    pub(super) points: Vec<(usize, f64)>,
}

const WIDE: f64 = 720.0;
const HIGH: f64 = 360.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 220.0;
const TOP: f64 = 30.0;
const BOTTOM: f64 = 50.0;
/// Told apart by those who see no red and green alike, too; on white and on black.
const COLOURS: [&str; 4] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7"];

/// From 10³ to 10⁶ rows, and as many powers of ten of milliseconds as the points need.
pub(super) fn svg(lines: &[Line]) -> String {
    let costs = || lines.iter().flat_map(|line| &line.points).map(|(_, ms)| ms.max(0.001));
    let low = costs().fold(f64::MAX, f64::min).log10().floor().min(-1.0);
    let high = costs().fold(f64::MIN, f64::max).log10().ceil().max(low + 1.0);
    let x = |rows: usize| LEFT + ((rows as f64).log10() - 3.0) / 3.0 * (WIDE - LEFT - RIGHT);
    let y = |ms: f64| HIGH - BOTTOM - (ms.max(0.001).log10() - low) / (high - low) * (HIGH - TOP - BOTTOM);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDE} {HIGH}\" font-family=\"sans-serif\" font-size=\"12\" fill=\"#777\">\n\
         <title>Processor time for a page of a list, by the number of tickets</title>\n"
    );
    // Writing to a String cannot fail.
    for power in low as i32..=high as i32 {
        let at = y(10f64.powi(power));
        let _ = writeln!(out, "<path d=\"M{LEFT} {at:.1}H{:.1}\" stroke=\"#8888\" stroke-width=\".5\"/>", WIDE - RIGHT);
        let _ = writeln!(out, "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{} ms</text>", LEFT - 8.0, at + 4.0, 10f64.powi(power));
    }
    for (power, name) in [(3, "10³"), (4, "10⁴"), (5, "10⁵"), (6, "10⁶")] {
        let at = x(10usize.pow(power));
        let _ = writeln!(out, "<text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{name} tickets</text>", HIGH - BOTTOM + 20.0);
    }
    for (n, line) in lines.iter().enumerate() {
        let colour = COLOURS[n % COLOURS.len()];
        let points: Vec<String> = line.points.iter().map(|(rows, ms)| format!("{:.1},{:.1}", x(*rows), y(*ms))).collect();
        let _ = writeln!(out, "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>", points.join(" "));
        for (rows, ms) in &line.points {
            let _ = writeln!(
                out,
                "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"{colour}\"><title>{ms:.3} ms</title></circle>",
                x(*rows),
                y(*ms)
            );
        }
        let at = TOP + 20.0 * n as f64;
        let _ = writeln!(out, "<text x=\"{}\" y=\"{at}\" fill=\"{colour}\">{}</text>", WIDE - RIGHT + 12.0, line.name);
    }
    out.push_str("</svg>\n");
    out
}

#[cfg(test)]
mod tests {
    use super::{Line, svg};

    #[test]
    fn a_cost_that_does_not_grow_is_a_level_line() {
        let flat = Line { name: "a page", points: [1_000, 10_000, 100_000, 1_000_000].map(|rows| (rows, 0.25)).into() };
        let picture = svg(&[flat]);
        let line = picture.lines().find(|line| line.starts_with("<polyline")).expect("a line");
        let points = line.split('"').nth(1).expect("points");
        let heights: Vec<&str> = points.split(' ').filter_map(|point| point.split(',').nth(1)).collect();
        assert!(heights.len() == 4 && heights.iter().all(|height| *height == heights[0]), "{points}");
        assert!(points.starts_with("70.0,") && picture.ends_with("</svg>\n"), "{points}");
    }
}
