// The credwell component in Node.js: the capabilities that it gets, and its use by a caller.

import { clocks, http, io, random } from "@bytecodealliance/preview2-shim";
import { readFile } from "node:fs/promises";
import { instantiate } from "./transpiled/credwell.js";

/**
 * Starts the component. The component keeps its whole state in `buckets`. So you can discard an instance at
 * any time; give the next instance the same buckets.
 *
 * preview2-shim applies the timeout for the connection to the first byte of a response, too. So set
 * `credwell_connect_timeout_ms` to the time that a response may take.
 *
 * The functions are synchronous: they block this thread during a request to the upstream. A server calls them
 * in a worker thread, so that its main thread stays free for other requests.
 *
 * @param {Record<string, string>} settings - the settings by name, for example `credwell_api_key`
 * @param {Map<string, Map<string, Uint8Array>>} buckets - the key-value store: the entries of each bucket
 */
export async function startCredwell(settings, buckets = new Map()) {
  // jco looks up imports by their names without versions. The component can use these interfaces and no
  // others: it has no files and no sockets.
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
 * The WIT error code of a response body that broke off, or undefined. preview2-shim 0.26.1 returns an error
 * of Node.js here, which is no WIT value: jco would throw a TypeError during the call. Without a code, the
 * component uses the elapsed time to tell a timeout from a broken connection.
 */
function httpErrorCode(error) {
  const code = http.types.httpErrorCode(error);
  return typeof code.tag === "string" ? code : undefined;
}

/**
 * `wasi:keyvalue/store` in the memory of this process. The component encrypts the values. To share them
 * between processes, replace the maps with a store that has a synchronous client, such as SQLite.
 */
function keyValueStore(buckets) {
  // jco needs a class with the name of the WIT resource.
  class Bucket {
    #entries;

    constructor(entries) {
      this.#entries = entries;
    }

    get(key) {
      return this.#entries.get(key);
    }

    set(key, value) {
      // A copy, because the array may be a view of the component's memory.
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
 * Sends a request with the access token of the account. If the response is 401, the token was revoked before
 * its expiry: then this function refreshes the credentials and sends the request again, if the access token
 * changed.
 *
 * @param credwell - the component, from {@link startCredwell}
 * @param {string} accountId - for example `apn_EOhwvQr`
 * @param {(accessToken: string | undefined) => Promise<Response>} send - sends the caller's request
 */
export async function withAccessToken(credwell, accountId, send) {
  const { accessToken } = credwell.getCredentials(accountId);
  const response = await send(accessToken);
  if (response.status !== 401) {
    return response;
  }
  // The rejected token is named, so that concurrent callers with the same revoked token share one fetch.
  const refreshed = credwell.refreshCredentials(accountId, accessToken);
  return refreshed.accessToken === accessToken ? response : send(refreshed.accessToken);
}
