"""Uses the credwell component from Python.

Asks twice for the credentials of an account: the first answer comes from the upstream, the second from the cache. Each
is printed as a line of JSON, without the secrets in it. With a URL, a GET request is then sent there with the access
token, and the status of the answer is printed.

    python -m venv .venv && .venv/bin/pip install --requirement requirements.txt
    CREDWELL_API_KEY=… CREDWELL_ENCRYPTION_KEYS=k1:<64 hexadecimal digits> \\
        .venv/bin/python credwell.py ../../target/components/credwell.wasm apn_EOhwvQr [URL]

Each environment variable that begins with CREDWELL_ is a setting of the component, for example CREDWELL_BASE_URL.
"""

import json
import os
import sys
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from wasmtime import Engine, Store, WasiConfig
from wasmtime.component import Component, Linker, LinkerInstance, ResourceHost, ResourceType, Variant

BUCKET = 1
"""Tells our one resource type from others that the same process may define."""


class CredwellError(Exception):
    """An error of the component: the case of the WIT variant `error`, and its message."""

    def __init__(self, error: Variant):
        message = error.payload if isinstance(error.payload, str) else error.payload.message
        super().__init__(f"{error.tag}: {message}")


class Credwell:
    """The component with what it is given. All that it remembers is in `buckets`, the key-value store.

    An instance serves one thread at a time, and can be thrown away; give the next one the same buckets. The values are
    encrypted by the component. To share them between processes, replace the dictionaries with Redis or the like.
    """

    def __init__(self, component_path: str, settings: dict[str, str], buckets: dict[str, dict[str, bytes]]):
        engine = Engine()
        component = Component.from_file(engine, component_path)
        linker = Linker(engine)
        # wasi:io, clocks, random and http. There is more in it, which a component without the imports can't reach.
        linker.add_wasip2()
        linker.add_wasi_http()
        with linker.root() as root:
            with root.add_instance("wasi:config/store@0.2.0-rc.1") as instance:
                instance.add_func("get-all", lambda _: list(settings.items()))
            with root.add_instance("wasi:keyvalue/store@0.2.0-draft") as instance:
                add_key_value_store(instance, buckets)

        self._store = Store(engine)
        self._store.set_wasi(WasiConfig())
        self._store.set_wasi_http()
        self._instance = linker.instantiate(self._store, component)
        interface = "credwell:credentials/credentials@0.1.0"
        self._interface = self._instance.get_export_index(self._store, interface)

    def get(self, account_id: str) -> dict:
        """The account's credentials, as a dictionary with the WIT names."""
        return self._call("get-credentials", account_id)

    def refresh(self, account_id: str, rejected: str | None) -> dict:
        """The same, after a request was refused although it had the token `rejected`."""
        return self._call("refresh-credentials", account_id, rejected)

    def _call(self, name: str, *arguments) -> dict:
        export = self._instance.get_export_index(self._store, name, self._interface)
        function = self._instance.get_func(self._store, export)
        result = function(self._store, *arguments)
        function.post_return(self._store)
        if isinstance(result, Variant):
            raise CredwellError(result)
        # The names have hyphens, so they are no attributes that could be written in Python.
        return vars(result)


def add_key_value_store(instance: LinkerInstance, buckets: dict[str, dict[str, bytes]]) -> None:
    """`wasi:keyvalue/store` in memory, which lasts as long as the process."""
    # wasmtime hands out resources as numbers: the position here of the bucket that was opened.
    opened: list[dict[str, bytes]] = []

    def open_bucket(_, name):
        opened.append(buckets.setdefault(name, {}))
        return ResourceHost.own(len(opened) - 1, BUCKET)

    def entries(store, bucket):
        with bucket.to_host(store) as host:
            return opened[host.rep]

    instance.add_resource("bucket", ResourceType.host(BUCKET), lambda store, position: None)
    instance.add_func("open", open_bucket)
    instance.add_func("[method]bucket.get", lambda store, bucket, key: entries(store, bucket).get(key))
    instance.add_func("[method]bucket.set", lambda store, bucket, key, value: entries(store, bucket).update({key: value}))
    instance.add_func("[method]bucket.delete", lambda store, bucket, key: entries(store, bucket).pop(key, None) and None)


def main() -> None:
    pass
