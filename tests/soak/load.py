"""The clients of the soak, and what they were told."""

import collections
import http.client
import json
import random
import socket
import threading
import time

from daemon import KEY

# Statuses that are right, by route. A fallback that ran out of models is a 5xx of the upstream's.
FINE = {"/v1/route": {200, 503}, "/v1/outcomes": {200, 503}, "/v1/feedback": {200, 503},
        "/v1/chat/completions": {200, 429, 502, 503, 504}}


class Told:
    """What the daemon acknowledged; filled by all clients."""

    def __init__(self):
        self.lock = threading.Lock()
        self.decisions = {}  # id -> propensity as it was told
        self.outcomes = set()
        self.feedback = {}  # id -> value
        self.statuses = collections.Counter()
        self.wrong = collections.Counter()  # what should not have been answered
        self.latencies = []  # (when, seconds) of /v1/route

    def note(self, route, status):
        with self.lock:
            self.statuses[f"{route} {status}"] += 1
            if status not in FINE[route]:
                self.wrong[f"{route} answered {status}"] += 1

    def complain(self, what):
        with self.lock:
            self.wrong[what] += 1


class Client(threading.Thread):
    """Repeats step() until told to end; a connection that broke is made anew."""

    def __init__(self, daemon, told, ending, pause_s=0.01):
        super().__init__(daemon=True)
        self.server = daemon
        self.told = told
        self.ending = ending
        self.pause_s = pause_s
        self.connection = None
        self.random = random.Random()

    def run(self):
        while not self.ending.is_set():
            try:
                self.step()
            except (OSError, http.client.HTTPException):
                self.forget_connection()
                self.ending.wait(0.1)
            self.ending.wait(self.pause_s)
        self.forget_connection()

    def forget_connection(self):
        if self.connection is not None:
            self.connection.close()
        self.connection = None

    def post(self, route, body, headers=None, key=KEY):
        if self.connection is None or self.connection.port != self.server.port:
            self.forget_connection()
            self.connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        self.connection.request("POST", route, json.dumps(body),
                                {"authorization": f"Bearer {key}", **(headers or {})})
        return self.connection.getresponse()

    def ask(self, route, body, headers=None):
        answer = self.post(route, body, headers)
        text = answer.read()
        self.told.note(route, answer.status)
        return answer, text

    def decided(self, decision, propensity):
        with self.told.lock:
            self.told.decisions[decision] = float(propensity)

    def judge(self, decision):
        value = self.random.randrange(11) / 10
        answer, text = self.ask("/v1/feedback",
                                {"decision_id": decision, "metric": "quality", "value": value,
                                 "idempotency_key": decision})
        if answer.status == 200:
            with self.told.lock:
                self.told.feedback[decision] = value


class Router(Client):
    """Asks for a choice, tells the outcome, judges it."""

    def step(self):
        began = time.monotonic()
        answer, text = self.ask("/v1/route", {"query": f"question {self.random.randrange(500)}"})
        if answer.status != 200:
            return
        with self.told.lock:
            self.told.latencies.append((began, time.monotonic() - began))
        routed = json.loads(text)
        decision = routed["decision_id"]
        if decision is None:
            return  # the disk did not answer in time: served, but not logged
        self.decided(decision, routed["propensity"])
        answer, _ = self.ask("/v1/outcomes", {"decision_id": decision, "status": "ok",
                                              "latency_s": 1, "cost_usd": 0.001})
        if answer.status == 200:
            with self.told.lock:
                self.told.outcomes.add(decision)
        self.judge(decision)


class Chat(Client):
    """Chat completions, every other one streamed."""

    def step(self):
        stream = self.random.random() < 0.5
        answer = self.post("/v1/chat/completions",
                           {"model": "auto", "stream": stream,
                            "messages": [{"role": "user", "content": "hello " * 20}]})
        text = self.read(answer)
        self.told.note("/v1/chat/completions", answer.status)
        decision = answer.getheader("x-yardmaster-decision-id")
        if answer.status != 200 or decision is None:
            return
        self.decided(decision, answer.getheader("x-yardmaster-propensity"))
        if text is not None and (not stream or b"[DONE]" in text):
            self.judge(decision)

    def read(self, answer):
        return answer.read()


class SlowReader(Chat):
    """Takes what it is sent a few bytes at a time."""

    def read(self, answer):
        text = b""
        while piece := answer.read(64):
            text += piece
            self.ending.wait(0.02)
        return text


class Leaver(Chat):
    """Goes away in the middle of the answer."""

    def read(self, answer):
        answer.read(20)
        self.forget_connection()
        return None


class Storm(Client):
    """Feedback in large calls, most of it said before or about nothing."""

    def step(self):
        with self.told.lock:
            known = list(self.told.feedback.items())[-200:]
        if not known:
            return
        picked = self.random.choices(known, k=100)
        items = [{"decision_id": decision, "metric": "quality", "value": value,
                  "idempotency_key": decision} for decision, value in picked]
        items.append({"decision_id": "01940000-0000-7000-8000-0000000000ff", "metric": "quality",
                      "value": 1})
        answer, text = self.ask("/v1/feedback", {"feedback": items})
        if answer.status != 200:
            return
        states = [result["status"] for result in json.loads(text)["results"]]
        if states[:-1] != ["duplicate"] * 100 or states[-1] != "error":
            self.told.complain(f"repeated feedback was answered with {sorted(set(states))}")


class Stranger(Client):
    """Has no key, or sends half a request and waits."""

    def step(self):
        if self.random.random() < 0.1:
            with socket.create_connection(("127.0.0.1", self.server.port), 5) as half:
                half.sendall(b"POST /v1/route HTTP/1.1\r\nHost: x\r\nContent-Le")
                self.ending.wait(1)
            return
        answer = self.post("/v1/route", {"query": "x"}, key=f"guess-{self.random.random()}")
        answer.read()
        if answer.status not in (401, 429, 503):
            self.told.complain(f"a wrong key was answered with {answer.status}")


def start_all(daemon, told, ending):
    clients = [Router(daemon, told, ending) for _ in range(4)]
    clients += [Chat(daemon, told, ending) for _ in range(3)]
    clients += [SlowReader(daemon, told, ending) for _ in range(2)]
    clients += [Leaver(daemon, told, ending, pause_s=0.1), Storm(daemon, told, ending, pause_s=0.2),
                Stranger(daemon, told, ending, pause_s=0.05)]
    for client in clients:
        client.start()
    return clients
