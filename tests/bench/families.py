"""All families of features at one date, against the decoding of the columns that they need: families.py REGULARS FOLDER [--customers N].

REGULARS is the program. The lake is that of features.py, with all of its tables; every feature of every family is asked for of which the lake has the
tables (all but service), over the windows of the defaults. One thread reads, divides, collects and publishes them; linking the source customers, which
profiles come from, is told apart, against the same limit. Models and groups are computed too, and not counted.
"""

import shutil
import sys

from features import AS_OF, HERE, JOB, STEPS, ZONE, begin, steps
from measure import Command, run

# What the families read of order lines beside the columns of the 27 features.
ALSO = ("product_id", "channel", "store_id", "promo_id", "regular_amount", "discount_shelf", "discount_coupon_sponsor", "discount_coupon_store")
TABLES_AND_FEATURES = """    customers: {{path: customers, timezone: {zone}}}
    consents: {{path: consents, timezone: {zone}}}
    promotions: {{path: promotions, timezone: {zone}}}
    promotion_products: {{path: promotion_products, timezone: {zone}}}
    contacts: {{path: contacts, timezone: {zone}}}
    responses: {{path: responses, timezone: {zone}}}
    products: {{path: products, slow: [leaf_category]}}
    stores: {{path: stores}}
audit: {{late_store: publish}}
features:
  rfm: {{items: [all], windowed: [all]}}
  cadence: {{items: [all]}}
  basket: {{windowed: [all]}}
  trend: {{windowed: [all]}}
  preference: {{windowed: [all]}}
  brand_usage: {{windowed: [all], categories: [C000, C001]}}
  wallet: {{windowed: [all]}}
  promotion: {{windowed: [all]}}
  channel: {{windowed: [all]}}
  habits: {{windowed: [all]}}
  engagement: {{items: [all], windowed: [all]}}
  profile: {{items: [all]}}
"""


def main() -> None:
    """Makes, measures, prints."""
    arguments = begin(__doc__, 4096)
    program, folder = arguments.regulars, arguments.folder
    job = folder / "families.yaml"
    text = JOB + TABLES_AND_FEATURES
    job.write_text(text.format(folder=folder, as_of=AS_OF, zone=ZONE, threads=1, memory=arguments.memory, keep_state="false", models="false"))
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
