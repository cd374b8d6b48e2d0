//! The parts of the report about a call, and about the components' sizes.

use super::table;
use crate::sections::call::{Call, Callee};
use crate::sections::size::Size;
use crate::stats::{Spread, thousands};

pub(super) fn calls(call: &Call) -> String {
    let core = call.of(&Callee::Core).map_or(f64::NAN, |core| core.median);
    let rows = call.calls.iter().map(|time| {
        let name = match &time.callee {
            Callee::Reused(file) => format!("`{file}` through the client, instances used again"),
            Callee::NewInstance(file) => format!("`{file}`, an instance for each call"),
            Callee::Core => "The same core natively".to_owned(),
            Callee::Empty => "A component of the same exports without logic, through the client".to_owned(),
            Callee::Sealed => "moka, and XChaCha20-Poly1305 opened natively".to_owned(),
        };
        let Spread { median, lowest, highest } = time.nanoseconds;
        let microseconds = Spread { median: median / 1e3, lowest: lowest / 1e3, highest: highest / 1e3 };
        vec![name, format!("{:.2}", median / core), microseconds.to_string()]
    });
    let text = "`get-credentials` for a cached account of 1,024 bytes, in one process and over a store in memory, \
                measured with Criterion: the median, with its confidence interval of 95 %. The component without logic \
                returns credentials of the same length. It is the floor of a call through the canonical ABI.\n\n";
    text.to_owned() + &table(&["Call", "× core", "µs"], rows)
}

pub(super) fn sizes(size: &Size) -> String {
    let rows = size.components.iter().map(|component| {
        vec![
            format!("`{}`", component.file),
            thousands(component.bytes as f64),
            thousands(component.gzip_bytes as f64),
            format!("{:.0}", component.compile.median),
            thousands(component.compiled_bytes as f64),
            format!("{:.2}", component.load.median),
        ]
    });
    let head = [
        "Component",
        "Bytes",
        "Bytes with gzip",
        "Compilation, ms",
        "Compiled bytes",
        "Load of compiled code, ms",
    ];
    let mut text = table(&head, rows);
    text += "\nCranelift compiles with all cores. Compiled code is loaded with `Component::deserialize`.\n\n";
    let rows = [
        (
            "Memory of an idle instance after a cached call, KiB",
            thousands(size.idle_instance_bytes as f64 / 1024.0),
        ),
        ("`credwell get` with a cached account, wall clock in ms", format!("{:.0}", size.get)),
        ("`credwell serve` until it listens, wall clock in ms", format!("{:.0}", size.serve)),
    ];
    let rows = rows.into_iter().map(|(name, value)| vec![name.to_owned(), value]);
    text += &table(&["Of the host and the program", "Measured"], rows);
    text += &format!("\nThe program was started {} times for each figure.\n", size.starts);
    text
}
