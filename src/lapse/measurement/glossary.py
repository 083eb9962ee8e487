"""What the columns of the measurement's tables are called on a page, and what they mean.

In: the name of a table and of one of its columns. Out: a :class:`Word`: a heading in plain words with its
unit, one sentence that explains it, and what kind of figure it is. The names in the files stay what they are.
A column whose word belongs to one table alone is listed as ``table.column``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from lapse.pages.figures import Kind


class Word(NamedTuple):
    """How a column is shown.

    Attributes
    ----------
    heading : str
        Plain words with the unit; ``{money}`` stands for the business's currency.
    meaning : str
        What it is, with its formula where there is one; empty where the heading says all.
    kind : Kind
        How its figures are written.
    """

    heading: str
    meaning: str = ""
    kind: Kind = ""


UNSHOWN: frozenset[str] = frozenset(
    {
        "starts_on", "kept", "returned", "statistic", "degrees_of_freedom", "p_value", "sbg", "sbg_alpha",
        "sbg_beta", "retention_lifetimes.customers",
    }
)  # fmt: skip
"""Columns that are in the files alone: they are for machines and for those who check a test."""

_RATES: Mapping[str, Word] = {
    "group": Word("group", "all customers, or those of one segment or product"),
    "unit": Word("by"),
    "period": Word("period"),
    "status": Word("status", "open: the period, or the time to wait, is not over, so there is no figure yet"),
    "customers": Word("customers"),
    "rate": Word(
        "customers kept",
        "retention rate: customers at the start who had not lapsed by the end, of those at the start",
        "share",
    ),
    "rate_with_returned": Word(
        "kept or back",
        "the same, and those who had lapsed and were customers again at the end",
        "share",
    ),
    "money_before": Word(
        "{money} in the period before", "what the customers at the start brought in the period before"
    ),
    "gross_rate": Word(
        "money kept (gross)",
        "gross revenue retention: of each customer's money in the period before, what it brought again, at "
        "most as much as then",
        "share",
    ),
    "net_rate": Word(
        "money kept with growth (net)",
        "net revenue retention: money in the period, of the money that the same customers brought in the "
        "period before; above 100 % they grew by more than was lost",
        "share",
    ),
    "newly_won": Word(
        "of them new",
        "customers at the start who first came in the period before: they brought only part of a period "
        "then, so rates of money are too high for them",
    ),
    "customer_periods": Word(
        "customer periods", "periods that customers began, all together: a customer counts in each"
    ),
    "trend_a_year": Word(
        "trend a year, points",
        "change of the rate in a year in percentage points, from a straight line",
        "points",
    ),
    "difference": Word(
        "difference from the rest, points",
        "rate of the group less that of all others, in percentage points",
        "points",
    ),
    "p_adjusted": Word(
        "chance alone (p, adjusted)",
        "how likely so large a difference is if there is none, raised because many are tested (Benjamini "
        "and Hochberg); below 0.05 it is called a difference",
        "probability",
    ),
    "cohort": Word("who came in"),
    "acquired": Word("came", "customers whose first purchase or term lies in the period"),
    "age": Word("periods since", "0 is the period in which they came"),
    "share_left": Word("still or again customers", "of all who came", "share"),
    "retention_cohorts.customers": Word("at the start"),
    "benchmarks.name": Word("published by"),
    "benchmarks.measure": Word(
        "rate of", "logo: customers; gross and net: money kept without and with growth"
    ),
    "benchmarks.rate": Word("theirs", "the rate that was published", "share"),
    "ours": Word("ours", "our rate of the same period", "share"),
    "benchmarks.difference": Word("ours less theirs, points", "in percentage points", "points"),
    "benchmarks.within": Word("theirs within our bounds"),
}

_LIFETIMES: Mapping[str, Word] = {
    "agree": Word("methods agree", "whether all lifetimes lie within 10 % of that of the constant rate"),
    "retention_lifetimes.rate": Word("rate", "customers kept over all closed periods", "share"),
    "constant": Word(
        "lifetime, constant rate", "1/(1-r), r the rate: periods begun if all customers are alike"
    ),
    "limit": Word("ahead", "periods up to which lifetimes are counted, from value.limit of the config"),
    "constant_to_limit": Word("constant rate, ahead", "(1 - r^L)/(1 - r), L the periods looked ahead"),
    "sbg_to_limit": Word(
        "mixed rates, ahead",
        "shifted-beta-geometric model (sBG): each customer has a rate of its own, so those who remain stay "
        "longer",
    ),
    "seen": Word("seen", "periods of tenure that at least 10 customers reached"),
    "km_to_seen": Word(
        "as seen", "mean periods begun, up to those seen, by Kaplan and Meier: no model, tenures as they were"
    ),
    "constant_to_seen": Word("constant rate, as seen", "counted up to the periods that were seen"),
    "sbg_rate_still": Word(
        "rate after that", "retention rate of those who stayed as long as was seen (sBG)", "share"
    ),
    "sbg_still_to_limit": Word(
        "mixed rates, then",
        "periods that those who stayed as long as was seen still begin, as far as is looked ahead (sBG)",
    ),
    "constant_still_to_limit": Word("constant rate, then", "the same if all customers were alike"),
}

_TIERS: Mapping[str, Word] = {
    "tier": Word("tier", "platinum, gold, iron, and lead, which costs more than it brings"),
    "as_of": Word("at the end of"),
    "value_from": Word("from, {money}", "the least that a customer of the tier is worth"),
    "customers_share": Word("share of customers", "", "share"),
    "value": Word("value, {money}", "margin less cost to serve, or lifetime value where the title says so"),
    "value_share": Word("share of value", "of the value of all customers together", "share"),
    "value_mean": Word("value each, {money}"),
    "pyramid_concentration.customers_share": Word("the most valuable", "of all customers", "share"),
    "pyramid_clv_concentration.customers_share": Word("the most valuable", "of all customers", "share"),
    "from": Word("from"),
    "to": Word("to"),
    "moves": Word("moves"),
    "at_start": Word("there at the start", "customers; in pooled tables each counts once a period"),
    "share": Word("share", "of those who were there at the start", "share"),
    "period_end": Word("period up to"),
}

_LADDER: Mapping[str, Word] = {
    "rung": Word("rung", "step of the loyalty ladder"),
    "ladder_over_time.share": Word("share", "of all who are not gone", "share"),
    "stays": Word("stays", "stays on the rung whose beginning was seen"),
    "months": Word(
        "months on it, as seen", "mean number of month ends (Kaplan and Meier), counted up to a limit"
    ),
    "limit_months": Word("counted up to, months", "the last age that 20 stays reached"),
    "lasting_share": Word("stay longer", "share of stays that last longer than the limit", "share"),
    "months_constant": Word(
        "months at a constant rate", "1/(1-p), p the share that stays from month to month"
    ),
    "customer_months": Word("customer months", "month ends at which customers stood on the rung"),
    "value_a_year": Word("brings a year, {money}", "margin less cost to serve of a customer on the rung"),
    "difference_a_year": Word(
        "brings more a year, {money}",
        "customers on the higher rung less those on the lower one; no effect of helping somebody up",
    ),
    "next_rung": Word("next rung"),
    "missing": Word("what is missing", "the one condition of the next rung that does not hold"),
    "comes_with_time": Word(
        "only time is missing", "yes: nobody can do anything but wait until the tenure is long enough"
    ),
    "value_last_year": Word("value last year, {money}", "margin less cost to serve of the last 365 days"),
    "customer_id": Word("customer"),
}

_WORTH: Mapping[str, Word] = {
    "strategic": Word("strategic worth", "high or low by counted points, see below"),
    "suggested": Word("suggests", "where a talk may begin; not a decision about a customer"),
    "strategic_points.name": Word("point for"),
    "when": Word("given if"),
    "points": Word("points"),
}

_LIFECYCLE: Mapping[str, Word] = {
    "channel": Word("channel"),
    "campaign": Word("campaign"),
    "month": Word("month"),
    "leads": Word("leads", "people who showed interest for the first time, and were no customers"),
    "leads_open": Word("leads still open", "whose time to become customers is not over"),
    "conversion_rate": Word("become customers", "customers of leads whose time is over", "share"),
    "qualified_rate": Word("qualified", "of the leads", "share"),
    "close_rate": Word("close rate", "customers of qualified leads", "share"),
    "cost": Word("spent, {money}"),
    "customers_of_cost": Word(
        "customers it won", "customers of the months and channels whose costs are known"
    ),
    "cost_per_lead": Word("cost of a lead, {money}", "spent in a month, by the leads of that month"),
    "acquisition_cost": Word(
        "cost of a customer, {money}", "cost of acquisition: spent, by the customers that came of it"
    ),
    "margin_year": Word("first year's margin, {money}", "mean margin less cost to serve of 12 months"),
    "margin_year_per_cost": Word("first year's margin by cost", "above 1 the cost is back within a year"),
    "payback_months": Word(
        "paid back after, months", "first month of age in which the margin reaches the cost of a customer"
    ),
    "months_seen": Word("months seen", "for which every customer of the cohort was seen"),
    "margin_seen": Word("margin each by then, {money}"),
    "worth_mean": Word("worth each, {money}", "margin so far plus lifetime value still expected"),
    "worth_per_cost": Word("worth by cost", "worth of a customer by the cost of winning one"),
    "programme": Word("programme"),
    "treated": Word("treated"),
    "control": Word("control", "customers whom chance kept out of the programme"),
    "open": Word("not over yet"),
    "other_groups": Word("in other groups"),
    "margin_treated": Word("treated bring, {money}"),
    "margin_control": Word("control brings, {money}"),
    "programmes.difference": Word("difference, {money}", "treated less control, of one customer"),
    "programmes.cost": Word("cost each, {money}"),
    "programme_return": Word("return", "(difference - cost) / cost", "share"),
    "difference_before": Word(
        "difference before, {money}", "the same before the programme: about 0 by chance"
    ),
}

_CLAIMS: Mapping[str, Word] = {
    "claim": Word("long-standing customers ..."),
    "verdict": Word("verdict", "what both comparisons say together"),
    "measured": Word("measured by"),
    "first_year": Word("first year"),
    "later_years": Word("later years"),
    "between": Word(
        "between customers", "later years less first years; those who stay differ from those who leave"
    ),
    "within": Word("same customers", "from one year of tenure to the next of the same customers"),
    "tenure_year": Word("year of tenure"),
    "customer_years": Word("customer years"),
    "claims_by_tenure.value": Word("a year", "mean of what is measured"),
    "with_rise": Word("with a rise", "customers with a price rise in a month; each counts once a month"),
    "lapsed_share": Word("of them lapsed", "within the horizon after the month", "share"),
    "without_rise": Word("without one"),
    "lapsed_share_without": Word("of them lapsed", "within the horizon, without a price rise", "share"),
    "claims_price.difference": Word(
        "difference, points", "compared within a month and a year of tenure, in percentage points", "points"
    ),
    "claims_defections.measure": Word("what"),
    "claims_defections.unit": Word("in"),
    "claims_defections.value": Word("so much"),
}

VALUES: Mapping[object, str] = {
    "defections_fewer": "defections fewer",
    "worth_like_those_who_stayed": "worth, if they were like those who stayed",
    "worth_like_those_who_left": "worth, if they were like those who lapsed",
}
"""Words for values that stand in tables as names."""

WORDS: Mapping[str, Word] = {
    **_RATES, **_LIFETIMES, **_TIERS, **_LADDER, **_WORTH, **_LIFECYCLE, **_CLAIMS,
}  # fmt: skip
"""Words by column, or by ``table.column``; tables of several units share the name before ``_by_``."""


def word_of(table: str, column: str) -> Word:
    """Return how a column of a table is shown; one without a word has its own name.

    Parameters
    ----------
    table : str
        Such as ``retention_by_month``.
    column : str

    Examples
    --------
    >>> word_of("retention_cohorts_by_month", "customers").heading
    'at the start'
    >>> word_of("retention_by_month", "customers").heading
    'customers'
    """
    stem = table.partition("_by_month")[0].partition("_by_quarter")[0].partition("_by_year")[0]
    for key in (f"{table}.{column}", f"{stem}.{column}", column):
        if key in WORDS:
            return WORDS[key]
    return Word(column.replace("_", " "))
