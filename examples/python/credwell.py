"""The credwell component in Python: what it is given, and how a caller uses it."""

from collections.abc import Callable

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
        if isinstance(result, Variant):
            raise CredwellError(result)
        # The names have hyphens, so they are no attributes that could be written in Python.
        return vars(result)


def add_key_value_store(instance: LinkerInstance, buckets: dict[str, dict[str, bytes]]) -> None:
    """`wasi:keyvalue/store` in memory, which lasts as long as the process."""
    # To wasmtime a resource is a number: here it is the bucket's place in this list. A bucket is opened by name and
    # keeps its place, so the list grows with the names and not with the calls.
    names: list[str] = []

    def entries(store, bucket) -> dict[str, bytes]:
        return buckets[names[bucket.to_host(store).rep]]

    def open_bucket(_store, name: str) -> ResourceHost:
        buckets.setdefault(name, {})
        if name not in names:
            names.append(name)
        return ResourceHost.own(names.index(name), BUCKET)

    def get_value(store, bucket, key: str) -> bytes | None:
        return entries(store, bucket).get(key)

    def set_value(store, bucket, key: str, value: bytes) -> None:
        entries(store, bucket)[key] = value

    def delete_value(store, bucket, key: str) -> None:
        entries(store, bucket).pop(key, None)

    instance.add_resource("bucket", ResourceType.host(BUCKET), lambda _store, _place: None)
    instance.add_func("open", open_bucket)
    instance.add_func("[method]bucket.get", get_value)
    instance.add_func("[method]bucket.set", set_value)
    instance.add_func("[method]bucket.delete", delete_value)


def with_access_token(credwell: Credwell, account_id: str, send: Callable[[str | None], int]) -> int:
    """Sends a request with the account's access token; `send` does so and returns the status of the answer.

    If that is 401, the token was revoked before it expired: then sends once more with a fresh one, if there is one.
    """
    token = credwell.get(account_id)["access-token"]
    status = send(token)
    if status != 401:
        return status
    # Saying which token was rejected lets many callers that meet the same dead token share one fetch.
    refreshed = credwell.refresh(account_id, token)["access-token"]
    return status if refreshed == token else send(refreshed)
