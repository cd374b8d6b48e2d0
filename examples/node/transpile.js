// Transpiles a component to a JavaScript module and core modules in `transpiled`, because Node.js runs core
// WebAssembly but no components. This is a build step: the program itself needs only `transpiled` and
// `preview2-shim`.
//
//     node transpile.js ../../target/components/credwell.wasm

import { transpile, writeFiles } from "@bytecodealliance/jco-transpile";
import { fileURLToPath } from "node:url";

const [componentPath] = process.argv.slice(2);
if (componentPath === undefined) {
  console.error("usage: node transpile.js COMPONENT");
  process.exit(2);
}

const { files } = await transpile(componentPath, {
  name: "credwell",
  outDir: fileURLToPath(new URL("transpiled", import.meta.url)),
  // The module exports `instantiate`, which takes the imports, among them our key-value store and settings.
  instantiation: "async",
  // An error of the component is thrown as an `Error` whose `payload` is the WIT value, not as the bare
  // value.
  noComponentErrorWrapping: false,
});
await writeFiles(files);
