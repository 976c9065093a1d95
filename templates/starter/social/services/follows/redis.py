"""Redis by its protocol, RESP2, as much of it as this service needs: nothing to install."""

import queue
import socket
from urllib.parse import unquote, urlsplit


class RedisError(Exception):
    """What Redis answered with an error; the connection is as good as before."""


class Redis:
    """A pool of connections. Threads may share it."""

    def __init__(self, url, timeout=1.0):
        parts = urlsplit(url)
        if parts.scheme != "redis" or not parts.hostname:
            raise ValueError(f"REDIS_URL is not redis://HOST:PORT: {url!r}")
        self.address = (parts.hostname, parts.port or 6379)
        self.password = unquote(parts.password or "")
        self.timeout = timeout
        self._idle = queue.LifoQueue(8)

    def call(self, *words):
        return self._send([words])[0]

    def transaction(self, *commands):
        """All of the commands or none of them; one reply each."""
        return self._send([("MULTI",), *commands, ("EXEC",)])[-1]

    def close(self):
        while not self._idle.empty():
            self._idle.get_nowait().close()

    def _send(self, commands):
        """One round trip. All that this service sends may be done twice: what had died in the pool is replaced."""
        while True:
            link, is_pooled = self._take()
            try:
                replies = link.round_trip(commands)
            except (OSError, EOFError):
                link.close()
                if not is_pooled:
                    raise
                continue
            self._give(link)
            for reply in replies:
                if isinstance(reply, RedisError):
                    raise reply
            return replies

    def _take(self):
        try:
            return self._idle.get_nowait(), True
        except queue.Empty:
            link = _Link(self.address, self.timeout)
            if self.password:
                for reply in link.round_trip([("AUTH", self.password)]):
                    if isinstance(reply, RedisError):
                        link.close()
                        raise reply
            return link, False

    def _give(self, link):
        try:
            self._idle.put_nowait(link)
        except queue.Full:
            link.close()


class _Link:
    def __init__(self, address, timeout):
        self.socket = socket.create_connection(address, timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")

    def close(self):
        self.file.close()
        self.socket.close()

    def round_trip(self, commands):
        self.socket.sendall(b"".join(encode(words) for words in commands))
        return [read(self.file) for _ in commands]


def encode(words):
    parts = [str(word).encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)


def read(file):
    """One reply: a string, an int, None, a list, or an error as a value."""
    line = file.readline()
    if not line.endswith(b"\r\n"):
        raise EOFError("Redis hung up")
    kind, rest = line[:1], line[1:-2].decode()
    if kind == b"+":
        return rest
    if kind == b"-":
        return RedisError(rest)
    if kind == b":":
        return int(rest)
    if kind == b"$":
        if int(rest) < 0:
            return None
        content = file.read(int(rest) + 2)
        if len(content) < int(rest) + 2:
            raise EOFError("Redis hung up")
        return content[:-2].decode()
    if kind == b"*":
        return None if int(rest) < 0 else [read(file) for _ in range(int(rest))]
    raise EOFError(f"not RESP: {line!r}")
