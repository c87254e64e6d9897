"""Addresses of clusters, apart from what talks to them: options are checked without Dask."""

from __future__ import annotations

import re

from hawx_onnx.errors import ConfigError

FLAG = "--cluster"
# A host by name, by number, or an IPv6 one in brackets.
_ADDRESS = re.compile(
    r"(?P<protocol>tcp|tls)://(?P<host>\[[0-9A-Fa-f:.%]+\]|[^\s:/\[\]]+):(?P<port>\d+)"
)


def check_address(address: str, where: str) -> None:
    """Checks the form of a scheduler's address; nothing is asked of the network.

    Raises:
        ConfigError: It is not ``tcp://HOST:PORT`` or ``tls://HOST:PORT``.
    """
    found = _ADDRESS.fullmatch(address)
    if found is not None and 0 < int(found["port"]) < 2**16:
        return
    raise ConfigError(
        f"{address!r} is no address of a Dask scheduler",
        where=where,
        mend="write tcp://HOST:PORT (or tls://), as `dask scheduler` prints it",
    )
