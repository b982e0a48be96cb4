"""What the checks with providers' own clients have in common: an environment with the client, and a
daemon with an upstream that the check plays."""

import hashlib
import http.server
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent
SKIPPED = 77
KEY = "ym-test"


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(SKIPPED)


def enter_environment(script, package, install, prepare=lambda venv: True):
    """Runs `script` again inside its virtual environment with `package`, which it makes if it may;
    `prepare` installs what else it needs there, and tells whether it could."""
    name = pathlib.Path(script).name
    venv = ROOT / "build" / name / "venv"
    if pathlib.Path(sys.prefix) == venv:
        return
    python = venv / "bin" / "python"
    ready = venv / "ready"
    if not ready.exists():
        if not install:
            skip(f"no environment at {venv}; scripts/{name} --prepare makes it")
        try:
            import ensurepip  # noqa: F401
        except ImportError:
            subprocess.run(["apt-get", "install", "-y", "-qq", "python3-venv"], check=True)
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        if subprocess.run([python, "-m", "pip", "install", "-q", package]).returncode != 0:
            skip(f"{package} cannot be had from the package index")
        if not prepare(venv):
            skip("what the client needs cannot be had from its package index")
        ready.touch()
    os.execv(python, [str(python), script, *sys.argv[1:]])


class PlayedUpstream(http.server.BaseHTTPRequestHandler):
    """Answers requests as a check's subclass says; `requests` has their bodies."""

    protocol_version = "HTTP/1.1"
    requests = []

    def read_body(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        PlayedUpstream.requests.append(body)
        return body

    def answer(self, status, value, headers=()):
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, text in headers:
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(data)

    def begin_stream(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()

    def log_message(self, *_):
        pass


class Daemon:
    """The daemon and the played upstream, for as long as the tests run."""

    def __init__(self, program, config_text, handler):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.folder = tempfile.TemporaryDirectory()
        config = pathlib.Path(self.folder.name) / "config.yaml"
        config.write_text(config_text % {"folder": self.folder.name,
                                         "port": self.server.server_address[1],
                                         "hash": hashlib.sha256(KEY.encode()).hexdigest()})
        self.process = subprocess.Popen([program, "serve", "--config", config],
                                        stderr=subprocess.PIPE, text=True)
        log = []
        for line in self.process.stderr:
            log.append(line)
            if found := re.search(r"listening on [^ ]*:(\d+)", line):
                self.url = f"http://127.0.0.1:{found[1]}"
                break
        else:
            sys.exit("the daemon did not start:\n" + "".join(log))
        threading.Thread(target=self.process.stderr.read, daemon=True).start()

    def stop(self):
        self.process.terminate()
        code = self.process.wait(30)
        self.server.shutdown()
        self.folder.cleanup()
        return code


def program():
    """The daemon under test: what the command line names, or the release."""
    arguments = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
    return arguments[0] if arguments else ROOT / "build" / "release" / "yardmaster"


def main(script, doc, package, config_text, handler, tests):
    """A check's command line; `tests` is its TestCase, whose `url` is set to the daemon's."""
    if "-h" in sys.argv or "--help" in sys.argv:
        print(doc)
        return
    enter_environment(script, package, install="--no-install" not in sys.argv)
    if "--prepare" in sys.argv:
        return
    daemon = Daemon(program(), config_text, handler)
    tests.url = daemon.url
    suite = unittest.defaultTestLoader.loadTestsFromTestCase(tests)
    result = unittest.TextTestRunner(verbosity=1).run(suite)
    end(daemon, result.wasSuccessful())


def end(daemon, passed):
    """Stops the daemon and exits as its check does."""
    code = daemon.stop()
    if code != 0:
        print(f"the daemon ended with {code}")
    sys.exit(0 if passed and code == 0 else 1)
