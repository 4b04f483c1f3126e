"""What maps cost, before anything is spent: requests, bytes, tasks, minutes, compute; and what would break.

Requests and bytes are counted from the requests themselves (`load`); minutes and EECU-hours follow from rates
that are assumed or probed (`rates`).
"""

from smgee.planning.limits import TIERS, Tier
from smgee.planning.load import Load, load_of
from smgee.planning.places import PLACES, SEASONS, Place
from smgee.planning.plans import Plan, choose, plan_routes
from smgee.planning.rates import ASSUMED, Rates, probe
from smgee.planning.rows import WAYS, RoutePlan, Trouble

__all__ = [
    "ASSUMED",
    "PLACES",
    "SEASONS",
    "TIERS",
    "WAYS",
    "Load",
    "Place",
    "Plan",
    "Rates",
    "RoutePlan",
    "Tier",
    "Trouble",
    "choose",
    "load_of",
    "plan_routes",
    "probe",
]
