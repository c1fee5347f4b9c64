"""No check may ask the network, and whatever tries is found out."""

import contextlib
import socket
from collections.abc import Iterator
from typing import Any
from unittest import mock

from huggingface_hub import constants

__all__ = ["network_refused"]

_LOCAL = {getattr(socket, name) for name in ("AF_UNIX",) if hasattr(socket, name)}


@contextlib.contextmanager
def network_refused() -> Iterator[list[str]]:
    """Refuse every connection of this process to another machine, and collect where it would have led."""
    attempts: list[str] = []
    connect = socket.socket.connect

    def refuse(*address: Any, **_: Any) -> Any:
        attempts.append(repr(address[-1] if isinstance(address[0], socket.socket) else address[0]))
        raise OSError("the network is not to be asked here")

    def connect_here(own: socket.socket, address: Any) -> None:
        (connect if own.family in _LOCAL else refuse)(own, address)

    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch.object(socket.socket, "connect", connect_here))
        stack.enter_context(mock.patch.object(socket.socket, "connect_ex", refuse))
        stack.enter_context(mock.patch.object(socket, "getaddrinfo", refuse))
        # Else the hub's library tries for half a minute before it gives up.
        stack.enter_context(mock.patch.object(constants, "HF_HUB_OFFLINE", True))
        yield attempts
