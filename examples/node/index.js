// Gets the credentials of an account twice: first from the upstream, then from the cache. Prints each result
// as a line of JSON, without the secrets. If a URL is given, sends a GET request with the access token to
// that URL and prints the status of the response.
//
//     npm ci && npm run transpile
//     CREDWELL_API_KEY=… CREDWELL_ENCRYPTION_KEYS=k1:<64 hexadecimal digits> npm start -- apn_EOhwvQr [URL]
//
// Each environment variable that begins with CREDWELL_ is a setting of the component, for example
// CREDWELL_BASE_URL.

import { startCredwell, withAccessToken } from "./credwell.js";

const [accountId, url] = process.argv.slice(2);
if (accountId === undefined) {
  console.error("usage: node index.js ACCOUNT_ID [URL]");
  process.exit(2);
}

try {
  const credwell = await startCredwell(settingsOf(process.env));
  for (let call = 0; call < 2; call += 1) {
    print(credwell.getCredentials(accountId));
  }
  if (url !== undefined) {
    const send = (accessToken) => fetch(url, { headers: { authorization: `Bearer ${accessToken}` } });
    const { status } = await withAccessToken(credwell, accountId, send);
    console.log(JSON.stringify({ status }));
  }
} catch (error) {
  // An error of the component has a payload, a case of the WIT variant `error`. Any other error is a bug.
  if (error.payload === undefined) {
    throw error;
  }
  console.error(textOf(error.payload));
  // Unlike `process.exit`, this lets Node.js write all of the output to a pipe first.
  process.exitCode = 1;
}

/** The settings from the environment: the variable CREDWELL_API_KEY is the setting credwell_api_key. */
function settingsOf(environment) {
  const ours = Object.entries(environment).filter(([name]) => name.startsWith("CREDWELL_"));
  return Object.fromEntries(ours.map(([name, value]) => [name.toLowerCase(), value]));
}

function print(credentials) {
  const line = {
    "account-id": credentials.accountId,
    "app-slug": credentials.appSlug ?? null,
    source: credentials.source,
    "expires-at": timeOf(credentials.expiresAt),
    // A program that keeps the credentials calls again at this time, and not at `expires-at`.
    "fresh-until": timeOf(credentials.freshUntil),
    "access-token": redacted(credentials.accessToken),
  };
  console.log(JSON.stringify(line));
  for (const warning of credentials.warnings) {
    console.error(`warning: ${textOf(warning)}`);
  }
}

/** Milliseconds since 1970 from a BigInt, which JSON can't hold. A Number is exact for 285,000 years. */
function timeOf(unixMilliseconds) {
  return unixMilliseconds === undefined ? null : Number(unixMilliseconds);
}

/**
 * The case of the WIT variant `error` or `warning`, and its data: a message, the error that caused a warning,
 * a number of seconds, or the name of a field.
 */
function textOf({ tag, val }) {
  if (val === undefined) {
    return tag;
  }
  return `${tag}: ${val.tag === undefined ? (val.message ?? val) : textOf(val)}`;
}

/** The first characters of a token, which name its kind, and its length: enough to tell two tokens apart. */
function redacted(token) {
  if (token === undefined) {
    return null;
  }
  // The first characters of a short token would reveal too much of it.
  return `${token.length < 16 ? "" : token.slice(0, 4)}... (${token.length} characters)`;
}
