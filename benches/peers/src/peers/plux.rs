//! plux-rs: functions called by name with values of any type, through a manager for native plugins.

use std::any::Any;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, ensure};
use libloading::Library;
use plux_rs::function::{Arg, Function, FunctionOutput, Request};
use plux_rs::utils::ManagerResult;
use plux_rs::variable::{Variable, VariableType};
use plux_rs::{
    Api, LoadPluginContext, Manager, Plugin, RegisterPluginContext, SimpleLoader, StdInfo,
};

use crate::load::files;
use crate::peer::{Candidate, Files, Load, Peer, Staging, library};
use crate::work::{self, Work};

/// Its row.
pub const CANDIDATE: Candidate = Candidate {
    name: "plux-rs",
    krate: Some("plux-rs"),
    mount,
    loads: &[Load {
        name: "plux-rs",
        files: Files { name: "plux", stage },
        open,
        most: usize::MAX,
        beside: None,
    }],
    note: "`Plugin::call_request`, on a plugin that is looked up once, as its documentation shows. plux leaves \
           the loading to managers; as the one for native plugins that it names is not published and hands \
           out no functions, this is one as its guide describes: `libloading`, and what the plugin exports \
           registered for the requests. Values are `Variable`s; text is its nearest to bytes.",
};

/// The requests, under the names of the plugin's functions.
const ADD: &str = "peers_plux_add";
const ECHO: &str = "peers_plux_echo";
const JSON: &str = "peers_plux_json";

/// The library in a plugin's folder.
const LIBRARY: &str = "plugin.so";

/// Loads libraries.
struct Native;

impl<'a> Manager<'a, FunctionOutput, StdInfo> for Native {
    fn format(&self) -> &'static str {
        "native"
    }

    fn register_plugin(&mut self, _: RegisterPluginContext) -> ManagerResult<StdInfo> {
        Ok(StdInfo { depends: vec![], optional_depends: vec![] })
    }

    fn load_plugin(
        &mut self,
        mut context: LoadPluginContext<'a, '_, FunctionOutput, StdInfo>,
        _: Api<FunctionOutput, StdInfo>,
    ) -> ManagerResult<()> {
        // SAFETY: it is the library of this package, and nothing in it runs when it is opened.
        let library =
            Arc::new(unsafe { Library::new(context.plugin().info().path.join(LIBRARY))? });
        for request in context.requests() {
            // SAFETY: the plugin's crate declares the type next to the functions.
            let function = unsafe { *library.get::<peers_plux::Function>(request.name.as_str())? };
            let library = Arc::clone(&library);
            context.register_request(Exported {
                request: request.clone(),
                function,
                _library: library,
            })?;
        }
        Ok(())
    }
}

/// A function that a library exports.
struct Exported {
    request: Request,
    function: peers_plux::Function,
    /// Stays open as long as its function may be called.
    _library: Arc<Library>,
}

impl Function for Exported {
    type Output = FunctionOutput;

    fn name(&self) -> String {
        self.request.name.clone()
    }

    fn inputs(&self) -> Vec<Arg> {
        self.request.inputs.iter().map(|&ty| Arg::new("input", ty)).collect()
    }

    fn output(&self) -> Option<Arg> {
        self.request.output.map(|ty| Arg::new("output", ty))
    }

    fn call(&self, args: &[Variable]) -> FunctionOutput {
        (self.function)(args)
    }
}

fn stage(folder: &Path, count: usize) -> Result<()> {
    let plugin = library("peers_plux")?;
    for number in 0..count {
        // A plugin is a folder with name, version and manager in its name.
        let folder = folder.join(format!("plugin-{number:04}-v1.0.0.native"));
        fs::create_dir(&folder)?;
        fs::copy(&plugin, folder.join(LIBRARY))?;
    }
    Ok(())
}

fn open(folder: &Path) -> Result<Box<dyn Any>> {
    Ok(Box::new(load(&files(folder)?)?))
}

fn load(files: &[PathBuf]) -> Result<SimpleLoader> {
    let mut loader = SimpleLoader::new();
    loader.context(|mut context| {
        let (number, text) = (VariableType::U64, VariableType::String);
        context.register_request(Request::new(ADD, vec![number; 2], Some(number)));
        context.register_request(Request::new(ECHO, vec![text], Some(text)));
        context.register_request(Request::new(JSON, vec![text], Some(text)));
        context.register_manager(Native)
    })?;
    let paths: Vec<_> = files.iter().filter_map(|file| file.to_str()).collect();
    let loaded = loader.load_plugins(paths).map_err(|error| anyhow!("{error}"))?;
    ensure!(loaded.len() == files.len(), "{} of {} are loaded", loaded.len(), files.len());
    Ok(loader)
}

struct Mounted(SimpleLoader);

fn mount(staging: &Staging) -> Result<Box<dyn Peer>> {
    stage(staging.folder(), 1)?;
    Ok(Box::new(Mounted(load(&files(staging.folder())?)?)))
}

/// Calls, and gives the value that comes back.
fn call(
    plugin: &Plugin<'_, FunctionOutput, StdInfo>,
    request: &str,
    args: &[Variable],
) -> Result<Variable> {
    let answer = plugin.call_request(request, args)?.map_err(|error| anyhow!(error))?;
    answer.context("no value came back")
}

/// The bytes of text that comes back.
fn send(
    plugin: &Plugin<'_, FunctionOutput, StdInfo>,
    request: &str,
    content: Vec<u8>,
) -> Result<String> {
    let content = String::from_utf8(content)?;
    Ok(call(plugin, request, &[content.into()])?.try_parse::<String>()?)
}

impl Peer for Mounted {
    fn add(&mut self) -> Option<Box<dyn Work + '_>> {
        let plugin = self.0.get_plugins().first()?;
        work::add(|a, b| anyhow::Ok(call(plugin, ADD, &[a.into(), b.into()])?.try_parse::<u64>()?))
    }

    fn echo(&mut self, bytes: usize) -> Option<Box<dyn Work + '_>> {
        let plugin = self.0.get_plugins().first()?;
        work::echo(bytes, |content| send(plugin, ECHO, content.to_vec()))
    }

    fn json(&mut self) -> Option<Box<dyn Work + '_>> {
        let plugin = self.0.get_plugins().first()?;
        work::json(|document| send(plugin, JSON, document))
    }
}
