"""Runs our own programs: `yardmaster simulate`, learning_export, learning_halves. A result is kept
under the binary's checksum and the arguments, so a changed policy runs again and nothing else."""

import hashlib
import json
import pathlib
import subprocess
import tempfile

SEEDS = 10


class Programs:
    def __init__(self, root, cache, say):
        self.build = root / "build" / "release"
        self.vectors = root / "build" / "learning" / "vectors"  # of slow encoders
        self.cache, self.say = cache, say
        self.checksums = {}

    def checksum(self, program):
        if program not in self.checksums:
            data = (self.build / program).read_bytes()
            self.checksums[program] = hashlib.sha256(data).hexdigest()
        return self.checksums[program]

    def run(self, program, arguments):
        command = [str(self.build / program), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")

    def simulate(self, data, encoder, policies, flags):
        """The JSON that `yardmaster simulate` writes; flags as on the command line."""
        # A cascade has its own players.
        played = [] if "--cascade" in flags else ["--policy", ",".join(policies)]
        arguments = ["--data", data, "--encoder", encoder, *played,
                     "--seeds", ",".join(map(str, range(SEEDS))), *flags]

        def make():
            self.say("yardmaster simulate " + " ".join(map(str, arguments)))
            with tempfile.TemporaryDirectory() as folder:
                path = pathlib.Path(folder) / "results.json"
                self.run("yardmaster", ["simulate", *arguments, "--cache", self.vectors,
                                        "--json", path])
                return json.loads(path.read_text())

        name = [pathlib.Path(data).parent.name, *map(str, arguments[2:])]
        return self.cache.get(["simulate", self.checksum("yardmaster"), name], make)

    def export(self, data, encoder, output):
        """Features and outcomes for the peers; made once for each version of the data."""
        stamp = output.with_suffix(".from")
        want = hashlib.sha256(pathlib.Path(data).read_bytes()).hexdigest() + encoder
        if output.exists() and stamp.exists() and stamp.read_text() == want:
            return
        self.say(f"encoding {data} by {encoder}")
        self.run("bench/learning_export", [data, encoder, SEEDS, output, self.vectors])
        stamp.write_text(want)

    def halves(self, data, encoder, policy, output):
        self.run("bench/learning_halves", [data, encoder, policy, SEEDS, output])


def result_of(report, policy):
    return next(one for one in report["results"] if one["policy"] == policy)
