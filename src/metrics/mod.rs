//! Figures that plugins report. Exporting them is somebody else's work.

use std::collections::BTreeMap;

use hotshoe_abi::metric_kind;
use parking_lot::Mutex;
use serde::Serialize;

use crate::contract::{Error, ErrorKind, Result};

/// A figure that a plugin reported to the host.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Figure {
    /// A sum that only grows.
    Counter(f64),
    /// The latest value.
    Gauge(f64),
    /// Samples: how many, their sum, the smallest and the largest.
    Samples {
        /// How many.
        count: u64,
        /// Their sum.
        sum: f64,
        /// The smallest.
        min: f64,
        /// The largest.
        max: f64,
    },
}

/// The figures of one instance.
#[derive(Debug, Default)]
pub(crate) struct Figures(Mutex<BTreeMap<String, Figure>>);

impl Figures {
    /// Takes a report in; at most `limit` names are kept.
    ///
    /// # Errors
    /// [`ErrorKind::ResourceLimit`] for one name too many, [`ErrorKind::InvalidInput`] for a value
    /// that is no number or a kind that does not fit the name's.
    pub(crate) fn report(&self, kind: u32, name: &str, value: f64, limit: u32) -> Result<()> {
        if !value.is_finite() {
            return Err(invalid(format!("the figure `{name}` was reported as {value}, no number")));
        }
        let mut figures = self.0.lock();
        if let Some(figure) = figures.get_mut(name) {
            return figure.add(kind, value).ok_or_else(|| {
                invalid(format!("the figure `{name}` was reported as another kind before"))
            });
        }
        if figures.len() >= limit as usize {
            return Err(Error::new(
                ErrorKind::ResourceLimit,
                format!("at most {limit} figures were expected, `{name}` is one more"),
            )
            .with_help("do not make the names of figures from input"));
        }
        let figure = match kind {
            metric_kind::COUNTER => Figure::Counter(value),
            metric_kind::GAUGE => Figure::Gauge(value),
            metric_kind::HISTOGRAM => {
                Figure::Samples { count: 1, sum: value, min: value, max: value }
            }
            other => return Err(invalid(format!("figures of kind {other} are not known here"))),
        };
        figures.insert(name.to_owned(), figure);
        Ok(())
    }

    /// All figures, by name.
    pub(crate) fn snapshot(&self) -> BTreeMap<String, Figure> {
        self.0.lock().clone()
    }
}

impl Figure {
    fn add(&mut self, kind: u32, value: f64) -> Option<()> {
        match (self, kind) {
            (Self::Counter(sum), metric_kind::COUNTER) => *sum += value,
            (Self::Gauge(last), metric_kind::GAUGE) => *last = value,
            (Self::Samples { count, sum, min, max }, metric_kind::HISTOGRAM) => {
                *count += 1;
                *sum += value;
                *min = min.min(value);
                *max = max.max(value);
            }
            _ => return None,
        }
        Some(())
    }
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidInput, message)
}
