//! The macro that declares an extension point.

/// Declares a trait whose implementations cross library boundaries.
///
/// Put it into a plain crate that providers and consumers share, never into a plugin crate. Every
/// method takes `&self` and [`Crossing`](crate::extension::Crossing) arguments and returns
/// `hotshoe::Result<T>` or [`Deferred<T>`](crate::Deferred): the other side may panic, and then
/// there has to be room for an error. What is borrowed is lent for the call; a call that has to wait for
/// its turn lends a copy, so `&'static str` is no argument.
///
/// ```compile_fail,E0597
/// hotshoe::extension_point! {
///     /// Keeps what it is given.
///     pub trait Keeper: "keeper", "1.0.0" {
///         /// Its name from now on.
///         fn name(&self, name: &'static str) -> hotshoe::Deferred<()>;
///     }
/// }
/// ```
///
/// ```
/// hotshoe::extension_point! {
///     /// How much each user may still do.
///     pub trait Quota: "quota", "1.0.0" {
///         /// What is left for `user`.
///         fn left(&self, user: &str) -> hotshoe::Result<u64>;
///         /// Fetches the latest figures.
///         fn refresh(&self, users: Vec<String>) -> hotshoe::Deferred<u64>;
///     }
/// }
///
/// struct Fixed;
///
/// impl Quota for Fixed {
///     fn left(&self, user: &str) -> hotshoe::Result<u64> {
///         Ok(if user == "root" { 1000 } else { 10 })
///     }
///
///     fn refresh(&self, users: Vec<String>) -> hotshoe::Deferred<u64> {
///         hotshoe::Deferred::new(async move { Ok(users.len() as u64) })
///     }
/// }
/// ```
///
/// A provider contributes it with `to.service::<dyn Quota, _>(Fixed)` (or, from an `Arc`,
/// `to.service::<dyn Quota, Fixed>(arc)`) and names it in its
/// manifest (`provides = [service "quota" = "1.0.0"]`); a consumer asks for
/// `context.service::<dyn Quota>()` and names it too (`requires = [service "quota" = "^1"]`).
#[macro_export]
macro_rules! extension_point {
    (
        $(#[$meta:meta])*
        $vis:vis trait $Trait:ident : $name:literal, $version:literal {
            $(
                $(#[$method_meta:meta])*
                fn $method:ident(&self $(, $arg:ident : $type:ty)* $(,)?) -> $answer:ty;
            )*
        }
    ) => {
        $(#[$meta])*
        $vis trait $Trait: ::core::marker::Send + ::core::marker::Sync + 'static {
            $(
                $(#[$method_meta])*
                fn $method(&self $(, $arg: $type)*) -> $answer;
            )*
        }

        const _: () = {
            use $crate::__private::{
                Answer, Crossing, ExtensionInfo, ExtensionInfoRef, ExtensionPoint, ExtensionTable,
                Provide, RStr, RString, RVec, RawExtension, WithMetadata,
            };

            #[repr(C)]
            pub struct Table {
                head: ExtensionTable,
                $(
                    $method: unsafe extern "C" fn(
                        *const () $(, <$type as Crossing>::Wire)*
                    ) -> <$answer as Answer>::Wire,
                )*
            }

            // SAFETY: `Table` is `repr(C)` with one function a method, in the order of `methods`.
            #[allow(unsafe_code)]
            unsafe impl ExtensionPoint for dyn $Trait {
                const NAME: &'static str = $name;
                const VERSION: &'static str = $version;
                type Table = Table;

                fn methods() -> ::std::vec::Vec<::std::string::String> {
                    ::std::vec![$(
                        $crate::__private::signature(
                            ::core::stringify!($method),
                            &[$(<$type as Crossing>::signature()),*],
                            &<$answer as Answer>::signature(),
                        )
                    ),*]
                }
            }

            extern "C" fn methods() -> RVec<RString> {
                $crate::__private::methods_of::<dyn $Trait>()
            }

            struct Of<T>(T);

            #[allow(unsafe_code)]
            impl<T: $Trait> Of<T> {
                const INFO: &'static WithMetadata<ExtensionInfo> =
                    &WithMetadata::new(ExtensionInfo {
                        name: RStr::from_str($name),
                        version: RStr::from_str($version),
                        methods,
                        retain: $crate::__private::retain_shared::<T>,
                        release: $crate::__private::release_shared::<T>,
                    });

                const TABLE: &'static Table = &Table {
                    head: ExtensionTable { info: ExtensionInfoRef(Self::INFO.static_as_prefix()) },
                    $($method: Self::$method,)*
                };

                $(
                    unsafe extern "C" fn $method(
                        this: *const () $(, $arg: <$type as Crossing>::Wire)*
                    ) -> <$answer as Answer>::Wire {
                        // SAFETY: this function sits only in `TABLE`, whose value is a `T`.
                        let this = unsafe { &*this.cast::<T>() };
                        $crate::__private::answer(move || {
                            $(
                                let $arg = match <$type as Crossing>::from_wire($arg) {
                                    ::core::result::Result::Ok(value) => value,
                                    ::core::result::Result::Err(error) => {
                                        return <$answer as Answer>::failed(error);
                                    }
                                };
                            )*
                            this.$method($($arg),*)
                        })
                    }
                )*
            }

            #[allow(unsafe_code)]
            impl<T: $Trait> Provide<T> for dyn $Trait {
                fn provide(value: ::std::sync::Arc<T>) -> RawExtension {
                    let table: *const Table = Of::<T>::TABLE;
                    // SAFETY: `TABLE` is static and made for a `T` behind an `Arc`; the trait
                    // requires `Send` and `Sync`.
                    unsafe {
                        RawExtension::new(
                            ::std::sync::Arc::into_raw(value).cast(),
                            table.cast::<ExtensionTable>(),
                        )
                    }
                }
            }

            #[allow(unsafe_code)]
            impl<V: $crate::extension::Via> $Trait for $crate::Handle<dyn $Trait, V> {
                $(
                    #[inline]
                    fn $method(&self $(, $arg: $type)*) -> $answer {
                        self.call(
                            ($($arg,)*),
                            |this, table, ($($arg,)*)| {
                                // SAFETY: the table was compared with this declaration when the
                                // handle was made, and belongs to the value.
                                unsafe {
                                    (table.$method)(
                                        this $(, <$type as Crossing>::into_wire($arg))*
                                    )
                                }
                            },
                            |($($arg,)*)| {
                                $(let mut $arg = <$type as Crossing>::keep($arg);)*
                                move |this, table| {
                                    // SAFETY: as above.
                                    unsafe {
                                        (table.$method)(
                                            this $(, <$type as Crossing>::lend(&mut $arg))*
                                        )
                                    }
                                }
                            },
                        )
                    }
                )*
            }
        };
    };
}
