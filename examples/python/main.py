"""Uses the credwell component from Python 3.10 or newer.

Asks twice for the credentials of an account: the first answer comes from the upstream, the second from the cache. Each
is printed as a line of JSON, without the secrets in it. With a URL, a GET request is then sent there with the access
token, and the status of the answer is printed.

    python -m venv .venv && .venv/bin/pip install --requirement requirements.txt
    CREDWELL_API_KEY=… CREDWELL_ENCRYPTION_KEYS=k1:<64 hexadecimal digits> \\
        .venv/bin/python main.py ../../target/components/credwell.wasm apn_EOhwvQr [URL]

Each environment variable that begins with CREDWELL_ is a setting of the component, for example CREDWELL_BASE_URL.
"""

import json
import os
import sys
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from credwell import Credwell, CredwellError, with_access_token


def send_get(url: str, token: str | None) -> int:
    """Sends a GET request with the token and returns the status of the answer."""
    request = Request(url)
    # Unlike an ordinary header, it isn't repeated to whatever host a redirect names.
    request.add_unredirected_header("authorization", f"Bearer {token}")
    try:
        with urlopen(request) as response:
            return response.status
    except HTTPError as error:
        return error.code


def print_credentials(credentials: dict) -> None:
    """Prints a line of JSON, without the secrets."""
    names = ["account-id", "app-slug", "source", "expires-at"]
    line = {name: credentials[name] for name in names}
    print(json.dumps(line | {"access-token": redacted(credentials["access-token"])}))
    for warning in credentials["warnings"]:
        print(f"warning: {warning.tag}: {warning.payload}", file=sys.stderr)


def redacted(token: str | None) -> str | None:
    """Enough of a token to tell two apart: its beginning, which names its kind, and its length."""
    if token is None:
        return None
    # Of a short one, the beginning would be too much.
    return f"{'' if len(token) < 16 else token[:4]}... ({len(token)} characters)"


def main() -> None:
    if len(sys.argv) not in (3, 4):
        sys.exit("usage: python main.py COMPONENT ACCOUNT_ID [URL]")
    component_path, account_id, *urls = sys.argv[1:]
    settings = {name.lower(): value for name, value in os.environ.items() if name.startswith("CREDWELL_")}
    try:
        credwell = Credwell(component_path, settings, {})
        for _ in range(2):
            print_credentials(credwell.get(account_id))
        for url in urls:
            print(json.dumps({"status": with_access_token(credwell, account_id, lambda token: send_get(url, token))}))
    except CredwellError as error:
        # With a text, the status is 1 and the text goes to stderr.
        sys.exit(str(error))


if __name__ == "__main__":
    main()
