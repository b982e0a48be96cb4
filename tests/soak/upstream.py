"""A provider for the soak: OpenAI's chat completions, most often well, sometimes not."""

import http.server
import json
import random
import socket
import struct
import threading
import time

CHUNKS = 12

# What an answer is like, and how often.
BEHAVIOURS = [("good", 80), ("slow", 6), ("error", 4), ("busy", 3), ("reset", 3), ("cut", 2),
              ("garbage", 2)]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        behaviour = random.choices([name for name, _ in BEHAVIOURS],
                                   [weight for _, weight in BEHAVIOURS])[0]
        if behaviour == "slow":
            time.sleep(0.3)
        if behaviour == "reset":
            # With no time to linger a close is a reset.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                       struct.pack("ii", 1, 0))
            self.close_connection = True
        elif behaviour == "error":
            self.answer(500, {"error": {"message": "out of order"}})
        elif behaviour == "busy":
            self.answer(429, {"error": {"message": "too many"}}, {"retry-after": "1"})
        elif body.get("stream"):
            self.stream(behaviour)
        elif behaviour == "garbage":
            self.answer(200, "no completion")
        else:
            self.answer(200, {
                "id": f"c-{random.getrandbits(64):x}", "object": "chat.completion", "created": 1,
                "model": body["model"], "usage": {"prompt_tokens": 20, "completion_tokens": 30},
                "choices": [{"index": 0, "finish_reason": "stop",
                             "message": {"role": "assistant", "content": "x" * 400}}]})

    def answer(self, status, body, headers=None):
        text = json.dumps(body).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def stream(self, behaviour):
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        name = f"c-{random.getrandbits(64):x}"
        for i in range(CHUNKS):
            if behaviour == "cut" and i == CHUNKS // 2:
                self.close_connection = True
                return
            if behaviour == "garbage" and i == 1:
                self.chunk(b"data: {broken\n\n")
            self.event({"id": name, "object": "chat.completion.chunk", "created": 1, "model": "m",
                        "choices": [{"index": 0, "delta": {"content": f"word {i} "}}]})
        self.event({"id": name, "choices": [],
                    "usage": {"prompt_tokens": 20, "completion_tokens": CHUNKS}})
        self.chunk(b"data: [DONE]\n\n")
        self.chunk(b"")

    def event(self, data):
        self.chunk(b"data: " + json.dumps(data).encode() + b"\n\n")

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        pass  # the daemon went away, which is what the soak does to it


def start():
    """Serves on a free port of loopback, on threads of its own; returns the port."""
    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port
