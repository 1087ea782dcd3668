//! The plot: what a call costs, a bar for each peer and work, on a logarithmic scale.

use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::backend::SVGBackend;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea};
use plotters::element::{PathElement, Rectangle, Text};
use plotters::prelude::DrawingBackend;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontStyle, IntoFont, RGBColor, TextStyle};

use crate::calls::Group;
use crate::report::time;
use crate::rounds::Summary;

// There is no background: these are legible on white and on black.
const INK: RGBColor = RGBColor(125, 133, 144);
const BARS: [RGBColor; 2] = [RGBColor(47, 129, 247), RGBColor(219, 109, 40)];

const WIDTH: i32 = 900;
const TOP: i32 = 66;
const ROW: i32 = 40;
const BAR: i32 = 14;
const NAMES: i32 = 260;
const VALUES: i32 = 80;
const BELOW: i32 = 30;

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

/// A peer's name and its medians, by group.
type Row = (String, Vec<Option<f64>>);

/// Draws the first groups: as many as there are colours.
pub fn draw(groups: &[&Group], file: &Path) -> Result<()> {
    let rows = rows(groups);
    let height = TOP + ROW * rows.len() as i32 + BELOW;
    let area = SVGBackend::new(file, (WIDTH as u32, height as u32)).into_drawing_area();
    let scale = Scale::of(rows.iter().flat_map(|(_, medians)| medians).flatten().copied());
    let drawn = legend(&area, groups)
        .and_then(|()| axis(&area, &scale, height - BELOW))
        .and_then(|()| bars(&area, &scale, &rows))
        .and_then(|()| area.present());
    drawn.map_err(|error| anyhow!("the plot could not be drawn: {error}"))
}

/// The fastest above.
fn rows(groups: &[&Group]) -> Vec<Row> {
    let Some(first) = groups.first() else { return Vec::new() };
    let median = |group: &Group, name: &str| {
        let series = group.series.iter().find(|series| series.name == name)?;
        Summary::of(&series.nanos).map(|summary| summary.median)
    };
    let row = |name: &str| {
        let medians = groups.iter().take(BARS.len()).map(|group| median(group, name)).collect();
        (name.replace('`', ""), medians)
    };
    let mut rows: Vec<Row> = first.series.iter().map(|series| row(&series.name)).collect();
    let key = |row: &Row| row.1.first().copied().flatten().unwrap_or(f64::INFINITY);
    rows.sort_by(|one, other| key(one).total_cmp(&key(other)));
    rows
}

/// From powers of ten to pixels.
struct Scale {
    low: i32,
    high: i32,
}

impl Scale {
    fn of(nanos: impl Iterator<Item = f64> + Clone) -> Self {
        let least = nanos.clone().fold(f64::INFINITY, f64::min);
        let most = nanos.fold(1.0, f64::max);
        let low = if least.is_finite() { least.log10().floor() as i32 } else { 0 };
        Self { low, high: (most.log10().ceil() as i32).max(low + 1) }
    }

    fn x(&self, nanos: f64) -> i32 {
        let part = (nanos.log10() - f64::from(self.low)) / f64::from(self.high - self.low);
        NAMES + (part * f64::from(WIDTH - NAMES - VALUES)).round() as i32
    }
}

type Drawn<'a> = Result<(), DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>>;

fn legend<'a>(area: &Area<'a>, groups: &[&Group]) -> Drawn<'a> {
    let title = text(18, HPos::Left, FontStyle::Bold);
    area.draw(&Text::new("Time of one call (logarithmic, less is better)", (8, 14), title))?;
    let mut x = NAMES;
    for (group, colour) in groups.iter().zip(BARS) {
        area.draw(&Rectangle::new([(x, 30), (x + BAR, 30 + BAR)], colour.filled()))?;
        let label = text(16, HPos::Left, FontStyle::Normal);
        area.draw(&Text::new(group.short.to_owned(), (x + BAR + 6, 37), label))?;
        x += BAR + 40 + 8 * group.short.len() as i32;
    }
    Ok(())
}

fn axis<'a>(area: &Area<'a>, scale: &Scale, bottom: i32) -> Drawn<'a> {
    for power in scale.low..=scale.high {
        let nanos = 10f64.powi(power);
        let x = scale.x(nanos);
        area.draw(&PathElement::new([(x, TOP - 6), (x, bottom)], INK.mix(0.35)))?;
        let label = power_of_ten(nanos);
        area.draw(&Text::new(label, (x, bottom + 12), text(15, HPos::Center, FontStyle::Normal)))?;
    }
    Ok(())
}

fn power_of_ten(nanos: f64) -> String {
    let text = time(nanos);
    text.replace(".00", "").replace(".0", "")
}

fn bars<'a>(area: &Area<'a>, scale: &Scale, rows: &[Row]) -> Drawn<'a> {
    for (at, (name, medians)) in rows.iter().enumerate() {
        let top = TOP + ROW * at as i32;
        let style = if name.contains("hotshoe") { FontStyle::Bold } else { FontStyle::Normal };
        let middle = (NAMES - 10, top + BAR + 1);
        area.draw(&Text::new(name.clone(), middle, text(17, HPos::Right, style)))?;
        for (bar, (median, colour)) in medians.iter().zip(BARS).enumerate() {
            let Some(median) = *median else { continue };
            let y = top + (BAR + 2) * bar as i32;
            let end = scale.x(median).max(NAMES + 2);
            area.draw(&Rectangle::new([(NAMES, y), (end, y + BAR)], colour.filled()))?;
            let label = text(15, HPos::Left, style);
            area.draw(&Text::new(time(median), (end + 5, y + BAR / 2), label))?;
        }
    }
    Ok(())
}

fn text(size: i32, side: HPos, style: FontStyle) -> TextStyle<'static> {
    let font = ("sans-serif", size).into_font().style(style);
    TextStyle::from(font).color(&INK).pos(Pos::new(side, VPos::Center))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rounds::Series;

    #[test]
    fn ten_times_the_time_is_as_far_everywhere() {
        let scale = Scale::of([1.5, 90_000.0].into_iter());
        assert_eq!((scale.low, scale.high), (0, 5));
        assert_eq!(scale.x(10.0) - scale.x(1.0), scale.x(10_000.0) - scale.x(1000.0));
    }

    #[test]
    fn the_fastest_peer_is_above_and_one_without_figures_below() {
        let series =
            |name: &str, nanos: &[f64]| Series { name: name.to_owned(), nanos: nanos.to_vec() };
        let series = vec![series("none", &[]), series("slow", &[9.0]), series("`fast`", &[1.0])];
        let group = Group { title: "add".into(), short: "add".into(), series };
        let names: Vec<_> = rows(&[&group]).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["fast", "slow", "none"]);
    }
}
