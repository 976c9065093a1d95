"""Events: how they are read, tried, tried again, given up and sent.

It is yours. On the wire all is as in every service of the project: subjects `events.<type>`, the envelope of `send`, dead
letters that `camp dlq` lists and replays.

An event comes at least once. It is marked as done in the broker's own store, bucket `inbox`, after the handler has returned,
and acknowledged after that: from then on it is never handled again, by no replica and after no restart. Between the two
lies one gap: a process that is killed after the work and before the mark does the work again. Work that must not happen
twice belongs into a database, in one transaction with the mark:
    insert into inbox (consumer, event_id) values (…) on conflict do nothing   -- no row: it has been done, do nothing
"""

import json
import os
import random
import re
import threading
import time
import traceback
import uuid
from datetime import datetime, timezone

from broker import Nats, Unavailable
from service import SERVICE, Call, correlation, log

# the fifth failure is the last one
ATTEMPTS = 5


class Terminal(Exception):
    """Raise it in a handler when no further try can help: the event goes to the dead letters at once."""


class Event:
    """One event, as a handler sees it."""

    def __init__(self, envelope, consumer, deliveries, send):
        self.id = envelope["id"]
        self.type = envelope["type"]
        self.source = envelope.get("source")
        self.time = envelope.get("time")
        self.data = envelope.get("data")
        self.deliveries = deliveries
        ids = {"X-Request-Id": envelope.get("requestId") or "", "traceparent": envelope.get("traceparent") or ""}
        # to ask other services, which are not to try again: the broker does
        self.call = Call("EVENT", "/", {**ids, "X-Retries": "0"}, b"")
        self._consumer = consumer
        self._sent = 0
        self._send = send

    def log(self, msg, **more):
        self.call.log(msg, eventId=self.id, **more)

    def emit(self, type, data):
        """Sends an event that this one has led to. The next try sends the same one, which takes effect once."""
        self._sent += 1
        return self._send(self.call, type, data, str(uuid.uuid5(_space, f"{self._consumer} {self.id} {self._sent}")))


_space = uuid.UUID("6f5b1f0e-6c6e-4a63-9d0b-7a3f7ac0c4f1")


class Events:
    """What this service does about events; `serve` starts and drains it."""

    def __init__(self, broker=None):
        self._broker = broker or Nats(os.environ.get("NATS_URL", "nats://nats:4222"))
        self._consumers = {}
        self._at_work = set()
        self._lock = threading.Lock()

    def on(self, type):
        """`@events.on("orders.created")`: the function is called with every Event of the type, in several threads at once."""

        def add(handler):
            # the broker's durable names, which hold no dots
            self._consumers[re.sub(r"[^A-Za-z0-9_-]", "_", f"{SERVICE}_{type}")] = (type, handler)
            return handler

        return add

    def emit(self, call, type, data):
        """Sends an event that a request has led to. Returns its id once it is stored; raises Unavailable."""
        return self._send(call, type, data, str(uuid.uuid4()))

    def start(self):
        self._broker.start([(name, type) for name, (type, _) in self._consumers.items()], self.handle)

    def trouble(self):
        return self._broker.trouble()

    def stop(self):
        self._broker.stop()

    def drain(self, seconds):
        self._broker.drain(seconds)

    def handle(self, name, message):
        """Says what becomes of a message, and never raises: ("done",), ("again", seconds) or ("dead", letter)."""
        type, handler = self._consumers[name]
        try:
            envelope = json.loads(message.data)
            if not (envelope["id"] and isinstance(envelope["id"], str) and envelope["type"]):
                raise ValueError("it has no id or type")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return _no_event(name, type, message, error)
        event = Event(envelope, name, message.deliveries, self._send)
        key = (name, event.id)
        with self._lock:
            if key in self._at_work:  # a second message of the same event
                return ("again", 0.5)
            self._at_work.add(key)
        try:
            return self._once(name, handler, event, envelope)
        finally:
            with self._lock:
                self._at_work.discard(key)

    def _once(self, name, handler, event, envelope):
        begin = time.perf_counter()
        failed = 0
        try:
            known = self._broker.recall(name, event.id)
            failed = int(known) if known.isdigit() else 0
            if known != "done":
                handler(event)
                self._broker.remember(name, event.id, "done")
        except Exception as error:
            return self._after_failure(name, event, envelope, failed + 1, error)
        msg = "event again, nothing to do" if known == "done" else "event"
        ms = round((time.perf_counter() - begin) * 1000, 1)
        more = {"type": event.type, "eventId": event.id, "consumer": name, "deliveries": event.deliveries, "ms": ms}
        log("info", msg, **event.call.ids(), **more)
        return ("done",)

    def _after_failure(self, name, event, envelope, attempts, error):
        reason = str(error) or repr(error)
        more = {**event.call.ids(), "consumer": name, "eventId": event.id}
        is_last = attempts >= ATTEMPTS or isinstance(error, Terminal)
        try:
            if isinstance(error, Unavailable):
                raise error
            # forgotten with the last one, so that a replay has all its tries again
            self._broker.remember(name, event.id, "0" if is_last else str(attempts))
        except Unavailable as away:
            # nobody's fault but the moment's: for ever, and not counted
            log("warn", f"{event.type} waits and is tried again: {away}", **more)
            return ("again", pause(min(event.deliveries, 3)))
        if not is_last:
            log("warn", f"{event.type} failed and is tried again: {reason}", **more, attempts=attempts)
            return ("again", pause(attempts))
        stack = {} if isinstance(error, Terminal) else {"stack": "".join(traceback.format_tb(error.__traceback__))}
        log("error", f"{event.type} goes to the dead letters: {reason}", **more, attempts=attempts, **stack)
        event_as_sent = {**envelope, "requestId": event.call.request_id, "traceparent": event.call.headers()["traceparent"]}
        return ("dead", _letter(event_as_sent, name, reason, attempts))

    def _send(self, call, type, data, event_id):
        traceparent = call.headers()["traceparent"]
        event = {
            "id": event_id,
            "type": type,
            "source": SERVICE,
            "time": _now(),
            "data": data,
            "requestId": call.request_id,
            "traceparent": traceparent,
        }
        headers = {"x-request-id": call.request_id, "traceparent": traceparent}
        self._broker.publish(f"events.{type}", event_id, headers, event)
        return event_id


def pause(attempt):
    """Seconds before the next try: twice as long each time, 10 at most, and never the same for those that failed together."""
    return random.uniform(0.5, 1) * min(10, 0.5 * 2 ** min(attempt - 1, 20))


def _no_event(name, type, message, error):
    """What is no event is a dead letter at once, with as much of it as a person can read."""
    reason = f"not an event: {error!r}"
    headers = message.headers
    given = {"X-Request-Id": headers.get("x-request-id", ""), "traceparent": headers.get("traceparent", "")}
    request_id, trace_id = correlation(given)
    event = {
        "id": f"message-{message.number}",
        "type": type,
        "source": "unknown",
        "time": _now(),
        "data": message.data.decode(errors="replace")[:10_000],
        "requestId": request_id,
        "traceparent": f"00-{trace_id}-{uuid.uuid4().hex[:16]}-01",
    }
    more = {"consumer": name, "eventId": event["id"], "requestId": request_id, "traceId": trace_id}
    log("error", f"{type} goes to the dead letters: {reason}", **more)
    return ("dead", _letter(event, name, reason, message.deliveries))


def _letter(event, consumer, reason, attempts):
    return {"event": event, "consumer": consumer, "reason": reason, "attempts": attempts, "time": _now()}


def _now():
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
