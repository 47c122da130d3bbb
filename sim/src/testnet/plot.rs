//! Plots as data, and as SVG that needs nothing beside the page's own colours.

use maud::{Markup, html};

/// A picture of numbers.
#[derive(Clone, Debug)]
pub enum Plot {
    /// Something over something else.
    Lines(Lines),
    /// Something for each of several.
    Bars(Bars),
}

/// Something over something else. Both axes begin at 0.
#[derive(Clone, Debug)]
pub struct Lines {
    /// What it shows.
    pub title: String,
    /// What goes to the right.
    pub x: String,
    /// What goes up.
    pub y: String,
    /// The lines, lowest first.
    pub series: Vec<Series>,
    /// Parts of the x axis in which something was done, and moments, which are parts without a length.
    pub bands: Vec<Band>,
    /// Whether values stay until the next one, or go there in a straight line.
    pub steps: bool,
}

/// One line.
#[derive(Clone, Debug)]
pub struct Series {
    /// What it is.
    pub label: String,
    /// Its points, by ascending x.
    pub points: Vec<(f64, f64)>,
    /// Whether it is one of those to look at.
    pub stressed: bool,
}

/// A part of the x axis.
#[derive(Clone, Debug)]
pub struct Band {
    /// What was done then.
    pub label: String,
    /// From here.
    pub from: f64,
    /// To here.
    pub to: f64,
}

/// Something for each of several.
#[derive(Clone, Debug)]
pub struct Bars {
    /// What it shows.
    pub title: String,
    /// What the bars are.
    pub x: String,
    /// What goes up, from 0.
    pub y: String,
    /// Name and value of each.
    pub bars: Vec<(String, f64)>,
    /// What each should be, and its name.
    pub expected: Option<(String, f64)>,
}

/// Width and height of a picture; small, so that its letters stay large on a telephone.
const SIZE: (f64, f64) = (440.0, 230.0);
/// What the axes leave free: left, right, above, below.
const MARGIN: (f64, f64, f64, f64) = (46.0, 12.0, 14.0, 34.0);
/// Marks on an axis, about.
const MARKS: f64 = 5.0;
/// Points closer than this to the one before are not drawn.
const POINT_DISTANCE_MIN: f64 = 0.6;
/// Stressed lines with a colour of their own; further ones begin again.
const COLOURS: usize = 4;

impl Plot {
    /// The picture, with its title and what its colours mean.
    pub(super) fn render(&self) -> Markup {
        match self {
            Self::Lines(lines) => lines.render(),
            Self::Bars(bars) => bars.render(),
        }
    }
}

/// An axis from 0: its end, and the distance of its marks.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Axis {
    end: f64,
    step: f64,
}

impl Axis {
    /// One that has room for all values: its marks are 1, 2 or 5 times a power of ten apart. `tight` ends at the largest.
    fn new(values: impl Iterator<Item = f64>, tight: bool) -> Self {
        let most = values.filter(|value| value.is_finite()).fold(0.0, f64::max);
        let most = if most > 0.0 { most } else { 1.0 };
        let power = 10_f64.powf((most / MARKS).log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|times| times * power).into_iter().find(|step| most / step <= MARKS);
        let step = step.unwrap_or(power * 10.0);
        Self { end: if tight { most } else { (most / step).ceil() * step }, step }
    }

    fn marks(self) -> impl Iterator<Item = f64> {
        (0_u32..).map(move |index| f64::from(index) * self.step).take_while(move |mark| *mark <= self.end * 1.000_001)
    }
}

/// Where values are in a picture.
#[derive(Clone, Copy, Debug)]
struct Frame {
    x: Axis,
    y: Axis,
}

impl Frame {
    fn left(self, x: f64) -> f64 {
        MARGIN.0 + x / self.x.end * (SIZE.0 - MARGIN.0 - MARGIN.1)
    }

    fn top(self, y: f64) -> f64 {
        SIZE.1 - MARGIN.3 - y / self.y.end * (SIZE.1 - MARGIN.2 - MARGIN.3)
    }

    /// The marks of the y axis with lines to read them by, and the names of both axes.
    fn grid(self, x: &str, y: &str) -> Markup {
        html! {
            @for mark in self.y.marks() {
                line .grid x1=(number(MARGIN.0)) x2=(number(SIZE.0 - MARGIN.1)) y1=(number(self.top(mark))) y2=(number(self.top(mark))) {}
                text .mark x=(number(MARGIN.0 - 6.0)) y=(number(self.top(mark) + 4.0)) text-anchor="end" { (short(mark)) }
            }
            text .name x=(number(MARGIN.0)) y="9" { (y) }
            text .name x=(number(SIZE.0 - MARGIN.1)) y=(number(SIZE.1 - 3.0)) text-anchor="end" { (x) }
        }
    }
}

/// A coordinate.
fn number(value: f64) -> String {
    format!("{value:.1}")
}

/// A value on an axis.
fn short(value: f64) -> String {
    if value.abs() >= 10_000.0 { format!("{}k", trimmed(value / 1_000.0)) } else { trimmed(value) }
}

fn trimmed(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// What stands around a picture. `said` is the picture in a sentence, for those who do not see it.
fn figure(title: &str, said: &str, picture: &Markup, legend: &Markup) -> Markup {
    html! {
        figure {
            figcaption { (title) }
            svg viewBox=(format!("0 0 {} {}", SIZE.0, SIZE.1)) role="img" aria-label=(said) { (picture) }
            (legend)
        }
    }
}

impl Lines {
    fn render(&self) -> Markup {
        let points = || self.series.iter().flat_map(|series| &series.points);
        let frame = Frame {
            x: Axis::new(points().map(|point| point.0).chain(self.bands.iter().map(|band| band.to)), true),
            y: Axis::new(points().map(|point| point.1), false),
        };
        let stressed: Vec<&Series> = self.series.iter().filter(|series| series.stressed).collect();
        let colour = |series: &Series| {
            let index = stressed.iter().position(|other| other.label == series.label);
            // Where none is to be looked at, all are.
            let index = if stressed.is_empty() { Some(0) } else { index };
            index.map_or_else(|| "line other".to_owned(), |index| format!("line c{}", index % COLOURS))
        };
        let picture = html! {
            @for band in &self.bands {
                @let (from, to) = (frame.left(band.from), frame.left(band.to));
                @let (above, below) = (MARGIN.2, SIZE.1 - MARGIN.3);
                @if band.to > band.from {
                    rect .band x=(number(from)) y=(number(above)) width=(number(to - from)) height=(number(below - above)) {
                        title { (band.label) }
                    }
                } @else {
                    line .moment x1=(number(from)) x2=(number(from)) y1=(number(above)) y2=(number(below)) { title { (band.label) } }
                }
            }
            (frame.grid(&self.x, &self.y))
            @for mark in frame.x.marks() {
                text .mark x=(number(frame.left(mark))) y=(number(SIZE.1 - MARGIN.3 + 16.0)) text-anchor="middle" { (short(mark)) }
            }
            @for series in &self.series {
                path class=(colour(series)) d=(self.path(frame, &series.points)) { title { (series.label) } }
            }
            @for (index, band) in self.bands.iter().enumerate() {
                text .done x=(number(frame.left(band.from) + 4.0)) y=(number(MARGIN.2 + 12.0 + 15.0 * index as f64)) { (band.label) }
            }
        };
        let others = self.series.len() - stressed.len();
        let legend = html! {
            @if self.series.len() > 1 {
                p .legend {
                    @for series in &stressed { span { i class=(colour(series).replace("line", "swatch")) {} (series.label) } }
                    @if others > 0 { span {
                            @if stressed.is_empty() { i class="swatch c0" {} "every seat" } @else { i class="swatch other" {} "the others" }
                        } }
                }
            }
        };
        let said = format!("{}: {} over {}, {} lines", self.title, self.y, self.x, self.series.len());
        figure(&self.title, &said, &picture, &legend)
    }

    /// A line as SVG has it, without what nobody could see.
    fn path(&self, frame: Frame, points: &[(f64, f64)]) -> String {
        let mut path = String::new();
        let mut before: Option<(f64, f64)> = None;
        for (index, point) in points.iter().enumerate() {
            let (left, top) = (frame.left(point.0), frame.top(point.1));
            let Some((last_left, last_top)) = before else {
                path = format!("M{} {}", number(left), number(top));
                before = Some((left, top));
                continue;
            };
            let near = (left - last_left).abs() < POINT_DISTANCE_MIN && (top - last_top).abs() < POINT_DISTANCE_MIN;
            if near && index + 1 < points.len() {
                continue;
            }
            if self.steps {
                path += &format!("H{}V{}", number(left), number(top));
            } else {
                path += &format!("L{} {}", number(left), number(top));
            }
            before = Some((left, top));
        }
        path
    }
}

impl Bars {
    fn render(&self) -> Markup {
        let values = self.bars.iter().map(|(_, value)| *value).chain(self.expected.iter().map(|(_, value)| *value));
        let y = Axis::new(values, false);
        let frame = Frame { x: Axis { end: self.bars.len().max(1) as f64, step: 1.0 }, y };
        let picture = html! {
            (frame.grid(&self.x, &self.y))
            @for (index, (name, value)) in self.bars.iter().enumerate() {
                @let (from, to) = (frame.left(index as f64 + 0.15), frame.left(index as f64 + 0.85));
                rect .bar x=(number(from)) y=(number(frame.top(*value))) width=(number(to - from))
                    height=(number(frame.top(0.0) - frame.top(*value))) { title { (name) ": " (trimmed(*value)) } }
                text .mark x=(number(f64::midpoint(from, to))) y=(number(SIZE.1 - MARGIN.3 + 16.0)) text-anchor="middle" { (name) }
                // Above many narrow bars, values would run into each other.
                @if self.bars.len() <= VALUES_SHOWN_MAX {
                    text .value x=(number(f64::midpoint(from, to))) y=(number(frame.top(*value) - 4.0)) text-anchor="middle" { (value_of(*value)) }
                }
            }
            @if let Some((name, value)) = &self.expected {
                line .expected x1=(number(MARGIN.0)) x2=(number(SIZE.0 - MARGIN.1)) y1=(number(frame.top(*value))) y2=(number(frame.top(*value))) {
                    title { (name) ": " (trimmed(*value)) }
                }
            }
        };
        let legend = html! {
            @if let Some((name, value)) = &self.expected {
                p .legend { span { i class="swatch expected" {} (name) ", " (trimmed(*value)) } }
            }
        };
        let said: Vec<String> = self.bars.iter().map(|(name, value)| format!("{name}: {}", trimmed(*value))).collect();
        figure(&self.title, &format!("{} by {}. {}", self.title, self.x, said.join(", ")), &picture, &legend)
    }
}

/// Above so many bars their values are written.
const VALUES_SHOWN_MAX: usize = 10;

/// A value above a bar.
fn value_of(value: f64) -> String {
    if value >= 1_000.0 { short(value.round()) } else { format!("{value:.1}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_round_and_reach_the_largest_value() {
        let axis = |most: f64| Axis::new([most].into_iter(), false);
        assert_eq!(axis(47.0), Axis { end: 50.0, step: 10.0 });
        assert_eq!(axis(7.1), Axis { end: 8.0, step: 2.0 });
        assert_eq!(axis(0.0), Axis { end: 1.0, step: 0.2 });
        assert_eq!(axis(7.1).marks().collect::<Vec<_>>(), [0.0, 2.0, 4.0, 6.0, 8.0]);
        assert!(axis(f64::NAN).end > 0.0);
    }

    #[test]
    fn what_is_named_is_escaped() {
        let label = "<script>alert(1)</script> & \"x\"".to_owned();
        let series = vec![Series { label: label.clone(), points: vec![(0.0, 0.0), (1.0, 1.0)], stressed: true }];
        let bands = vec![Band { label: label.clone(), from: 0.0, to: 1.0 }];
        let lines = Lines { title: label.clone(), x: label.clone(), y: label.clone(), series, bands, steps: true };
        let bars =
            Bars { title: label.clone(), x: label.clone(), y: label.clone(), bars: vec![(label, 1.0)], expected: None };
        for plot in [Plot::Lines(lines), Plot::Bars(bars)] {
            let text = plot.render().into_string();
            assert!(!text.contains("<script") && text.contains("&lt;script&gt;") && !text.contains("\"x\""), "{text}");
        }
    }

    #[test]
    fn a_line_of_many_points_is_thinned_and_keeps_its_end() {
        let points: Vec<(f64, f64)> = (0..100_000).map(|index| (f64::from(index), f64::from(index))).collect();
        let lines = Lines {
            title: String::new(),
            x: String::new(),
            y: String::new(),
            series: Vec::new(),
            bands: Vec::new(),
            steps: false,
        };
        let axis = Axis { end: 99_999.0, step: 20_000.0 };
        let path = lines.path(Frame { x: axis, y: axis }, &points);
        assert!(path.len() < 20_000, "{}", path.len());
        assert!(path.ends_with(&format!("L{} {}", number(SIZE.0 - MARGIN.1), number(MARGIN.2))), "{path}");
    }
}
