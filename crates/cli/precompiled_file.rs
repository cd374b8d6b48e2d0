//! The file with the precompiled form of a component, for the build script and its test.

use sha2::{Digest, Sha256};

/// Checks that a precompiled form was made from this component. It begins with the component's SHA-256 hash
/// (see `credwell_host::precompile`).
///
/// # Errors
///
/// The precompiled form was made from another component.
pub(crate) fn check(component: &[u8], precompiled: &[u8]) -> Result<(), &'static str> {
    let hash: [u8; 32] = Sha256::digest(component).into();
    precompiled.starts_with(&hash).then_some(()).ok_or("it was made from another component")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_form_of_the_same_component_passes() {
        let component =
            std::fs::read(credwell_host::Flavour::Wasmtime.path()).expect("the component is built");
        let precompiled = credwell_host::precompile(&component).expect("the component can be compiled");
        assert_eq!(check(&component, &precompiled), Ok(()));

        let mut changed = component.clone();
        changed.push(0);
        assert!(check(&changed, &precompiled).is_err());
        assert!(check(&component, &[]).is_err());
        assert!(check(&component, b"\x7fELF").is_err());
    }
}
