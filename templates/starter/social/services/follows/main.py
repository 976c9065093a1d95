"""The service follows: who follows whom. Its data is two sets a user in a Redis of its own, which writes every change to disk
before it answers. service.py holds what every service does the same way.
"""

import json
import os
import re

from redis import Redis, RedisError
from service import Call, Problem, log, serve

NAME = re.compile(r"[a-z][a-z0-9_-]{0,30}")

store = Redis(os.environ.get("REDIS_URL", "redis://follows-db:6379"))


def app(call: Call) -> dict:
    """GET /follows/USER, POST /follows/USER with {"follow": OTHER} or {"unfollow": OTHER}. Twice is the same as once."""
    parts = call.path.strip("/").split("/")
    if len(parts) != 2 or parts[0] != "follows":
        raise Problem(404, f"nothing at {call.path}")
    user = name(parts[1])
    if call.method == "POST":
        change(call, user)
    elif call.method not in ("GET", "HEAD"):
        raise Problem(405, "GET or POST")
    both = (("SMEMBERS", f"following:{user}"), ("SMEMBERS", f"followers:{user}"))
    following, followers = asked(lambda: store.transaction(*both), **call.ids())
    return {"user": user, "following": sorted(following), "followers": sorted(followers)}


def change(call: Call, user: str) -> None:
    verb, other = wish(call.body)
    if other == user:
        raise Problem(422, "nobody follows themselves")
    # both sets or neither: Redis does a transaction whole
    command = "SADD" if verb == "follow" else "SREM"
    both = ((command, f"following:{user}", other), (command, f"followers:{other}", user))
    asked(lambda: store.transaction(*both), **call.ids())
    call.log(verb, user=user, other=other)


def wish(body: bytes):
    try:
        wanted = json.loads(body)
        [(verb, other)] = wanted.items()
    except (ValueError, AttributeError):
        verb, other = None, None
    if verb not in ("follow", "unfollow"):
        raise Problem(400, 'the body is not {"follow": NAME} or {"unfollow": NAME}')
    return verb, name(other)


def name(text) -> str:
    if not isinstance(text, str) or not NAME.fullmatch(text):
        raise Problem(400, f"not a name: {text!r}")
    return text


def asked(ask, **ids):
    try:
        return ask()
    except (OSError, EOFError, RedisError) as error:
        log("error", f"the database does not answer: {error}", **ids)
        raise Problem(503, "the database of follows does not answer") from error


def check() -> None:
    asked(lambda: store.call("PING"))


if __name__ == "__main__":
    serve(app, check)
