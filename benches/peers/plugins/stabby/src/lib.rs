//! The plugin as stabby's tutorial has them: an exported function, whose type is checked when it is looked
//! up, makes a trait object.

use stabby::boxed::Box;
use stabby::result::Result;
use stabby::string::String;
use stabby::vec::Vec;

/// What the program calls.
#[stabby::stabby(checked)]
pub trait Contract {
    /// The sum.
    extern "C" fn add(&self, a: u64, b: u64) -> Result<u64, String>;
    /// The same bytes.
    extern "C" fn echo(&self, bytes: Vec<u8>) -> Result<Vec<u8>, String>;
    /// The document, counted up.
    extern "C" fn json(&self, document: Vec<u8>) -> Result<Vec<u8>, String>;
}

/// The trait object.
pub type Plugin = stabby::dynptr!(Box<dyn Contract + Send + Sync>);

/// Makes the plugin.
#[stabby::export]
pub extern "C" fn peers_stabby() -> Result<Plugin, String> {
    Result::Ok(Box::new(Implementation).into())
}

struct Implementation;

impl Contract for Implementation {
    extern "C" fn add(&self, a: u64, b: u64) -> Result<u64, String> {
        Result::Ok(a.wrapping_add(b))
    }

    extern "C" fn echo(&self, bytes: Vec<u8>) -> Result<Vec<u8>, String> {
        Result::Ok(bytes)
    }

    extern "C" fn json(&self, mut document: Vec<u8>) -> Result<Vec<u8>, String> {
        match peers_task::count_up(document.as_slice_mut()) {
            Ok(()) => Result::Ok(document),
            Err(_) => Result::Err(String::from("there is no number")),
        }
    }
}
