//! What a process can contain, shown by a zoo of broken plugins: one deliberate fault each, played in
//! a process of its own, beside a plugin that goes on serving. What kills is shown, too.
//!
//! The README's table is made of these tests' names.

#[path = "../support/mod.rs"]
mod support;

#[macro_use]
mod child;
mod before_main;
mod builds;
mod cage;
mod discipline;
mod entry;
mod kills;
mod liveness;
mod manifest;
mod panics;
mod preflight;
mod readme;
