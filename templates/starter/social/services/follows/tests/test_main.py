"""python3 -m unittest"""

import json
import threading
import time
import unittest
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import main
from redis import Redis
from service import MAX_INFLIGHT, Service
from tests.fake_redis import FakeRedis


class MainTest(unittest.TestCase):
    def setUp(self):
        self.redis = FakeRedis()
        main.store = Redis(self.redis.url)
        self.server = Service(("127.0.0.1", 0), main.app, main.check)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        self.base = f"http://127.0.0.1:{self.server.server_address[1]}"

    def tearDown(self):
        self.server.shutdown()
        self.server.server_close()
        main.store.close()
        self.redis.stop()

    def ask(self, path, body=None, **headers):
        """Its status, headers and JSON, errors too."""
        content = None if body is None else json.dumps(body).encode()
        request = Request(self.base + path, data=content, headers=headers)
        try:
            response = urlopen(request, timeout=10)
        except HTTPError as error:
            response = error
        with response:
            return response.status, response.headers, json.load(response)

    def test_it_is_alive_and_ready(self):
        for path in ("/livez", "/readyz"):
            self.assertEqual(self.ask(path)[0], 200)

    def test_following_shows_on_both_sides(self):
        self.ask("/follows/ada", {"follow": "grace"})
        self.ask("/follows/linus", {"follow": "grace"})
        self.assertEqual(self.ask("/follows/ada")[2]["following"], ["grace"])
        self.assertEqual(self.ask("/follows/grace")[2]["followers"], ["ada", "linus"])

    def test_twice_is_the_same_as_once(self):
        for verb, following in (("follow", ["grace"]), ("unfollow", [])):
            for _ in range(2):
                status, _, body = self.ask("/follows/ada", {verb: "grace"})
                self.assertEqual((status, body["following"]), (200, following))

    def test_what_makes_no_sense_is_a_problem(self):
        for path, body, status in (
            ("/follows/ada", {"follow": "ada"}, 422),
            ("/follows/ada", {"follow": "A B"}, 400),
            ("/follows/ada", {"follow": ["grace"]}, 400),
            ("/follows/ada", {"like": "grace"}, 400),
            ("/follows/ada", ["follow"], 400),
            ("/follows/ada", {}, 400),
            ("/follows/A", None, 400),
            ("/elsewhere", None, 404),
        ):
            got, headers, _ = self.ask(path, body)
            self.assertEqual((got, headers["Content-Type"]), (status, "application/problem+json"), (path, body))

    def test_without_its_database_it_is_alive_but_not_ready_and_says_why(self):
        self.redis.stop()
        self.assertEqual(self.ask("/livez")[0], 200)
        for path in ("/readyz", "/follows/ada"):
            status, headers, body = self.ask(path)
            self.assertEqual((status, body["detail"]), (503, "the database of follows does not answer"))
            self.assertEqual(headers["Retry-After"], "1")

    def test_a_connection_that_died_in_the_pool_is_replaced(self):
        self.ask("/follows/ada", {"follow": "grace"})
        self.redis.cut()
        self.assertEqual(self.ask("/follows/ada")[2]["following"], ["grace"])

    def test_the_ids_of_the_request_come_back(self):
        headers = self.ask("/follows/ada", **{"X-Request-Id": "abc-123", "traceparent": f"00-{'ab' * 16}-{'12' * 8}-01"})[1]
        self.assertEqual(headers["X-Request-Id"], "abc-123")
        self.assertEqual(headers["traceparent"].split("-")[1], "ab" * 16)

    def test_nothing_is_done_after_the_deadline(self):
        self.assertEqual(self.ask("/follows/ada", {"follow": "grace"}, **{"X-Deadline": "1000"})[0], 504)
        later = str(int(time.time() * 1000) + 60_000)
        self.assertEqual(self.ask("/follows/ada", **{"X-Deadline": later})[2]["following"], [])

    def test_too_many_at_once_are_429(self):
        self.server.count(MAX_INFLIGHT)
        status, headers, _ = self.ask("/follows/ada")
        self.server.count(-MAX_INFLIGHT)
        self.assertEqual((status, headers["Retry-After"]), (429, "1"))


if __name__ == "__main__":
    unittest.main()
