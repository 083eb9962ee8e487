"""What the YAML may say of measuring: the sections under ``measure``.

In: values as :mod:`lapse.config.values` allows them. Out: :class:`Measure`. Which of its keys go
together is checked in :mod:`lapse.config.standing` and :mod:`lapse.config.lifecycle`.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from lapse.config.section import Section
from lapse.config.values import Days, File, Name, Number, Text, Whole


class Fact(Section):
    """One thing that a customer's history may show at as_of; which keys go together is checked."""

    event: Text | None = Field(None, description="a kind of event; of 'distinct' default the churn event")
    at_least: Whole | None = Field(None, ge=1, description="so many rows of the event")
    days: Whole | None = Field(None, ge=1, description="rows of the event on so many different days")
    within: Days | None = Field(None, description="'at_least' and 'days' count the rows of this long only")
    in_force: Literal[True] | None = Field(None, description="a span of the event has begun and not ended")
    category: Name | None = Field(None, description="a category of the event")
    distinct: Whole | None = Field(None, ge=1, description="so many different values of the category")
    kinds: Whole | None = Field(None, ge=1, description="rows of so many kinds of events")
    of: tuple[Text, ...] = Field((), description="the kinds that 'kinds' counts; default all but complaints")
    tenure: Days | None = Field(None, description="the first row of the churn event lies so far back")


class Condition(Fact):
    """A fact that has to hold, or several of which one has to."""

    any: tuple[Fact, ...] = Field((), description="one of these holds, in place of all other keys")


class TierRule(Section):
    """From which value on a customer is gold or platinum: by shares of the customers, or in money."""

    platinum_share: Number | None = Field(
        None, gt=0, lt=1, description="default 0.05 where no money is given"
    )
    gold_share: Number | None = Field(None, gt=0, lt=1, description="default 0.25 where no money is given")
    platinum_from: Number | None = Field(None, gt=0, description="money, in place of shares")
    gold_from: Number | None = Field(None, gt=0, description="money, in place of shares")


class Tiers(Section):
    """The limits of the customer pyramid, by what a customer's value is."""

    clv: TierRule = Field(TierRule(), description="limits of the CLV: the tier of the score table")
    margin: TierRule = Field(TierRule(), description="limits of the last 365 days' margin less cost to serve")


class Points(Section):
    """What counts towards strategic worth, and how many points it is."""

    when: tuple[Condition, ...] = Field(min_length=1, description="all of these hold")
    points: Whole = Field(1, ge=1, le=100)


class Strategic(Section):
    """Strategic worth: counted points."""

    points: dict[Name, Points] = Field({}, description="default referral, breadth, reference and contract")
    high_from: Whole = Field(1, ge=1, description="points from which on strategic worth is high")


class Programme(Section):
    """A programme that some customers got and others, by chance, did not."""

    event: Text = Field(description="kind of event: a row when a customer was dealt to a group")
    group: Name | None = Field(None, description="its feature or category that names the group")
    treated: Text | None = Field(None, description="the group that got the programme")
    control: Text | None = Field(
        None, description="the group that chance kept out of it; without it no return can be known"
    )
    cost: Number = Field(ge=0, description="of one treated customer, in the business's currency")
    within: Days = Field(365, description="how long after it margin is counted")


class Lifecycle(Section):
    """What it costs to win customers, by where they came from, and what programmes return."""

    channel: Name | None = Field(None, description="a feature or category of the lead, or of customers")
    campaign: Name | None = Field(None, description="likewise, within a channel")
    lead: Text | None = Field(None, description="kind of event: a prospect shows interest")
    qualified: Text | None = Field(
        None, description="kind of event: the lead gets an offer, a trial, a visit"
    )
    window: Days = Field(90, description="a lead converts if it becomes a customer within this time")
    costs: File | None = Field(None, description="CSV or Parquet: period, channel, campaign if any, cost")
    programmes: dict[Name, Programme] = Field({}, description="programmes whose return is asked")


class Claims(Section):
    """What the claims about loyalty are tested with, beside events of the usual names."""

    price: Text | None = Field(None, description="event: a customer's price rises; default price_rise")


class Measure(Section):
    """How retention is measured, and what a customer's standing is."""

    path: File | None = Field(None, description="default the folder 'measure' beside scores.path")
    segments: tuple[Name, ...] = Field(
        (), description="names under customers.features that tell groups apart"
    )
    products: tuple[Name, ...] = Field((), description="categories of the churn event that are products")
    benchmarks: File | None = Field(None, description="a CSV file of others' published rates")
    tiers: Tiers = Tiers()
    rungs: dict[Literal["customer", "client", "supporter", "advocate", "partner"], tuple[Condition, ...]] = (
        Field({}, description="conditions that all hold, by rung: the whole ladder, in its order")
    )
    strategic: Strategic = Strategic()
    lifecycle: Lifecycle | None = None
    claims: Claims = Claims()
