//! From a text to a [`Config`].
//!
//! The TOML parser bounds how deep brackets and dotted keys nest, but not their product: a file
//! of 20 KB nests 6,000 tables, and just dropping those overflows a thread's usual stack in a
//! debug build. So the text is parsed, read and dropped on a thread with a large stack, and what
//! comes out of there is at most 64 levels deep.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use toml::de::{DeTable, DeValue};

use super::Config;
use super::entry::Entry;
use super::error::{ConfigError, ProblemKind};
use super::json;
use super::key_path::KeyPath;
use super::plugins;
use super::report::Report;
use super::suggest::closest;

/// Room for some 80 × 80 levels at several KB each. Only what is used of it costs memory.
const STACK: usize = 64 * 1024 * 1024;

pub(super) fn parse(text: &str, origin: &str, base_dir: &Path) -> Result<Config, ConfigError> {
    let origin: Arc<str> = origin.into();
    let outcome = thread::scope(|scope| {
        let job = || read(text, origin.clone(), base_dir);
        let thread = thread::Builder::new().name("hotshoe-config".into()).stack_size(STACK);
        thread.spawn_scoped(scope, job).map(|thread| thread.join())
    });
    match outcome {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => {
            let error = io::Error::other("the parser failed");
            let help = "this is a defect of hotshoe: please report it, with the file";
            Err(ConfigError::unreadable(origin, error, help))
        }
        Err(error) => {
            let help = "no thread could be started: raise the limit of threads or memory";
            Err(ConfigError::unreadable(origin, error, help))
        }
    }
}

fn read(text: &str, origin: Arc<str>, base_dir: &Path) -> Result<Config, ConfigError> {
    let mut report = Report::new(origin, text);
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        // Not the error's own `Display`, which repeats the line, and with it any password.
        let message = format!("this is no valid TOML: {}", error.message());
        let span = error.span().unwrap_or(0..0);
        report.push(ProblemKind::Syntax, &KeyPath::root(), &span, message, help(error.message()));
    }
    let mut config = Config { base_dir: base_dir.to_owned(), ..Config::default() };
    // What recovery made of a broken text is good for more syntax errors, not for judging keys.
    if !report.has_problems() {
        sections(&mut config, table.get_ref(), &mut report);
    }
    config.warnings = std::mem::take(&mut report.warnings);
    config.provenance = report.finish()?;
    for instance in config.plugins.instances.values_mut() {
        instance.origin.provenance = config.provenance.clone();
    }
    Ok(config)
}

fn help(message: &str) -> &'static str {
    match message {
        "duplicate key" => "a key or table is written once: merge the two",
        "string values must be quoted, expected literal string" => "put the text into quotes",
        _ => "",
    }
}

fn sections(config: &mut Config, table: &DeTable<'_>, report: &mut Report) {
    let root = KeyPath::root();
    for (key, value) in table {
        let name: &str = key.get_ref();
        let entry = Entry {
            path: root.key(name),
            name,
            key: key.span(),
            span: value.span(),
            value: value.get_ref(),
        };
        if name == "plugins" {
            if let Some(table) = entry.table(report, "a table, [plugins]") {
                config.plugins = plugins::read(table, &entry.path, &config.base_dir, report);
            }
            continue;
        }
        if matches!(entry.value, DeValue::Table(_))
            && !table.contains_key("plugins")
            && closest(name, ["plugins"]).is_some()
        {
            report.warn(&entry.key, "this table is the application's; did you mean [plugins]?");
        }
        report.place(&entry.path, &entry.key);
        let value = json::value(entry.value, &entry.path, &entry.span, report);
        config.application.insert(name.to_owned(), value);
    }
}
