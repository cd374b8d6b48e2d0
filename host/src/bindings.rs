//! Rust types and traits generated from the WIT files.

/// What the component exports. It is the same for both flavours: which drafts a component imports is decided by what
/// is linked (see [`crate::link`]).
pub(crate) mod provider {
    wasmtime::component::bindgen!({
        path: "../wit",
        inline: "
            package credwell:host;

            world provider {
                export credwell:credentials/credentials@0.1.0;
            }
        ",
        exports: { default: async },
        additional_derives: [PartialEq, Eq],
        require_store_data_send: true,
    });
}

/// What a host serves, apart from what wasmtime's own crates do.
pub(crate) mod host {
    wasmtime::component::bindgen!({
        path: "../wit",
        inline: "
            package credwell:host;

            world host {
                import wasi:keyvalue/store@0.2.0-draft;
                import wasi:keyvalue/atomics@0.2.0-draft;
                import wasi:keyvalue/batch@0.2.0-draft;
                import wasi:keyvalue/store@0.2.0-draft2;
                import wasi:keyvalue/atomics@0.2.0-draft2;
                import wasi:keyvalue/batch@0.2.0-draft2;
                import wasi:config/store@0.2.0-rc.1;
                import wasi:config/store@0.2.0-draft-2024-09-27;
            }
        ",
        imports: { default: async | trappable },
        require_store_data_send: true,
        trappable_error_type: {
            "wasi:keyvalue/store@0.2.0-draft.error" => crate::key_value::Failure,
            "wasi:keyvalue/store@0.2.0-draft2.error" => crate::key_value::Failure,
            "wasi:config/store@0.2.0-rc.1.error" => crate::configuration::ConfigurationError,
            "wasi:config/store@0.2.0-draft-2024-09-27.error" => crate::configuration::ConfigurationError,
        },
        with: {
            "wasi:keyvalue/store@0.2.0-draft.bucket": crate::key_value::Bucket,
            "wasi:keyvalue/store@0.2.0-draft2.bucket": crate::key_value::Bucket,
            "wasi:keyvalue/atomics@0.2.0-draft2.cas": crate::key_value::Comparison,
        },
    });
}

pub use provider::exports::credwell::credentials::credentials::{
    AccountState, Credentials, Error, Field, FieldValue, RateLimit, Source, UpstreamStatus, Warning,
};
