"""Synthetic businesses whose truth is known: see :mod:`lapse.synth.gym`, :mod:`lapse.synth.shop`."""

from lapse.synth.gym import make_gym
from lapse.synth.gym_world import GymWorld
from lapse.synth.shop import make_shop
from lapse.synth.shop_world import ShopWorld
from lapse.synth.truth import Synthetic, Truth

__all__ = ["GymWorld", "ShopWorld", "Synthetic", "Truth", "make_gym", "make_shop"]
