//! How much of a log record crosses: levels as numbers, and how many fields.

use tracing::Level;
use tracing::level_filters::LevelFilter;

/// Fields of a record or span that cross. What `tracing` guarantees to take; more are dropped.
pub(crate) const MAX_FIELDS: usize = 32;

/// The number of a level: from 1 (error) to 5 (trace).
pub(crate) fn level_number(level: Level) -> u32 {
    match level {
        Level::ERROR => 1,
        Level::WARN => 2,
        Level::INFO => 3,
        Level::DEBUG => 4,
        Level::TRACE => 5,
    }
}

/// The filter behind a number: 0 is off, from 5 on it is everything.
pub(crate) fn level_filter(number: u32) -> LevelFilter {
    match number {
        0 => LevelFilter::OFF,
        1 => LevelFilter::ERROR,
        2 => LevelFilter::WARN,
        3 => LevelFilter::INFO,
        4 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    }
}
