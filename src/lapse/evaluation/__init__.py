"""How true the predictions were: metrics, intervals, yardsticks, the table and its pictures.

In: what happened and what each method had said, row by row, as arrays. Out: an :class:`~.report.Evaluation`.
The functions are pure over NumPy and pandas and know nothing of configs, histories or models.
"""
