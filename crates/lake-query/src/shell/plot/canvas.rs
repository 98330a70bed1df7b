//! Dots, eight to a character: the Braille patterns of Unicode.

/// Dots to a character.
pub(super) const ACROSS: usize = 2;
pub(super) const DOWN: usize = 4;

pub(super) struct Canvas {
    columns: usize,
    rows: usize,
    /// The pattern of each character, and the line that drew in it last.
    cells: Vec<(u8, usize)>,
}

impl Canvas {
    pub(super) fn new(columns: usize, rows: usize) -> Canvas {
        Canvas { columns, rows, cells: vec![(0, 0); columns * rows] }
    }

    /// Dots from left to right, and from top to bottom.
    pub(super) fn size(&self) -> (usize, usize) {
        (self.columns * ACROSS, self.rows * DOWN)
    }

    pub(super) fn dot(&mut self, (x, y): (usize, usize), line: usize) {
        const BITS: [[u8; ACROSS]; DOWN] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];
        let at = y / DOWN * self.columns + x / ACROSS;
        if x < self.columns * ACROSS
            && let Some(cell) = self.cells.get_mut(at)
        {
            *cell = (cell.0 | BITS[y % DOWN][x % ACROSS], line);
        }
    }

    /// All dots between two, by steps along the longer side.
    pub(super) fn stroke(&mut self, from: (usize, usize), to: (usize, usize), line: usize) {
        let steps = from.0.abs_diff(to.0).max(from.1.abs_diff(to.1)).max(1);
        let between = |from: usize, to: usize, step: usize| {
            let (from, to) = (from as f64, to as f64);
            (from + (to - from) * step as f64 / steps as f64).round() as usize
        };
        for step in 0..=steps {
            self.dot((between(from.0, to.0, step), between(from.1, to.1, step)), line);
        }
    }

    /// The characters of a row, with the line of each.
    pub(super) fn row(&self, row: usize) -> impl Iterator<Item = (char, usize)> {
        let cells = self.cells.iter().skip(row * self.columns).take(self.columns);
        cells.map(|(bits, line)| match bits {
            0 => (' ', *line),
            bits => (char::from_u32(0x2800 + u32::from(*bits)).unwrap_or(' '), *line),
        })
    }
}
