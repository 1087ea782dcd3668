//! The two servers by themselves: `cargo run --release --manifest-path benches/peers/Cargo.toml -p peers-server`.

use anyhow::Context;
use peers_server::{Kind, SERVE, compare, serve};

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &*arguments {
        [option, kind] if option == SERVE => serve(Kind::of(kind).context("no such server")?),
        _ => {
            print!("{}", compare(arguments.iter().any(|argument| argument == "--quick"))?);
            Ok(())
        }
    }
}
