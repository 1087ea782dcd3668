//! A host of a later hotshoe-abi. Copied into the workspace that `variants.rs` makes.
//!
//! Arguments: a directory of plugins, one for data, and the library of each plugin, which is asked
//! once more what it is. Prints what the test compares.

use std::path::Path;

use hotshoe::config::Config;
use hotshoe::{PluginHost, Request};
use hotshoe_abi::__stable::AbiHeaderRef;
use hotshoe_abi::PluginModuleRef;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [plugins, data, libraries @ ..] = arguments.as_slice() else { panic!("two directories") };
    println!("hotshoe-abi {}", hotshoe_abi::VERSION);
    let config = Config::from_toml("[plugins]\nstorage = \"growing\"", "the host").unwrap();
    let builder = PluginHost::builder().config(config).directory(plugins).data_dir(data);
    let host = builder.build().expect("the host is built");
    let report = host.start().wait().expect("the host starts");
    assert!(report.is_complete(), "{report}");
    let mut ids: Vec<String> = host.plugins().into_iter().map(|plugin| plugin.id).collect();
    ids.sort();
    for id in &ids {
        for _ in 0..2 {
            let response =
                host.respond_blocking(Request::builder("GET", &format!("/{id}")).build());
            let status = response.status();
            let body = response.into_body().into_full().unwrap_or_default();
            println!("{status} {}", String::from_utf8_lossy(&body));
        }
        let health = futures_lite::future::block_on(host.health(id)).expect("it answers");
        println!("{id} says: {}", health.message);
    }
    for library in libraries {
        println!("{}", describe(Path::new(library)));
    }
    println!("reads: {}", hotshoe_abi::reads());
    host.stop().wait().expect("the host stops");
    for id in &ids {
        let note = std::fs::read_to_string(format!("{data}/{id}/stopped")).expect("a note");
        println!("{id} {note}");
    }
}

/// Asks a library, which is open, for what only later ones have.
fn describe(path: &Path) -> String {
    let name = path.file_stem().and_then(|name| name.to_str()).expect("a library has a name");
    let symbol = format!("hotshoe_plugin_{}", name.trim_start_matches("lib"));
    // SAFETY: the host opened it and compared its layouts; the symbol is that of `export_plugin!`.
    let module: PluginModuleRef = unsafe {
        let library = libloading::Library::new(path).expect("it opens");
        let header = *library.get::<AbiHeaderRef>(symbol.as_str()).expect("it has the symbol");
        std::mem::forget(library);
        header.upgrade().expect("a header").unchecked_layout().expect("a module")
    };
    match module.describe() {
        Some(describe) => format!("{name} is {}", describe()),
        None => format!("{name} does not describe itself"),
    }
}
