"""What the business YAML may say: its sections, their keys, types and domains.

Lengths carry their unit in the YAML (``"90d"``) and are whole days afterwards. Unknown keys are refused.
"""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

_DAYS_IN = {"d": 1, "w": 7, "y": 365}
_LENGTH = re.compile(r"(\d+)(d|w|mo|y)")
NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


def parse_days(value: object) -> int:
    """Return a length such as ``"90d"``, ``"12w"`` or ``"5y"`` (365 days each) in days.

    Raises
    ------
    ValueError
        If the unit is missing or has no fixed length, or the length is zero.

    Examples
    --------
    >>> parse_days("12w")
    84
    """
    match = _LENGTH.fullmatch(value) if isinstance(value, str) else None
    if match is None or match[2] not in _DAYS_IN:
        raise ValueError("a length with its unit, such as '90d', '12w' or '5y'")
    if (days := int(match[1]) * _DAYS_IN[match[2]]) == 0:
        raise ValueError("a length longer than nothing")
    return days


def _parse_grace(value: object) -> int:
    return 0 if value == "0d" else parse_days(value)


def _parse_step(value: object) -> str:
    match = _LENGTH.fullmatch(value) if isinstance(value, str) else None
    if match is None or int(match[1]) == 0 or match[2] == "y":
        raise ValueError("a step with its unit, such as '14d', '2w' or '1mo'")
    return match[0]


def _known_zone(value: str) -> str:
    if value not in available_timezones():
        raise ValueError("an IANA time zone such as 'Europe/Berlin'")
    return value


def _named(value: str) -> str:
    if not NAME.fullmatch(value):
        raise ValueError(
            "a name in lower case, words joined by one underscore (it becomes part of feature names)"
        )
    return value


_as_written = PlainSerializer(lambda days: f"{days}d", return_type=str)
Days = Annotated[int, BeforeValidator(parse_days), _as_written]
Grace = Annotated[int, BeforeValidator(_parse_grace), _as_written]
Step = Annotated[str, BeforeValidator(_parse_step)]
Zone = Annotated[str, AfterValidator(_known_zone)]
Name = Annotated[str, AfterValidator(_named)]
Rule = Literal["refuse", "drop"]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CsvFormat(_Section):
    """How a CSV file writes its values; nothing about it is guessed."""

    delimiter: str = ","
    decimal: Literal[".", ","] = "."
    encoding: Literal["utf-8", "latin-1", "utf-16"] = "utf-8"
    null: str = ""
    time: str | None = Field(None, description="strptime format of every time column, e.g. '%d.%m.%Y %H:%M'")
    numbers: tuple[Name, ...] = Field((), description="columns under features that hold numbers, not labels")


class Table(_Section):
    """Where a table lies (one of ``path``, ``table``, ``query``) and which of its columns mean what."""

    path: Path | None = Field(None, description="Parquet or CSV, by its ending; a glob may name many files")
    url: str | None = Field(None, description="SQLAlchemy URL; ${NAME} is read from the environment")
    table: str | None = None
    query: str | None = None
    csv: CsvFormat = CsvFormat()
    timezone: Zone | None = Field(None, description="zone of times without one; default the business's")
    columns: dict[str, str]
    features: tuple[Name, ...] = ()
    allowed: dict[Name, tuple[str, ...]] = Field({}, description="the only values that a column may have")


class Customers(Table):
    """One row a customer; ``features`` become static attributes."""


class Event(Table):
    """One row an event. ``features`` give the latest value known; ``categories`` are counted and compared."""

    categories: tuple[Name, ...] = ()

    @property
    def has_end(self) -> bool:
        """Whether the event covers a span rather than an instant."""
        return "end" in self.columns

    @property
    def has_amount(self) -> bool:
        """Whether the event carries money."""
        return "amount" in self.columns


class Churn(_Section):
    """Which event keeps a customer alive, for how long after its end, and how ends become known."""

    event: str
    grace: Grace
    end_known: Literal["at_start", "at_end", "end_known_at"] | None = None
    causes: dict[str, Literal["voluntary", "involuntary", "other"]] = {}


class SnapshotPlan(_Section):
    """As of which dates the question is asked, and how far it looks."""

    start: date
    every: Step
    horizon: Days
    holdout: int = Field(3, ge=1, description="as-of dates at the end that only evaluate")


class FeaturePlan(_Section):
    """Windows, categories and the user's own features."""

    windows: tuple[Days, ...] = Field((7, 30, 90, 365), min_length=1)
    top_categories: int = Field(5, ge=0, le=50)
    trusted: tuple[str, ...] = Field(
        (), description="columns that were looked at: they may predict very well"
    )
    custom: dict[str, str] = Field(
        {}, description="feature name (event__stat or event__stat__window): 'module:function'"
    )


class Value(_Section):
    """What a customer is worth."""

    margin_rate: float = Field(gt=0, le=1)
    discount_rate: float = Field(ge=0, lt=1, description="a year")
    cost_to_serve: float = Field(0.0, ge=0, description="a customer a year, in the business's currency")
    revenue: tuple[str, ...] = Field(
        (), description="events whose amounts are revenue; default the churn event"
    )
    limit: Days = 5 * 365


class Quality(_Section):
    """What to do with rows that cannot be right: refuse the table, or drop them and say how many."""

    duplicates: Literal["refuse", "drop", "keep"] = "refuse"
    null_keys: Rule = "refuse"
    null_amounts: Rule = "refuse"
    negative_orders: Rule = "refuse"
    known_before_time: Literal["refuse", "drop", "keep"] = "refuse"
    end_before_time: Rule = "refuse"
    future_dates: Rule = "refuse"
    unknown_categories: Rule = "refuse"


class Scores(_Section):
    """Where score tables go."""

    path: Path


class Tracking(_Section):
    """Where MLflow keeps runs and models."""

    uri: str = Field("sqlite:///mlflow.db", description="${NAME} is read from the environment")
    experiment: str | None = Field(None, description="default the business")


class Business(_Section):
    """One business, as its YAML describes it.

    Attributes
    ----------
    source : Path
        The YAML itself.
    config_hash : str
        Twelve hexadecimal digits over all that the YAML says (paths as written, secrets not included).
    """

    business: Name
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    timezone: Zone = "UTC"
    observed_until: date | None = Field(
        None, description="last whole day in the tables; default the churn event's last one known"
    )
    customers: Customers | None = None
    events: dict[Name, Event] = Field(min_length=1)
    churn: Churn
    snapshots: SnapshotPlan
    features: FeaturePlan = FeaturePlan()
    value: Value
    quality: Quality = Quality()
    scores: Scores
    tracking: Tracking = Tracking()
    source: Path = Field(Path(), exclude=True)
    config_hash: str = Field("", exclude=True)

    @property
    def zone(self) -> ZoneInfo:
        """The business's time zone."""
        return ZoneInfo(self.timezone)

    @property
    def revenue_events(self) -> tuple[str, ...]:
        """The events whose amounts are revenue."""
        return self.value.revenue or (self.churn.event,)

    @property
    def experiment(self) -> str:
        """The MLflow experiment, and the name under which the model is registered."""
        return self.tracking.experiment or self.business

    @property
    def step_days(self) -> int:
        """Length of one step of the curve: the longest divisor of the horizon of at most 31 days.

        The horizon is always a whole number of steps. A horizon whose longest such divisor is shorter than a
        week is one step itself.
        """
        horizon = self.snapshots.horizon
        step = max(days for days in range(1, min(horizon, 31) + 1) if horizon % days == 0)
        return step if step >= 7 else horizon
