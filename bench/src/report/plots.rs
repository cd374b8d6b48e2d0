//! The plots of the report, as SVG on a white ground.

use super::Results;
use crate::sections::growth::{Point, of};
use crate::sections::latency::{OpenRound, spread};
use crate::stats::thousands;
use crate::subject::Subject;
use anyhow::anyhow;
use plotters::coord::Shift;
use plotters::prelude::*;
use std::ops::Range;
use std::path::Path;

const WIDTH: u32 = 760;
const COLOURS: [RGBColor; 7] = [
    RGBColor(31, 119, 180),
    RGBColor(255, 127, 14),
    RGBColor(44, 160, 44),
    RGBColor(148, 103, 189),
    RGBColor(214, 39, 40),
    RGBColor(127, 127, 127),
    RGBColor(23, 130, 140),
];
const TEXT: (&str, u32) = ("sans-serif", 16);
const CAPTION: (&str, u32) = ("sans-serif", 21);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// A named line of points.
struct Line {
    name: String,
    points: Vec<(f64, f64)>,
}

/// An axis. The coordinates of a logarithmic one are the logarithms.
struct Axis {
    title: &'static str,
    range: Range<f64>,
    labels: usize,
    label: fn(f64) -> String,
}

/// Draws the plots of the sections that have run into `folder`.
///
/// # Errors
///
/// A file can't be written.
pub(super) fn draw(results: &Results, folder: &Path) -> anyhow::Result<()> {
    if let Some(http) = &results.http {
        let servers = &http.measurements.servers;
        let bars: Vec<_> = servers
            .iter()
            .map(|server| (server.subject.plain_name(), [server.hits.rate(), server.misses.rate()]))
            .collect();
        bar_plot(
            &folder.join("benchmarks-rates.svg"),
            "Requests per second",
            ["hits only", "10 % misses"],
            &bars,
        )?;
    }
    if let Some(latency) = &results.latency {
        let lines = latency.measurements.servers.iter().map(|server| {
            let percentiles: [fn(&OpenRound) -> f64; 3] =
                [|round| round.p50, |round| round.p99, |round| round.p999];
            let medians = percentiles.map(|percentile| spread(&server.own, percentile).median.log10());
            Line {
                name: server.subject.plain_name(),
                points: [0.0, 1.0, 2.0].into_iter().zip(medians).collect(),
            }
        });
        let lines: Vec<_> = lines.collect();
        let x = Axis { title: "percentile", range: -0.1..2.1, labels: 3, label: percentile };
        let y = logarithmic("milliseconds, at half of each server's largest rate", &lines, |point| point.1);
        line_plot(&folder.join("benchmarks-latency.svg"), "Latency of a hit at half load", &x, &y, &lines)?;
    }
    if let Some(growth) = &results.growth {
        let lines = [Subject::Memory, Subject::Redb].into_iter().map(|subject| {
            let cost = |point: &Point| point.rounds.spread(|round| round.cost).median;
            let points = of(&growth.measurements.accounts, subject);
            let points = points.map(|point| ((point.size as f64).log10(), cost(point))).collect();
            Line { name: subject.plain_name(), points }
        });
        let lines: Vec<_> = lines.collect();
        let x = logarithmic("accounts", &lines, |point| point.0);
        let y = from_zero("processor µs per request", &lines);
        line_plot(&folder.join("benchmarks-growth.svg"), "Cost of a hit", &x, &y, &lines)?;
    }
    if let Some(soak) = &results.soak {
        let samples = soak.measurements.memory.all().iter().enumerate();
        let points =
            samples.map(|(second, bytes)| (second as f64, *bytes as f64 / f64::from(1 << 20))).collect();
        let lines = [Line { name: "credwell serve, memory:".to_owned(), points }];
        let x =
            Axis { title: "seconds", range: 0.0..soak.measurements.seconds as f64, labels: 11, label: whole };
        let y = from_zero("resident MiB", &lines);
        line_plot(&folder.join("benchmarks-soak.svg"), "Memory during the soak", &x, &y, &lines)?;
    }
    Ok(())
}

fn percentile(position: f64) -> String {
    let names = [(0.0, "p50"), (1.0, "p99"), (2.0, "p99.9")];
    let found = names.iter().find(|(place, _)| (place - position).abs() < 0.01);
    found.map_or(String::new(), |(_, name)| (*name).to_owned())
}

fn whole(value: f64) -> String {
    thousands(value)
}

/// The label of a logarithm, at whole powers of ten only.
fn power_of_ten(logarithm: f64) -> String {
    if (logarithm - logarithm.round()).abs() > 0.01 {
        return String::new();
    }
    let value = 10_f64.powf(logarithm.round());
    if value >= 1.0 { thousands(value) } else { format!("{value}") }
}

/// A logarithmic axis from the power of ten below all points to the one above.
fn logarithmic(title: &'static str, lines: &[Line], coordinate: fn(&(f64, f64)) -> f64) -> Axis {
    let all = || lines.iter().flat_map(|line| &line.points).map(coordinate).filter(|it| it.is_finite());
    let (lowest, highest) =
        (all().fold(f64::INFINITY, f64::min).floor(), all().fold(f64::NEG_INFINITY, f64::max).ceil());
    let range = if lowest < highest { lowest..highest } else { 0.0..1.0 };
    Axis { title, labels: (range.end - range.start) as usize + 1, range, label: power_of_ten }
}

/// An axis from zero to above all points.
fn from_zero(title: &'static str, lines: &[Line]) -> Axis {
    let highest = lines.iter().flat_map(|line| &line.points).map(|point| point.1).fold(1.0, f64::max);
    Axis { title, range: 0.0..highest * 1.15, labels: 8, label: whole }
}

fn failed(error: impl std::error::Error) -> anyhow::Error {
    anyhow!("a plot can't be drawn: {error}")
}

fn area(path: &Path, height: u32) -> anyhow::Result<Area<'_>> {
    let area = SVGBackend::new(path, (WIDTH, height)).into_drawing_area();
    area.fill(&WHITE).map_err(failed)?;
    Ok(area)
}

/// Lines with points, and a legend.
fn line_plot(path: &Path, caption: &str, x: &Axis, y: &Axis, lines: &[Line]) -> anyhow::Result<()> {
    let area = area(path, 400)?;
    let mut chart = ChartBuilder::on(&area)
        .caption(caption, CAPTION)
        .margin(12)
        .margin_right(40)
        .x_label_area_size(44)
        .y_label_area_size(64)
        .build_cartesian_2d(x.range.clone(), y.range.clone())
        .map_err(failed)?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .x_labels(x.labels)
        .y_labels(y.labels)
        .x_label_formatter(&|value| (x.label)(*value))
        .y_label_formatter(&|value| (y.label)(*value))
        .x_desc(x.title)
        .y_desc(y.title)
        .label_style(TEXT)
        .axis_desc_style(TEXT)
        .draw()
        .map_err(failed)?;
    for (line, colour) in lines.iter().zip(COLOURS.iter().cycle()) {
        let style = ShapeStyle::from(colour).stroke_width(2);
        let drawn = chart.draw_series(LineSeries::new(line.points.iter().copied(), style)).map_err(failed)?;
        drawn.label(&line.name).legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
        if line.points.len() <= 20 {
            let dots = line.points.iter().map(|point| Circle::new(*point, 3, colour.filled()));
            chart.draw_series(dots).map_err(failed)?;
        }
    }
    let mut legend = chart.configure_series_labels();
    legend.position(SeriesLabelPosition::LowerRight).background_style(WHITE.mix(0.85));
    legend.border_style(BLACK.mix(0.3)).label_font(TEXT).draw().map_err(failed)?;
    area.present().map_err(failed)
}

/// Two horizontal bars for each name.
fn bar_plot(path: &Path, caption: &str, kinds: [&str; 2], bars: &[(String, [f64; 2])]) -> anyhow::Result<()> {
    let rows = bars.len();
    let area = area(path, 150 + 62 * u32::try_from(rows)?)?;
    let highest = bars.iter().flat_map(|(_, values)| values).copied().fold(1.0, f64::max);
    // The first row is at the top. Below the last one there is room for the legend.
    let (width, height) = (highest * 1.15, rows as f64 + 0.8);
    let mut builder = ChartBuilder::on(&area);
    builder.caption(caption, CAPTION).margin(12).x_label_area_size(30);
    let mut chart = builder.build_cartesian_2d(0.0..width, height..0.0).map_err(failed)?;
    let mut mesh = chart.configure_mesh();
    mesh.disable_y_mesh().disable_y_axis().light_line_style(TRANSPARENT).label_style(TEXT);
    mesh.x_labels(8).x_label_formatter(&|value| thousands(*value)).draw().map_err(failed)?;
    let name =
        |(row, (name, _)): (usize, &(String, _))| Text::new(name.clone(), (0.0, row as f64 + 0.08), TEXT);
    chart.draw_series(bars.iter().enumerate().map(name)).map_err(failed)?;
    for (index, kind) in kinds.into_iter().enumerate() {
        let style = COLOURS.get(index).unwrap_or(&BLACK).filled();
        let values = || {
            bars.iter()
                .enumerate()
                .map(|(row, (_, values))| (row as f64, values.get(index).copied().unwrap_or_default()))
        };
        let top = 0.33 + 0.3 * index as f64;
        let bar =
            |(row, value): (f64, f64)| Rectangle::new([(0.0, row + top), (value, row + top + 0.26)], style);
        let drawn = chart.draw_series(values().map(bar)).map_err(failed)?;
        drawn.label(kind).legend(move |(x, y)| Rectangle::new([(x, y - 5), (x + 14, y + 5)], style));
        let number = |(row, value): (f64, f64)| {
            Text::new(thousands(value), (value + highest * 0.005, row + top + 0.02), TEXT)
        };
        chart.draw_series(values().map(number)).map_err(failed)?;
    }
    let mut legend = chart.configure_series_labels();
    legend.position(SeriesLabelPosition::LowerRight).background_style(WHITE.mix(0.85));
    legend.border_style(BLACK.mix(0.3)).label_font(TEXT).draw().map_err(failed)?;
    area.present().map_err(failed)
}
