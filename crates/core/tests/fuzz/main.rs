//! Fuzz targets: near-valid inputs from outside, and what has to hold for each of them.
//!
//! The ordinary run of the tests takes few inputs for each target, always the same ones. `cargo xtask fuzz`
//! takes many new ones.

mod accounts;
mod base_urls;
mod broker;
mod damage;
mod entries;
mod host;
mod timestamps;

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use std::cell::Cell;
use std::time::Instant;

/// The environment variable with the number of inputs for each target.
const CASES: &str = "CREDWELL_FUZZ_CASES";

/// The number of inputs without that variable.
const FEW: u32 = 400;

/// Whether the code under test has taken an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Taken,
    Refused,
}

/// Runs `check` on inputs of `strategy`. A panic is a finding: its input is reduced and printed.
fn fuzz<S: Strategy>(target: &str, strategy: S, check: impl Fn(S::Value) -> Verdict) {
    let (cases, rng_seed) = match std::env::var(CASES) {
        Ok(cases) => (cases.parse().expect("the number of inputs is a number"), RngSeed::Random),
        Err(_) => (FEW, RngSeed::Fixed(20_260_101)),
    };
    let mut runner =
        TestRunner::new(Config { cases, rng_seed, failure_persistence: None, ..Config::default() });
    let (taken, refused) = (Cell::new(0), Cell::new(0));
    let began_at = Instant::now();
    let result = runner.run(&strategy, |input| {
        let count = if check(input) == Verdict::Taken { &taken } else { &refused };
        count.set(count.get() + 1);
        Ok(())
    });
    if let Err(finding) = result {
        panic!("{target}: {finding}");
    }
    let (taken, refused) = (taken.get(), refused.get());
    println!("{target}: {cases} inputs, {taken} of them taken, in {:.0?}", began_at.elapsed());
    // Otherwise the damage to the inputs is too large or too small.
    assert!(taken > cases / 40 && refused > cases / 40, "{target}: {taken} taken, {refused} refused");
}
