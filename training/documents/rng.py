"""The one source of chance: a thin, fast layer over numpy's generator."""
import numpy as np

BUFFER = 4096


class Rng:
    """Draws from a seed. Short names, because a layout asks some hundred times: (u)niform, (p)robability, i(n)teger,
    (f)loat, (c)hoice. The same seed gives the same draws; `r` is the numpy generator for whole arrays.
    """

    def __init__(self, seed):
        self.r = np.random.Generator(np.random.PCG64(seed))
        self.buf = self.r.random(BUFFER)
        self.i = 0

    def u(self):
        """A number in [0, 1)."""
        if self.i >= BUFFER:
            self.buf = self.r.random(BUFFER)
            self.i = 0
        self.i += 1
        return self.buf[self.i - 1]

    def p(self, probability):
        """True with the given probability."""
        return self.u() < probability

    def n(self, low, high):
        """An integer in [low, high]."""
        return low + int(self.u() * (high - low + 1))

    def f(self, low, high):
        """A number in [low, high)."""
        return low + self.u() * (high - low)

    def c(self, sequence):
        """One element of a sequence."""
        return sequence[int(self.u() * len(sequence))]

    def sample(self, sequence, count):
        """`count` different elements in random order."""
        rest = list(sequence)
        return [rest.pop(int(self.u() * len(rest))) for _ in range(count)]
