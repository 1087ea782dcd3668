//! Behaviour of the configuration module, by theme.

mod application;
mod code;
mod errors;
mod fuzz;
mod load_order;
mod plugins;
mod references;
mod secrets;
mod security;
mod seed;
mod settings;
mod shapes;
mod supervision;
mod swap;
mod trust;

use super::{Config, ConfigError};

/// The configuration of a text that has to be right.
fn config(text: &str) -> Config {
    match Config::from_toml(text, "app.toml") {
        Ok(config) => config,
        Err(error) => panic!("{error}\n\n{text}"),
    }
}

/// The error of a text that has to be wrong.
fn error(text: &str) -> ConfigError {
    match Config::from_toml(text, "app.toml") {
        Ok(config) => panic!("accepted: {config:#?}\n\n{text}"),
        Err(error) => error,
    }
}

/// Its problems, one line each.
fn problems(text: &str) -> Vec<String> {
    error(text).problems().iter().map(ToString::to_string).collect()
}
