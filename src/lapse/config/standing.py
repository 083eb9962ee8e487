"""What is wrong with the rules of a customer's standing: rungs, tiers and points of strategic worth.

In: a business whose sections are each right. Out: every mistake in its ``measure`` section: a condition whose
keys do not go together, an event or category that is not mapped, rungs out of order, a rung that nobody can
be seen on since whoever reaches it is on a higher one, limits given as shares and as money.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lapse.config.measuring import Condition, Fact, TierRule
from lapse.config.section import Wrong
from lapse.config.sections import Business

LADDER: tuple[str, ...] = ("customer", "client", "supporter", "advocate", "partner")
"""The rungs that rules describe, from the lowest; below them stands the prospect."""

COMPLAINT = "complaint"
"""The kind of event that ``kinds`` leaves out unless told otherwise."""

_FORMS: tuple[tuple[frozenset[str], frozenset[str]], ...] = (
    (frozenset({"event", "at_least"}), frozenset({"within"})),
    (frozenset({"event", "days"}), frozenset({"within"})),
    (frozenset({"event", "in_force"}), frozenset()),
    (frozenset({"category", "distinct"}), frozenset({"event"})),
    (frozenset({"kinds"}), frozenset({"of"})),
    (frozenset({"tenure"}), frozenset()),
    (frozenset({"any"}), frozenset()),
)
"""Which keys of a condition go together: those that it needs, and those that it may have."""
_EXPECTED = (
    "event with one of at_least, days, in_force (within beside the first two); category with distinct; "
    "kinds; tenure; or any"
)


def check_standing(business: Business) -> Wrong:
    """Yield key, expected, got and hint of every mistake in the ``measure`` section's rules."""
    measure = business.measure
    for rung, conditions in measure.rungs.items():
        yield from _check_conditions(business, f"measure.rungs.{rung}", conditions)
    yield from _check_order({str(rung): rules for rung, rules in measure.rungs.items()})
    for basis in ("clv", "margin"):
        yield from _check_tier(f"measure.tiers.{basis}", getattr(measure.tiers, basis))
    points = measure.strategic.points
    for name, one in points.items():
        yield from _check_conditions(business, f"measure.strategic.points.{name}.when", one.when)
    price = measure.claims.price
    if price is not None and (price not in business.events or price == business.churn.event):
        expected = f"one of {', '.join(name for name in business.events if name != business.churn.event)}"
        yield "measure.claims.price", expected, f"'{price}'", ""
    most = sum(one.points for one in points.values())
    if points and measure.strategic.high_from > most:
        got = str(measure.strategic.high_from)
        yield "measure.strategic.high_from", f"at most {most}, all the points there are", got, ""


def _check_conditions(business: Business, key: str, conditions: Sequence[Fact]) -> Wrong:
    for number, condition in enumerate(conditions):
        where = f"{key}.{number}"
        given = condition.model_fields_set
        if not any(needs <= given <= needs | may for needs, may in _FORMS):
            yield where, _EXPECTED, ", ".join(sorted(given)) or "nothing", ""
            continue
        if isinstance(condition, Condition):
            yield from _check_conditions(business, f"{where}.any", condition.any)
        yield from _check_names(business, where, condition)


def _check_names(business: Business, key: str, condition: Fact) -> Wrong:
    """Yield events and categories that are not mapped, and what they cannot show."""
    mapped = ", ".join(business.events)
    for part, names in (("event", [condition.event] if condition.event else []), ("of", condition.of)):
        for name in names:
            if name not in business.events:
                yield f"{key}.{part}", f"one of {mapped}", f"'{name}', which is not mapped", ""
    name = condition.event or business.churn.event
    event = business.events.get(name)
    if event is not None and condition.in_force and not event.has_end:
        yield (
            f"{key}.in_force",
            f"a mapped 'end' of '{name}'",
            "none",
            "an event without an end is over at once; ask for at_least: 1",
        )
    if event is not None and condition.category is not None and condition.category not in event.categories:
        known = ", ".join(event.categories) or "none"
        yield f"{key}.category", f"a category of '{name}': {known}", f"'{condition.category}'", ""
    most = len(condition.of or [kind for kind in business.events if kind != COMPLAINT])
    if condition.kinds is not None and condition.kinds > most:
        yield f"{key}.kinds", f"at most {most}, the kinds that there are", str(condition.kinds), ""


def _check_order(rungs: Mapping[str, Sequence[Condition]]) -> Wrong:
    given = list(rungs)
    ordered = [rung for rung in LADDER if rung in given]
    if given != ordered:
        yield "measure.rungs", f"rungs in the order {', '.join(ordered)}", ", ".join(given), ""
    for rung in given:
        if not rungs[rung]:
            yield f"measure.rungs.{rung}", "at least one condition", "none", "leave out a rung without rules"
    if given and "customer" not in given:
        yield "measure.rungs.customer", "this rung: those given are the whole ladder", "nothing", ""
    base = tuple(rungs.get("customer", ()))
    for place, low in enumerate(ordered):
        for high in ordered[place + 1 :]:
            if rungs[high] and all(_is_implied(one, (*base, *rungs[low])) for one in rungs[high]):
                yield (
                    f"measure.rungs.{high}",
                    f"more than '{low}' asks for, which stands below it",
                    f"conditions that whoever is on '{low}' meets",
                    f"nobody could be seen on '{low}': rungs are out of order",
                )


def _is_implied(wanted: Fact, given: Sequence[Fact]) -> bool:
    """Return whether what is given, all of it, makes sure of what is wanted."""
    if isinstance(wanted, Condition) and wanted.any:
        return wanted in given or any(_is_implied(one, given) for one in wanted.any)
    return any(_implies(one, wanted) for one in given)


def _implies(one: Fact, other: Fact) -> bool:
    if isinstance(one, Condition) and one.any:
        return all(_implies(alternative, other) for alternative in one.any)
    same = (one.event, one.category, frozenset(one.of)) == (other.event, other.category, frozenset(other.of))
    if not same:
        return False
    if other.in_force or other.tenure or other.kinds or other.distinct:
        return all(
            (getattr(one, key) or 0) >= (getattr(other, key) or 0)
            for key in ("in_force", "tenure", "kinds", "distinct")
        )
    shorter = other.within is None or (one.within is not None and one.within <= other.within)
    if other.days is not None:
        return shorter and (one.days or 0) >= other.days
    return shorter and max(one.days or 0, one.at_least or 0, int(one.in_force or 0)) >= (other.at_least or 0)


def _check_tier(key: str, rule: TierRule) -> Wrong:
    shares = [name for name in ("platinum_share", "gold_share") if name in rule.model_fields_set]
    money = [name for name in ("platinum_from", "gold_from") if name in rule.model_fields_set]
    if shares and money:
        yield key, "shares or money", ", ".join([*shares, *money]), "keep the one or the other"
    elif len(money) == 1:
        yield key, "platinum_from and gold_from, both or neither", money[0], ""
    if rule.platinum_from is not None and rule.gold_from is not None and rule.platinum_from <= rule.gold_from:
        got = f"{rule.platinum_from:g}"
        yield f"{key}.platinum_from", f"money above gold_from ({rule.gold_from:g})", got, ""
    if (total := (rule.platinum_share or 0) + (rule.gold_share or 0)) >= 1:
        yield key, "shares that leave some customers to iron", f"shares of {total:g} together", ""
