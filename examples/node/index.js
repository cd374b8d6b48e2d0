// Asks twice for the credentials of an account: the first answer comes from the upstream, the second from the cache.
// Each is printed as a line of JSON, without the secrets in it. With a URL, a GET request is then sent there with the
// access token, and the status of the answer is printed.
//
//     npm ci && npm run transpile
//     CREDWELL_API_KEY=… CREDWELL_ENCRYPTION_KEYS=k1:<64 hexadecimal digits> npm start -- apn_EOhwvQr [URL]
//
// Each environment variable that begins with CREDWELL_ is a setting of the component, for example CREDWELL_BASE_URL.

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
  // An error of the component is a case of the WIT variant `error`; any other is a bug and stops the program.
  if (error.payload === undefined) {
    throw error;
  }
  const { tag, val } = error.payload;
  console.error(`${tag}: ${val.message ?? val}`);
  // Unlike `process.exit`, it lets what was written reach a pipe.
  process.exitCode = 1;
}

/** The settings in the environment: CREDWELL_API_KEY is the setting credwell_api_key. */
function settingsOf(environment) {
  const ours = Object.entries(environment).filter(([name]) => name.startsWith("CREDWELL_"));
  return Object.fromEntries(ours.map(([name, value]) => [name.toLowerCase(), value]));
}

function print(credentials) {
  const line = {
    "account-id": credentials.accountId,
    "app-slug": credentials.appSlug ?? null,
    source: credentials.source,
    // Milliseconds since 1970, which JSON has no 64-bit integer for. A number is exact for 285,000 years.
    "expires-at": credentials.expiresAt === undefined ? null : Number(credentials.expiresAt),
    "access-token": redacted(credentials.accessToken),
  };
  console.log(JSON.stringify(line));
  for (const { tag, val } of credentials.warnings) {
    console.error(`warning: ${tag}: ${val}`);
  }
}

/** Enough of a token to tell two apart: its beginning, which names its kind, and its length. */
function redacted(token) {
  if (token === undefined) {
    return null;
  }
  // Of a short one, the beginning would be too much.
  return `${token.length < 16 ? "" : token.slice(0, 4)}... (${token.length} characters)`;
}
