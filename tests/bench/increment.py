"""A night that starts from what the one before kept, against one that reads everything: increment.py REGULARS FOLDER [--customers N].

REGULARS is the program. The lake is that of features.py (a file a month); what reached it on the last day stands in a file of its own here. A run of
the day before reads all files and keeps what it read; then the day's file comes. The run of the day is made twice: from what was kept, and in another
store from all files, keeping nothing. Both must publish the same bytes; their CPU time is compared by step, on one thread.
"""

import argparse
import json
import os
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow.compute as pc
import pyarrow.parquet as pq

from features import AS_OF, CONFIG, ZONE, make_lake

PARTITIONED = ("link customers", "divide lines into shards")


def split(folder: Path) -> tuple[Path, Path]:
    """The lake without what came on the last day, and that day's file, which lies beside it."""
    lines, lake, day = folder / "shop" / "lake" / "order_lines", folder / "night" / "lake" / "order_lines", folder / "night" / "day.parquet"
    shutil.rmtree(folder / "night", ignore_errors=True)
    cut = datetime.fromisoformat(AS_OF).replace(tzinfo=ZoneInfo(ZONE)).astimezone(UTC)
    for file in sorted(lines.rglob("*.parquet")):
        to = lake / file.relative_to(lines)
        to.parent.mkdir(parents=True, exist_ok=True)
        if AS_OF[:7] not in to.parent.name:
            os.link(file, to)
            continue
        table = pq.ParquetFile(file).read()
        is_new = pc.greater_equal(table["recorded_at"], cut)
        pq.write_table(table.filter(pc.invert(is_new)), to, compression="zstd", row_group_size=131_072)
        if pc.any(is_new).as_py():
            pq.write_table(table.filter(is_new), day, compression="zstd")
            newest = to.with_name("day.parquet")
    return newest, day


def run(program: Path, folder: Path, store: str, as_of: str, keep_state: str) -> dict[str, float]:
    """CPU seconds by step, and of the whole."""
    config = folder / "night" / f"{store}.yaml"
    text = CONFIG.format(folder=folder / "night", as_of=as_of, zone=ZONE, threads=1, memory=2048, keep_state=keep_state, models="true")
    config.write_text(text.replace("/night/shop/lake", "/night/lake").replace("/night/out", f"/night/{store}"))
    done = subprocess.run([program, "run", config, "--log", "json"], check=True, capture_output=True, text=True)
    events = [json.loads(line) for line in done.stderr.splitlines()]
    steps = {event["step"]: event["cpu_seconds"] for event in events if event["event"] == "step_ended"}
    print(next(event["detail"] for event in events if event.get("step") == PARTITIONED[1] and event["event"] == "step_ended"), flush=True)
    return {**steps, "whole": sum(steps.values())}


def digests(folder: Path, store: str) -> list[tuple[str, str]]:
    """Name and digest of every part that the run of the last day published."""
    manifest = next((folder / "night" / store / "bench" / "runs" / AS_OF).glob("*/manifest.json"))
    return sorted((part["path"], part["sha256"]) for table in json.loads(manifest.read_text())["tables"] for part in table["parts"])


def main() -> None:
    """Makes, measures, compares, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("regulars", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--customers", type=int, default=2_000_000, help="people; 2,000,000 give 49 million lines")
    arguments = parser.parse_args()
    program, folder = arguments.regulars.resolve(), arguments.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    make_lake(program, folder, arguments.customers)
    newest, day = split(folder)
    before = str(datetime.fromisoformat(AS_OF).date() - timedelta(days=1))
    run(program, folder, "kept", before, "true")
    run(program, folder, "all", before, "false")
    os.link(day, newest)
    kept, everything = run(program, folder, "kept", AS_OF, "true"), run(program, folder, "all", AS_OF, "false")
    assert digests(folder, "kept") == digests(folder, "all"), "the two publish other bytes"
    print("the same bytes", flush=True)
    for name, steps in (("decode, link, divide", PARTITIONED), ("the whole run", ("whole",))):
        one, other = (sum(figures[step] for step in steps) for figures in (kept, everything))
        print(f"{name:24} {one:8.2f} s cpu from what was kept {other:8.2f} s from all files {one / other:6.2f}")
    shutil.rmtree(folder / "night")


if __name__ == "__main__":
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    main()
