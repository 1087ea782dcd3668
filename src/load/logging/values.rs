//! Values that crossed, as values of `tracing`.

use hotshoe_abi::plain::Lines;
use hotshoe_abi::{AbiField, value_kind};
use tracing::Value;
use tracing::field::{DisplayValue, Field, ValueSet, display};

use super::callsites::Site;
use crate::bridge::MAX_FIELDS;

/// One value, in the type that it had.
enum HostValue<'a> {
    I64(i64),
    U64(u64),
    F64(f64),
    Bool(bool),
    Str(&'a str),
    /// What was formatted in the plugin; goes to `record_debug`, unquoted. So it is shown as text:
    /// no line of it begins where those of records do.
    Formatted(DisplayValue<Lines<&'a str>>),
}

impl<'a> HostValue<'a> {
    fn new(field: &AbiField<'a>, name: &str) -> Self {
        match field.kind {
            value_kind::I64 => Self::I64(field.bits.cast_signed()),
            value_kind::U64 => Self::U64(field.bits),
            value_kind::F64 => Self::F64(f64::from_bits(field.bits)),
            value_kind::BOOL => Self::Bool(field.bits != 0),
            // Subscribers quote all texts but this one.
            value_kind::STR if name != "message" => Self::Str(field.text.as_str()),
            // `DEBUG`, and whatever a newer plugin may send: it has a text.
            _ => Self::Formatted(display(Lines(field.text.as_str(), None))),
        }
    }

    fn as_value(&self) -> &(dyn Value + '_) {
        match self {
            Self::I64(value) => value,
            Self::U64(value) => value,
            Self::F64(value) => value,
            Self::Bool(value) => value,
            Self::Str(value) => value,
            Self::Formatted(value) => value,
        }
    }
}

impl Site {
    /// Lends `fields` to `emit`, with `plugin` as the last one if given. Fields that the callsite
    /// does not have are left out.
    pub(super) fn with_values<T>(
        &'static self,
        fields: &[AbiField<'_>],
        plugin: Option<&str>,
        emit: impl FnOnce(&ValueSet<'_>) -> T,
    ) -> T {
        let mut values: [Option<(&Field, HostValue<'_>)>; MAX_FIELDS] =
            [const { None }; MAX_FIELDS];
        let own = fields.iter().filter_map(|field| {
            let own = self.own_fields().get(field.index as usize)?;
            Some((own, HostValue::new(field, own.name())))
        });
        let plugin = plugin.map(|plugin| (self.plugin_field(), HostValue::Str(plugin)));
        for (slot, value) in values.iter_mut().zip(own.take(MAX_FIELDS - 1).chain(plugin)) {
            *slot = Some(value);
        }
        // A set of values is made from an array, whose unused places say so.
        let set = values.each_ref().map(|slot| match slot {
            Some((field, value)) => (*field, Some(value.as_value())),
            None => (self.plugin_field(), None),
        });
        emit(&self.metadata().fields().value_set(&set))
    }
}
