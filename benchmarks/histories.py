"""A made-up company of any size: seeded tables in Parquet and their business YAML, with little memory.

In: a :class:`Size` and a folder. Out: ``data/customers.parquet``, ``data/orders.parquet`` and, where asked
for, ``data/visits.parquet`` and ``data/tickets.parquet``; ``company.yaml`` with all of them, and
``orders.yaml`` with the orders alone.

Customers join all the time and leave for good after an exponential lifetime, whose mean depends on their
channel, their region and how busy they are. Who joins orders at once. While they stay they order, visit and
open tickets at rates of their own, which are lognormal: a few do most of it. Two rows in a hundred reach the
tables up to two weeks late (``known_at``). A table lies in the order in which its rows became known; it ends
with the last day. Rows are drawn month by month with all customers at once, so memory follows the customers
and the largest month.

    python -m benchmarks.histories FOLDER --customers 500000 --orders 20000000
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

FIRST, LAST = date(2022, 1, 1), date(2024, 12, 31)
"""The first and the last day of the tables."""

CATEGORIES = tuple(f"c{number}" for number in range(1, 9))
CHANNELS = ("web", "store", "app", "partner")
REGIONS = ("north", "east", "south", "west")
CHANNEL_STAY = np.array([1.0, 1.6, 1.2, 0.5])
REGION_STAY = np.array([1.0, 1.3, 0.8, 1.0])
MEAN_STAY = 1800.0
"""Mean lifetime in days where both factors are 1 and the customer is as busy as the median one."""

SPREAD = 1.0
"""Standard deviation of the logarithm of the rates."""

LATE, MOST_LATE = 0.02, 14
"""Share of rows that become known later, and the most days they take."""

JOINED_BEFORE = 0.5
"""Share of customers who joined in the three years before the first day and were still there on it."""

US_PER_DAY = 86_400_000_000

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

YAML = """\
business: company
currency: EUR
observed_until: {last}
{customers}events:
{events}churn: {{event: order, grace: 90d}}
snapshots: {{start: 2023-01-31, every: 1mo, horizon: 90d, holdout: 3}}
features: {{windows: [30d, 90d, 180d, 365d]}}
value: {{margin_rate: 0.30, discount_rate: 0.10, limit: 2y}}
scores: {{path: out/scores}}
"""
PROFILE = """\
customers:
  path: data/customers.parquet
  columns: {customer_id: customer_no, known_at: joined_at}
  features: [channel, region]
"""
EVENTS = {
    "order": """\
  order:
    path: data/orders.parquet
    columns: {customer_id: customer_no, time: ordered_at, known_at: booked_at, amount: amount}
    categories: [category]
""",
    "visit": """\
  visit:
    path: data/visits.parquet
    columns: {customer_id: customer_no, time: visited_at, known_at: logged_at}
""",
    "ticket": """\
  ticket:
    path: data/tickets.parquet
    columns:
      customer_id: customer_no
      time: opened_at
      known_at: logged_at
      end: closed_at
      end_known_at: closed_at
""",
}


@dataclass(frozen=True)
class Size:
    """How much there is; events are means, which the sums come close to."""

    customers: int
    orders: int
    visits: int = 0
    tickets: int = 0
    seed: int = 0


@dataclass(frozen=True)
class Customers:
    """Who there is; one element a customer, in the order of joining. Days count from :data:`FIRST`."""

    channel: Ints
    region: Ints
    joined: Floats
    left: Floats
    rate: Floats
    favourite: Ints
    price: Floats

    def present(self, begin: float, end: float) -> tuple[Floats, Floats]:
        """Return from when and how long each is there in [begin, end), in days."""
        since = np.maximum(self.joined, begin)
        return since, np.maximum(np.minimum(self.left, end) - since, 0.0)


def write_history(folder: Path, size: Size) -> Path:
    """Write the tables and the YAML files; return ``company.yaml``.

    Parameters
    ----------
    folder : Path
        Made if it is not there.
    size : Size

    Returns
    -------
    Path
        ``orders.yaml`` lies beside it.
    """
    data = folder / "data"
    data.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(size.seed)
    customers = draw_customers(size.customers, rng)
    pq.write_table(_profile(customers), data / "customers.parquet")
    kinds = {"order": size.orders, "visit": size.visits, "ticket": size.tickets}
    kinds = {kind: count for kind, count in kinds.items() if count}
    for kind, count in kinds.items():
        _write(data / f"{kind}s.parquet", kind, customers, count, rng)
    (folder / "orders.yaml").write_text(_yaml(("order",), ""), encoding="utf-8")
    company = folder / "company.yaml"
    company.write_text(_yaml(tuple(kinds), PROFILE), encoding="utf-8")
    return company


def draw_customers(count: int, rng: np.random.Generator) -> Customers:
    """Return customers: when each joins and leaves, and how much each does."""
    days = (LAST - FIRST).days + 1.0
    channel = rng.choice(len(CHANNELS), count, p=[0.4, 0.3, 0.2, 0.1])
    region = rng.integers(0, len(REGIONS), count)
    busy = rng.normal(0.0, SPREAD, count)
    before = rng.random(count) < JOINED_BEFORE
    joined = np.sort(np.where(before, -3 * 365.0, days) * rng.random(count))
    mean_stay = MEAN_STAY * CHANNEL_STAY[channel] * REGION_STAY[region] * np.exp(0.3 * busy)
    left = np.maximum(joined, 0.0) + rng.exponential(mean_stay)
    return Customers(
        channel=channel,
        region=region,
        joined=joined,
        left=left,
        rate=np.exp(busy),
        favourite=rng.integers(0, len(CATEGORIES), count),
        price=rng.lognormal(3.3, 0.6, count),
    )


def _profile(customers: Customers) -> pa.Table:
    count = len(customers.joined)
    joined = _timestamps(_micros(customers.joined))
    return pa.table(
        {
            "customer_no": np.arange(1, count + 1),
            "joined_at": joined,
            "channel": _labels(customers.channel, CHANNELS),
            "region": _labels(customers.region, REGIONS),
        }
    )


def _write(file: Path, kind: str, customers: Customers, count: int, rng: np.random.Generator) -> None:
    """Write one table, a row group a month."""
    _, stay = customers.present(0.0, (LAST - FIRST).days + 1.0)
    sure = customers.joined if kind == "order" else np.full(len(stay), np.nan)
    by_chance = max(count - int((sure >= 0).sum()), 0)
    rate = customers.rate * (by_chance / float((customers.rate * stay).sum()))
    writer: pq.ParquetWriter | None = None
    for begin, end in _months():
        table = _MAKERS[kind](customers, *_month(customers, rate, sure, begin, end, rng), rng)
        writer = writer or pq.ParquetWriter(file, table.schema)
        writer.write_table(table)
    assert writer is not None
    writer.close()


def _months() -> Iterator[tuple[float, float]]:
    """Yield where the months begin and end, in days since the first day."""
    firsts = [date(year, month, 1) for year in range(FIRST.year, LAST.year + 1) for month in range(1, 13)]
    bounds = [*firsts, date(LAST.year + 1, 1, 1)]
    for begin, end in pairwise(bounds):
        yield float((begin - FIRST).days), float((end - FIRST).days)


def _month(
    customers: Customers, rate: Floats, sure: Floats, begin: float, end: float, rng: np.random.Generator
) -> tuple[Ints, Ints, Ints]:
    """Return whose the month's events are, their times and known times in microseconds, in order of the last.

    Each customer has one event at the time ``sure``, others by chance. What becomes known after the last day
    is left out.
    """
    since, stay = customers.present(begin, end)
    by_chance = np.repeat(np.arange(len(rate)), rng.poisson(rate * stay))
    first = np.flatnonzero((sure >= begin) & (sure < end))
    who = np.concatenate([by_chance, first])
    days = since[by_chance] + stay[by_chance] * rng.random(len(by_chance))
    time = _micros(np.concatenate([days, sure[first]]))
    late = rng.random(len(who)) < LATE
    known = time.copy()
    known[late] += (rng.uniform(0.0, MOST_LATE, int(late.sum())) * US_PER_DAY).astype(np.int64)
    order = np.argsort(known)
    order = order[: np.searchsorted(known, _micros(np.array([(LAST - FIRST).days + 1.0]))[0], sorter=order)]
    return who[order], time[order], known[order]


def _orders(customers: Customers, who: Ints, time: Ints, known: Ints, rng: np.random.Generator) -> pa.Table:
    """Return orders; half of a customer's are of its favourite category."""
    amount = np.round(customers.price[who] * rng.lognormal(0.0, 0.5, len(who)), 2)
    other = rng.integers(0, len(CATEGORIES), len(who))
    category = np.where(rng.random(len(who)) < 0.5, customers.favourite[who], other)
    return pa.table(
        {
            "customer_no": who + 1,
            "ordered_at": _timestamps(time),
            "booked_at": _timestamps(known),
            "amount": np.maximum(amount, 0.01),
            "category": _labels(category, CATEGORIES),
        }
    )


def _visits(_: Customers, who: Ints, time: Ints, known: Ints, __: np.random.Generator) -> pa.Table:
    return pa.table(
        {"customer_no": who + 1, "visited_at": _timestamps(time), "logged_at": _timestamps(known)}
    )


def _tickets(customers: Customers, who: Ints, time: Ints, known: Ints, rng: np.random.Generator) -> pa.Table:
    """Return tickets; at the partner's they stay open twice as long. No end after the last day is known."""
    days = rng.exponential(np.where(customers.channel[who] == 3, 8.0, 4.0))
    closed = known + (days * US_PER_DAY).astype(np.int64)
    is_open = closed >= _micros(np.array([(LAST - FIRST).days + 1.0]))[0]
    return pa.table(
        {
            "customer_no": who + 1,
            "opened_at": _timestamps(time),
            "logged_at": _timestamps(known),
            "closed_at": pa.array(closed, pa.timestamp("us"), mask=is_open),
        }
    )


_MAKERS = {"order": _orders, "visit": _visits, "ticket": _tickets}


def _micros(days: Floats) -> Ints:
    """Return days since the first day as microseconds since 1970-01-01."""
    epoch = np.datetime64(FIRST, "us").astype(np.int64)
    made: Ints = epoch + (days * US_PER_DAY).astype(np.int64)
    return made


def _timestamps(micros: Ints) -> pa.Array:
    return pa.array(micros, pa.timestamp("us"))


def _labels(codes: Ints, words: tuple[str, ...]) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int8)), list(words))


def _yaml(kinds: tuple[str, ...], customers: str) -> str:
    return YAML.format(last=LAST, customers=customers, events="".join(EVENTS[kind] for kind in kinds))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write a made-up company.")
    parser.add_argument("folder", type=Path)
    for name, count in (("customers", 500_000), ("orders", 20_000_000), ("visits", 0), ("tickets", 0)):
        parser.add_argument(f"--{name}", type=int, default=count)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    print(
        write_history(
            asked.folder, Size(asked.customers, asked.orders, asked.visits, asked.tickets, asked.seed)
        )
    )
