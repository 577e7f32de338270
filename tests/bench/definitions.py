"""What both engines share: the names and kinds of the features, the command line, and where as_of ends.

A timestamp's day is its calendar date in --zone where the column is in UTC, and as it is written where the column
has no zone. The default zone is UTC: the calendar date of the stored value. (The sample shop orders between 15:00 and
23:00 UTC, so that its days are the same in UTC and in its own America/New_York.)
"""

import argparse
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

WINDOWS = (30, 90, 365)
KEYS = ("source", "source_customer_id")
# Who orders in which order, of which value: read always. Read where a lake has them: kind, business_date, a time of recording.
COLUMNS = (*KEYS, "order_id", "ordered_at", "quantity", "amount", "return_of_order_id")
OPTIONAL_COLUMNS = ("kind", "business_date")
RECORDED_COLUMNS = ("recorded_at", "recorded_on")

FEATURES = {
    "first_order_date": "date",
    "last_order_date": "date",
    "recency_days": "int",
    "tenure_days": "int",
    "order_count": "int",
    "value_minor": "int",
    "repeat_day_count": "int",
    "t_x_days": "int",
    "gap_days_mean": "float",
    "gap_days_deviation": "float",
    "gap_days_last": "int",
    **{
        f"{name}_{days}d": kind
        for days in WINDOWS
        for name, kind in {"order_count": "int", "value_minor": "int", "line_count": "int", "units": "float"}.items()
    },
    "order_value_minor_mean_365d": "float",
    "basket_lines_mean_365d": "float",
    "return_line_count_365d": "int",
    "returned_value_rate_365d": "float",
}


class Job(NamedTuple):
    """What one run is asked to do."""

    lake: Path
    as_of: date
    out: Path
    threads: int
    zone: str

    @property
    def files(self) -> str:
        """All files of the lake, as a pattern."""
        return str(self.lake / "**" / "*.parquet")

    def window_start(self, days: int) -> date:
        """The last day before the window of so many days that ends on as_of."""
        return self.as_of - timedelta(days=days)

    def end(self, in_utc: bool) -> datetime:
        """The first moment after as_of: an instant, or a local time for columns without a zone."""
        midnight = datetime.combine(self.as_of + timedelta(days=1), time())
        return midnight.replace(tzinfo=ZoneInfo(self.zone)).astimezone(ZoneInfo("UTC")) if in_utc else midnight


def parse_job(description: str) -> Job:
    """The job that the command line states."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("lake", type=Path, help="folder of order_lines")
    parser.add_argument("as_of", type=date.fromisoformat)
    parser.add_argument("out", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--zone", default="UTC", help="zone in which days begin, for timestamps in UTC")
    return Job(**vars(parser.parse_args()))
