//! The Rust bindings of the exported interface and of the imported drafts `wasi:config` and `wasi:keyvalue`.
//! The bindings of the stable interfaces come from the crate `wasi`. Only this file and `keyvalue.rs` depend
//! on the draft of the feature `spin`.

macro_rules! generate {
    ($world:literal $(, $name:literal: $path:path)*) => {
        wit_bindgen::generate!({
            path: "wit",
            world: $world,
            generate_all,
            with: {
                "wasi:io/error@0.2.12": ::wasi::io::error,
                "wasi:io/poll@0.2.12": ::wasi::io::poll,
                "wasi:io/streams@0.2.12": ::wasi::io::streams,
                "wasi:clocks/monotonic-clock@0.2.12": ::wasi::clocks::monotonic_clock,
                "wasi:clocks/wall-clock@0.2.12": ::wasi::clocks::wall_clock,
                "wasi:random/random@0.2.12": ::wasi::random::random,
                $($name: $path,)*
                "wasi:http/types@0.2.12": ::wasi::http::types,
                "wasi:http/outgoing-handler@0.2.12": ::wasi::http::outgoing_handler,
            },
        });
    };
}

#[cfg(all(not(feature = "broker"), not(feature = "spin")))]
generate!("credentials-provider");
#[cfg(all(not(feature = "broker"), feature = "spin"))]
generate!("credentials-provider-spin");
#[cfg(all(feature = "broker", not(feature = "spin")))]
generate!("credentials-broker", "wasi:cli/stderr@0.2.12": ::wasi::cli::stderr);
#[cfg(all(feature = "broker", feature = "spin"))]
generate!("credentials-broker-spin", "wasi:cli/stderr@0.2.12": ::wasi::cli::stderr);

#[cfg(feature = "spin")]
pub use self::wasi::{
    config0_2_0_draft_2024_09_27::store as config, keyvalue0_2_0_draft2::store as keyvalue,
};
#[cfg(not(feature = "spin"))]
pub use self::wasi::{config0_2_0_rc_1::store as config, keyvalue0_2_0_draft::store as keyvalue};

#[cfg(all(feature = "broker", not(feature = "spin")))]
pub use self::wasi::keyvalue0_2_0_draft::atomics;
#[cfg(all(feature = "broker", feature = "spin"))]
pub use self::wasi::keyvalue0_2_0_draft2::atomics;

#[cfg(not(feature = "broker"))]
pub use self::exports::credwell::credentials::credentials;
#[cfg(feature = "broker")]
pub use self::exports::wasi::http::incoming_handler;
