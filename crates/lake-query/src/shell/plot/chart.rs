//! A chart as text: lines of Braille dots between two axes.

use lake_cli::render::escaped;

use super::canvas::Canvas;
use super::scale::{Kind, Span, number, spell};

/// Lines over one axis.
#[derive(Clone, Debug)]
pub(crate) struct Chart {
    /// What runs from left to right.
    pub(super) across: String,
    pub(super) kind: Kind,
    /// What all lines are of, where their names do not say it.
    pub(super) what: Option<String>,
    pub(super) lines: Vec<Line>,
}

/// Points in order; one whose second value is no number is a gap.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) name: String,
    pub(super) points: Vec<(f64, f64)>,
}

const TALL: usize = 16;
const SHORT: usize = 7;
/// Rows to a label.
const SPREAD: usize = 4;
const NARROWEST: usize = 20;
/// Lines of which one would be flat beside the others are drawn apart.
const FLAT: f64 = 20.0;
const COLOURS: [&str; 8] = ["36", "33", "35", "32", "34", "31", "96", "93"];
const RESET: &str = "\x1b[0m";

impl Chart {
    /// Together in colours, where they can be told apart, else one below the other.
    pub(crate) fn draw(&self, width: usize, coloured: bool) -> String {
        let all: Vec<(usize, &Line)> = self.lines.iter().enumerate().collect();
        if all.len() == 1 || (coloured && self.fits_together()) {
            return self.panel(&all, TALL, width, coloured);
        }
        all.chunks(1).map(|one| self.panel(one, SHORT, width, coloured)).collect()
    }

    fn fits_together(&self) -> bool {
        let spans: Vec<Span> = self.lines.iter().filter_map(Line::height).collect();
        let Some(all) = spans.iter().copied().reduce(Span::join) else { return true };
        let flat = |span: &Span| span.length() > 0.0 && span.length() * FLAT < all.length();
        !spans.iter().any(flat)
    }

    fn panel(&self, lines: &[(usize, &Line)], rows: usize, width: usize, coloured: bool) -> String {
        let mut text = self.title(lines, coloured);
        let xs = self.lines.iter().flat_map(|line| line.points.iter().map(|p| p.0));
        let ys = lines.iter().filter_map(|(_, line)| line.height()).reduce(Span::join);
        let (Some(across), Some(up)) = (Span::of(xs), ys) else {
            text.push_str("  no numbers\n");
            return text;
        };
        let (across, up) = (across.with_room(), up.with_room());
        let (ticks, step) = up.ticks(rows / SPREAD + 1);
        let labels: Vec<(usize, String)> =
            ticks.iter().map(|v| (row_of(up.share(*v), rows), number(*v, step))).collect();
        let margin = labels.iter().map(|(_, label)| label.chars().count()).max().unwrap_or(0);
        let columns = width.max(NARROWEST + margin + 3) - margin - 3;
        let mut canvas = Canvas::new(columns, rows);
        for (number, line) in lines {
            line.trace(&mut canvas, across, up, *number);
        }
        for row in 0..rows {
            let label = labels.iter().find(|(at, _)| *at == row).map(|(_, label)| label.as_str());
            let edge = if label.is_some() { '\u{2524}' } else { '\u{2502}' };
            text.push_str(&format!("{:>margin$} {edge}", label.unwrap_or_default()));
            push_row(&mut text, canvas.row(row), coloured);
        }
        self.push_floor(&mut text, across, columns, margin);
        text
    }

    /// The names of what is drawn: `close, open by date`, `close of 600519 by date`.
    fn title(&self, lines: &[(usize, &Line)], coloured: bool) -> String {
        let name = |(number, line): &(usize, &Line)| {
            let name = escaped(&line.name);
            match coloured && self.lines.len() > 1 {
                true => format!("\x1b[{}m{name}{RESET}", COLOURS[number % COLOURS.len()]),
                false => name,
            }
        };
        let names: Vec<String> = lines.iter().map(name).collect();
        let what = self.what.as_ref().map_or_else(String::new, |w| escaped(w) + " of ");
        format!("{what}{} by {}\n", names.join(", "), escaped(&self.across))
    }

    /// The axis below, and values along it.
    fn push_floor(&self, text: &mut String, across: Span, columns: usize, margin: usize) {
        let longest = [0.0, 0.5, 1.0].map(|s| spell(across.at(s), self.kind, across).len());
        let room = longest.into_iter().max().unwrap_or(0) * 3 / 2 + 2;
        let parts = (columns / room).clamp(1, 6);
        let mut floor: Vec<char> = vec!['\u{2500}'; columns];
        let mut labels = String::new();
        for part in 0..=parts {
            let share = part as f64 / parts as f64;
            let at = (share * (columns - 1) as f64).round() as usize;
            floor[at] = '\u{252c}';
            let label = spell(across.at(share), self.kind, across);
            let before = match part {
                0 => 0,
                last if last == parts => label.len() - 1,
                _ => label.len() / 2,
            };
            let start = at.saturating_sub(before);
            if part > 0 && start <= labels.len() {
                continue;
            }
            labels.push_str(&" ".repeat(start - labels.len()));
            labels.push_str(&label);
        }
        let blank = " ".repeat(margin + 1);
        text.push_str(&format!("{blank}\u{2514}{}\n", floor.into_iter().collect::<String>()));
        text.push_str(&format!("{blank} {labels}\n"));
    }
}

impl Line {
    fn height(&self) -> Option<Span> {
        Span::of(self.points.iter().map(|p| p.1))
    }

    fn trace(&self, canvas: &mut Canvas, across: Span, up: Span, number: usize) {
        let (wide, high) = canvas.size();
        let place = |share: f64, dots: usize| (share * (dots - 1) as f64).round() as usize;
        let mut last = None;
        for (x, y) in &self.points {
            if !y.is_finite() {
                last = None;
                continue;
            }
            let to = (place(across.share(*x), wide), place(1.0 - up.share(*y), high));
            canvas.stroke(last.unwrap_or(to), to, number);
            last = Some(to);
        }
    }
}

/// The row of characters of a value, from above.
fn row_of(share: f64, rows: usize) -> usize {
    let dots = rows * super::canvas::DOWN;
    ((1.0 - share) * (dots - 1) as f64).round() as usize / super::canvas::DOWN
}

fn push_row(text: &mut String, row: impl Iterator<Item = (char, usize)>, coloured: bool) {
    let (start, mut present) = (text.len(), None);
    for (c, line) in row {
        let wanted = Some(line).filter(|_| coloured && c != ' ');
        if wanted.is_some() && wanted != present {
            text.push_str(&format!("\x1b[{}m", COLOURS[line % COLOURS.len()]));
        } else if wanted.is_none() && present.is_some() {
            text.push_str(RESET);
        }
        present = wanted;
        text.push(c);
    }
    let end = start + text[start..].trim_end_matches(' ').len();
    text.truncate(end);
    if present.is_some() {
        text.push_str(RESET);
    }
    text.push('\n');
}
