//! Rust types and traits generated from the WIT files.
//!
//! One world serves both flavours. The generated [`generated::Provider`] is made from the exports alone, so
//! which drafts a component imports is decided by the linker (see [`crate::Runtime`]), and the exported
//! types are the same ones for both.

pub(crate) mod generated {
    wasmtime::component::bindgen!({
        path: "../wit",
        inline: "
            package credwell:host;

            world provider {
                import wasi:keyvalue/store@0.2.0-draft;
                import wasi:keyvalue/atomics@0.2.0-draft;
                import wasi:keyvalue/store@0.2.0-draft2;
                import wasi:keyvalue/atomics@0.2.0-draft2;
                import wasi:config/store@0.2.0-rc.1;
                import wasi:config/store@0.2.0-draft-2024-09-27;
                export credwell:credentials/credentials@0.1.0;
            }
        ",
        imports: { default: async | trappable },
        exports: { default: async },
        additional_derives: [PartialEq, Eq],
        require_store_data_send: true,
        with: {
            "wasi:keyvalue/store@0.2.0-draft.bucket": crate::key_value::Bucket,
            "wasi:keyvalue/store@0.2.0-draft2.bucket": crate::key_value::Bucket,
        },
    });
}

pub use generated::exports::credwell::credentials::credentials::{
    AccountState, Credentials, Error, Field, FieldValue, RateLimit, Source, UpstreamStatus, Warning,
};
