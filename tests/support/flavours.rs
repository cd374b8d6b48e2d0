//! The macro that makes a test for each flavour from one test case.

/// Defines a test of the function `case` for each flavour, with the clock paused.
macro_rules! in_both_flavours {
    ($(#[$attribute:meta])*) => {
        $(#[$attribute])*
        #[tokio::test(start_paused = true)]
        async fn wasmtime() {
            case(host_test::Flavour::Wasmtime).await;
        }

        $(#[$attribute])*
        #[tokio::test(start_paused = true)]
        async fn spin() {
            case(host_test::Flavour::Spin).await;
        }
    };
}
pub(crate) use in_both_flavours;
