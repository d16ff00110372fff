"""`jax.jit` for tests, which compile more than they compute: the machine code is not optimized, the program is."""

from functools import partial

import jax

quick_jit = partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
