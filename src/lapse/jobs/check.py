"""What a look at the tables shows before anything is learned from them, and whether anything leaks.

In: a history. Out: a :class:`Check`: rows and date ranges, what was counted while reading, the gaps between
covers beside ``grace``, cohorts and base rates by as-of date, and what the leak guards say. Each guard first
shows that it sees: a leak is planted and must be named.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lapse.cohort.outcomes import at_risk, known_snapshots
from lapse.dataset import Labelled, snapshots
from lapse.errors import GateError, LapseError, Problem
from lapse.features import Recipe, compute
from lapse.history import History, gap_quantiles
from lapse.history.spells import covers_of, spells_of
from lapse.jobs.progress import Advance
from lapse.jobs.tables import lines, titled
from lapse.jobs.train import fold_problems, judge_columns
from lapse.leaks import perturbation_guard, planted_leak_selftest, sample
from lapse.schema import NEVER, Bucket, Snapshots, to_date, to_day

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

    def refuse(self) -> None:
        """Raise what the guards refused.

        Raises
        ------
        GateError
            With every leak found.
        """
        if self.refused:
            raise GateError(self.refused)

    def document(self) -> dict[str, Any]:
        """Return the report for machines."""
        frames = {name: getattr(self, name) for name in ("tables", "findings", "gaps", "cohorts")}
        return {
            **{name: frame.to_dict(orient="records") for name, frame in frames.items()},
            "returns": self.returns,
            "guards": list(self.guards),
            "warnings": [str(problem) for problem in self.warnings],
            "refused": [str(problem) for problem in self.refused],
        }

    def __str__(self) -> str:
        findings = (
            lines(self.findings) if len(self.findings) else "nothing dropped, nothing kept that looked wrong"
        )
        parts = [
            titled("tables", lines(self.tables)),
            titled("found while reading", findings),
            titled(
                "days between one cover and the next, beside grace", f"{lines(self.gaps)}\n{self.returns}"
            ),
            titled("customers at risk and how many lapse within the horizon", lines(self.cohorts)),
            titled("leaks", "\n".join(self.guards)),
        ]
        parts += [f"warning: {problem}" for problem in self.warnings]
        return "\n\n".join(parts)


def check_business(history: History, advance: Advance) -> Check:
    """Look at a history and run the leak guards over its dataset."""
    advance("gaps and spells")
    gaps, returns = gap_quantiles(history), _returns(history)
    advance("snapshots and features")
    data = snapshots(history)
    advance("guards: what is not known yet")
    guards, refused = _guard_features(history, data.recipe)
    advance("guards: columns and folds")
    refused += fold_problems(data)
    verdict = judge_columns(data)
    guards.append(f"columns that predict too well, of {data.features.shape[1]} and the id: {verdict}")
    return Check(
        tables=pd.DataFrame([vars(summary) for summary in history.summaries]),
        findings=pd.DataFrame([vars(finding) for finding in history.findings]),
        gaps=pd.DataFrame(
            {"share of gaps": list(gaps.days), "days at most": list(gaps.days.values())}
        ).assign(grace=history.business.churn.grace),
        returns=returns,
        cohorts=_cohorts(data),
        guards=tuple(guards),
        warnings=tuple(verdict.warnings),
        refused=(*refused, *verdict.refused),
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
    return f"with a grace of {grace} days {lapses:,} spells lapsed; {share} came back later"


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
        f"planted leak: named ('{planted[0].what}', {rows:,} of {asked:,} snapshots)",
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


def _cohorts(data: Labelled) -> pd.DataFrame:
    frame = pd.DataFrame({"day": data.day, "lapsed": data.labels.lapsed})
    table = frame.groupby("day")["lapsed"].agg(["size", "mean"]).reset_index()
    use = {**dict.fromkeys(data.calendar.fit, "fit"), **dict.fromkeys(data.calendar.test, "test")}
    dates = [to_date(day) for day in table["day"]]
    return pd.DataFrame(
        {
            "as_of": dates,
            "used_for": [use.get(day, "embargo") for day in table["day"]],
            "at_risk": table["size"],
            "not_at_risk": [data.not_at_risk.get(day, 0) for day in table["day"]],
            "lapse_rate": table["mean"],
        }
    )
