"""What every service of this project does the same way: health, logs, correlation, problems, a graceful stop.

It is yours: nothing but Python's standard library (3.9 or newer).
"""

import http.client
import json
import os
import re
import signal
import socketserver
import sys
import threading
import time
import traceback
import uuid
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

SERVICE = os.environ.get("SERVICE", "follows")
BODY_LIMIT = 1024 * 1024
MAX_INFLIGHT = int(os.environ.get("MAX_INFLIGHT", "100"))
GRACE_SECONDS = 8

_log_lock = threading.Lock()


def log(level, msg, **more):
    """One JSON object a line on stdout."""
    now = datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    line = json.dumps({"time": now, "level": level, "service": SERVICE, "msg": msg, **more}, ensure_ascii=False)
    with _log_lock:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


class Problem(Exception):
    """Raise it to answer with an error: application/problem+json, RFC 9457."""

    def __init__(self, status, detail):
        super().__init__(detail)
        self.status = status
        self.detail = detail


class Call:
    """One request, as the app sees it."""

    def __init__(self, method, target, headers, body):
        parts = urlsplit(target)
        self.service = SERVICE
        self.method = method
        self.path = parts.path
        self.query = parse_qs(parts.query)
        self.body = body
        self.request_id, self.trace_id = correlation(headers)
        deadline = headers.get("X-Deadline", "")
        # when the caller stops waiting, in seconds since 1970; nothing where the caller does not say
        self.deadline = int(deadline) / 1000 if re.fullmatch(r"[0-9]{1,15}", deadline) else None

    def log(self, msg, **more):
        log("info", msg, **self.ids(), **more)

    def ids(self):
        return {"traceId": self.trace_id, "requestId": self.request_id}

    def headers(self):
        """What goes with every call and every answer, so that one id is in all logs."""
        return {"X-Request-Id": self.request_id, "traceparent": f"00-{self.trace_id}-{uuid.uuid4().hex[:16]}-01"}


def correlation(headers):
    """X-Request-Id (the edge sets it), else the trace id of `traceparent` (W3C Trace Context), else a new one."""
    match = re.fullmatch(r"00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}", headers.get("traceparent", ""))
    trace = match.group(1) if match else None
    given = headers.get("X-Request-Id", "")
    request_id = given if re.fullmatch(r"[A-Za-z0-9_.:-]{1,128}", given) else trace or uuid.uuid4().hex
    as_trace = request_id.replace("-", "").lower()
    return request_id, trace or (as_trace if re.fullmatch(r"[0-9a-f]{32}", as_trace) else uuid.uuid4().hex)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = SERVICE
    sys_version = ""
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body leave in one packet
    timeout = 125  # longer than the edge keeps an idle connection (2 min)

    def answer(self):
        with self.server.in_flight():
            begin = time.perf_counter()
            call = Call(self.command, self.path, self.headers, b"")
            status, body = self.reply(call)
            self.send(call, status, body)
            if call.path in ("/livez", "/readyz"):
                return
            ms = round((time.perf_counter() - begin) * 1000, 1)
            level = "error" if status >= 500 else "info"
            log(level, "request", **call.ids(), method=call.method, path=call.path, status=status, ms=ms)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = answer

    def reply(self, call):
        try:
            call.body = self.read_body()
            if call.path == "/livez":
                return 200, {"status": "alive"}
            if call.path == "/readyz":
                if self.server.draining.is_set():
                    raise Problem(503, "draining")
                self.server.check()
                return 200, {"status": "ready"}
            if call.deadline is not None and call.deadline < time.time():
                raise Problem(504, "the deadline of this request has passed")
            if self.server.busy() > MAX_INFLIGHT:
                raise Problem(429, "too many requests at once")
            return 200, self.server.app(call)
        except Problem as problem:
            status, detail = problem.status, problem.detail
        except Exception:
            log("error", traceback.format_exc(), **call.ids())
            status, detail = 500, "something went wrong here; the log has it under this request id"
        title = http.client.responses.get(status, "Error")
        return status, {
            "type": "about:blank",
            "title": title,
            "status": status,
            "detail": detail,
            "instance": call.path,
            "requestId": call.request_id,
        }

    def read_body(self):
        if self.headers.get("Transfer-Encoding"):
            self.close_connection = True
            raise Problem(411, "send a Content-Length")
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit():
            self.close_connection = True
            raise Problem(400, "Content-Length is not a number")
        if int(length) > BODY_LIMIT:
            self.close_connection = True
            raise Problem(413, f"the body is longer than {BODY_LIMIT} bytes")
        return self.rfile.read(int(length))

    def send(self, call, status, body):
        content = json.dumps(body).encode()
        self.send_response_only(status)
        self.send_header("Content-Type", "application/problem+json" if status >= 400 else "application/json")
        self.send_header("Content-Length", str(len(content)))
        for name, value in call.headers().items():
            self.send_header(name, value)
        if status in (429, 503):
            self.send_header("Retry-After", "1")
        if self.server.draining.is_set() or self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
        self.wfile.flush()

    def log_message(self, *_):
        pass  # one JSON line a request is written above


class Service(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address, app, check=lambda: None):
        """`check` raises a Problem while the service cannot do its work: it is not ready then."""
        self.app = app
        self.check = check
        self.draining = threading.Event()
        self._busy = 0
        self._changed = threading.Condition()
        super().__init__(address, Handler)

    def server_bind(self):
        # HTTPServer would ask DNS for this machine's full name first, which can take seconds.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]

    def handle_error(self, request, client_address):
        error = sys.exc_info()[1]
        if not isinstance(error, (ConnectionError, TimeoutError)):
            log("error", traceback.format_exc())

    def in_flight(self):
        return _InFlight(self)

    def busy(self):
        with self._changed:
            return self._busy

    def wait_until_idle(self, seconds):
        with self._changed:
            return self._changed.wait_for(lambda: self._busy == 0, seconds)

    def count(self, by):
        with self._changed:
            self._busy += by
            self._changed.notify_all()


class _InFlight:
    def __init__(self, server):
        self.server = server

    def __enter__(self):
        self.server.count(1)

    def __exit__(self, *_):
        self.server.count(-1)


def serve(app, check=lambda: None):
    """Listens on PORT (8080) and, for a container's sake, on every interface; camp sets HOST to loopback.

    SIGTERM: not ready any more, no new connections, 8 s for what is in flight, exit 0. A second signal ends it at once.
    """
    host, port = os.environ.get("HOST", "0.0.0.0"), int(os.environ.get("PORT", "8080"))
    try:
        server = Service((host, port), app, check)
    except OSError as error:
        log("error", f"cannot listen on {host}:{port}: {error.strerror}")
        sys.exit(1)

    def stop(number, _frame):
        if server.draining.is_set():
            os._exit(1)
        server.draining.set()
        # shutdown() waits for serve_forever(), which this very thread runs: so from another one
        threading.Thread(target=server.shutdown, daemon=True).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    log("info", "listening", host=host, port=port)
    server.serve_forever(poll_interval=0.05)
    log("info", "draining")
    server.server_close()
    server.wait_until_idle(GRACE_SECONDS)
    sys.exit(0)
