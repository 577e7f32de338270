"""All families of features at one date, against the decoding of the columns that they need: families.py REGULARS FOLDER [--customers N].

REGULARS is the program. The lake is that of features.py, with all of its tables; every feature of every family is asked for of which the lake has the
tables (all but service), over the windows of the defaults. One thread reads, divides, collects and publishes them; linking the source customers, which
profiles come from, is told apart, against the same limit. Models and groups are computed too, and not counted.
"""

import shutil
import sys
from pathlib import Path

from features import AS_OF, CONFIG, HERE, STEPS, ZONE, begin, steps
from measure import Command, run

# What the families read of order lines beside the columns of the 27 features.
ALSO = ("product_id", "channel", "store_id", "promo_id", "regular_amount", "discount_shelf", "discount_coupon_sponsor", "discount_coupon_store")
DATED = ("customers", "consents", "promotions", "promotion_products", "contacts", "responses")
TABLES = [*[f"    {name}: {{path: {name}, timezone: {ZONE}}}" for name in DATED], "    products: {path: products, slow: [leaf_category]}", "    stores: {path: stores}"]
ITEMS, WINDOWED = ("rfm", "cadence", "engagement", "profile"), ("rfm", "basket", "trend", "preference", "wallet", "promotion", "channel", "habits", "engagement")
USAGE = "  brand_usage: {windowed: [all], categories: [C000, C001]}"


def config(folder: Path, memory: int) -> str:
    """The job of features.py, with all tables and all families."""
    head = CONFIG.split("audit:", maxsplit=1)[0].format(folder=folder, as_of=AS_OF, zone=ZONE, threads=1, memory=memory, keep_state="false")
    families = dict.fromkeys((*ITEMS, *WINDOWED), "")
    for key, names in (("items", ITEMS), ("windowed", WINDOWED)):
        families |= {name: f"{families[name]}{', ' if families[name] else ''}{key}: [all]" for name in names}
    return "\n".join([head + "\n".join(TABLES), "audit: {late_store: publish}", "features:", *[f"  {name}: {{{what}}}" for name, what in families.items()], USAGE, ""])


def main() -> None:
    """Makes, measures, prints."""
    arguments = begin(__doc__, 4096)
    program, folder = arguments.regulars, arguments.folder
    job = folder / "families.yaml"
    job.write_text(config(folder, arguments.memory))
    lines = str(folder / "shop" / "lake" / "order_lines")
    decode = Command("decode only", [sys.executable, str(HERE / "decode_only.py"), lines, "--engine", "polars", "--threads", "1", "--also", *ALSO])
    script = f"rm -rf {folder}/out && exec {program} run {job} --log json 2> {folder}/steps-families.json"
    for _ in range(arguments.times):
        limit, usage = run(decode).cpu_s, run(Command("regulars", ["sh", "-c", script]))
        took = {step: cpu for step, (_, cpu) in steps(folder, "families").items()}
        counted = {step: took[step] for step in (*STEPS, "read the small tables")}
        each = ", ".join(f"{step} {cpu:.1f}" for step, cpu in counted.items())
        print(f"decode {limit:.1f} s cpu; features {sum(counted.values()) / limit:.1f} times that ({each}), ", end="")
        print(f"link customers {took['link customers'] / limit:.1f} times that; peak {usage.peak_mib:.0f} MiB", flush=True)
    shutil.rmtree(folder / "out")


if __name__ == "__main__":
    main()
