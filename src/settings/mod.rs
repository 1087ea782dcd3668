//! Value types for settings: what people write as text, typed.
//!
//! [`Interval`] (`"30s"`), [`Quota`] (`"100/min"`) and [`Secret`] (a text that shows itself to
//! nobody) are used by the host's own configuration and by plugin authors in their `Config`
//! structs alike. Hence they depend on `serde` and `humantime` only, and on nothing of the host.
//!
//! They do not know where their text came from: positions in a file, key paths and references to
//! the environment are the business of the host's configuration module.
//!
//! ```
//! # use serde::Deserialize;
//! # use hotshoe::settings::{Interval, Quota, Secret};
//! #[derive(Deserialize)]
//! struct Config {
//!     update_interval: Interval,
//!     limit: Quota,
//!     password: Secret,
//! }
//!
//! let config: Config = serde_json::from_str(
//!     r#"{ "update_interval": "1h 30m", "limit": "100/min", "password": "hunter2" }"#,
//! )?;
//! assert_eq!(config.update_interval.as_secs(), 5_400);
//! assert_eq!(config.limit.count().get(), 100);
//! assert_eq!(format!("{:?}", config.password), "[redacted]");
//! # Ok::<(), serde_json::Error>(())
//! ```

mod interval;
mod quota;
pub(crate) mod read;
mod secret;

pub use interval::{Interval, IntervalError};
pub use quota::{Quota, QuotaError};
pub use secret::Secret;
