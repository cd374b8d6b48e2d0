"""The credwell component in Python: the capabilities that it gets, and its use by a caller."""

from collections.abc import Callable

from wasmtime import Engine, Store, WasiConfig
from wasmtime.component import Component, Linker, LinkerInstance, ResourceHost, ResourceType, Variant

BUCKET = 1
"""The number of the resource type `bucket`. It must differ from other resource types of this process."""


class CredwellError(Exception):
    """An error of the component: the case of the WIT variant `error`, and its message."""

    def __init__(self, error: Variant):
        super().__init__(text_of(error))


def text_of(case: Variant) -> str:
    """Returns the case of the WIT variant `error` or `warning`, and its data.

    The data is a message, the error that caused a warning, a number of seconds, or the name of a field.
    """
    if case.payload is None:
        return case.tag
    if isinstance(case.payload, Variant):
        return f"{case.tag}: {text_of(case.payload)}"
    return f"{case.tag}: {getattr(case.payload, 'message', case.payload)}"


class Credwell:
    """An instance of the component with its settings and its key-value store.

    The component keeps its whole state in `buckets`, encrypted. So you can discard an instance at any time;
    give the next instance the same buckets. An instance serves one thread at a time. To share the values
    between processes, replace the dictionaries with a store such as Redis.
    """

    def __init__(self, component_path: str, settings: dict[str, str], buckets: dict[str, dict[str, bytes]]):
        engine = Engine()
        component = Component.from_file(engine, component_path)
        linker = Linker(engine)
        # wasi:io, clocks, random and http. The component can't reach the other interfaces, because it doesn't
        # import them.
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
        interface = "credwell:credentials/credentials@0.2.0"
        self._interface = self._instance.get_export_index(self._store, interface)

    def get(self, account_id: str) -> dict:
        """Returns the account's credentials as a dictionary with the names of the WIT record."""
        return self._call("get-credentials", account_id)

    def refresh(self, account_id: str, rejected: str | None) -> dict:
        """Returns the credentials after a refresh, because an app rejected the access token `rejected`."""
        return self._call("refresh-credentials", account_id, rejected)

    def _call(self, name: str, *arguments) -> dict:
        export = self._instance.get_export_index(self._store, name, self._interface)
        function = self._instance.get_func(self._store, export)
        result = function(self._store, *arguments)
        if isinstance(result, Variant):
            raise CredwellError(result)
        # The names of the attributes have hyphens, so Python code can't write them after a dot.
        return vars(result)


def add_key_value_store(instance: LinkerInstance, buckets: dict[str, dict[str, bytes]]) -> None:
    """Defines `wasi:keyvalue/store` with the entries in the memory of this process."""
    # wasmtime represents a resource as a number: here the index of the bucket's name in this list. The list
    # grows by one for each new name, and not for each call.
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

    instance.add_resource("bucket", ResourceType.host(BUCKET), lambda _store, _bucket: None)
    instance.add_func("open", open_bucket)
    instance.add_func("[method]bucket.get", get_value)
    instance.add_func("[method]bucket.set", set_value)
    instance.add_func("[method]bucket.delete", delete_value)


def with_access_token(credwell: Credwell, account_id: str, send: Callable[[str | None], int]) -> int:
    """Sends a request with the account's access token by `send`, which returns the status of the response.

    If the status is 401, the token was revoked before its expiry: then this function refreshes the
    credentials and sends the request again, if the access token changed.
    """
    token = credwell.get(account_id)["access-token"]
    status = send(token)
    if status != 401:
        return status
    # The rejected token is named, so that concurrent callers with the same revoked token share one fetch.
    refreshed = credwell.refresh(account_id, token)["access-token"]
    return status if refreshed == token else send(refreshed)
