"""What every package's tests share: fixtures, the ``virtual_time`` marker, and patience on a busy machine."""

import os

from hypothesis import settings

pytest_plugins = ["avatar_runtime.testing.fixtures"]

# A slow example on a busy machine is no failure. The same examples everywhere: a change is judged by what it changes.
# To search further: HYPOTHESIS_SEARCH=1 make unit.
settings.register_profile("avatar", deadline=None, derandomize="HYPOTHESIS_SEARCH" not in os.environ)
settings.load_profile("avatar")
