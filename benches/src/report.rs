//! What is printed: tables in Markdown, which are also readable as they are.

/// Prints a table; columns but the first are aligned to the right.
pub fn table(head: &[&str], rows: &[Vec<String>]) {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([head[column].chars().count(), 3]).max().unwrap_or(3)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |cells: &[String]| {
        let cells: Vec<String> = cells
            .iter()
            .zip(&widths)
            .enumerate()
            .map(|(column, (cell, width))| match column {
                0 => format!("{cell:<width$}"),
                _ => format!("{cell:>width$}"),
            })
            .collect();
        format!("| {} |", cells.join(" | "))
    };
    println!("{}", line(&head.iter().map(|&cell| cell.to_owned()).collect::<Vec<_>>()));
    let rule = |(column, width): (usize, &usize)| match column {
        0 => "-".repeat(width + 2),
        _ => format!("{}:", "-".repeat(width + 1)),
    };
    println!("|{}|", widths.iter().enumerate().map(rule).collect::<Vec<_>>().join("|"));
    for row in rows {
        println!("{}", line(row));
    }
    println!();
}

/// What has to be reached, and what is aimed at.
#[derive(Clone, Copy, Debug)]
pub enum Limit {
    /// No more than this.
    AtMost {
        /// What has to be.
        must: f64,
        /// What should be.
        aim: f64,
    },
    /// No less than this.
    AtLeast {
        /// What has to be.
        must: f64,
        /// What should be.
        aim: f64,
    },
}

/// The targets of a section.
#[derive(Debug, Default)]
pub struct Targets {
    rows: Vec<Vec<String>>,
}

impl Targets {
    /// Adds what was measured of a target; `None` where it could not be.
    pub fn add(&mut self, name: &str, measured: impl Into<Option<f64>>, limit: Limit) {
        let measured = measured.into();
        let (sign, must, aim) = match limit {
            Limit::AtMost { must, aim } => ("≤", must, aim),
            Limit::AtLeast { must, aim } => ("≥", must, aim),
        };
        let reaches = |figure: f64, bound: f64| match limit {
            Limit::AtMost { .. } => figure <= bound,
            Limit::AtLeast { .. } => figure >= bound,
        };
        let verdict = match measured {
            None => "not measured",
            Some(figure) if reaches(figure, aim) => "aim met",
            Some(figure) if reaches(figure, must) => "met",
            Some(_) => "**not met**",
        };
        self.rows.push(vec![
            name.to_owned(),
            measured.map_or_else(|| "–".to_owned(), figure),
            format!("{sign} {must}"),
            format!("{sign} {aim}"),
            verdict.to_owned(),
        ]);
    }

    /// Prints them.
    pub fn print(&self) {
        table(&["target", "measured", "must", "aim", "verdict"], &self.rows);
    }
}

/// A figure with three digits that count.
pub fn figure(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// Says on the terminal, not in the results, what is going on.
pub fn progress(what: &str) {
    eprintln!("bench: {what}");
}
