"""Uses the credwell component from Python 3.10 or newer.

Gets the credentials of an account twice: first from the upstream, then from the cache. Prints each result as
a line of JSON, without the secrets. If a URL is given, sends a GET request with the access token to that URL
and prints the status of the response.

    python -m venv .venv && .venv/bin/pip install --requirement requirements.txt
    CREDWELL_API_KEY=… CREDWELL_ENCRYPTION_KEYS=k1:<64 hexadecimal digits> \\
        .venv/bin/python main.py ../../target/components/credwell.wasm apn_EOhwvQr [URL]

Each environment variable that begins with CREDWELL_ is a setting of the component, for example
CREDWELL_BASE_URL.
"""

import json
import os
import sys
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from credwell import Credwell, CredwellError, text_of, with_access_token


def send_get(url: str, token: str | None) -> int:
    """Sends a GET request with the token and returns the status of the response."""
    request = Request(url)
    # Unlike an ordinary header, this header isn't sent to the target of a redirect, which can be another
    # host.
    request.add_unredirected_header("authorization", f"Bearer {token}")
    try:
        with urlopen(request) as response:
            return response.status
    except HTTPError as error:
        return error.code


def print_credentials(credentials: dict) -> None:
    """Prints the credentials as a line of JSON, without the secrets."""
    # A program that keeps the credentials calls again at `fresh-until`, and not at `expires-at`.
    names = ["account-id", "app-slug", "source", "expires-at", "fresh-until"]
    line = {name: credentials[name] for name in names}
    print(json.dumps(line | {"access-token": redacted(credentials["access-token"])}))
    for warning in credentials["warnings"]:
        print(f"warning: {text_of(warning)}", file=sys.stderr)


def redacted(token: str | None) -> str | None:
    """Returns the first characters of a token, which name its kind, and its length."""
    if token is None:
        return None
    # The first characters of a short token would reveal too much of it.
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
            status = with_access_token(credwell, account_id, lambda token: send_get(url, token))
            print(json.dumps({"status": status}))
    except CredwellError as error:
        # sys.exit prints the text on stderr and exits with status 1.
        sys.exit(str(error))


if __name__ == "__main__":
    main()
