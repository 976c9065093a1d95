"""The few commands that the service sends, so that its tests need no server."""

import contextlib
import socket
import socketserver
import threading

from redis import encode, read


class FakeRedis(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Client)
        self.sets = {}
        self.lock = threading.Lock()
        self.links = []
        self.url = f"redis://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def cut(self):
        """Ends every connection, as a server that is started again does."""
        with self.lock:
            for link in self.links:
                with contextlib.suppress(OSError):  # the client may have gone first
                    link.shutdown(socket.SHUT_RDWR)
            self.links.clear()

    def stop(self):
        self.shutdown()
        self.server_close()
        self.cut()

    def answer(self, command, *words):
        if command == "PING":
            return b"+PONG\r\n"
        if command == "SMEMBERS":
            return encode(self.sets.get(words[0], set()))
        if command in ("SADD", "SREM"):
            members = self.sets.setdefault(words[0], set())
            (members.add if command == "SADD" else members.discard)(words[1])
            return b":1\r\n"
        return f"-ERR unknown command '{command}'\r\n".encode()


class _Client(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True

    def handle(self):
        with self.server.lock:
            self.server.links.append(self.connection)
        queued = None
        while True:
            try:
                words = read(self.rfile)
            except (OSError, EOFError):
                return
            if words == ["MULTI"]:
                queued, reply = [], b"+OK\r\n"
            elif words == ["EXEC"]:
                with self.server.lock:
                    replies = [self.server.answer(*each) for each in queued]
                queued, reply = None, b"*%d\r\n" % len(replies) + b"".join(replies)
            elif queued is not None:
                queued.append(words)
                reply = b"+QUEUED\r\n"
            else:
                reply = self.server.answer(*words)
            self.wfile.write(reply)
