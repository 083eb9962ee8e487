"""Models of one customer's future: whether it leaves, how long it stays, what it spends, and the one curve.

In: a pandas frame of features, one row a snapshot. Out: probabilities, hazards, spend by step, and a
:class:`~lapse.models.curve.Curve`. Each estimator follows scikit-learn and can be used alone. Artefacts are
LightGBM text and JSON.
"""
