"""The daemon under load, beside references in the same run. Called by scripts/bench.

Each figure is the median of several short runs that take turns with their reference, since the
machine's speed drifts. The io thread is one; for chat the whole daemon has one core, and load and
mock upstream the other. Elsewhere the store's and the learner's threads may use the load's core.
"""

import argparse
import json
import pathlib
import random
import shutil
import statistics
import subprocess
import tempfile
import time
import urllib.request

from harness import (add_differences, busy_programs, cpu_s, free_port, memory_mb, query,
                     read_counts, running)

SERVER_CORE, LOAD_CORE = "0", "1"
MODELS = 12


class Bench:
    def __init__(self, build, seconds, runs, decisions):
        self.build, self.seconds, self.runs = pathlib.Path(build), seconds, runs
        self.decisions = decisions
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="yardmaster-bench-"))
        rng = random.Random(2026)
        self.queries = [query(rng) for _ in range(256)]
        self.result = {}

    # Parts -------------------------------------------------------------------------------

    def file_of(self, name, bodies):
        path = self.work / f"{name}.jsonl"
        path.write_text("".join(json.dumps(body) + "\n" for body in bodies))
        return path

    def config(self, name, upstream_port=None, busy_poll_us=None):
        directory = self.work / name
        directory.mkdir(exist_ok=True)
        port = free_port()
        models = ", ".join(
            f"{{name: m{i}, input_usd_per_mtok: {0.1 * (i + 1):.2f}, "
            f"output_usd_per_mtok: {0.4 * (i + 1):.2f}"
            + (", upstream: mock}" if upstream_port else "}") for i in range(MODELS))
        upstreams = (f"upstreams: [{{name: mock, kind: openai, "
                     f"base_url: \"http://127.0.0.1:{upstream_port}/v1\"}}]\n"
                     if upstream_port else "")
        path = directory / "config.yaml"
        poll = "" if busy_poll_us is None else f", busy_poll_us: {busy_poll_us}"
        path.write_text(f"listen: {{port: {port}, io_threads: 1{poll}}}\n"
                        f"data_dir: {directory / 'data'}\n"
                        f"{upstreams}models: [{models}]\nlogging: {{level: warn}}\n")
        return path, port

    def daemon(self, config, port, cores=f"{SERVER_CORE},{LOAD_CORE}", environment=None):
        return running([self.build / "yardmaster", "serve", "--config", config], cores, port,
                       "/readyz", environment)

    def load(self, port, target, bodies=None, **options):
        command = ["taskset", "-c", LOAD_CORE, self.build / "bench/load", "--port", port,
                   "--target", target]
        options.setdefault("seconds", self.seconds)
        if bodies:
            options["bodies"] = bodies
        for name, value in options.items():
            flag = "--" + name.replace("_", "-")
            command += [flag] if value is True else [flag, value]
        out = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True)
        result = json.loads(out.stdout)
        if result["errors"]:
            raise RuntimeError(f"{result['errors']} of {result['requests']} requests failed")
        return result

    def teach(self, port, count=5000):
        """Decisions, outcomes and feedback, so that the policy has something to compute with."""
        ids = self.work / f"ids-{port}"
        self.load(port, "/v1/route", self.route_bodies(), seconds=120, requests=count,
                  connections=16, save_field="decision_id", save=ids)
        names = ids.read_text().split()
        rng = random.Random(1)
        outcomes = self.file_of("outcomes", [
            {"decision_id": name, "status": "ok", "latency_s": 0.5, "input_tokens": 250,
             "output_tokens": 80} for name in names])
        feedback = self.file_of("feedback", [
            {"decision_id": name, "metric": "quality", "value": float(rng.random() < 0.6)}
            for name in names])
        for target, bodies in (("/v1/outcomes", outcomes), ("/v1/feedback", feedback)):
            self.load(port, target, bodies, seconds=120, requests=len(names), connections=32)
        return names

    def route_bodies(self):
        return self.file_of("route", [{"query": text} for text in self.queries])

    def chats(self):
        return [{"model": "auto", "messages": [{"role": "user", "content": text}]}
                for text in self.queries]

    def in_turn(self, measures):
        """Runs each function `runs` times, in turn; the medians of each figure."""
        seen = {name: [] for name in measures}
        for _ in range(self.runs):
            for name, measure in measures.items():
                seen[name].append(measure())
        return {name: {key: statistics.median(run[key] for run in runs) for key in runs[0]}
                for name, runs in seen.items()}

    # Figures -----------------------------------------------------------------------------

    def route(self):
        """/v1/route against a bare Beast server that reads the same and answers as much."""
        config, port = self.config("route")
        echo_port = free_port()
        bodies = self.route_bodies()
        with self.daemon(config, port) as daemon:
            self.result["start_to_ready_s"] = daemon.ready_s
            self.result["memory_at_rest_mb"] = memory_mb(daemon)
            answer_bytes = 130
            self.teach(port)
            echo = [self.build / "bench/http_echo", "bare", echo_port, answer_bytes]
            with running(echo, SERVER_CORE, echo_port, "/"):
                closed = {}
                for connections in (1, 16, 64, 256):
                    before, done = cpu_s(daemon), 0

                    def ours(connections=connections):
                        return self.load(port, "/v1/route", bodies, connections=connections)

                    figures = self.in_turn({
                        "daemon": ours,
                        "echo": lambda connections=connections: self.load(
                            echo_port, "/", bodies, connections=connections)})
                    done = figures["daemon"]["requests"] * self.runs
                    figures["cpu_us"] = 1e6 * (cpu_s(daemon) - before) / done
                    figures["ratio"] = figures["daemon"]["per_s"] / figures["echo"]["per_s"]
                    closed[str(connections)] = figures
                self.result["route_closed"] = closed
            saturated = closed["64"]["daemon"]["per_s"]
            self.result["route_open"] = {
                str(part): self.in_turn({"daemon": lambda part=part: self.load(
                    port, "/v1/route", bodies, connections=256, rate=part * saturated)})["daemon"]
                for part in (0.25, 0.5, 0.75)}
            self.result["memory_after_load_mb"] = memory_mb(daemon)
            self.result["memory_under_load_mb"] = memory_mb(daemon, "VmHWM")
            self.learning_while_serving(port, saturated, bodies)
            with running(echo, SERVER_CORE, echo_port, "/"), \
                    busy_programs((SERVER_CORE, LOAD_CORE)):
                open_loop = {"connections": 64, "rate": 4000}
                self.result["route_beside_busy"] = self.in_turn({
                    "daemon": lambda: self.load(port, "/v1/route", bodies, **open_loop),
                    "echo": lambda: self.load(echo_port, "/", bodies, **open_loop)})

    def learning_while_serving(self, port, saturated, bodies):
        """The tail of serving at half the saturated rate, while a backlog is being learned."""
        def quiet():
            return self.load(port, "/v1/route", bodies, connections=64, rate=0.5 * saturated)

        def busy():
            self.admin(port, "learner/pause")
            self.teach(port, 20000)
            self.admin(port, "learner/resume")
            return self.load(port, "/v1/route", bodies, connections=64, rate=0.5 * saturated,
                             seconds=min(self.seconds, 2))

        figures = self.in_turn({"quiet": quiet, "learning": busy})
        figures["p99_ratio"] = figures["learning"]["p99_us"] / figures["quiet"]["p99_us"]
        self.result["learning_while_serving"] = figures

    def admin(self, port, action, method="POST"):
        request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/admin/{action}",
                                         method=method, data=b"{}" if method == "POST" else None,
                                         headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def chat(self):
        """Chat completions through the daemon against the mock upstream asked directly, and through
        a forwarder of bytes."""
        mock_port, forward_port = free_port(), free_port()
        config, port = self.config("chat", mock_port)
        target = "/v1/chat/completions"
        plain = self.chats()
        bodies = self.file_of("chat", plain)
        streams = self.file_of("streams", [
            {**body, "stream": True, "stream_options": {"include_usage": True}} for body in plain])
        mock = [self.build / "bench/mock_upstream", mock_port]
        forward = [self.build / "bench/tcp_forward", forward_port, mock_port]
        sleeping, sleeping_port = self.config("sleeping", mock_port, busy_poll_us=0)
        with running(mock, LOAD_CORE, mock_port, "/"), \
                running(forward, SERVER_CORE, forward_port, "/"), \
                self.daemon(sleeping, sleeping_port, SERVER_CORE), \
                self.daemon(config, port, SERVER_CORE) as daemon:
            for warmed in (port, sleeping_port):
                self.load(warmed, target, bodies, requests=2000, connections=16)
            chat = {}
            for connections in (1, 16, 64):
                before = cpu_s(daemon)
                figures = self.in_turn({
                    "daemon": lambda c=connections: self.load(port, target, bodies, connections=c),
                    "sleeping": lambda c=connections: self.load(sleeping_port, target, bodies,
                                                               connections=c),
                    "forwarder": lambda c=connections: self.load(forward_port, target, bodies,
                                                                 connections=c),
                    "direct": lambda c=connections: self.load(mock_port, target, bodies,
                                                              connections=c)})
                done = figures["daemon"]["requests"] * self.runs
                figures["cpu_us"] = 1e6 * (cpu_s(daemon) - before) / done
                add_differences(figures, "")
                chat[str(connections)] = figures
            self.result["chat"] = chat
            figures = self.in_turn({
                name: lambda at=at: self.load(at, target, streams, connections=1, stream=True)
                for name, at in (("daemon", port), ("sleeping", sleeping_port),
                                 ("forwarder", forward_port),
                                 ("direct", mock_port))})
            add_differences(figures, "")
            add_differences(figures, "first_byte_")
            self.result["stream"] = figures

    def allocations(self):
        """Allocations a request in the steady state: of the thread with most of them, which is the
        io thread, and of all."""
        counts = self.work / "counts"
        environment = {"COUNT_ALLOCATIONS": str(counts),
                       "LD_PRELOAD": str((self.build / "bench/count_allocations.so").resolve())}
        mock_port = free_port()
        config, port = self.config("allocations", mock_port)
        chats = self.file_of("chat", self.chats())
        mock = [self.build / "bench/mock_upstream", mock_port]
        with running(mock, LOAD_CORE, mock_port, "/"), \
                self.daemon(config, port, environment=environment):
            self.teach(port)
            self.result["allocations"] = {}
            for target, bodies in (("/v1/route", self.route_bodies()),
                                   ("/v1/chat/completions", chats)):
                self.load(port, target, bodies, requests=5000, connections=16)
                before = read_counts(counts)
                requests = 20000
                self.load(port, target, bodies, requests=requests, connections=16)
                made = {thread: count - before.get(thread, 0)
                        for thread, count in read_counts(counts).items()}
                self.result["allocations"][target] = {
                    "io_thread": max(made.values()) / requests,
                    "all_threads": sum(made.values()) / requests}

    def compaction(self):
        """The tail of /v1/route at half of what it can do, in seconds in which RocksDB compacts and
        in others."""
        config, port = self.config("compaction")
        bodies = self.route_bodies()
        with self.daemon(config, port):
            self.teach(port)
            saturated = self.load(port, "/v1/route", bodies, connections=64)["per_s"]
            store = self.work / "compaction" / "data" / "store"
            p99s, ended = [], []  # of each second; whether a compaction has removed what it read
            while len(p99s) < 90:
                tables = set(store.glob("*.sst"))
                p99s.append(self.load(port, "/v1/route", bodies, connections=64,
                                      rate=0.5 * saturated, seconds=1)["p99_us"])
                ended.append(bool(tables - set(store.glob("*.sst"))))
            # One takes longer than a second, so the second before its end is one of its own.
            busy = [now or soon for now, soon in zip(ended, ended[1:] + [False])]
            during = [p99 for p99, compacts in zip(p99s, busy) if compacts]
            others = [p99 for p99, compacts in zip(p99s, busy) if not compacts]
            self.result["compaction"] = {
                "per_s": 0.5 * saturated, "seconds": len(during), "other_seconds": len(others),
                "p99_us": statistics.median(during) if during else None,
                "other_p99_us": statistics.median(others)}

    def feedback(self):
        """Feedback, on disk before it is answered."""
        config, port = self.config("feedback")
        with self.daemon(config, port) as daemon:
            names = self.teach(port, 20000)
            rng = random.Random(3)
            single = self.file_of("single", [
                {"decision_id": name, "metric": "quality", "value": round(rng.random(), 6)}
                for name in names])
            batched = self.file_of("batched", [
                {"feedback": [{"decision_id": name, "metric": "quality",
                               "value": round(rng.random(), 6)} for name in names[i:i + 100]]}
                for i in range(0, len(names), 100)])
            figures = {}
            for connections in (1, 16, 64, 256):
                figures[f"single_{connections}"] = self.load(port, "/v1/feedback", single,
                                                             connections=connections)
            for connections in (1, 16):
                run = self.load(port, "/v1/feedback", batched, connections=connections)
                run["items_per_s"] = 100 * run["per_s"]
                figures[f"batched_{connections}"] = run
            self.result["feedback"] = figures
            self.result["memory_under_feedback_mb"] = memory_mb(daemon)

    def freshness(self):
        """From feedback acknowledged to a policy that has learned it, beside 5,000 others/s."""
        config, port = self.config("freshness")
        with self.daemon(config, port):
            names = self.teach(port, 20000)
            others = self.file_of("others", [
                {"decision_id": name, "metric": "quality", "value": round(random.random(), 6)}
                for name in names[200:]])
            beside = subprocess.Popen(
                ["taskset", "-c", LOAD_CORE, self.build / "bench/load", "--port", str(port),
                 "--target", "/v1/feedback", "--bodies", others, "--connections", "64",
                 "--rate", "5000", "--seconds", "15"], stdout=subprocess.PIPE, text=True)
            waits = []
            for name in names[:200]:
                body = json.dumps({"decision_id": name, "metric": "quality",
                                   "value": round(random.random(), 6)}).encode()
                request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/feedback", data=body,
                                                 headers={"Content-Type": "application/json"})
                urllib.request.urlopen(request, timeout=10).close()
                begin = time.monotonic()
                rows = self.admin(port, "learner", "GET")["rows"]
                while self.admin(port, "learner", "GET")["policy_version"] < rows:
                    if time.monotonic() - begin > 10:
                        raise RuntimeError("the feedback was not learned within 10 s")
                waits.append(time.monotonic() - begin)
            waits.sort()
            others = json.loads(beside.communicate(timeout=60)[0])
            self.result["freshness"] = {"p50_s": waits[len(waits) // 2], "p99_s": waits[-2],
                                        "feedback_per_s": others["per_s"]}


    def large(self):
        """Opening a store of months of traffic, as it was closed and after a kill."""
        self.result["large"] = [self.open_large(decisions) for decisions in self.decisions]

    def open_large(self, decisions):
        config, port = self.config("large")
        data = self.work / "large" / "data"
        subprocess.run([self.build / "bench/fill_store", data / "store", str(decisions)],
                       check=True)
        figures = {"decisions": decisions}
        with self.daemon(config, port) as daemon:  # learns all of it
            figures["learning_s"] = daemon.ready_s
            self.wait_until_learned(port)
        figures["bytes_a_decision"] = sum(
            path.stat().st_size for path in (data / "store").iterdir()) / decisions
        with self.daemon(config, port) as daemon:
            figures["ready_s"] = daemon.ready_s
            figures["memory_mb"] = memory_mb(daemon)
            self.teach(port)
            figures["memory_after_load_mb"] = memory_mb(daemon)
            daemon.kill()
        with self.daemon(config, port) as daemon:
            figures["ready_after_kill_s"] = daemon.ready_s
            figures["memory_after_kill_mb"] = memory_mb(daemon)
        shutil.rmtree(data)
        return figures

    def wait_until_learned(self, port):
        while True:
            learner = self.admin(port, "learner", "GET")
            if learner["policy_version"] >= learner["rows"]:
                return
            time.sleep(0.2)


# "large" takes minutes and tens of gigabytes, so it runs only where it is asked for.
SECTIONS = ("route", "compaction", "chat", "allocations", "feedback", "freshness")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", help="the release build's folder, with bench/ in it")
    parser.add_argument("output", help="JSON file to write")
    parser.add_argument("--seconds", type=float, default=3, help="of each run")
    parser.add_argument("--runs", type=int, default=3, help="of which the median counts")
    parser.add_argument("--only", choices=(*SECTIONS, "large"), action="append")
    parser.add_argument("--decisions", type=int, nargs="+", default=[1_000_000, 10_000_000],
                        help="in the stores of `large`")
    arguments = parser.parse_args()
    bench = Bench(arguments.build, arguments.seconds, arguments.runs, arguments.decisions)
    for section in arguments.only or SECTIONS:
        print(f"bench: {section}", flush=True)
        getattr(bench, section)()
    pathlib.Path(arguments.output).write_text(json.dumps(bench.result, indent=1) + "\n")
    shutil.rmtree(bench.work)


if __name__ == "__main__":
    main()
