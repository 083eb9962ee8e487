"""What the business YAML may say: its sections, their keys, types and domains.

Lengths carry their unit in the YAML (``"90d"``) and are whole days afterwards. Unknown keys are refused. What
single values may be is said in :mod:`lapse.config.values`; the sections under ``measure`` are in
:mod:`lapse.config.measuring`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from lapse.config.measuring import (
    Condition,
    Fact,
    Lifecycle,
    Measure,
    Points,
    Programme,
    Strategic,
    TierRule,
    Tiers,
)
from lapse.config.section import Section
from lapse.config.values import (
    Columns,
    Cost,
    Currency,
    Date,
    Days,
    File,
    Grace,
    Name,
    Number,
    Rate,
    Rule,
    Step,
    Text,
    Whole,
    Zone,
)

__all__ = [
    "AccountPlan",
    "Business",
    "Churn",
    "Condition",
    "CsvFormat",
    "Customers",
    "Event",
    "Fact",
    "FeaturePlan",
    "Lifecycle",
    "Measure",
    "Points",
    "Programme",
    "Quality",
    "Scores",
    "Section",
    "SnapshotPlan",
    "Strategic",
    "Table",
    "TierRule",
    "Tiers",
    "Tracking",
    "Value",
    "attributes",
    "mapped_columns",
]


class CsvFormat(Section):
    """How a CSV file writes its values; nothing about it is guessed."""

    delimiter: str = ","
    decimal: Literal[".", ","] = "."
    encoding: Literal["utf-8", "latin-1", "utf-16"] = "utf-8"
    null: str = ""
    time: Text | None = Field(None, description="strptime format of every time column, e.g. '%d.%m.%Y %H:%M'")
    numbers: tuple[Name, ...] = Field((), description="names under features that hold numbers, not labels")


class Table(Section):
    """Where a table lies (one of ``path``, ``table``, ``query``) and which of its columns mean what."""

    path: File | None = Field(None, description="Parquet or CSV, by its ending; a glob may name many files")
    url: Text | None = Field(None, description="SQLAlchemy URL; ${NAME} is read from the environment")
    table: Text | None = None
    query: Text | None = None
    csv: CsvFormat = CsvFormat()
    timezone: Zone | None = Field(None, description="zone of times without one; default the business's")
    columns: dict[str, Text]
    features: Columns = Field({}, description="column by name; a list names each column as it is called")
    allowed: dict[Name, tuple[str, ...]] = Field({}, description="the only values that an attribute may have")


class Customers(Table):
    """One row a customer; ``features`` become static attributes."""


class Event(Table):
    """One row an event. ``features`` give the latest value known; ``categories`` are counted and compared."""

    categories: Columns = Field({}, description="column by name, likewise")

    @property
    def has_end(self) -> bool:
        """Whether the event covers a span rather than an instant."""
        return "end" in self.columns

    @property
    def has_amount(self) -> bool:
        """Whether the event carries money."""
        return "amount" in self.columns


def mapped_columns(table: Table) -> tuple[str, ...]:
    """Return the source columns that a table's section names, each once, in the order of the config."""
    return tuple(dict.fromkeys([*table.columns.values(), *attributes(table).values()]))


def attributes(table: Table) -> dict[str, str]:
    """Return the source column of every feature and category that a table's section names."""
    return table.features | (table.categories if isinstance(table, Event) else {})


class Churn(Section):
    """Which event keeps a customer alive, for how long after its end, and how ends become known."""

    event: Text
    grace: Grace
    end_known: Literal["at_start", "at_end", "end_known_at"] | None = None
    causes: dict[str, Literal["voluntary", "involuntary", "other"]] = Field(
        {}, description="cause by value of the column 'cause'"
    )


class SnapshotPlan(Section):
    """As of which dates the question is asked, and how far it looks."""

    start: Date
    every: Step
    horizon: Days
    holdout: Whole = Field(3, ge=1, description="as-of dates at the end that only evaluate")


class FeaturePlan(Section):
    """Windows, categories and the user's own features."""

    windows: tuple[Days, ...] = Field((7, 30, 90, 365), min_length=1)
    top_categories: Whole = Field(5, ge=0, le=50)
    trusted: tuple[Text, ...] = Field(
        (), description="columns that were looked at: they may predict very well"
    )
    also: tuple[Text, ...] = Field((), description="further features of the grammar, such as order__max__30d")
    custom: dict[str, str] = Field(
        {}, description="feature name (event__stat or event__stat__window): 'module:function'"
    )


class Referral(Section):
    """Which event says that a customer brought another, and what it has of it."""

    event: Name
    referred: Name = Field(description="the category of the event that holds the id of who was referred")
    credit: Number = Field(ge=0, le=1, description="of the referred customer's CLV that the referrer gets")


class Value(Section):
    """What a customer is worth."""

    margin_rate: Number = Field(gt=0, le=1)
    discount_rate: Number = Field(ge=0, lt=1, description="a year")
    cost_to_serve: Number = Field(0.0, ge=0, description="a customer a year, in the business's currency")
    margin_rates: dict[Name, Rate] = Field({}, description="by event, where it is not margin_rate")
    category_margin_rates: dict[Name, dict[Name, dict[str, Rate]]] = Field(
        {}, description="by event, category and its value, before the event's own"
    )
    event_costs: dict[Name, Cost] = Field({}, description="what one event of a kind costs")
    revenue: tuple[Text, ...] = Field(
        (), description="events whose amounts are revenue; default the churn event"
    )
    limit: Days = 5 * 365
    acquisition_cost: Cost = Field(0.0, description="of winning a customer, in the business's currency")
    referral: Referral | None = None
    cash_flows: File | None = Field(None, description="where cash flows by step go, beside the scores")

    @property
    def has_own_margins(self) -> bool:
        """Whether rates of margin differ by event or category."""
        return bool(self.margin_rates or self.category_margin_rates)

    def margin_rate_of(self, event: str) -> float:
        """Return the rate of margin of an event's amounts, its categories aside."""
        return self.margin_rates.get(event, self.margin_rate)


class Quality(Section):
    """What to do with rows that cannot be right: refuse the table, or drop them and say how many."""

    duplicates: Literal["refuse", "drop", "keep"] = "refuse"
    null_keys: Rule = "refuse"
    null_amounts: Rule = "refuse"
    negative_orders: Rule = "refuse"
    known_before_time: Literal["refuse", "drop", "keep"] = "refuse"
    end_before_time: Rule = "refuse"
    future_dates: Rule = "refuse"
    placeholder_dates: Literal["refuse", "drop", "keep"] = "refuse"
    unknown_categories: Rule = "refuse"


class AccountPlan(Section):
    """What the record of one customer shows beside its history."""

    manager: Name | None = Field(
        None, description="name under customers.features that says who looks after a customer"
    )
    cases: tuple[Text, ...] = Field(
        (), description="events open until their end; default complaint and ticket, where mapped with an end"
    )


class Scores(Section):
    """Where score tables go."""

    path: File


class Tracking(Section):
    """Where MLflow keeps runs and models."""

    uri: Text = Field("sqlite:///mlflow.db", description="${NAME} is read from the environment")
    experiment: Text | None = Field(None, description="default the business")


class Business(Section):
    """One business, as its YAML describes it.

    Attributes
    ----------
    source : Path
        The YAML itself.
    config_hash : str
        Twelve hexadecimal digits over all that the YAML says (paths as written, secrets not included).
    """

    business: Name
    currency: Currency
    timezone: Zone = "UTC"
    observed_until: Date | None = Field(
        None, description="last whole day in the tables; default the churn event's last one known"
    )
    customers: Customers | None = None
    events: dict[Name, Event] = Field(min_length=1)
    churn: Churn
    snapshots: SnapshotPlan
    features: FeaturePlan = FeaturePlan()
    value: Value
    measure: Measure = Measure()
    account: AccountPlan = AccountPlan()
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
    def measure_path(self) -> Path:
        """The folder of the measurements."""
        return self.measure.path or self.scores.path.parent / "measure"

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
