//! The report, in Markdown.

use std::fmt::Write;

use crate::calls::Group;
use crate::load::Loads;
use crate::machine::Machine;
use crate::peer::{Candidate, Load};
use crate::raw::Run;
use crate::rounds::{Series, Summary, ratio};

/// What cannot be measured has one of these.
const NOTHING: &str = "–";

/// All of it.
pub fn markdown(run: &Run, candidates: &[&Candidate], rows: &[&Load]) -> String {
    let mut text = String::from("# hotshoe beside other ways to have plugins\n\n");
    text += &header(&run.machine);
    text += "\nCalls, interleaved on one thread, in several processes. The range is from the 10th to the 90th percentile \
             of the rounds;\nthe ratio is the median of those within a round to the first row. The shortest calls \
             are exact to a cycle, which is up to a fifth of them.\n";
    let _ = write!(text, "\n## All calls, median and ratio\n\n{}", overview(&run.calls));
    for group in &run.calls {
        let _ = write!(text, "\n## {}\n\n{}", group.title, calls(group));
    }
    let mut counts: Vec<usize> = run.loads.iter().map(|loads| loads.count).collect();
    counts.dedup();
    if !counts.is_empty() {
        text += "\nLoading, each time in a new process, files in the page cache. Resident memory is what came \
                 with the plugins;\nprivate is the part of it that no file backs. Both are medians.\n";
    }
    for count in counts {
        let group: Vec<_> = run.loads.iter().filter(|loads| loads.count == count).collect();
        let plugins = if count == 1 {
            "1 plugin".to_owned()
        } else {
            format!("{} plugins", thousands(count))
        };
        let _ = write!(text, "\n## Loading {plugins}\n\n{}", loads(&group));
        text += &beside(&group, rows);
    }
    let _ = write!(text, "\n## An HTTP server with five middlewares\n\n{}", run.server);
    text += "\n## How each is used\n\n";
    for candidate in candidates {
        let _ = writeln!(text, "- {}: {}", candidate.name, candidate.note);
    }
    text
}

fn header(machine: &Machine) -> String {
    let versions: Vec<_> =
        machine.versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
    format!(
        "- {}\n- {}, {} processors, {} GiB, {}\n- {}\n- {}\n",
        machine.date,
        machine.processor,
        machine.processors,
        machine.memory,
        machine.system,
        machine.rustc,
        versions.join(", "),
    )
}

/// A row for each peer, a column for each work.
fn overview(groups: &[Group]) -> String {
    let titles: Vec<_> =
        ["peer"].into_iter().chain(groups.iter().map(|group| group.short.as_str())).collect();
    let cell = |group: &Group, at: usize| {
        let own = group.series.get(at)?.nanos.as_slice();
        let baseline = group.series.first()?.nanos.as_slice();
        let (median, ratio) = Summary::of(own).zip(ratio(own, baseline))?;
        Some(format!("{}, {}", time(median.median), times(ratio.median)))
    };
    let peers = groups.first().map_or(&[][..], |group| &group.series);
    let row = |(at, series): (usize, &Series)| {
        let cells = groups.iter().map(|group| cell(group, at).unwrap_or_else(|| NOTHING.into()));
        [series.name.clone()].into_iter().chain(cells).collect()
    };
    table(&titles, peers.iter().enumerate().map(row).collect())
}

fn calls(group: &Group) -> String {
    let empty: &[f64] = &[];
    let baseline = group.series.first().map_or(empty, |series| &series.nanos);
    let row = |series: &Series| {
        let mut cells = vec![series.name.clone()];
        cells.extend(measured(&series.nanos, baseline));
        cells
    };
    table(&["peer", "median", "range", "ratio"], group.series.iter().map(row).collect())
}

/// Median, range and ratio.
fn measured(nanos: &[f64], baseline: &[f64]) -> [String; 3] {
    let Some(summary) = Summary::of(nanos) else { return [NOTHING; 3].map(str::to_owned) };
    let ratio = ratio(nanos, baseline);
    [
        time(summary.median),
        format!("{} – {}", time(summary.low), time(summary.high)),
        ratio.map_or_else(|| NOTHING.to_owned(), |ratio| times(ratio.median)),
    ]
}

fn loads(group: &[&Loads]) -> String {
    let baseline = group.first().map(|loads| loads.nanos()).unwrap_or_default();
    let median = |values: &[f64], show: fn(f64) -> String| {
        Summary::of(values).map_or_else(|| NOTHING.to_owned(), |summary| show(summary.median))
    };
    let row = |loads: &&Loads| {
        let mut cells = vec![loads.name.to_owned()];
        cells.extend(measured(&loads.nanos(), &baseline));
        cells.push(median(&loads.per_plugin(|sample| sample.nanos), time));
        cells.push(median(&loads.per_plugin(|sample| sample.memory.resident as f64), kibibytes));
        cells.push(median(&loads.per_plugin(|sample| sample.memory.private as f64), kibibytes));
        cells
    };
    let titles = [
        "plugins of",
        "median",
        "range",
        "ratio",
        "per plugin",
        "resident per plugin",
        "private per plugin",
    ];
    table(&titles, group.iter().map(row).collect())
}

/// Rows that have a fairer comparison than the first.
fn beside(group: &[&Loads], rows: &[&Load]) -> String {
    let find = |name| group.iter().find(|loads| loads.name == name);
    let mut text = String::new();
    for (row, other) in rows.iter().filter_map(|row| Some((row.name, row.beside?))) {
        let (Some(own), Some(other)) = (find(row), find(other)) else { continue };
        let private = |loads: &Loads| loads.per_plugin(|sample| sample.memory.private as f64);
        let ratios = ratio(&own.nanos(), &other.nanos()).zip(ratio(&private(own), &private(other)));
        if let Some((time, memory)) = ratios {
            let _ = writeln!(
                text,
                "\n{} against {}: {} the time ({} – {}), {} the private memory.",
                own.name,
                other.name,
                times(time.median),
                times(time.low),
                times(time.high),
                times(memory.median),
            );
        }
    }
    text
}

/// Rows of cells, the first column to the left and all others to the right, aligned in the source, too.
fn table(titles: &[&str], rows: Vec<Vec<String>>) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        let title = titles.get(column).map_or(0, |title| title.chars().count());
        cells.chain([title, 3]).max().unwrap_or(3)
    };
    let widths: Vec<usize> = (0..titles.len()).map(width).collect();
    let line = |cells: Vec<&str>| {
        let mut line = String::from("|");
        for (column, (cell, width)) in cells.iter().zip(&widths).enumerate() {
            let _ = match column {
                0 => write!(line, " {cell:<width$} |"),
                _ => write!(line, " {cell:>width$} |"),
            };
        }
        line + "\n"
    };
    let mut text = line(titles.to_vec());
    text.push('|');
    for (column, width) in widths.iter().enumerate() {
        let _ = match column {
            0 => write!(text, " {} |", "-".repeat(*width)),
            _ => write!(text, " {}: |", "-".repeat(width - 1)),
        };
    }
    text.push('\n');
    for row in &rows {
        text += &line(row.iter().map(String::as_str).collect());
    }
    text
}

/// Nanoseconds with three digits that count, in the unit that is closest.
pub fn time(nanos: f64) -> String {
    let units = [(1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1.0, "ns")];
    // What would be shown as 1000 of a unit is shown as 1 of the next.
    let (unit, name) =
        units.into_iter().find(|(unit, _)| nanos >= unit * 0.9995).unwrap_or((1.0, "ns"));
    format!("{} {name}", digits(nanos / unit))
}

fn kibibytes(kib: f64) -> String {
    if kib >= 10_240.0 {
        format!("{} MiB", digits(kib / 1024.0))
    } else {
        format!("{} KiB", digits(kib))
    }
}

fn times(ratio: f64) -> String {
    match ratio {
        _ if ratio >= 999.5 => format!("{}×", thousands(ratio.round() as usize)),
        _ if ratio >= 99.95 => format!("{ratio:.0}×"),
        _ if ratio >= 9.995 => format!("{ratio:.1}×"),
        _ => format!("{ratio:.2}×"),
    }
}

fn digits(value: f64) -> String {
    match value.abs() {
        size if size >= 99.95 => format!("{value:.0}"),
        size if size >= 9.995 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// With a comma before every three digits.
fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let parts: Vec<_> =
        digits.as_bytes().rchunks(3).rev().map(|part| String::from_utf8_lossy(part)).collect();
    parts.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_unit_that_suits_them() {
        for (nanos, text) in [
            (0.5, "0.50 ns"),
            (1.234, "1.23 ns"),
            (999.6, "1.00 µs"),
            (12_345.0, "12.3 µs"),
            (123_456_789.0, "123 ms"),
            (4.2e9, "4.20 s"),
        ] {
            assert_eq!(time(nanos), text);
        }
    }

    #[test]
    fn ratios_are_as_exact_as_they_are_small() {
        for (ratio, text) in
            [(1.0, "1.00×"), (9.996, "10.0×"), (123.4, "123×"), (12_345.6, "12,346×")]
        {
            assert_eq!(times(ratio), text);
        }
    }

    #[test]
    fn a_table_is_aligned() {
        let rows =
            [["`Box`", "1.00 ns"], ["mlua", NOTHING]].map(|row| row.map(str::to_owned).to_vec());
        let expected = "\
|       |  median |
| ----- | ------: |
| `Box` | 1.00 ns |
| mlua  |       – |
";
        assert_eq!(table(&["", "median"], rows.to_vec()), expected);
    }

    #[test]
    fn what_a_peer_cannot_do_is_a_dash_in_its_row() {
        let series =
            |name: &str, nanos: &[f64]| Series { name: name.to_owned(), nanos: nanos.to_vec() };
        let series =
            vec![series("first", &[2.0, 2.0]), series("second", &[4.0, 6.0]), series("third", &[])];
        let text = calls(&Group { title: "add".into(), short: "add".into(), series });
        assert_eq!(text.lines().nth(3), Some("| second | 6.00 ns | 4.00 ns – 6.00 ns | 3.00× |"));
        assert_eq!(text.lines().nth(4), Some("| third  |       – |                 – |     – |"));
    }
}
