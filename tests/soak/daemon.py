"""The daemon under the soak: its config, its life, what it uses of the machine."""

import hashlib
import os
import pathlib
import signal
import subprocess
import threading
import time

KEY = "ym-soak-application"
ADMIN_KEY = "ym-soak-administrator"


def key_line(name, secret, scopes):
    return (f"  - {{name: {name}, sha256: {hashlib.sha256(secret.encode()).hexdigest()}, "
            f"scopes: [{scopes}]}}\n")


class Daemon:
    """One data directory; starts, reloads, stops and kills the process that serves it."""

    def __init__(self, binary, folder, upstream_port):
        self.binary = str(binary)
        self.folder = pathlib.Path(folder)
        self.upstream_port = upstream_port
        self.config = self.folder / "config.yaml"
        self.log = open(self.folder / "daemon.log", "ab")
        self.process = None
        self.port = None
        self.changing = threading.Lock()  # held while it is down on purpose

    def write_config(self, variant):
        """Models and prices differ between variants; the first three are always there."""
        models = [f"  - {{name: m{i}, upstream: mock, input_usd_per_mtok: {1 + i + variant % 3}, "
                  f"output_usd_per_mtok: {2 + i}, context_tokens: 32000}}\n"
                  for i in range(3 + variant % 3)]
        self.config.write_text(
            "listen: {port: 0}\n"
            f"data_dir: {self.folder / 'data'}\n"
            "upstreams:\n"
            f"  - {{name: mock, base_url: 'http://127.0.0.1:{self.upstream_port}/v1', "
            "first_byte_timeout_s: 5}\n"
            "models:\n" + "".join(models) +
            "limits: {wrong_keys_per_minute: 0}\n"  # all clients have one address here
            "breaker: {open_s: 1}\n"
            "learner: {snapshot_interval_s: 5}\n"
            "keys:\n" + key_line("app", KEY, "route, feedback") +
            key_line("admin", ADMIN_KEY, "admin"))

    def start(self):
        self.process = subprocess.Popen([self.binary, "serve", "--config", str(self.config)],
                                        stderr=subprocess.PIPE)
        for line in self.process.stderr:
            self.log.write(line)
            if b"listening on " in line:
                self.port = int(line.rsplit(b":", 1)[1])
                threading.Thread(target=self.drain_log, args=(self.process.stderr,),
                                 daemon=True).start()
                return
        raise RuntimeError(f"the daemon did not start; see {self.log.name}")

    def drain_log(self, stream):
        for line in stream:
            self.log.write(line)
        self.log.flush()

    def stop(self):
        """Asks it to end and returns its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def reload(self, variant):
        self.write_config(variant)
        self.process.send_signal(signal.SIGHUP)

    def usage(self):
        """What it holds now: KiB of memory, descriptors, threads, bytes on disk."""
        proc = pathlib.Path("/proc") / str(self.process.pid)
        status = dict(line.split(":", 1) for line in (proc / "status").read_text().splitlines())
        stored = 0
        for file in (self.folder / "data").rglob("*"):
            try:
                stored += file.stat().st_size
            except OSError:
                pass  # RocksDB has removed it meanwhile
        return {"rss_kib": int(status["VmRSS"].split()[0]), "threads": int(status["Threads"]),
                "descriptors": len(os.listdir(proc / "fd")), "stored": stored,
                "pid": self.process.pid, "at": time.monotonic()}

    def export(self):
        """The decision log of the daemon, which is stopped: JSON lines."""
        done = subprocess.run([self.binary, "export", "--config", str(self.config)],
                              stdout=subprocess.PIPE, check=True)
        return done.stdout.splitlines()
