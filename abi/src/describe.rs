//! Layouts in the words of Rust: `AbiFuture<RString>`, `unsafe fn(RRef<()>, u32) -> RStr`.
//!
//! abi_stable keeps no type arguments of what derives its trait, so they are taken from where they
//! are used: the argument of `RVec<T>` from its pointer, that of [`AbiFuture`](crate::AbiFuture)
//! from what a poll of its table gives. Lifetimes are left out.

use abi_stable::type_layout::{LifetimeIndex, LifetimeIndexPair, TLField, TLFunction, TypeLayout};

/// Deeper than any type here; what another library says about its types may have no end.
const DEPTH: usize = 12;

/// The name of a type with its arguments.
pub fn type_name(layout: &'static TypeLayout) -> String {
    name(layout, DEPTH)
}

/// The type of a field; the signature, if it is a function.
pub fn field_type(field: &TLField) -> String {
    match field.function_range().iter().next() {
        Some(function) if field.is_function() => signature(&function),
        _ => type_name(field.layout()),
    }
}

/// The signature of a function.
pub fn signature(function: &TLFunction) -> String {
    let unsafety = if function.fn_qualifs.is_unsafe() { "unsafe " } else { "" };
    let parameters: Vec<String> =
        function.param_type_layouts.iter().map(|layout| type_name(layout())).collect();
    let answer = match function.return_type_layout() {
        Some(layout) => format!(" -> {}", type_name(layout())),
        None => String::new(),
    };
    format!("{unsafety}fn({}){answer}", parameters.join(", "))
}

/// Lifetimes in the order in which they are mentioned; `'_` is mentioned nowhere else.
pub fn lifetimes(indices: &[LifetimeIndexPair]) -> String {
    let mentioned = indices.iter().flat_map(|pair| [pair.first(), pair.second()]);
    let names =
        mentioned.filter(|lifetime| *lifetime != LifetimeIndex::NONE).map(
            |lifetime| match lifetime.to_param() {
                Some(number) => format!("'{}", char::from(b'a' + number)),
                None => lifetime.to_string(),
            },
        );
    names.collect::<Vec<_>>().join(" ")
}

/// The type arguments of a type.
pub fn arguments(layout: &'static TypeLayout) -> Vec<&'static TypeLayout> {
    arguments_at(layout, DEPTH)
}

fn name(layout: &'static TypeLayout, depth: usize) -> String {
    let Some(deeper) = depth.checked_sub(1) else { return "…".into() };
    let arguments: Vec<String> =
        arguments_at(layout, depth).into_iter().map(|argument| name(argument, deeper)).collect();
    match (layout.name(), arguments.as_slice()) {
        (pointer @ ("*const" | "*mut" | "&mut"), [to]) => format!("{pointer} {to}"),
        ("&", [to]) => format!("&{to}"),
        ("array", [_]) => layout.full_type().to_string(),
        (own, []) => own.into(),
        (own, arguments) => format!("{own}<{}>", arguments.join(", ")),
    }
}

fn arguments_at(layout: &'static TypeLayout, depth: usize) -> Vec<&'static TypeLayout> {
    let written = layout.generics().type_params();
    if !written.is_empty() {
        return written.iter().map(|argument| argument()).collect();
    }
    let Some(deeper) = depth.checked_sub(1) else { return Vec::new() };
    let field = |index| layout.get_fields().and_then(|fields| fields.get(index));
    let first = || field(0).map(|field| field.layout());
    match (layout.package().as_str(), layout.name()) {
        ("abi_stable", "RSlice" | "RSliceMut" | "RVec" | "RBox" | "RRef" | "RMut") => {
            first().map(|pointer| arguments_at(pointer, deeper)).unwrap_or_default()
        }
        ("abi_stable", "ROption") => first().into_iter().collect(),
        ("abi_stable", "Tuple2") => {
            [field(0), field(1)].into_iter().flatten().map(|field| field.layout()).collect()
        }
        (_, "AbiPoll" | "AbiResult" | "AbiStarted") => first().into_iter().collect(),
        (_, "AbiFuture") => field(1)
            .and_then(|table| arguments_at(table.layout(), deeper).first().copied())
            .map(|table| arguments_at(table, deeper))
            .unwrap_or_default(),
        (_, "FutureVTable") => field(0)
            .and_then(|poll| poll.function_range().iter().next()?.return_type_layout())
            .map(|polled| arguments_at(polled(), deeper))
            .unwrap_or_default(),
        _ => Vec::new(),
    }
}
