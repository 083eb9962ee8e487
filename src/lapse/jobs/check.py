"""What a look at the tables shows before anything is learned from them, and whether anything leaks.

In: a history. Out: a :class:`Check`: rows and date ranges, what was counted while reading, the gaps between
covers beside ``grace``, cohorts and base rates by as-of date, and what the leak guards say. Each guard first
shows that it sees: a leak is planted and must be named. Where the cohorts cannot be learned from, what the
tables show is shown all the same, and then why not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from lapse.cohort.outcomes import at_risk, known_snapshots
from lapse.dataset import snapshots
from lapse.errors import GateError, LapseError, Problem
from lapse.features import Recipe, compute
from lapse.features.wording import several
from lapse.history import History, gap_quantiles
from lapse.history.spells import covers_of, spells_of
from lapse.jobs.cohorts import cohort_table
from lapse.jobs.progress import Advance
from lapse.jobs.tables import lines, titled
from lapse.jobs.train import fold_problems, judge_columns
from lapse.leaks import perturbation_guard, planted_leak_selftest, sample
from lapse.schema import NEVER, Bucket, Snapshots, to_day

STAGES = 5
"""How many parts the command reports: reading, and those of :func:`check_business`."""

SAMPLED_CUSTOMERS, SAMPLED_DAYS, SAMPLED_BUCKETS = 300, 4, 6
"""How much the perturbation guard recomputes: customers in all, as-of days, buckets of the history."""


@dataclass(frozen=True)
class Check:
    """What the check found; prints as a report."""

    tables: pd.DataFrame
    findings: pd.DataFrame
    gaps: pd.DataFrame
    returns: str
    cohorts: pd.DataFrame
    guards: tuple[str, ...]
    warnings: tuple[Problem, ...]
    refused: tuple[Problem, ...]
    unusable: LapseError | None = None

    def refuse(self) -> None:
        """Raise why nothing can be learned from the history, or what the guards refused.

        Raises
        ------
        LapseError
            Why no model can be trained.
        GateError
            With every leak found.
        """
        if self.unusable:
            raise self.unusable
        if self.refused:
            raise GateError(self.refused)

    def document(self) -> dict[str, Any]:
        """Return the report for machines."""
        frames = {name: getattr(self, name) for name in ("tables", "findings", "gaps", "cohorts")}
        return {
            **{name: _records(frame) for name, frame in frames.items()},
            "returns": self.returns,
            "guards": list(self.guards),
            "warnings": [str(problem) for problem in self.warnings],
            "refused": [str(problem) for problem in self.refused],
        }

    def __str__(self) -> str:
        findings = (
            lines(self.findings) if len(self.findings) else "nothing dropped, nothing kept that looked wrong"
        )
        cohorts = lines(self.cohorts) if len(self.cohorts) else "no as-of date whose horizon has closed"
        gaps = lines(self.gaps) if len(self.gaps) else "nobody has two covers"
        parts = [
            titled("tables", lines(self.tables)),
            titled("found while reading", findings),
            titled("days between one cover and the next, beside grace", f"{gaps}\n{self.returns}"),
            titled("customers at risk and how many lapse within the horizon", cohorts),
            titled("leaks", "\n".join(self.guards)),
        ]
        parts += [f"warning: {problem}" for problem in self.warnings]
        return "\n\n".join(parts)


def check_business(history: History, advance: Advance) -> Check:
    """Look at a history and run the leak guards over its dataset."""
    advance("gaps and spells")
    seen = _seen(history)
    advance("snapshots and features")
    try:
        data = snapshots(history)
    except LapseError as error:
        return replace(seen, unusable=_told_here(error))
    advance("guards: what is not known yet")
    guards, refused = _guard_features(history, data.recipe)
    advance("guards: columns and folds")
    refused += fold_problems(data)
    verdict = judge_columns(data)
    guards.append(f"columns that predict too well, of {data.features.shape[1]} and the id: {verdict}")
    return replace(
        seen,
        guards=tuple(guards),
        warnings=tuple(verdict.warnings),
        refused=(*refused, *verdict.refused),
    )


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows for JSON, which has no NaN."""
    known = frame.astype(object).where(frame.notna(), None)
    return [{str(name): value for name, value in row.items()} for row in known.to_dict(orient="records")]


def _seen(history: History) -> Check:
    """Return what the tables show, before the guards."""
    gaps = gap_quantiles(history)
    return Check(
        tables=pd.DataFrame([vars(summary) for summary in history.summaries]),
        findings=pd.DataFrame([vars(finding) for finding in history.findings]),
        gaps=pd.DataFrame(
            {"share of gaps": list(gaps.days), "days at most": list(gaps.days.values())}
        ).assign(grace=history.business.churn.grace),
        returns=_returns(history),
        cohorts=cohort_table(history),
        guards=("not looked for: the customers at risk cannot be learned from",),
        warnings=(),
        refused=(),
    )


def _told_here(error: LapseError) -> LapseError:
    """Return an error without the advice to look at the tables that stand above it."""
    hints = (problem.hint.replace("look at 'lapse check'", "see the tables") for problem in error.problems)
    return type(error)(
        replace(problem, hint=hint) for problem, hint in zip(error.problems, hints, strict=True)
    )


def _returns(history: History) -> str:
    """Say how many lapsed customers came back: the price of a grace that is too short."""
    lapses = returned = 0
    for bucket in history.buckets():
        customer, _, lapse = spells_of(covers_of(history.business, bucket), history.data_end)
        ended = lapse != NEVER
        followed = np.append(customer[1:] == customer[:-1], False)
        lapses += int(ended.sum())
        returned += int((ended & followed).sum())
    share = f"{returned / lapses:.0%}" if lapses else "none"
    grace = history.business.churn.grace
    return (
        f"with a grace of {several(grace, 'day')} {several(lapses, 'spell')} lapsed; {share} came back later"
    )


def _guard_features(history: History, recipe: Recipe) -> tuple[list[str], list[Problem]]:
    planted: list[Problem] = []
    unseen: list[Problem] = []
    found: dict[str, Problem] = {}
    asked = 0
    for part, few in _samples(history):
        asked += len(few)
        try:
            planted.append(planted_leak_selftest(lambda b, s: compute(recipe, b, s), part, few))
        except LapseError as error:
            unseen += error.problems
            continue  # where the guard does not see, its silence means nothing
        for problem in perturbation_guard(lambda b, s: compute(recipe, b, s), part, few):
            found.setdefault(problem.what, problem)
    if not asked:
        expected, got = "customers at risk on some of the days tried", "none"
        unseen = [Problem("leak guard", "sample", expected, got, "a longer history, or a longer grace")]
    if not planted:
        return ["the planted leak was not seen"], [*unseen[:1], *found.values()]
    rows = sum(problem.count or 0 for problem in planted)
    said = [
        f"planted leak: named ('{planted[0].what}', {rows:,} of {several(asked, 'snapshot')})",
        f"what is not known at as_of was changed: {len(found) or 'no'} of {len(recipe.names)} features moved",
    ]
    return said, list(found.values())


def _samples(history: History) -> Iterator[tuple[Bucket, Snapshots]]:
    """Yield some customers of some buckets, those at risk on some days, few enough to be computed often."""
    business = history.business
    # closed dates only: the future that the guard changes must exist
    first = min(summary.first for summary in history.summaries if summary.first)
    days = tuple(np.linspace(to_day(first), history.data_end, SAMPLED_DAYS + 2).astype(int)[1:-1])
    n_buckets = min(SAMPLED_BUCKETS, history.n_buckets)
    for number in np.linspace(0, history.n_buckets - 1, n_buckets).astype(int).tolist():
        bucket = history.bucket(number)
        asked = at_risk(*known_snapshots(business, bucket, days))
        if len(asked):
            yield sample(bucket, asked, SAMPLED_CUSTOMERS // n_buckets, SAMPLED_DAYS, seed=number)
