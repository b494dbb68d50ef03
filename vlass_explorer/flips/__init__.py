"""When a model would change its mind: its scores while the sky gets noisier, blurred, off centre or turned.

``measure`` gives one curve a change (``KINDS``) and the first level at which the label flips; what a cutout does not
support (no noise, no beam) is off with the reason. Model and cutout are left as they are.
"""

from .asking import DRAWS, measure
from .curves import Curve, Flips
from .plans import KINDS

__all__ = ["DRAWS", "KINDS", "Curve", "Flips", "measure"]
