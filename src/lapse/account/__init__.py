"""One customer's record as of a day: all that somebody needs before a call, from rows known by then.

:mod:`~lapse.account.known` cuts a history to one customer and to what was known,
:mod:`~lapse.account.timeline` tells what happened, :mod:`~lapse.account.standing` the rungs and tiers over
time, :mod:`~lapse.account.record` joins them, :mod:`~lapse.account.text` and :mod:`~lapse.account.page` show
them.
"""

from lapse.account.record import Account, account_of

__all__ = ["Account", "account_of"]
