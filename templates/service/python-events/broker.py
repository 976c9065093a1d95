"""The broker, NATS with JetStream: what is stored there under which name, and how it is read. What becomes of an event is
decided in events.py.

It is yours. The streams, subjects and headers are those of every service of the project, in whatever language.
"""

import asyncio
import base64
import concurrent.futures
import contextlib
import json
import os
import re
import threading
import time

from service import SERVICE, Problem, log

# seconds; what a killed consumer had is delivered again after this, one that works says so three times as often
ACK_WAIT = 5
# events that one consumer of one replica works at at the same time
LANES = 4
TIMEOUT = 3
WEEK = 7 * 24 * 60 * 60
STREAMS = (
    {"name": "events", "subjects": ["events.>"], "duplicate_window": 120, "max_age": WEEK},
    {"name": "dlq", "subjects": ["dlq.>"], "duplicate_window": 120, "max_age": 0},
)


class Unavailable(Problem):
    """What is needed cannot be reached at the moment: a 503 in a request, in a handler tried again and never counted."""

    def __init__(self, detail):
        super().__init__(503, detail)


class Message:
    """One delivery, as the broker tells it."""

    def __init__(self, data, headers=None, deliveries=1, number=0):
        self.data = data
        self.headers = headers or {}
        self.deliveries = deliveries  # 1 the first time
        self.number = number


class Nats:
    """Connects in the background, for ever, in a thread of its own; every method may be called from any other."""

    def __init__(self, url):
        self.url = url
        self._loop = asyncio.new_event_loop()
        self._connection = None
        self._streams = None  # JetStream, once all that it needs has been made
        self._inbox = None
        self._lanes = []
        self._complained = 0.0

    def start(self, consumers, handle):
        """`consumers` are names and types; `handle(name, message)` answers ("done",), ("again", seconds) or ("dead", letter)."""
        import nats  # here, so that tests need nothing installed

        self._nats = nats
        threading.Thread(target=self._loop.run_forever, name="broker", daemon=True).start()
        asyncio.run_coroutine_threadsafe(self._run(consumers, handle), self._loop)

    def trouble(self):
        """Why it cannot be used at the moment, or None."""
        return None if self._connection and self._connection.is_connected else "the broker cannot be reached"

    def publish(self, subject, message_id, headers, body):
        """Stored when it returns; the same id within two minutes is one message. Raises Unavailable."""
        self._wait(self._send(subject, message_id, headers, body))

    def recall(self, consumer, event_id):
        """What is remembered of an event: "done", how often it has failed, or nothing. Raises Unavailable."""
        return self._wait(self._recall(_key(consumer, event_id)))

    def remember(self, consumer, event_id, what):
        """For as long as the stream keeps the event itself. Raises Unavailable."""
        self._wait(self._remember(_key(consumer, event_id), what))

    def stop(self):
        """Takes no new events."""
        if self._lanes:
            self._loop.call_soon_threadsafe(self._stop.set)

    def drain(self, seconds):
        """Waits for the events at work, then says good-bye."""
        try:
            asyncio.run_coroutine_threadsafe(self._leave(), self._loop).result(max(0.1, seconds))
        except concurrent.futures.TimeoutError:
            log("warn", "events were not drained in time")

    def _wait(self, coroutine):
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result(3 * TIMEOUT)
        except Unavailable:
            raise
        except Exception as error:
            future.cancel()
            self._streams = None  # it may have come back without what it had
            raise Unavailable(f"the broker did not answer: {error!r}") from error

    async def _run(self, consumers, handle):
        self._stop = asyncio.Event()
        self._loop.set_default_executor(concurrent.futures.ThreadPoolExecutor(LANES * max(1, len(consumers)), "events"))
        for name, type in consumers:
            for _ in range(LANES):
                self._lanes.append(asyncio.ensure_future(self._lane(name, type, handle)))
        times = {"connect_timeout": 2, "reconnect_time_wait": 0.25, "ping_interval": 2, "max_outstanding_pings": 2}
        told = {"error_cb": self._on_error, "disconnected_cb": self._on_lost, "reconnected_cb": self._on_back}
        try:
            connecting = self._nats.connect(self.url, name=SERVICE, max_reconnect_attempts=-1, **times, **told)
            self._connection = await connecting
        except Exception as error:  # that no patience helps against, such as an address that is none
            log("error", f"cannot use the broker: {error!r}")
            os._exit(1)

    async def _on_error(self, error):
        self._complain(f"the broker: {error!r}")

    async def _on_lost(self):
        self._streams = None
        if not self._connection.is_closed:
            log("warn", "lost the broker")

    async def _on_back(self):
        log("info", "the broker is back")

    def _complain(self, msg, **more):
        """A warning a second at most: it may go on for long."""
        if time.monotonic() - self._complained >= 1:
            self._complained = time.monotonic()
            log("warn", msg, **more)

    async def _made(self):
        """JetStream, with the streams and the inbox in it: whoever comes first makes them, nobody changes them."""
        if self.trouble():
            raise Unavailable("the broker cannot be reached")
        if self._streams is None:
            streams = self._connection.jetstream(timeout=TIMEOUT)
            known = {stream.config.name for stream in await streams.streams_info()}
            for stream in STREAMS:
                if stream["name"] not in known:
                    await streams.add_stream(**stream)
            if "KV_inbox" not in known:
                await streams.create_key_value(bucket="inbox", ttl=WEEK)
            self._inbox = await streams.key_value("inbox")
            self._streams = streams
        return self._streams

    async def _send(self, subject, message_id, headers, body):
        streams = await self._made()
        content = json.dumps(body, ensure_ascii=False).encode()
        await streams.publish(subject, content, timeout=TIMEOUT, headers={**headers, "Nats-Msg-Id": message_id})

    async def _recall(self, key):
        from nats.js.errors import KeyNotFoundError

        await self._made()
        try:
            return (await self._inbox.get(key)).value.decode()
        except KeyNotFoundError:
            return ""

    async def _remember(self, key, what):
        await self._made()
        await self._inbox.put(key, what.encode())

    async def _source(self, name, type):
        """The broker's own memory of how far this consumer is; all replicas share it."""
        from nats.js.api import AckPolicy, ConsumerConfig

        streams = await self._made()
        config = ConsumerConfig(
            durable_name=name,
            filter_subject=f"events.{type}",
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=ACK_WAIT,
            max_ack_pending=1000,
            max_deliver=-1,
        )
        await streams.add_consumer("events", config)
        return await streams.pull_subscribe_bind(consumer=name, stream="events")

    async def _lane(self, name, type, handle):
        """One event after the other, until it is told to stop; never between an event and its answer."""
        source = None
        while not self._stop.is_set():
            try:
                source = source or await self._source(name, type)
                message = await self._next(source)
                if message:
                    await self._work(name, message, handle)
            except Exception as error:
                source = None
                if self._connection:
                    self._complain(f"{name} cannot read events at the moment: {error!r}")
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(self._stop.wait(), 0.5)

    async def _next(self, source):
        """None where none came in time, or it is time to stop."""
        fetch = asyncio.ensure_future(source.fetch(1, timeout=5))
        stop = asyncio.ensure_future(self._stop.wait())
        await asyncio.wait({fetch, stop}, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if not fetch.done():
            fetch.cancel()
            await source.unsubscribe()
            return None
        try:
            [message] = fetch.result()
        except asyncio.TimeoutError:
            return None
        if not self._stop.is_set():
            return message
        await message.nak()  # for another replica
        return None

    async def _work(self, name, message, handle):
        beat = asyncio.ensure_future(_beat(message))
        facts = message.metadata
        told = Message(message.data, message.headers, facts.num_delivered, facts.sequence.stream)
        try:
            verdict, *more = await asyncio.to_thread(handle, name, told)
            if verdict == "again":
                await message.nak(delay=more[0])
            elif verdict == "dead":
                # not until the dead letter is stored is the message given up; else it comes back by itself
                await self._bury(name, more[0])
                await message.term()
            else:
                await message.ack()
        finally:
            beat.cancel()

    async def _bury(self, name, letter):
        event = letter["event"]
        headers = {"x-request-id": event["requestId"], "traceparent": event["traceparent"]}
        await self._send(f"dlq.{name}", f"{event['id']}.{name}.{letter['time']}", headers, letter)

    async def _leave(self):
        if self._lanes:
            self._stop.set()
            await asyncio.wait(self._lanes)
        with contextlib.suppress(Exception):  # it may be away
            await asyncio.wait_for(self._connection.flush(), 1)
            await asyncio.wait_for(self._connection.close(), 1)


async def _beat(message):
    while True:
        await asyncio.sleep(ACK_WAIT / 3)
        await message.in_progress()


def _key(consumer, event_id):
    """Keys hold no blanks and the like, ids may."""
    safe = base64.urlsafe_b64encode(event_id.encode()).decode().rstrip("=")
    return f"{re.sub('[^A-Za-z0-9_-]', '_', consumer)}.{safe}"
