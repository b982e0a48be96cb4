"""What bench/serving.py stands on: processes that run while they are measured, and what is read of
them from outside."""

import contextlib
import os
import pathlib
import socket
import struct
import subprocess
import time
import urllib.error
import urllib.request

WORDS = ("the of and to in is that for it as was with be by on not he his but at are this have "
         "from or had an they which one you were her all she there would their we him been has "
         "when who will more no if out so said what up its about into than them can only other "
         "new some could time these two may then do first any my now such like our over man me "
         "even most made after also did many before must through back years where much your way "
         "well down should because each just those people how too little state good very make "
         "world still own see men work long get here between both life being under never day").split()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def query(rng, size=1024):
    words = []
    while sum(map(len, words)) + len(words) < size:
        words.append(rng.choice(WORDS))
    return " ".join(words)[:size]


def wait_until_up(port, path, process, limit_s=1800):
    """Seconds until the path answers 200."""
    begin = time.monotonic()
    while time.monotonic() - begin < limit_s:
        if process.poll() is not None:
            raise RuntimeError("a server ended early: " + " ".join(map(str, process.args)))
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
                if answer.status == 200:
                    return time.monotonic() - begin
        except (urllib.error.URLError, ConnectionError):
            pass
        time.sleep(0.002)
    raise RuntimeError(f"nothing answered on port {port}")


@contextlib.contextmanager
def running(command, core, port, path, environment=None):
    process = subprocess.Popen(["taskset", "-c", core, *map(str, command)],
                               env={**os.environ, **(environment or {})},
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        process.ready_s = wait_until_up(port, path, process)
        yield process
    finally:
        process.terminate()
        process.wait(timeout=60)
        process.stderr.close()


@contextlib.contextmanager
def busy_programs(cores):
    """Programs of others that never sleep, one on each core."""
    busy = [subprocess.Popen(["taskset", "-c", core, "sh", "-c", "while :; do :; done"])
            for core in cores]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


def memory_mb(process, figure="VmRSS"):
    """Of a process now, or at most so far (VmHWM)."""
    for line in pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith(figure + ":"):
            return int(line.split()[1]) / 1024
    return 0.0


def read_counts(path):
    """Allocations by thread, as bench/count_allocations.cc writes them."""
    data = path.read_bytes()
    return {thread: count for thread, count in struct.iter_unpack("QQ", data) if thread}


def cpu_s(process):
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def add_differences(figures, kind):
    """What daemon, a sleeping one and forwarder add to what the mock takes by itself."""
    for tail in ("p50", "p99"):
        direct = figures["direct"][f"{kind}{tail}_us"]
        figures[f"added_{kind}{tail}_us"] = figures["daemon"][f"{kind}{tail}_us"] - direct
        for name in ("forwarder", "sleeping"):
            figures[f"{name}_added_{kind}{tail}_us"] = figures[name][f"{kind}{tail}_us"] - direct
