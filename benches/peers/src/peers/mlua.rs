//! mlua: a script in a Lua state.

use std::any::Any;
use std::fs;
use std::path::Path;

use anyhow::{Result, anyhow};
use mlua::{Function, Lua, Table};

use crate::load::files;
use crate::peer::{Candidate, Files, Load, Peer, Staging};
use crate::work::{self, Work};

/// Its row.
pub const CANDIDATE: Candidate = Candidate {
    name: "mlua",
    krate: Some("mlua"),
    mount,
    loads: &[
        Load {
            name: "mlua, all in one state",
            files: FILES,
            open: open_in_one,
            most: usize::MAX,
            beside: None,
        },
        Load {
            name: "mlua, each in a state of its own",
            files: FILES,
            open: open_apart,
            most: usize::MAX,
            beside: None,
        },
    ],
    note: "Lua 5.4, vendored, as in the first example of its README: LuaJIT is faster in loops of its own, but \
           has no integers of 64 bits. A script returns a table of functions, which are looked up once. Strings \
           are immutable in Lua, so bytes are copied in and out and the document is put together anew.",
};

const FILES: Files = Files { name: "lua", stage };

const SCRIPT: &str = r#"
local plugin = {}

function plugin.add(a, b)
  return a + b
end

function plugin.echo(bytes)
  return bytes
end

function plugin.json(document)
  local _, field = string.find(document, '"count":"', 1, true)
  local number = tonumber(string.sub(document, field + 1, field + 4)) + 1
  return string.sub(document, 1, field) .. string.format("%04d", number) .. string.sub(document, field + 5)
end

return plugin
"#;

struct Plugin {
    lua: Lua,
    add: Function,
    echo: Function,
    json: Function,
}

impl Plugin {
    fn new() -> mlua::Result<Self> {
        let lua = Lua::new();
        let plugin: Table = lua.load(SCRIPT).set_name("plugin").eval()?;
        let (add, echo, json) = (plugin.get("add")?, plugin.get("echo")?, plugin.get("json")?);
        Ok(Self { lua, add, echo, json })
    }
}

fn mount(_: &Staging) -> Result<Box<dyn Peer>> {
    Ok(Box::new(Plugin::new().map_err(failed)?))
}

/// Its errors stay on their thread, as its states do.
fn failed(error: mlua::Error) -> anyhow::Error {
    anyhow!("the script failed: {error}")
}

fn stage(folder: &Path, count: usize) -> Result<()> {
    for number in 0..count {
        fs::write(folder.join(format!("plugin-{number:04}.lua")), SCRIPT)?;
    }
    Ok(())
}

fn open_in_one(folder: &Path) -> Result<Box<dyn Any>> {
    let lua = Lua::new();
    let script = |file| lua.load(file).eval::<Table>().map_err(failed);
    let plugins = files(folder)?.into_iter().map(script).collect::<Result<Vec<_>>>()?;
    Ok(Box::new((plugins, lua)))
}

fn open_apart(folder: &Path) -> Result<Box<dyn Any>> {
    let script = |file| {
        let lua = Lua::new();
        Ok((lua.load(file).eval::<Table>().map_err(failed)?, lua))
    };
    Ok(Box::new(files(folder)?.into_iter().map(script).collect::<Result<Vec<_>>>()?))
}

impl Peer for Plugin {
    fn add(&mut self) -> Option<Box<dyn Work + '_>> {
        // Lua's integers wrap around, so those without a sign are the same bits.
        work::add(|a, b| self.add.call((a as i64, b as i64)).map(|sum: i64| sum as u64))
    }

    fn echo(&mut self, bytes: usize) -> Option<Box<dyn Work + '_>> {
        work::echo(bytes, |content| {
            let string = self.lua.create_string(content)?;
            let answer: mlua::LuaString = self.echo.call(string)?;
            mlua::Result::Ok(answer.as_bytes().to_vec())
        })
    }

    fn json(&mut self) -> Option<Box<dyn Work + '_>> {
        work::json(|document| {
            let string = self.lua.create_string(document)?;
            let answer: mlua::LuaString = self.json.call(string)?;
            mlua::Result::Ok(answer.as_bytes().to_vec())
        })
    }
}
