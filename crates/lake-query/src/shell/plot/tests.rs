use super::canvas::Canvas;
use super::chart::{Chart, Line};
use super::scale::{Kind, Span, number, spell};
use super::*;

const DAY: f64 = 86_400e6;

fn request(columns: &[&str], by: Option<&str>, sql: Option<&str>) -> Request {
    Request {
        columns: columns.iter().map(|name| (*name).to_owned()).collect(),
        by: by.map(str::to_owned),
        sql: sql.map(str::to_owned),
    }
}

#[test]
fn what_is_asked_for() {
    let of = |text| Request::parse(text).unwrap();
    assert_eq!(of(""), Request::default());
    assert_eq!(of("SELECT 1"), request(&[], None, Some("SELECT 1")));
    assert_eq!(of("(FROM x)"), request(&[], None, Some("(FROM x)")));
    assert_eq!(of("close"), request(&["close"], None, None));
    assert_eq!(of("by ts"), request(&[], Some("ts"), None));
    assert_eq!(
        of("close,\"a \"\"b\" BY date\nfrom bars"),
        request(&["close", "a \"b"], Some("date"), Some("from bars"))
    );
    assert_eq!(of("\"from\" FROM x"), request(&["from"], None, Some("FROM x")));
    for (text, message) in [
        ("close open", "\"open\" is no query"),
        ("close BY date WHERE x", "\"WHERE x\" is no query"),
        ("\"close", "has no end"),
        ("close BY", "a column is wanted"),
        ("= 1", "a column is wanted"),
    ] {
        let failure = Request::parse(text).unwrap_err();
        assert!(failure.message.contains(message), "{text}: {failure:?}");
    }
}

#[test]
fn eight_dots_make_a_character() {
    let mut canvas = Canvas::new(2, 1);
    for (n, place) in
        [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3)].into_iter().enumerate()
    {
        canvas.dot(place, 0);
        let bits = (1u32 << (n + 1)) - 1;
        assert_eq!(canvas.row(0).next().unwrap().0 as u32, 0x2800 + bits);
    }
    // Beyond the edge is nothing.
    canvas.dot((4, 0), 0);
    canvas.dot((0, 4), 0);
    assert_eq!(canvas.row(0).nth(1), Some((' ', 0)));
    canvas.stroke((0, 0), (3, 3), 7);
    assert_eq!(canvas.row(0).nth(1), Some(('\u{2884}', 7)));
}

#[test]
fn numbers_along_an_axis() {
    let ticks = |low, high| Span { low, high }.ticks(4).0;
    assert_eq!(ticks(0.0, 10.0), [0.0, 5.0, 10.0]);
    assert_eq!(ticks(1131.4, 1477.9), [1200.0, 1300.0, 1400.0]);
    assert_eq!(
        ticks(-0.3, 0.1),
        [-0.3, -0.2, -0.1, 0.0, 0.1].map(|v: f64| (v * 10.0).round() * 0.1)
    );
    for (value, step, text) in [
        (0.0, 0.5, "0.0"),
        (-0.01, 0.5, "0.0"),
        (1300.0, 100.0, "1300"),
        (0.126, 0.02, "0.13"),
        (400_000.0, 200_000.0, "400000"),
        (40_000_000.0, 10_000_000.0, "40 M"),
        (1_500_000_000.0, 500_000_000.0, "1.5 G"),
        (1e300, 1e299, "1.000e300"),
        (1e-12, 1e-13, "1.000e-12"),
    ] {
        assert_eq!(number(value, step), text);
    }
}

#[test]
fn times_along_an_axis() {
    let noon = 20_777.5 * DAY;
    let of = |value: f64, kind, length: f64| {
        spell(value, kind, Span { low: value, high: value + length })
    };
    assert_eq!(of(noon, Kind::Time, 100.0 * DAY), "2026-11-20");
    assert_eq!(of(noon, Kind::Time, 2.0 * DAY), "2026-11-20 12:00");
    assert_eq!(of(noon, Kind::Time, 3_600e6), "2026-11-20 12:00");
    assert_eq!(of(noon, Kind::Time, 60e6), "12:00:00");
    assert_eq!(of(noon + 5.0, Kind::Time, 100.0), "12:00:00.000005");
    assert_eq!(of(34_200e6, Kind::Clock, 3_600e6), "09:30");
}

fn line(name: &str, points: &[(f64, f64)]) -> Line {
    Line { name: name.into(), points: points.to_vec() }
}

/// A chart as ASCII: what is drawn on is a #.
fn shown(chart: &Chart, width: usize, coloured: bool) -> String {
    let plain = |c: char| match c {
        '\u{2800}'..='\u{28ff}' => '#',
        '\u{2524}' => '+',
        '\u{2502}' => '|',
        '\u{2514}' => 'L',
        '\u{2500}' => '-',
        '\u{252c}' => '+',
        '\x1b' => '~',
        c => c,
    };
    chart.draw(width, coloured).chars().map(plain).collect()
}

#[test]
fn a_line_between_its_axes() {
    let points: Vec<(f64, f64)> = (0..=40_i32)
        .map(|n| (20_700.0 * DAY + f64::from(n) * DAY, f64::from((n - 20_i32).pow(2))))
        .collect();
    let chart = Chart {
        across: "date".into(),
        kind: Kind::Time,
        what: None,
        lines: vec![line("close", &points)],
    };
    let expected = "\
close by date
400 +#                                   #
    |##                                 ##
    | ##                               ##
    |  #                               #
300 +  ##                             ##
    |   #                             #
    |   ##                           ##
    |    ##                         ##
200 +     ##                       ##
    |      ##                     ##
    |       ##                   ##
100 +        ##                 ##
    |         ##               ##
    |          ###           ###
    |            ##         ##
  0 +              #########
    L+-----------------+-----------------+
     2026-09-04   2026-09-24    2026-10-14
";
    assert_eq!(shown(&chart, 43, false), expected, "{}", shown(&chart, 43, false));
}

#[test]
fn lines_that_cannot_be_told_apart_are_drawn_apart() {
    let close = line("close", &[(0.0, 10.0), (1.0, 12.0)]);
    let open = line("open", &[(0.0, 11.0), (1.0, 10.0)]);
    let volume = line("volume", &[(0.0, 4e7), (1.0, 2e7)]);
    let of = |lines: &[&Line]| Chart {
        across: "n".into(),
        kind: Kind::Number,
        what: None,
        lines: lines.iter().map(|line| (*line).clone()).collect(),
    };
    let together = of(&[&close, &open]);
    assert_eq!(shown(&together, 40, false).matches(" by n\n").count(), 2);
    let coloured = shown(&together, 40, true);
    assert!(coloured.starts_with("~[36mclose~[0m, ~[33mopen~[0m by n\n"), "{coloured}");
    assert!(coloured.contains("~[36m#") && coloured.contains("~[33m#"), "{coloured}");
    // One of them would be flat.
    let apart = shown(&of(&[&close, &volume]), 40, true);
    assert!(apart.contains("~[33mvolume~[0m by n\n40 M +"), "{apart}");
}

#[test]
fn any_points_make_a_chart() {
    let odd = [f64::NAN, f64::MAX, f64::MIN, 0.0, -1e-300, f64::INFINITY];
    for a in odd {
        for b in odd {
            for kind in [Kind::Number, Kind::Time, Kind::Clock] {
                let points = [(a, b), (b, a), (a, a), (1.0, b)];
                let chart = Chart {
                    across: "\x1b[2J".into(),
                    kind,
                    what: None,
                    lines: vec![line("\u{202e}", &points)],
                };
                for width in [0, 1, 80, 300] {
                    let text = chart.draw(width, false);
                    assert!(text.contains("\\u{1b}[2J") && !text.contains('\x1b'));
                }
            }
        }
    }
    let gap = line("x", &[(0.0, 1.0), (1.0, f64::NAN), (2.0, 1.0)]);
    let chart = Chart { across: "n".into(), kind: Kind::Number, what: None, lines: vec![gap] };
    assert_eq!(shown(&chart, 60, false).matches('#').count(), 2);
}
