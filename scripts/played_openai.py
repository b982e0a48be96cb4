"""What the checks with OpenAI's own clients have in common: the config of the daemon, and the upstream
that they play."""

import json
import threading

from client_check import PlayedUpstream

CONFIG = """
listen: {address: 127.0.0.1, port: 0}
data_dir: %(folder)s/data
upstreams:
  - {name: sim, kind: simulated}
  - {name: played, base_url: "http://127.0.0.1:%(port)d/v1"}
models:
  - {name: small, upstream: sim, input_usd_per_mtok: 0.1, output_usd_per_mtok: 0.4}
  - {name: large, upstream: sim, input_usd_per_mtok: 5, output_usd_per_mtok: 15}
  - {name: played, upstream: played, modalities: [text, image]}
routers:
  - {name: auto}
  - {name: first, policy: "fixed:played"}
breaker: {consecutive_failures: 64, failure_rate: 1, open_s: 0.01, max_open_s: 0.01}
keys: [{name: app, sha256: %(hash)s, scopes: [route, feedback]}]
"""

TOOL_CALL = {"id": "call_1", "type": "function",
             "function": {"name": "weather", "arguments": "{\"city\": \"Paris\"}"}}


class Upstream(PlayedUpstream):
    """Does what the last message says: answer, tools, status CODE, break, slow, or fail once. GET
    hands out the bodies since the last GET."""

    def do_GET(self):
        bodies = list(Upstream.requests)
        Upstream.requests.clear()
        self.answer(200, bodies)

    def do_POST(self):
        body = self.read_body()
        content = body["messages"][-1]["content"]
        wish = content if isinstance(content, str) else content[0]["text"]
        if wish.startswith("status "):
            return self.answer(int(wish.split()[1]), {"error": {"message": "as you wished"}})
        if wish == "fail once" and len(Upstream.requests) == 1:
            return self.answer(500, {})
        if wish == "slow":
            threading.Event().wait(2)
        if body.get("stream"):
            return self.stream(body, wish)
        message = {"role": "assistant", "content": "hello"}
        if wish == "tools":
            message = {"role": "assistant", "content": None, "tool_calls": [TOOL_CALL]}
        self.answer(200, {"id": "c1", "object": "chat.completion", "created": 1, "model": "played-1",
                          "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                          "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}})

    def stream(self, body, wish):
        self.begin_stream()
        deltas = [{"role": "assistant", "content": "hel"}, {"content": "lo"}]
        if wish == "tools":
            half = dict(TOOL_CALL, index=0, function={"name": "weather", "arguments": "{\"city\":"})
            deltas = [{"role": "assistant", "tool_calls": [half]},
                      {"tool_calls": [{"index": 0, "function": {"arguments": " \"Paris\"}"}}]}]
        reason = "tool_calls" if wish == "tools" else "stop"
        for delta in deltas:
            self.event([{"index": 0, "delta": delta,
                         "finish_reason": reason if delta is deltas[-1] else None}])
            if wish == "break":
                self.close_connection = True
                return
        if body.get("stream_options", {}).get("include_usage"):
            self.event([], {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5})
        self.wfile.write(b"data: [DONE]\n\n")
        self.close_connection = True

    def event(self, choices, usage=None):
        chunk = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "played-1",
                 "choices": choices, "usage": usage}
        self.wfile.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
