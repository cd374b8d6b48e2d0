// The credwell component in Node.js: what it is given, and how a caller uses it.

import { clocks, http, io, random } from "@bytecodealliance/preview2-shim";
import { readFile } from "node:fs/promises";
import { instantiate } from "./transpiled/credwell.js";

/**
 * Starts the component. All that it remembers is in `buckets`, so an instance can be thrown away at any time; give the
 * next one the same buckets.
 *
 * preview2-shim waits for the first byte of an answer only as long as for a connection. So the setting
 * `credwell_connect_timeout_ms` must be as long as an answer may take.
 *
 * Its functions are synchronous: they block this thread while a request to the upstream is under way. A server calls
 * them in a worker thread, so that it can answer others in the meantime.
 *
 * @param {Record<string, string>} settings - by name, for example `credwell_api_key`
 * @param {Map<string, Map<string, Uint8Array>>} buckets - the key-value store: each bucket's entries
 */
export async function startCredwell(settings, buckets = new Map()) {
  // jco looks imports up without their versions. Nothing but these can be reached from inside: no files, no sockets.
  const imports = {
    "wasi:clocks/monotonic-clock": clocks.monotonicClock,
    "wasi:clocks/wall-clock": clocks.wallClock,
    "wasi:config/store": { getAll: () => Object.entries(settings) },
    "wasi:http/outgoing-handler": http.outgoingHandler,
    "wasi:http/types": { ...http.types, httpErrorCode },
    "wasi:io/error": io.error,
    "wasi:io/poll": io.poll,
    "wasi:io/streams": io.streams,
    "wasi:keyvalue/store": keyValueStore(buckets),
    "wasi:random/random": random.random,
  };
  const component = await instantiate(loadCoreModule, imports);
  return component.credentials;
}

async function loadCoreModule(name) {
  return WebAssembly.compile(await readFile(new URL(`transpiled/${name}`, import.meta.url)));
}

/**
 * Why a response's body broke off. preview2-shim 0.26.1 gives an error of Node.js there, which is no WIT value: jco
 * would throw a TypeError in the middle of the call. Without a code the component tells a timeout from a break by the
 * clock.
 */
function httpErrorCode(error) {
  const code = http.types.httpErrorCode(error);
  return typeof code.tag === "string" ? code : undefined;
}

/**
 * `wasi:keyvalue/store` in memory, which lasts as long as the process. The values are encrypted by the component. To
 * share them between processes, replace the maps with a store whose client is synchronous, such as SQLite.
 */
function keyValueStore(buckets) {
  // jco hands the component only instances of a class that has the WIT resource's name.
  class Bucket {
    #entries;

    constructor(entries) {
      this.#entries = entries;
    }

    get(key) {
      return this.#entries.get(key);
    }

    set(key, value) {
      // A copy, because nothing promises that the array isn't the component's own memory.
      this.#entries.set(key, Uint8Array.from(value));
    }

    delete(key) {
      this.#entries.delete(key);
    }
  }

  const open = (name) => {
    if (!buckets.has(name)) {
      buckets.set(name, new Map());
    }
    return new Bucket(buckets.get(name));
  };
  return { Bucket, open };
}

/**
 * Sends a request with the account's access token. If the answer is 401, the token was revoked before it expired: then
 * sends once more with a fresh one, if there is one.
 *
 * @param credwell - what {@link startCredwell} gave
 * @param {string} accountId - for example `apn_EOhwvQr`
 * @param {(accessToken: string | undefined) => Promise<Response>} send - sends the caller's request
 */
export async function withAccessToken(credwell, accountId, send) {
  const { accessToken } = credwell.getCredentials(accountId);
  const response = await send(accessToken);
  if (response.status !== 401) {
    return response;
  }
  // Saying which token was rejected lets many callers that meet the same dead token share one fetch.
  const refreshed = credwell.refreshCredentials(accountId, accessToken);
  return refreshed.accessToken === accessToken ? response : send(refreshed.accessToken);
}
