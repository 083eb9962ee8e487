"""Defection: the probability that a customer lapses within the horizon.

In: a frame of features, one row a snapshot; whether each lapsed; the as-of date of each. Out: calibrated
probabilities, the raw log-odds before calibration, and exact attributions of the raw log-odds to features.

Refused: labels other than 0 and 1, outcomes all alike, lengths that differ
(:class:`~lapse.errors.DataError`); other columns than at fit (:class:`~lapse.errors.GateError`).
"""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from lapse.models import boosting, inputs, parameters
from lapse.models.blend import Blend, Kind, choose, fit_blends, kinds, raw_scores
from lapse.models.calibration import Calibration, Identity, fit_calibration, from_json
from lapse.models.encoding import Columns, Encoding, n_rows
from lapse.models.later_slice import Slice, later_slice
from lapse.models.linear import Linear
from lapse.models.sampling import MOST_ROWS, sample
from lapse.schema import Bool, Float64, Int32, Int64


class Defection(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Probability of a lapse within the horizon: regularised LightGBM, calibrated out of time.

    Three things are learned on the latest as-of dates, by models fitted on earlier ones, all of whose
    outcomes were final before the first date of that slice: which kind of trees serves, whether a logistic
    regression averaged with them (in log-odds) helps, and the calibration. Then the model is fitted again on
    all rows. No class weights and no resampling: they spoil probabilities and gain no ranking. Where the
    earlier rows or the slice are more than :data:`~lapse.models.sampling.MOST_ROWS`, the three are learned on
    samples of them whose weights keep every total (:mod:`lapse.models.sampling`); the final trees learn from
    all rows.

    Parameters
    ----------
    horizon_days : int
        Length of the outcome window, at least 1: the embargo between the earlier rows and the slice.
    n_estimators : int, default 350
        Boosting rounds.
    learning_rate : float, default 0.04
    num_leaves : int, default 7
    min_child_samples : int, default 100
        Fewest rows in a leaf; never more than a twentieth of all rows.
    reg_lambda : float, default 10
        L2 penalty on leaf values.
    feature_fraction : float, default 0.4
        Share of the features that each tree may use.
    extra_trees : bool, optional
        Draw one random threshold a feature instead of searching for the best. By default True, unless the
        other did clearly better on the later slice (:func:`lapse.models.blend.choose`). Random thresholds
        smooth, which helps where risk changes gradually and hurts where it jumps, as on the day on which a
        paid term ends.
    linear_share : float, optional
        Weight, in [0, 1), of a logistic regression on the same features (:mod:`lapse.models.linear`) in the
        mean of the log-odds. By default a third, unless 0 did clearly better on the later slice. It steadies
        what many small trees say where risk is smooth, and spoils it where risk jumps.
    n_bags : int, default 3
        Models with different seeds whose raw scores (and attributions) are averaged.
    random_state : int, default 0
    num_threads : int, default 0
        0 or -1 lets LightGBM choose. The result does not depend on it.

    Attributes
    ----------
    encoding_ : Encoding
        Columns and categories at fit; others are taken for missing, and ``encoding_.unknown(X)`` counts them.
    classes_ : int64, shape (2,)
        0 and 1.
    blend_ : Blend
        Boosters, logistic regression, and the kind that was given or chosen.
    calibration_ : Calibration
        The map from raw log-odds to probability.
    calibration_slice_ : Slice
        On what it was learned, or why it was not.
    base_rate_ : float
        Weighted share of positives at fit.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame({"days_since_last": rng.uniform(0, 60, 500)})
    >>> y = rng.random(500) < X["days_since_last"] / 100
    >>> Defection(horizon_days=30, num_threads=1).fit(X, y).predict_proba(X).shape
    (500, 2)
    """

    def __init__(
        self,
        horizon_days: int,
        *,
        n_estimators: int = 350,
        learning_rate: float = 0.04,
        num_leaves: int = 7,
        min_child_samples: int = 100,
        reg_lambda: float = 10.0,
        feature_fraction: float = 0.4,
        extra_trees: bool | None = None,
        linear_share: float | None = None,
        n_bags: int = 3,
        random_state: int = 0,
        num_threads: int = 0,
    ) -> None:
        self.horizon_days = horizon_days
        self.n_estimators = n_estimators
        self.learning_rate = learning_rate
        self.num_leaves = num_leaves
        self.min_child_samples = min_child_samples
        self.reg_lambda = reg_lambda
        self.feature_fraction = feature_fraction
        self.extra_trees = extra_trees
        self.linear_share = linear_share
        self.n_bags = n_bags
        self.random_state = random_state
        self.num_threads = num_threads

    def fit(
        self,
        X: pd.DataFrame,
        y: npt.ArrayLike,
        as_of: npt.ArrayLike | None = None,
        sample_weight: npt.ArrayLike | None = None,
    ) -> Self:
        """Fit the model, and its calibration where ``as_of`` is given and spans enough time.

        Parameters
        ----------
        X : DataFrame, shape (n, n_features)
        y : array of 0/1 or bool, shape (n,)
        as_of : array of dates or of day numbers, shape (n,), optional
            Without it no calibration is learned (:attr:`calibration_slice_` says so).
        sample_weight : array, shape (n,), optional
            Positive weights.

        Returns
        -------
        Defection
            Itself.

        Raises
        ------
        DataError
            If a parameter is outside its domain, a length differs, a label is not 0 or 1, all are alike, a
            date is missing, or a weight is not positive.
        """
        encoding: Encoding
        _, (encoding, columns), label, weight, day = inputs.together(
            lambda: parameters.checked(self),
            lambda: Encoding.learn(X),
            lambda: inputs.labels(y, n_rows(X)),
            lambda: None if sample_weight is None else inputs.weights(sample_weight, n_rows(X)),
            lambda: None if as_of is None else inputs.days(as_of, n_rows(X)),
        )
        self.encoding_ = encoding
        kind = self._choose_and_calibrate(columns, label, weight, day)
        [self.blend_] = self._blends([kind], columns, label, weight)
        self.base_rate_ = float(np.average(label, weights=weight))
        self._describe()
        return self

    def raw_score(self, X: pd.DataFrame) -> Float64:
        """Return the log-odds before calibration, float64 of shape (n,)."""
        check_is_fitted(self)
        return raw_scores([self.blend_], self.encoding_.columns(X), self.num_threads)[self.blend_.kind]

    def predict_proba(self, X: pd.DataFrame) -> Float64:
        """Return the calibrated probabilities of staying and of lapsing, float64 of shape (n, 2)."""
        raw = self.raw_score(X)
        lapse = self.calibration_.apply(raw)
        return np.column_stack([1.0 - lapse, lapse])

    def predict(self, X: pd.DataFrame) -> Int64:
        """Return 1 where a lapse is more likely than not, int64 of shape (n,)."""
        label: Int64 = (self.predict_proba(X)[:, 1] >= 0.5).astype(np.int64)
        return label

    def contributions(self, X: pd.DataFrame) -> Float64:
        """Return exact attributions of :meth:`raw_score`: SHAP values of the trees, terms of the regression.

        Returns
        -------
        float64, shape (n, n_features + 1)
            Columns in the order of ``feature_names_in_``, then the base value; rows add up to the raw score.
        """
        return self.explained(X)[0]

    def explained(self, X: pd.DataFrame) -> tuple[Float64, Float64]:
        """Return :meth:`contributions` and :meth:`raw_score`, which walks the trees only once for both."""
        check_is_fitted(self)
        return self.blend_.explained(self.encoding_.encode(X), self.num_threads)

    def to_folder(self, folder: Path) -> None:
        """Write the model as LightGBM text and JSON."""
        check_is_fitted(self)
        facts = {
            "parameters": self.get_params(),
            "kind_of_blend": asdict(self.blend_.kind),
            "linear": None if (linear := self.blend_.linear) is None else linear.to_json(),
            "encoding": self.encoding_.to_json(),
            "calibration": self.calibration_.to_json(),
            "calibration_slice": asdict(self.calibration_slice_),
            "base_rate": self.base_rate_,
        }
        boosting.write(Path(folder), "defection", facts, self.blend_.boosters)

    @classmethod
    def from_folder(cls, folder: Path) -> Defection:
        """Read a model that :meth:`to_folder` wrote; it predicts the same, bit by bit.

        Raises
        ------
        DataError
            If a file is missing or damaged.
        GateError
            If the folder holds a model of another kind.
        """
        facts, boosters = boosting.read(Path(folder), "defection")
        model = cls(**facts["parameters"])
        model.encoding_ = Encoding.from_json(facts["encoding"])
        linear = facts["linear"]
        model.blend_ = Blend(
            Kind(**facts["kind_of_blend"]), boosters, None if linear is None else Linear.from_json(linear)
        )
        model.calibration_ = from_json(facts["calibration"])
        model.calibration_slice_ = Slice(**facts["calibration_slice"])
        model.base_rate_ = facts["base_rate"]
        model._describe()
        return model

    def _choose_and_calibrate(
        self, columns: Columns, label: Float64, weight: Float64 | None, day: Int32 | None
    ) -> Kind:
        """Learn on the later slice which kind of blend serves, and the calibration."""
        asked = kinds(self.extra_trees, self.linear_share)
        earlier, later, found = later_slice(day, label, self.horizon_days)
        self.calibration_slice_ = found
        self.calibration_: Calibration = Identity()
        if not found.n_rows:
            return asked[0]
        before, its_weight = self._some(earlier, label, weight)
        after, weight_after = self._some(later, label, weight)
        blends = self._blends(asked, columns.take(before), label[before], its_weight)
        said = raw_scores(blends, columns.take(after), self.num_threads)
        best = choose(said, label[after], weight_after)
        self.calibration_ = fit_calibration(said[best], label[after], weight_after)
        self.calibration_slice_ = _with_sample(found, len(before), len(after))
        return best

    def _some(self, where: Bool, label: Float64, weight: Float64 | None) -> tuple[Int64, Float64 | None]:
        """Return positions and weights of the rows of a mask, or of a sample of them."""
        rows = np.flatnonzero(where)
        taken, stands_for = sample(
            label[rows], None if weight is None else weight[rows], MOST_ROWS, self.random_state
        )
        return rows[taken], stands_for

    def _blends(
        self, asked: list[Kind], columns: Columns, label: Float64, weight: Float64 | None
    ) -> list[Blend]:
        settings = boosting.Settings.of(self, "binary")
        return fit_blends(asked, settings, columns, label, weight, self.encoding_.categorical)

    def _describe(self) -> None:
        self.classes_ = np.array([0, 1])
        self.feature_names_in_ = np.array(self.encoding_.names, object)
        self.n_features_in_ = len(self.encoding_.names)


def _with_sample(found: Slice, n_before: int, n_after: int) -> Slice:
    """Return what was found with the sample said, where one was drawn."""
    if (n_before, n_after) == (found.n_fit, found.n_rows):
        return found
    sampled = f"from weighted samples: {n_before:,} of {found.n_fit:,} earlier rows, {n_after:,} of "
    return replace(found, note=f"{found.note}; {sampled}{found.n_rows:,} later ones")
