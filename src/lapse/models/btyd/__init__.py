"""Buy-till-you-die models: customers who buy at a rate of their own until they silently leave.

Each module has a frozen class with the parameters and a ``fit`` of greatest likelihood: BG/NBD
(:mod:`~lapse.models.btyd.bg_nbd`) and Pareto/NBD (:mod:`~lapse.models.btyd.pareto_nbd`) say how often a
customer buys, Gamma-Gamma (:mod:`~lapse.models.btyd.gamma_gamma`) says for how much.
"""
