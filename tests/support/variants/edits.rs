//! What differs in the variants. Each text has to be found once in the source: who changes the source
//! there changes it here, too.

use super::Variant;

/// A text in a file, and what stands in its place.
pub struct Edit {
    pub file: &'static str,
    pub old: &'static str,
    pub new: &'static str,
}

const fn edit(file: &'static str, old: &'static str, new: &'static str) -> Edit {
    Edit { file, old, new }
}

/// The versions of hotshoe-abi. Their order is that of their versions, so new ones go to the end.
pub const VARIANTS: &[Variant] = &[
    Variant { name: "unchanged", same_line: true, edits: &[], bare: Some(&[]) },
    Variant { name: "later", same_line: true, edits: LATER, bare: None },
    Variant { name: "added", same_line: true, edits: ADDED, bare: Some(&[]) },
    Variant { name: "removed", same_line: true, edits: REMOVED, bare: Some(&[]) },
    Variant { name: "retyped", same_line: true, edits: RETYPED, bare: Some(BARE_RETYPED) },
    Variant { name: "reordered", same_line: true, edits: REORDERED, bare: Some(&[]) },
    Variant { name: "too-new", same_line: false, edits: &[], bare: Some(&[]) },
    Variant { name: "earlier", same_line: true, edits: EARLIER, bare: Some(BARE_EARLIER) },
];

/// Functions appended to four tables, with types that only they use; and wrappers that use them
/// where they are there, and the older ones where they are not.
const LATER: &[Edit] = &[
    // The library.
    edit(
        "src/module.rs",
        "    pub usage: extern \"C\" fn(u32) -> ROption<u64>,\n",
        "    pub usage: extern \"C\" fn(u32) -> ROption<u64>,\n\
         \x20   /// What the library is, for people.\n\
         \x20   pub describe: extern \"C\" fn() -> RStr<'static>,\n",
    ),
    // The plugin.
    edit(
        "src/plugin.rs",
        "    drop: unsafe extern \"C\" fn(*const ()),\n}\n",
        "    drop: unsafe extern \"C\" fn(*const ()),\n\
         \x20   appraise: for<'a> unsafe extern \"C\" fn(RRef<'a, ()>, AbiAspect) -> AbiFuture<'a, AbiHealth>,\n}\n\
         /// Which side of its health a plugin is asked for.\n\
         #[repr(C)]\n#[derive(StableAbi, Clone, Copy, Debug)]\n\
         pub struct AbiAspect {\n    /// All of it, for now.\n    pub kind: u32,\n}\n",
    ),
    edit(
        "src/plugin.rs",
        "        unsafe { (self.vtable.health())(self.object()) }\n",
        "        match self.vtable.appraise() {\n\
         \x20           Some(appraise) => unsafe { appraise(self.object(), AbiAspect { kind: 0 }) },\n\
         \x20           None => unsafe { (self.vtable.health())(self.object()) },\n        }\n",
    ),
    edit(
        "src/plugin.rs",
        "            drop: drop_arc::<T>,\n        });\n    }\n",
        "            drop: drop_arc::<T>,\n            appraise: Self::appraise,\n        });\n    }\n\
         \x20   unsafe extern \"C\" fn appraise(object: RRef<'_, ()>, _: AbiAspect) -> AbiFuture<'_, AbiHealth> {\n\
         \x20       let this = unsafe { value::<T>(object) };\n\
         \x20       AbiFuture::new(async move {\n\
         \x20           let mut health = this.health().await?;\n\
         \x20           health.message = format!(\"{} (appraised)\", health.message).into();\n\
         \x20           Ok(health)\n        })\n    }\n",
    ),
    // The host.
    edit(
        "src/services.rs",
        "    drop: unsafe extern \"C\" fn(*const ()),\n}\n",
        "    drop: unsafe extern \"C\" fn(*const ()),\n\
         \x20   era: unsafe extern \"C\" fn(RRef<'_, ()>) -> RStr<'_>,\n}\n",
    ),
    edit(
        "src/services.rs",
        "    /// See [`ContextObject::is_stopping`].\n",
        "    /// Whether the host is a later one.\n\
         \x20   pub fn era(&self) -> Option<&str> {\n\
         \x20       let era = self.vtable.era()?;\n\
         \x20       Some(unsafe { era(self.object()) }.as_str())\n    }\n\n\
         \x20   /// See [`ContextObject::is_stopping`].\n",
    ),
    edit(
        "src/services.rs",
        "            drop: drop_arc::<T>,\n        });\n    }\n",
        "            drop: drop_arc::<T>,\n            era: Self::era,\n        });\n    }\n\
         \x20   unsafe extern \"C\" fn era(_: RRef<'_, ()>) -> RStr<'_> {\n\
         \x20       \"a later one\".into()\n    }\n",
    ),
    // Storage, which plugins provide to hosts and hosts to plugins.
    edit(
        "src/storage.rs",
        "    drop: unsafe extern \"C\" fn(*const ()),\n}\n",
        "    drop: unsafe extern \"C\" fn(*const ()),\n\
         \x20   read: for<'a> unsafe extern \"C\" fn(\n\
         \x20       RRef<'a, ()>,\n        &'a Call,\n        RStr<'a>,\n        AbiFreshness,\n\
         \x20   ) -> Fut<'a, ROption<AbiRecord>>,\n}\n\
         /// How old a value may be.\n\
         #[repr(C)]\n#[derive(StableAbi, Clone, Copy, Debug)]\n\
         pub struct AbiFreshness {\n    /// In nanoseconds.\n    pub age: u64,\n}\n\
         /// How often this library read with either function.\n\
         pub fn reads() -> String {\n\
         \x20   let [read, get] = [&READS, &GETS].map(|count| count.load(std::sync::atomic::Ordering::SeqCst));\n\
         \x20   format!(\"{read} later, {get} earlier\")\n}\n\
         static READS: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);\n\
         static GETS: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);\n",
    ),
    edit(
        "src/storage.rs",
        "        unsafe { (self.vtable.get())(self.object(), call, key.into()) }\n",
        "        let order = std::sync::atomic::Ordering::SeqCst;\n\
         \x20       match self.vtable.read() {\n\
         \x20           Some(read) => {\n\
         \x20               READS.fetch_add(1, order);\n\
         \x20               unsafe { read(self.object(), call, key.into(), AbiFreshness { age: 0 }) }\n\
         \x20           }\n\
         \x20           None => {\n\
         \x20               GETS.fetch_add(1, order);\n\
         \x20               unsafe { (self.vtable.get())(self.object(), call, key.into()) }\n\
         \x20           }\n        }\n",
    ),
    edit(
        "src/storage.rs",
        "            drop: drop_arc::<T>,\n        });\n    }\n",
        "            drop: drop_arc::<T>,\n            read: Self::read,\n        });\n    }\n\
         \x20   unsafe extern \"C\" fn read<'a>(\n\
         \x20       object: RRef<'a, ()>,\n        call: &'a Call,\n        key: RStr<'a>,\n\
         \x20       _: AbiFreshness,\n    ) -> Fut<'a, ROption<AbiRecord>> {\n\
         \x20       let this = unsafe { value::<T>(object) };\n\
         \x20       guard_future(|| this.get(call, key.as_str()))\n    }\n",
    ),
    edit("src/lib.rs", "pub use storage::{\n", "pub use storage::{\n    reads,\n"),
];

/// The `hotshoe` crate over [`LATER`].
pub const LATER_HOTSHOE: &[Edit] = &[
    edit(
        "src/sdk/export.rs",
        "            usage: Self::usage,\n        });\n    }\n",
        "            usage: Self::usage,\n            describe: Self::describe,\n        });\n    }\n\
         \x20   extern \"C\" fn describe() -> RStr<'static> {\n\
         \x20       \"built against a later hotshoe-abi\".into()\n    }\n",
    ),
    edit(
        "src/sdk/context.rs",
        "    /// The id of the plugin.\n",
        "    /// What a later plugin finds out about its host.\n\
         \x20   pub fn host_says(&self) -> String {\n\
         \x20       let host = self.raw.era().unwrap_or(\"an earlier one\");\n\
         \x20       format!(\"the host is {host}; reads: {}\", hotshoe_abi::reads())\n    }\n\n\
         \x20   /// The id of the plugin.\n",
    ),
];

/// The plugin `growing` over [`LATER_HOTSHOE`].
pub const GROWN: &[Edit] = &[
    edit("src/lib.rs", "fn host_says(_: &Context)", "fn host_says(context: &Context)"),
    edit("src/lib.rs", "    \"the host was not asked\".into()\n", "    context.host_says()\n"),
    edit("src/lib.rs", "to.storage(\"growing\"", "to.storage(\"grown\""),
    edit("src/lib.rs", "[storage \"growing\"]", "[storage \"grown\"]"),
];

/// A function in the middle of a table.
const ADDED: &[Edit] = &[
    edit(
        "src/plugin.rs",
        "    stop: for<'a> unsafe",
        "    pause: for<'a> unsafe extern \"C\" fn(RRef<'a, ()>) -> AbiFuture<'a, ()>,\n\
         \x20   stop: for<'a> unsafe",
    ),
    edit(
        "src/plugin.rs",
        "            stop: Self::stop,\n",
        "            pause: Self::stop,\n            stop: Self::stop,\n",
    ),
];

/// A field less in a struct.
const REMOVED: &[Edit] = &[edit(
    "src/storage.rs",
    "    /// The key to go on after, if there is more.\n    pub next: ROption<RString>,\n",
    "",
)];

/// A function that takes something else.
const RETYPED: &[Edit] = &[edit(
    "src/module.rs",
    "set_log_level: extern \"C\" fn(u32)",
    "set_log_level: extern \"C\" fn(u64)",
)];

const BARE_RETYPED: &[Edit] =
    &[edit("src/lib.rs", "fn set_log_level(_: u32)", "fn set_log_level(_: u64)")];

/// Two functions of one type that changed places: the library would start where it should stop.
const REORDERED: &[Edit] = &[edit(
    "src/plugin.rs",
    "    start: for<'a> unsafe extern \"C\" fn(RRef<'a, ()>) -> AbiFuture<'a, ()>,\n\
     \x20   stop: for<'a> unsafe extern \"C\" fn(RRef<'a, ()>) -> AbiFuture<'a, ()>,\n",
    "    stop: for<'a> unsafe extern \"C\" fn(RRef<'a, ()>) -> AbiFuture<'a, ()>,\n\
     \x20   start: for<'a> unsafe extern \"C\" fn(RRef<'a, ()>) -> AbiFuture<'a, ()>,\n",
)];

/// Without what was appended to today's tables.
const EARLIER: &[Edit] = &[edit(
    "src/module.rs",
    "    /// How much of something the library uses, by one of the numbers of [`usage_figure`]; none if it\n\
     \x20   /// does not count that. Cheap enough to be asked each second.\n\
     \x20   pub usage: extern \"C\" fn(u32) -> ROption<u64>,\n",
    "",
)];

const BARE_EARLIER: &[Edit] = &[
    edit("src/lib.rs", "set_log_level, create, usage", "set_log_level, create"),
    edit(
        "src/lib.rs",
        "/// Counts nothing.\nextern \"C\" fn usage(_: u32) -> ROption<u64> {\n    ROption::RNone\n}\n",
        "",
    ),
];
