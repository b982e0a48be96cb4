"""docs/benchmarks.md from the JSON files that scripts/bench made."""

import argparse
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "learning"))

import chart  # noqa: E402

TARGETS_NOTE = (
    "Targets are for two cores that nothing else uses; machines differ, so judge by the ratios. What made "
    "requests cheaper: means that come precomputed with a snapshot, and deviations only with an explanation; "
    "mimalloc; a turn of the io thread that wakes the store's writer once; the decision written while the "
    "model is called; probabilities computed sixteen nodes at a time; RocksDB's flushes and "
    "compactions nicer than what serves (at three quarters of the saturated rate a p99 of 36 ms in place of 166); vectors as wide as the machine's "
    "registers, since GCC takes wider ones through memory (decide and learn 2.5 times as fast where there is "
    "AVX2 and no AVX-512). What is missed: in a closed loop of 64 connections the mean latency is 64 over "
    "the rate, so a p99 of 1 ms would need more than half of the bare echo's rate. With one connection "
    "two cores that wake each other would be half of what a chat adds: see the forwarder, and the daemon that does not look "
    "for more before it sleeps (`busy_poll_us: 0`). By default it does, but not while the learner or RocksDB's flushes and "
    "compactions work: being nicer they starved, and on two cores feedback took 1.5 s to be learned (p99). Of the rest some 24 us are "
    "parsing, encoding, choosing and writing the request, 14 the answer, and 12 a switch to the store's writer and back, "
    "since what an answer says is in the log before it leaves. An answer that does not wait for its outcome added 40 us "
    "less at the median without polling, but a kill -9 then loses what the client has been told; decision and outcome "
    "written together, after the call, took 20 us more; the io thread writing the log itself would hang with the disk. In a "
    "stream the mock yields after each chunk: without it the client, on the same core, reads the first chunk only when "
    "the last is made. Ready takes .3 s, of which LibTorch's own loading is nearly all: "
    "`yardmaster --version` takes as long.")


def us(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows]) + "\n"


def met(good):
    return "" if good is None else "met" if good else "missed"


def added(figures, what):
    return " / ".join(us(figures[f"{what}_{tail}_us"]) for tail in ("p50", "p99")) + " us"


def summary(s):
    rows = []

    def row(figure, measured, target, good):
        rows.append((figure, measured, target, met(good)))

    if "route_closed" in s:
        at_64 = s["route_closed"]["64"]
        row("/v1/route, 64 connections, against the bare echo", f"{at_64['ratio']:.3f}",
            ".25 (aim .35)", at_64["ratio"] >= 0.25)
        row("/v1/route, 64 connections, p99", f"{us(at_64['daemon']['p99_us'])} us", "1,000 us",
            at_64["daemon"]["p99_us"] < 1000)
        row("start to ready, empty store", f"{s['start_to_ready_s']:.2f} s", "0.3 s",
            s["start_to_ready_s"] <= 0.3)
    if "learning_while_serving" in s:
        ratio = s["learning_while_serving"]["p99_ratio"]
        row("serving p99 at half the saturated rate, learning against not", f"{ratio:.2f}", "2",
            ratio < 2)
    if "chat" in s:
        one, many = s["chat"]["1"], s["chat"]["64"]
        row("chat, added at 1 connection, p50 / p99", added(one, "added"), "60 / 200 us",
            one["added_p50_us"] <= 60 and one["added_p99_us"] <= 200)
        row("the same, as much as a forwarder of bytes adds", added(one, "forwarder_added"), "", None)
        row("with `busy_poll_us: 0`", added(one, "sleeping_added"), "", None)
        row("chat, 64 connections", f"{us(many['daemon']['per_s'])} /s, {us(many['cpu_us'])} us of "
            "processor each", "20,000 /s, 50 us",
            many["daemon"]["per_s"] >= 20000 and many["cpu_us"] <= 50)
    if "stream" in s:
        p50, p99 = (s["stream"][f"added_first_byte_{tail}_us"] for tail in ("p50", "p99"))
        row("streams of 32 chunks, added to the first byte, p50 / p99",
            added(s["stream"], "added_first_byte"), "80 / 250 us", p50 <= 80 and p99 <= 250)
        row("the same, as much as a forwarder of bytes adds",
            added(s["stream"], "forwarder_added_first_byte"), "", None)
        row("with `busy_poll_us: 0`", added(s["stream"], "sleeping_added_first_byte"), "", None)
    if "feedback" in s:
        single = s["feedback"]["single_64"]["per_s"]
        batched = max(s["feedback"][f"batched_{n}"]["items_per_s"] for n in (1, 16))
        row("feedback on disk, 64 clients", f"{us(single)} /s", "15,000 /s", single >= 15000)
        row("feedback on disk, 100 a call", f"{us(batched)} /s", "100,000 /s", batched >= 100000)
    if "freshness" in s:
        fresh = s["freshness"]
        row("acknowledged feedback to serving, p99, "
            f"beside {us(fresh['feedback_per_s'])} feedback/s", f"{fresh['p99_s']:.3f} s", "1 s",
            fresh["p99_s"] <= 1)
    for big in s.get("large", []):
        if big["decisions"] < 10_000_000:
            continue
        row(f"{big['decisions']:,} decisions in the store: opened in, memory",
            f"{big['ready_s']:.1f} s, {big['memory_mb']:.0f} MB", "5 s, 500 MB",
            big["ready_s"] <= 5 and big["memory_mb"] <= 500)
    return "## Against the targets\n\n" + TARGETS_NOTE + "\n\n" + table(
        ("figure", "measured", "target", ""), rows)


def latency_cells(run):
    return [us(run[key]) for key in ("p50_us", "p90_us", "p99_us", "p999_us")]


LATENCY_HEAD = ["p50", "p90", "p99", "p99.9"]


def rate_table(first, runs):
    """Requests a second and their latencies, a run each."""
    return table([first, "requests/s", *LATENCY_HEAD],
                 [[name, us(run["per_s"]), *latency_cells(run)] for name, run in runs.items()])


def route(s):
    rows = []
    for connections, figures in s["route_closed"].items():
        for name in ("daemon", "echo"):
            rows.append([connections, name, us(figures[name]["per_s"]),
                         *latency_cells(figures[name])])
    text = ("## POST /v1/route\n\nOne io thread, queries of 1 KB, 12 models, encoder static, the "
            "default policy with 5,000 rows learned, store and learner on. The echo is the "
            "smallest Beast server, which reads the same requests and answers 130 bytes. Closed "
            "loop, microseconds:\n\n")
    text += table(["connections", "server", "requests/s", *LATENCY_HEAD], rows)
    text += ("\nProcessor time of the daemon, all threads, microseconds a request: " + ", ".join(
        f"{us(figures['cpu_us'])} at {connections}"
        for connections, figures in s["route_closed"].items()) + ".\n")
    text += ("\nOpen loop, at parts of the saturated rate, from when a request was due "
             "(256 connections):\n\n")
    text += rate_table("part", s["route_open"])
    learning = s["learning_while_serving"]
    text += "\n![Latency](plots/route-latency.svg)\n\n![Requests](plots/route-rate.svg)\n"
    text += ("\nWith a backlog of 20,000 rows being learned beside half the saturated rate:\n\n")
    text += rate_table("", {name: learning[name] for name in ("quiet", "learning")})
    text += ("\nBeside two programs of others that never sleep, one on each core; the echo does not "
             "ask for [short slices](operations.md#what-to-watch):\n\n")
    text += rate_table("", s["route_beside_busy"])
    if "compaction" in s:
        text += "\n" + compaction(s["compaction"])
    if "allocations" in s:
        counts = s["allocations"]
        text += "\nAllocations a request, io thread / all threads, HTTP and the store's record with them: "
        text += ", ".join(f"{target} {count['io_thread']:.0f} / {count['all_threads']:.0f}"
                          for target, count in counts.items()) + ".\n"
    text += (f"\nMemory: {s['memory_at_rest_mb']:.0f} MB at rest, "
             f"{s['memory_under_load_mb']:.0f} MB at most under load, "
             f"{s['memory_after_load_mb']:.0f} MB after the load. Start to ready: "
             f"{s['start_to_ready_s']:.2f} s.\n")
    return text


def chat(s):
    rows = []
    for connections, figures in s["chat"].items():
        for name in ("direct", "forwarder", "daemon", "sleeping"):
            rows.append([connections, name, us(figures[name]["per_s"]),
                         *latency_cells(figures[name])])
    text = ("## Chat completions\n\nTo a mock upstream that shares its core with the load; "
            "directly; through a forwarder that reads none of the bytes that it passes, on the other core; and "
            "through the daemon in its place; `sleeping` is a daemon with `listen: {busy_poll_us: 0}`. Microseconds:\n\n")
    text += table(["connections", "", "requests/s", *LATENCY_HEAD], rows)
    stream = s["stream"]
    text += "\nStreams of 32 chunks, one connection; the first byte of the body, and the whole:\n\n"
    text += table(["", "first byte p50", "p99", "whole p50", "p99"],
                  [[name, *(us(stream[name][key]) for key in (
                      "first_byte_p50_us", "first_byte_p99_us", "p50_us", "p99_us"))]
                   for name in ("direct", "forwarder", "daemon", "sleeping")])
    return text


def feedback(s):
    rows = []
    for name, run in s["feedback"].items():
        kind, connections = name.split("_")
        rows.append([connections, "1" if kind == "single" else "100",
                     us(run.get("items_per_s", run["per_s"])), *latency_cells(run)])
    return ("## POST /v1/feedback\n\nOn disk (synced) before it is answered; corrections of "
            "decisions that have been judged. Microseconds a call:\n\n" +
            table(["connections", "items a call", "items/s", *LATENCY_HEAD], rows))


def compaction(figures):
    text = (f"Seconds in which RocksDB compacts, at {us(figures['per_s'])} requests/s, half of what "
            "64 connections reach: ")
    if figures["p99_us"] is None:
        return text + "none came.\n"
    return (text + f"median p99 {us(figures['p99_us'])} us over {figures['seconds']} of them, "
            f"{us(figures['other_p99_us'])} us over the {figures['other_seconds']} others.\n")


def large(s):
    return (
        "## A store of months\n\nDecisions of 90 days, each with an outcome and feedback; by "
        "`python3 bench/serving.py build/release build/bench/large.json --only large`.\n\n" +
        table(["decisions", "bytes a decision on disk", "all of it learned from nothing",
               "ready after a stop", "memory", "ready after a kill, 5,000 decisions later", "memory"],
              [[f"{big['decisions']:,}", f"{big['bytes_a_decision']:.0f}",
                f"{big['learning_s']:.0f} s", f"{big['ready_s']:.1f} s",
                f"{big['memory_mb']:.0f} MB", f"{big['ready_after_kill_s']:.1f} s",
                f"{big['memory_after_kill_mb']:.0f} MB"] for big in s["large"]]))


def draw_route(s, folder):
    """Closed loop, over the connections on a scale of doublings."""
    closed = s["route_closed"]
    place = {connections: at for at, connections in enumerate(closed)}
    colours = {"daemon": "#0a6ebd", "echo": "#888888"}

    def series(name, figure, label, width):
        return (label, colours[name], width,
                [(place[c], closed[c][name][figure] / 1000) for c in closed])

    folder.mkdir(exist_ok=True)
    (folder / "route-rate.svg").write_text(chart.line_chart(
        "POST /v1/route, closed loop", "connections", "1,000 requests/s",
        [series("daemon", "per_s", "daemon", 3), series("echo", "per_s", "bare echo", 1.5)], list(closed)))
    (folder / "route-latency.svg").write_text(chart.line_chart(
        "POST /v1/route, closed loop", "connections", "ms",
        [series(name, figure, f"{label}, {figure[:3]}", width)
         for name, label in (("daemon", "daemon"), ("echo", "bare echo"))
         for figure, width in (("p50_us", 3), ("p99_us", 1.5))], list(closed)))


def micro(path, title, note):
    runs = json.loads(path.read_text())["benchmarks"]
    rows = []
    for run in runs:
        rate = run.get("items_per_second")
        if run.get("error_occurred"):
            continue
        rows.append([run["name"], f"{run['real_time']:,.1f} {run['time_unit']}",
                     f"{rate:,.0f}" if rate else ""])
    return f"## {title}\n\n{note}\n\n" + table(["", "time", "items/s"], rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=pathlib.Path, help="where the JSON files are")
    parser.add_argument("output", type=pathlib.Path)
    parser.add_argument("--machine", required=True)
    parser.add_argument("--date", required=True)
    arguments = parser.parse_args()
    serving = json.loads((arguments.folder / "serving.json").read_text())
    if (arguments.folder / "large.json").exists():
        serving["large"] = json.loads((arguments.folder / "large.json").read_text())["large"]
    parts = ["# Benchmarks\n\nMade by `./scripts/bench`, "
             f"{arguments.date}, on {arguments.machine}. Every figure stands beside a reference "
             "of the same run; medians of runs in turn. Learning is in "
             "[benchmarks-learning.md](benchmarks-learning.md).\n", summary(serving)]
    for key, make in (("route_closed", route), ("chat", chat), ("feedback", feedback),
                      ("large", large)):
        if key in serving:
            parts.append(make(serving))
    if "route_closed" in serving:
        draw_route(serving, arguments.output.parent / "plots")
    for name, title, note in (
            ("policies", "Policies", "76 features, 10,000 rows learned, 12 models where no number is named: a "
             "snapshot's distribution, a decision by the learner's own state, a row learned."),
            ("encoder", "Encoders", "One query at a time."),
            ("store", "Store", "Decisions written, and feedback synced, by the store alone.")):
        path = arguments.folder / f"{name}.json"
        if path.exists():
            parts.append(micro(path, title, note))
    arguments.output.write_text("\n".join(parts))


if __name__ == "__main__":
    main()
