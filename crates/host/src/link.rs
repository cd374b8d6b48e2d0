//! What a component may import, interface by interface.
//!
//! The functions work with any data in the store that has the views they ask for, so an embedder can give the
//! components, or others, what they need beside interfaces of its own. [`State`](crate::State) has all of the views.
//!
//! The convenience functions of `wasmtime-wasi` also link files, sockets, environment and command line: a component
//! that needs any of them must not start.

use crate::Flavour;
use crate::bindings::host::wasi::{
    config0_2_0_draft_2024_09_27, config0_2_0_rc_1, keyvalue0_2_0_draft, keyvalue0_2_0_draft2,
};
use crate::configuration::{ConfigurationInterface, ConfigurationView};
use crate::key_value::{KeyValueInterface, KeyValueView};
use wasmtime::Result;
use wasmtime::component::{HasData, Linker, ResourceTable};
use wasmtime_wasi::WasiView;
use wasmtime_wasi::cli::{WasiCli, WasiCliView};
use wasmtime_wasi::clocks::{WasiClocks, WasiClocksView};
use wasmtime_wasi::p2::bindings;
use wasmtime_wasi::random::WasiRandom;
use wasmtime_wasi_http::WasiHttpView;

/// Everything that the credentials component of a flavour may import.
///
/// # Errors
///
/// Some of it is linked already.
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

/// The component's tables of streams and pollables.
struct Io;

impl HasData for Io {
    type Data<'a> = &'a mut ResourceTable;
}

/// `wasi:io`.
///
/// # Errors
///
/// It is linked already.
pub fn io<T: WasiView>(linker: &mut Linker<T>) -> Result<()> {
    bindings::io::error::add_to_linker::<T, Io>(linker, |data| data.ctx().table)?;
    bindings::io::poll::add_to_linker::<T, Io>(linker, |data| data.ctx().table)?;
    bindings::io::streams::add_to_linker::<T, Io>(linker, |data| data.ctx().table)
}

/// `wasi:clocks`.
///
/// # Errors
///
/// It is linked already.
pub fn clocks<T: WasiView>(linker: &mut Linker<T>) -> Result<()> {
    bindings::clocks::wall_clock::add_to_linker::<T, WasiClocks>(linker, T::clocks)?;
    bindings::clocks::monotonic_clock::add_to_linker::<T, WasiClocks>(linker, T::clocks)
}

/// `wasi:random/random`, and not the insecure ones.
///
/// # Errors
///
/// It is linked already.
pub fn random<T: WasiView>(linker: &mut Linker<T>) -> Result<()> {
    bindings::random::random::add_to_linker::<T, WasiRandom>(linker, |data| data.ctx().ctx.random())
}

/// `wasi:http/outgoing-handler` and `wasi:http/types`.
///
/// # Errors
///
/// It is linked already.
pub fn http<T: WasiHttpView + 'static>(linker: &mut Linker<T>) -> Result<()> {
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)
}

/// `wasi:keyvalue/store`, `atomics` and `batch`, in the draft of a flavour.
///
/// # Errors
///
/// It is linked already.
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

/// `wasi:config/store`, in the draft of a flavour.
///
/// # Errors
///
/// It is linked already.
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

/// `wasi:cli/stderr`, where a broker writes its log. The credentials component doesn't import it.
///
/// # Errors
///
/// It is linked already.
pub fn stderr<T: WasiView>(linker: &mut Linker<T>) -> Result<()> {
    bindings::cli::stderr::add_to_linker::<T, WasiCli>(linker, T::cli)
}
