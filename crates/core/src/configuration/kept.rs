//! The kept configuration: the checked settings of one call, which an instance keeps for its next call.
//!
//! An instance reads the raw settings in each call, and compares them with those of the call before. While
//! they are equal, nothing is parsed anew. Once they differ, the kept configuration is dropped, which wipes
//! its secrets.

use super::RawSettings;
use alloc::rc::Rc;
use core::cell::RefCell;

/// A configuration of type `T`, with the raw settings from which it was made.
#[derive(Debug)]
pub struct Kept<T>(RefCell<Option<(RawSettings, Rc<T>)>>);

impl<T> Kept<T> {
    /// Keeps nothing yet.
    pub const fn new() -> Self {
        Self(RefCell::new(None))
    }

    /// The configuration that was made from these settings, if it is kept. The configuration of other
    /// settings is dropped.
    pub fn find(&self, settings: &RawSettings) -> Option<Rc<T>> {
        let mut kept = self.0.borrow_mut();
        match &*kept {
            Some((known, configuration)) if known == settings => Some(Rc::clone(configuration)),
            _ => {
                *kept = None;
                None
            }
        }
    }

    /// Keeps a configuration that was made from these settings.
    pub fn keep(&self, settings: RawSettings, configuration: &Rc<T>) {
        *self.0.borrow_mut() = Some((settings, Rc::clone(configuration)));
    }
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> RawSettings {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect()
    }

    #[test]
    fn a_configuration_is_found_by_its_settings_alone() {
        let kept = Kept::new();
        let one = settings(&[("credwell_api_key", "one"), ("credwell_tenant", "a")]);
        assert_eq!(kept.find(&one), None);
        kept.keep(one.clone(), &Rc::new(1));
        assert_eq!(kept.find(&one).as_deref(), Some(&1));
        assert_eq!(kept.find(&one).as_deref(), Some(&1));
        for other in [
            settings(&[("credwell_api_key", "two"), ("credwell_tenant", "a")]),
            settings(&[("credwell_api_key", "one"), ("credwell_bucket", "a")]),
            settings(&[("credwell_api_key", "one")]),
            settings(&[]),
        ] {
            kept.keep(one.clone(), &Rc::new(1));
            assert_eq!(kept.find(&other), None);
        }
    }

    #[test]
    fn a_change_of_the_settings_drops_the_configuration() {
        let kept = Kept::new();
        let (one, two) = (settings(&[("credwell_tenant", "a")]), settings(&[("credwell_tenant", "b")]));
        let configuration = Rc::new(1);
        kept.keep(one.clone(), &configuration);
        assert_eq!(Rc::strong_count(&configuration), 2);
        assert_eq!(kept.find(&two), None);
        assert_eq!(Rc::strong_count(&configuration), 1);
        assert_eq!(kept.find(&one), None);
    }
}
