"""Runs commands in turns and tells what each took: measure.py COMMANDS.json [--times N].

COMMANDS.json is a list of {"name": ..., "argv": [...], "env": {...}}; env is added to this process's. Each round runs
every command once, so that a slow minute of the machine falls on all of them. A command that fails ends it all.

Wall seconds, CPU seconds (user and system) and peak memory are those that the kernel reports when the process ends
(wait4). CPU holds all processes below it that it waited for; memory is that of the largest one among them, not their
sum, which is the same for a command that is one process. The printed ratios are those to the first command.

First it tells how much more two busy processes get done than one: 2.00 where two cores are free, 1.00 where only one is.
"""

import argparse
import json
import multiprocessing
import os
import sys
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

SPIN_SECONDS = 2.0


class Command(NamedTuple):
    """What is run."""

    name: str
    argv: list[str]
    env: dict[str, str] = {}


class Usage(NamedTuple):
    """What one run took."""

    wall_s: float
    cpu_s: float
    peak_mib: float


def spin(seconds: float) -> float:
    """Rounds of a busy loop a second."""
    start, rounds = time.perf_counter(), 0
    while (elapsed := time.perf_counter() - start) < seconds:
        sum(range(10_000))
        rounds += 1
    return rounds / elapsed


def cores_ratio() -> float:
    """Work done a second by two busy processes, over that of one alone."""
    with multiprocessing.Pool(2) as pool:
        (alone,) = pool.map(spin, [SPIN_SECONDS], chunksize=1)
        return sum(pool.map(spin, [SPIN_SECONDS] * 2, chunksize=1)) / alone


def run(command: Command) -> Usage:
    """Runs a command to its end; what it prints is dropped, but for errors."""
    silent = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    start = time.perf_counter()
    process = os.posix_spawnp(command.argv[0], command.argv, os.environ | command.env, file_actions=silent)
    _, status, usage = os.wait4(process, 0)
    wall = time.perf_counter() - start
    if code := os.waitstatus_to_exitcode(status):
        sys.exit(f"{command.name}: exit code {code}")
    return Usage(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def table(usages: dict[str, list[Usage]]) -> str:
    """Minimum and median of every command, and their ratios to the first command's."""
    lines = ["| command | measure | minimum | median | minimum / first | median / first |", "|---|---|---|---|---|---|"]
    first = next(iter(usages.values()))
    for name, runs in usages.items():
        for measure in Usage._fields:
            own, base = ([getattr(one, measure) for one in some] for some in (runs, first))
            low, middle = min(own), median(own)
            lines.append(f"| {name} | {measure} | {low:.2f} | {middle:.2f} | {low / min(base):.2f} | {middle / median(base):.2f} |")
    return "\n".join(lines)


def main() -> None:
    """Measures, and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commands", type=Path)
    parser.add_argument("--times", type=int, default=5)
    arguments = parser.parse_args()
    commands = [Command(**one) for one in json.loads(arguments.commands.read_text())]
    print(f"two busy processes get {cores_ratio():.2f} times the work of one done", flush=True)
    usages: dict[str, list[Usage]] = {command.name: [] for command in commands}
    for _ in range(arguments.times):
        for command in commands:
            usages[command.name].append(run(command))
    print(table(usages))


if __name__ == "__main__":
    main()
