"""Ports of loopback for programs that cannot be told to choose one by themselves."""

import socket

__all__ = ["free_port"]

_held: list[socket.socket] = []


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody has, and that nobody else is given before this process ends.

    It stays bound here without being listened at: the kernel then gives it neither to another who asks for any port
    nor to a connection that goes out, while a server that sets SO_REUSEADDR, as all of the tests' do, may listen there
    and come back there (Linux, socket(7)). Until then a connection to it is refused.
    """
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", 0))
    _held.append(holder)
    port: int = holder.getsockname()[1]
    return port
