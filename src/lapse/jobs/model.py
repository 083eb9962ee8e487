"""The trained thing as users hold it: three estimators, one curve, one score table.

In: a :class:`~lapse.dataset.Dataset`. Out: scores, curves, reasons. A model goes to a folder of LightGBM text
and JSON and comes back the same. Refused: features other than it was trained on, a config that asks another
question than it was trained for, a folder of another format or with a damaged file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from lapse.config import Business
from lapse.dataset import Dataset, Unlabelled, require_dataset
from lapse.errors import ConfigError, DataError, GateError, LapseError, Problem
from lapse.evaluation.report import Evaluation
from lapse.explain.reasons import reasons
from lapse.explain.speaker import group_or_name
from lapse.features import Recipe
from lapse.jobs.clock import Clock
from lapse.jobs.drift import refuse_drift
from lapse.jobs.estimators import Estimators, Valued
from lapse.jobs.sealing import AGAIN, seal, unseal
from lapse.models.curve import Curve
from lapse.models.encoding import told_names
from lapse.models.inputs import whole
from lapse.schema import SCORE_COLUMNS
from lapse.segments import TierLimits, tiers

_COLUMNS = [name for name in SCORE_COLUMNS if name != "scored_at"]
_REASON_COLUMNS = tuple(f"reason_{k}{part}" for k in (1, 2, 3) for part in ("", "_effect"))


@dataclass(frozen=True)
class Scored:
    """The score table of some customers, and what stands behind it.

    Attributes
    ----------
    table : DataFrame
        See :meth:`Model.score`.
    valued : Valued or None
        Of the customers at risk, in the order of the dataset; None where there is none.
    """

    table: pd.DataFrame
    valued: Valued | None


@dataclass(frozen=True)
class Model:
    """Defection, lifetime and spend of one business, read off one curve.

    Attributes
    ----------
    recipe : Recipe
        The features it was trained on.
    estimators : Estimators
    tier_limits : TierLimits
        What separates the tiers, as found among the customers of the last labelled date.
    evaluation : Evaluation
        How the same recipe of fitting did out of time.
    facts : mapping
        As-of dates, rows and the fingerprint of the data that it learned from.
    name, version : str
        As registered; empty before.
    """

    recipe: Recipe
    estimators: Estimators
    tier_limits: TierLimits
    evaluation: Evaluation
    facts: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    version: str = ""

    @property
    def business(self) -> Business:
        """The business whose question it answers."""
        return self.estimators.business

    def curve(self, data: Dataset) -> Curve:
        """Return the one curve of each row: survival, anchored at the churn probability, and spend.

        Raises
        ------
        DataError
            If ``data`` is no dataset, such as a frame of features or of scores.
        """
        require_dataset(data)
        return self.estimators.curve(data.features)

    def explain(self, data: Dataset, top: int = 3) -> pd.DataFrame:
        """Return the strongest reasons of each row, in words, adding up to the raw score.

        Parameters
        ----------
        data : Dataset
        top : int, default 3
            Reasons a row, from 1 to as many as the features have groups.

        Returns
        -------
        DataFrame, n rows
            See :func:`lapse.explain.reasons.reasons`.

        Raises
        ------
        DataError
            If ``data`` is no dataset, or ``top`` another number.
        """
        require_dataset(data)
        parts = set(map(group_or_name, self.recipe.names))
        return self._reasons(data, whole("top", top, len(parts)))

    def _reasons(self, data: Dataset, top: int) -> pd.DataFrame:
        added, raw_score = self.estimators.defection.explained(data.features)
        return reasons(data.features, added, raw_score, top=top, currency=self.business.currency)

    def unknown_categories(self, data: Dataset) -> dict[str, int]:
        """Return, by column that has any, how many rows have a category that did not occur at training.

        The model takes such a category for missing.
        """
        return self.estimators.defection.encoding_.unknown(data.features)

    def score(self, data: Unlabelled, clock: Clock | None = None) -> pd.DataFrame:
        """Return the score table: one row for every customer known at as_of, scored or excluded.

        Parameters
        ----------
        data : Unlabelled
            With the model's own recipe, as of one date.
        clock : Clock, optional
            Told of ``prediction`` and ``reasons``.

        Returns
        -------
        DataFrame
            The columns of :data:`lapse.schema.SCORE_COLUMNS` but ``scored_at``, sorted by customer.

        Raises
        ------
        DataError
            If the dataset is a labelled one, which does not hold all that a score table says.
        GateError
            If the features were computed by another recipe than the model's.
        """
        return self.scored(data, clock).table

    def scored(self, data: Unlabelled, clock: Clock | None = None) -> Scored:
        """Return the score table as :meth:`score` does, with the cash flows behind it and their sums."""
        require_dataset(data)
        if not isinstance(data, Unlabelled):
            hint = "call lapse.snapshots(history, as_of=...)"
            raise DataError(Problem("dataset", "rows", "those of one as-of date", "labelled ones", hint))
        if data.recipe.to_json() != self.recipe.to_json():
            raise GateError(self._other_recipe(data.recipe))
        excluded = data.excluded.rename(columns={"reason": "exclusion_reason"}).assign(status="excluded")
        valued, parts = None, [excluded]
        if len(data):
            clock = clock or Clock()
            with clock("prediction"):
                valued = self.estimators.valued(data.features)
            parts = [self._scored(data, valued.predicted, clock), excluded]
        table = pd.concat(parts, ignore_index=True).assign(
            currency=self.business.currency,
            model_name=self.name,
            model_version=self.version,
            config_hash=self.business.config_hash,
        )
        table = table.reindex(columns=_COLUMNS)  # nobody at risk, no scores and no reasons
        return Scored(table.sort_values(["customer_id", "as_of"], ignore_index=True), valued)

    def _other_recipe(self, given: Recipe) -> Problem:
        """Return what tells a dataset's features from those that the model was trained on."""
        ours, theirs = self.recipe.names, given.names
        other_type = [
            name for name in ours if name in theirs and (name in self.recipe.text) != (name in given.text)
        ]
        told = [
            told_names([n for n in ours if n not in theirs], [n for n in theirs if n not in ours]),
            f"of another type: {', '.join(other_type)}" if other_type else "",
        ]
        got = "; ".join(filter(None, told)) or "the same columns, made with choices from other data"
        expected = f"the {len(ours)} features that the model was trained on"
        return Problem("dataset", "recipe", expected, got, "pass recipe=model.recipe to lapse.snapshots")

    def _scored(self, data: Unlabelled, predicted: pd.DataFrame, clock: Clock) -> pd.DataFrame:
        with clock("reasons"):
            told = self._reasons(data, 3)[list(_REASON_COLUMNS)]
        tier = pd.Series(tiers(self.tier_limits, predicted["clv"].to_numpy()), predicted.index).astype("str")
        return pd.concat([data.keys, predicted, told], axis=1).assign(
            status="scored", tier=tier, rung=data.rung
        )

    def asked_by(self, business: Business, *, name: str, version: str) -> Model:
        """Return the model under a config of today, if that asks the question the model was trained for.

        Raises
        ------
        GateError
            Naming each key of the config that differs, or each feature that it does not give any more.
        """
        refuse_drift(business, self.business, f"model '{name}' version {version}")
        try:
            recipe = Recipe.from_json(business, self.recipe.to_json())
        except ConfigError as error:  # a feature that the config does not give any more
            raise GateError(error.problems) from error
        return replace(
            self,
            recipe=recipe,
            estimators=replace(self.estimators, business=business),
            name=name,
            version=version,
        )

    def _about(self) -> dict[str, Any]:
        return {
            "business": self.business.model_dump(mode="json"),
            "recipe": self.recipe.to_json(),
            "tiers": self.tier_limits.to_json(),
            "evaluation": self.evaluation.to_json(),
            "facts": dict(self.facts),
        }

    def digest(self) -> str:
        """Return the SHA-256 of all that :meth:`save` writes: trees, coefficients, what is said of them."""
        with TemporaryDirectory(prefix="lapse-") as folder:
            return self.save(Path(folder))

    def save(self, folder: Path) -> str:
        """Write the model, LightGBM text and JSON, and return the SHA-256 of all of it."""
        self.estimators.save(folder)
        return seal(folder, self._about())

    @classmethod
    def load(cls, folder: Path) -> Model:
        """Read a model that :meth:`save` wrote.

        Raises
        ------
        DataError
            If a file is missing, damaged or changed, or says what this version of lapse does not understand.
        GateError
            If the folder is of another format.
        """
        about = unseal(folder)
        try:
            business = Business.model_validate(about["business"])
            return cls(
                recipe=Recipe.from_json(business, about["recipe"]),
                estimators=Estimators.load(folder, business),
                tier_limits=TierLimits.from_json(about["tiers"]),
                evaluation=Evaluation.from_json(about["evaluation"]),
                facts=dict(about["facts"]),
            )
        except LapseError as error:
            raise type(error)(replace(one, hint=AGAIN) for one in error.problems) from error
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            got = f"{type(error).__name__}: {error}"
            raise DataError(
                Problem(str(folder), "model.json", "what this version of lapse writes", got, AGAIN)
            ) from error
