"""How loops are compiled, and the few numbers that they share.

A loop's compiled form is kept on disk and made anew when its own file changes: a loop therefore calls only loops of its
own file.
"""

from __future__ import annotations

import numba
import numpy as np

HOUR_US = 3_600_000_000
MINUTE_US = 60_000_000
NEVER = np.iinfo(np.int64).min
FOREVER = np.int64(2**40)  # an hour far beyond any data
compiled = numba.njit(cache=True, nogil=True, error_model="numpy")  # 0 / 0 is NaN: a window without readings
