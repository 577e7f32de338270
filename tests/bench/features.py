"""From order lines to features, against DuckDB and Polars: features.py REGULARS FOLDER [--customers N] [--times N].

REGULARS is the program. A lake is simulated in FOLDER once (`regulars sample`, a file a month); then every engine computes the same 27 features of
every source customer (nobody is linked), the outputs are compared row by row, and all are timed in turns beside the decoding of the needed columns
alone. The program is asked for no models, as the others are; its own figure is that of the steps that features need (divide, collect, publish features).
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from statistics import median

from measure import Command, Usage, cores_ratio, run, table

HERE = Path(__file__).parent
AS_OF, ZONE = "2026-06-30", "America/New_York"
STEPS = ("open the lake", "divide lines into shards", "collect features", "publish features")

JOB = """version: 1
job: {{name: bench, as_of: {as_of}, timezone: {zone}, currency: USD, models: {models}}}
store: {{url: {folder}/out}}
run: {{threads: {threads}, memory_limit_mib: {memory}, keep_state: {keep_state}, scratch: {folder}}}
lake:
  url: {folder}/shop/lake
  tables:
    order_lines: {{path: order_lines, timezone: {zone}}}
"""
FEATURES = """audit: {{late_store: publish}}
features:
  rfm:
    items: [all]
    windowed: [all]
    windows_days: [30, 90, 365]
  cadence: {{items: [repeat_day_count, t_x_days, gap_days_mean, gap_days_deviation, gap_days_last]}}
  basket: {{windowed: [order_value_minor_mean, basket_lines_mean, return_line_count, returned_value_rate], windows_days: [365]}}
"""
CONFIG = JOB + FEATURES


def make_lake(program: Path, folder: Path, customers: int) -> None:
    """Simulates the shop, unless it is there."""
    if not (folder / "shop" / "lake").is_dir():
        arguments = ["--customers", str(customers), "--products", "20000", "--until", AS_OF, "--files", "month", "--out", str(folder / "shop")]
        subprocess.run([program, "sample", *arguments], check=True)


def commands(program: Path, folder: Path, memory: int) -> list[Command]:
    """What is timed; decoding alone comes first, as all ratios are to it."""
    lines, found = str(folder / "shop" / "lake" / "order_lines"), []
    decode = [sys.executable, str(HERE / "decode_only.py"), lines, "--engine"]
    found += [Command(f"decode only, {engine}", [*decode, engine]) for engine in ("polars", "duckdb")]
    for engine in ("duckdb", "polars"):
        script = str(HERE / f"features_{engine}.py")
        found.append(Command(engine, [sys.executable, script, lines, AS_OF, str(folder / f"{engine}.parquet"), "--zone", ZONE]))
    for threads in (2, 1):
        config = folder / f"bench-{threads}.yaml"
        # No engine keeps anything for the next night: see increment.py.
        config.write_text(CONFIG.format(folder=folder, as_of=AS_OF, zone=ZONE, threads=threads, memory=memory, keep_state="false", models="false"))
        # A run that is there already would not be computed again.
        script = f"rm -rf {folder}/out && exec {program} run {config} --log json 2> {folder}/steps-{threads}.json"
        found.append(Command(f"regulars, {threads} threads", ["sh", "-c", script]))
    return found


def steps(folder: Path, threads: int | str) -> dict[str, tuple[float, float]]:
    """Wall and CPU seconds of the steps of the last run."""
    events = [json.loads(line) for line in (folder / f"steps-{threads}.json").read_text().splitlines()]
    return {event["step"]: (event["seconds"], event["cpu_seconds"]) for event in events if event["event"] == "step_ended"}


def features_only(whole: Usage, folder: Path, threads: int) -> Usage:
    """What of a run went into features."""
    taken = [seconds for step, seconds in steps(folder, threads).items() if step in STEPS]
    return Usage(sum(wall for wall, _ in taken), sum(cpu for _, cpu in taken), whole.peak_mib)


def begin(description: str, memory: int) -> argparse.Namespace:
    """What the command line asks for; the lake is there then."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("regulars", type=lambda path: Path(path).resolve())
    parser.add_argument("folder", type=lambda path: Path(path).resolve())
    parser.add_argument("--customers", type=int, default=2_000_000, help="people; 2,000,000 give 49 million lines")
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--memory", type=int, default=memory, help="the program's memory limit, MiB")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    make_lake(arguments.regulars, arguments.folder, arguments.customers)
    return arguments


def main() -> None:
    """Makes, measures, compares, prints."""
    arguments = begin(__doc__, 2048)
    program, folder = arguments.regulars, arguments.folder
    print(f"two busy processes get {cores_ratio():.2f} times the work of one done", flush=True)
    timed, usages = commands(program, folder, arguments.memory), {}
    for _ in range(arguments.times):
        for command in timed:
            usage = run(command)
            usages.setdefault(command.name, []).append(usage)
            for threads in [threads for threads in (1, 2) if command.name == f"regulars, {threads} threads"]:
                usages.setdefault(f"{command.name}: features", []).append(features_only(usage, folder, threads))
    print(table(usages), flush=True)
    walls = [median(usage.wall_s for usage in usages[f"regulars, {threads} threads: features"]) for threads in (2, 1)]
    print(f"features, wall at two threads over one: {walls[0] / walls[1]:.2f}")
    for step, (wall, cpu) in steps(folder, 2).items():
        print(f"  {step:28} {wall:8.2f} s wall {cpu:8.2f} s cpu")
    published = next((folder / "out" / "bench" / "runs" / AS_OF).iterdir())
    for other in (folder / "duckdb.parquet", folder / "polars.parquet"):
        print(f"compared with {other.name}", flush=True)
        if subprocess.run([sys.executable, str(HERE / "compare.py"), str(published), str(other)], check=False).returncode != 0:
            sys.exit("the engines differ")
    shutil.rmtree(folder / "out")


if __name__ == "__main__":
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    main()
