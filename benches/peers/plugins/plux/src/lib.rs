//! The plugin for plux-rs: the functions that the program requests, under the names of its requests.

use plux_rs::function::FunctionOutput;
use plux_rs::variable::Variable;

/// The type of all of them.
pub type Function = fn(&[Variable]) -> FunctionOutput;

/// The sum.
#[unsafe(no_mangle)]
pub fn peers_plux_add(args: &[Variable]) -> FunctionOutput {
    match args {
        [Variable::U64(a), Variable::U64(b)] => Ok(Some(a.wrapping_add(*b).into())),
        _ => Err("expected two numbers".into()),
    }
}

/// The same text.
#[unsafe(no_mangle)]
pub fn peers_plux_echo(args: &[Variable]) -> FunctionOutput {
    match args {
        [Variable::String(content)] => Ok(Some(content.clone().into())),
        _ => Err("expected text".into()),
    }
}

/// The document counted up.
#[unsafe(no_mangle)]
pub fn peers_plux_json(args: &[Variable]) -> FunctionOutput {
    let [Variable::String(document)] = args else { return Err("expected text".into()) };
    let mut document = document.clone().into_bytes();
    peers_task::count_up(&mut document).map_err(|_| "expected a document with a number")?;
    Ok(Some(String::from_utf8(document)?.into()))
}
