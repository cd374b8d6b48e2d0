//! The functions that link the host's interfaces into a wasmtime [`Linker`], interface by interface.
//!
//! Each function works with any data in a wasmtime store that implements the views in the function's bounds.
//! [`State`](crate::State) implements all of them. An embedder implements the views for its own data, and
//! links its own interfaces beside these.
//!
//! The functions of `wasmtime-wasi` that link everything are not used here, because they also link files,
//! sockets, the environment and the command line. A component that imports one of those must not start.

use crate::bindings::host::wasi::{
    config0_2_0_draft_2024_09_27, config0_2_0_rc_1, keyvalue0_2_0_draft, keyvalue0_2_0_draft2,
};
use crate::configuration::{ConfigurationInterface, ConfigurationView};
use crate::key_value::{KeyValueInterface, KeyValueView};
use crate::{Flavour, outgoing_handler};
use wasmtime::Result;
use wasmtime::component::{HasData, Linker, ResourceTable};
use wasmtime_wasi::WasiView;
use wasmtime_wasi::cli::{WasiCli, WasiCliView};
use wasmtime_wasi::clocks::{WasiClocks, WasiClocksView};
use wasmtime_wasi::p2::bindings;
use wasmtime_wasi::random::WasiRandom;
use wasmtime_wasi_http::p2::bindings::http::types;
use wasmtime_wasi_http::{WasiHttp, WasiHttpView};

/// Links everything that the credentials component of a flavour imports.
///
/// # Errors
///
/// One of the interfaces is linked already.
pub fn all<T>(linker: &mut Linker<T>, flavour: Flavour) -> Result<()>
where
    T: WasiView + WasiHttpView + KeyValueView + ConfigurationView + 'static,
{
    io(linker)?;
    clocks(linker)?;
    random(linker)?;
    http(linker)?;
    key_value(linker, flavour)?;
    configuration(linker, flavour)
}

/// The type that tells wasmtime how to get from a store's data to the table of streams and pollables.
struct Io;

impl HasData for Io {
    type Data<'a> = &'a mut ResourceTable;
}

/// Links `wasi:io`.
///
/// # Errors
///
/// The interface is linked already.
pub fn io<T: WasiView>(linker: &mut Linker<T>) -> Result<()> {
    bindings::io::error::add_to_linker::<T, Io>(linker, |data| data.ctx().table)?;
    bindings::io::poll::add_to_linker::<T, Io>(linker, |data| data.ctx().table)?;
    bindings::io::streams::add_to_linker::<T, Io>(linker, |data| data.ctx().table)
}

/// Links `wasi:clocks`.
///
/// # Errors
///
/// The interface is linked already.
pub fn clocks<T: WasiView>(linker: &mut Linker<T>) -> Result<()> {
    bindings::clocks::wall_clock::add_to_linker::<T, WasiClocks>(linker, T::clocks)?;
    bindings::clocks::monotonic_clock::add_to_linker::<T, WasiClocks>(linker, T::clocks)
}

/// Links `wasi:random/random`, without the insecure interfaces of the package.
///
/// # Errors
///
/// The interface is linked already.
pub fn random<T: WasiView>(linker: &mut Linker<T>) -> Result<()> {
    bindings::random::random::add_to_linker::<T, WasiRandom>(linker, |data| data.ctx().ctx.random())
}

/// Links `wasi:http/outgoing-handler` and `wasi:http/types`.
///
/// # Errors
///
/// One of the interfaces is linked already.
pub fn http<T: WasiHttpView + 'static>(linker: &mut Linker<T>) -> Result<()> {
    let options = types::LinkOptions::default();
    types::add_to_linker::<T, WasiHttp>(linker, &options, T::http)?;
    outgoing_handler::link(linker, |_| true)
}

/// Links `wasi:keyvalue/store`, `atomics` and `batch`, in the draft of a flavour.
///
/// # Errors
///
/// One of the interfaces is linked already.
pub fn key_value<T: KeyValueView + 'static>(linker: &mut Linker<T>, flavour: Flavour) -> Result<()> {
    match flavour {
        Flavour::Wasmtime => {
            use keyvalue0_2_0_draft::{atomics, batch, store};
            store::add_to_linker::<T, KeyValueInterface>(linker, T::key_value)?;
            atomics::add_to_linker::<T, KeyValueInterface>(linker, T::key_value)?;
            batch::add_to_linker::<T, KeyValueInterface>(linker, T::key_value)
        }
        Flavour::Spin => {
            use keyvalue0_2_0_draft2::{atomics, batch, store};
            store::add_to_linker::<T, KeyValueInterface>(linker, T::key_value)?;
            atomics::add_to_linker::<T, KeyValueInterface>(linker, T::key_value)?;
            batch::add_to_linker::<T, KeyValueInterface>(linker, T::key_value)
        }
    }
}

/// Links `wasi:config/store`, in the draft of a flavour.
///
/// # Errors
///
/// The interface is linked already.
pub fn configuration<T: ConfigurationView + 'static>(linker: &mut Linker<T>, flavour: Flavour) -> Result<()> {
    match flavour {
        Flavour::Wasmtime => {
            config0_2_0_rc_1::store::add_to_linker::<T, ConfigurationInterface>(linker, T::configuration)
        }
        Flavour::Spin => config0_2_0_draft_2024_09_27::store::add_to_linker::<T, ConfigurationInterface>(
            linker,
            T::configuration,
        ),
    }
}

/// Links `wasi:cli/stderr`, where a broker writes its log. The credentials component doesn't import it.
///
/// # Errors
///
/// The interface is linked already.
pub fn stderr<T: WasiView>(linker: &mut Linker<T>) -> Result<()> {
    bindings::cli::stderr::add_to_linker::<T, WasiCli>(linker, T::cli)
}
