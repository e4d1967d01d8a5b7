"""Keys for AutoField: 63 bits, in the order of creation, without coordination.

    41 bits  milliseconds since 2020: until 2089
    13 bits  a random number of the process
     9 bits  a number within the millisecond; the next millisecond's if all are used

Two processes with the same random number, one of 8,192, may make the same key in the
same millisecond: the second insert then finds the first row, and takes another key.
"""

import os
import random
import threading
import time

EPOCH_MILLISECONDS = 1_577_836_800_000
PROCESS_BITS = 13
NUMBER_BITS = 9


class KeyMaker:
    """Makes keys for the threads of one process."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.process = 0
        self.drawn = 0
        # The milliseconds of the last key, shifted, and its number within them.
        self.last = 0

    def draw(self) -> None:
        self.process = os.getpid()
        self.drawn = random.SystemRandom().getrandbits(PROCESS_BITS)

    def make(self, count: int) -> list[int]:
        """Return the next keys, each larger than all before."""
        with self.lock:
            if self.process != os.getpid():
                self.draw()
            now = time.time_ns() // 1_000_000 - EPOCH_MILLISECONDS
            first = max(self.last + 1, now << NUMBER_BITS)
            self.last = first + count - 1
            return [self.key(each) for each in range(first, first + count)]

    def key(self, at: int) -> int:
        milliseconds, number = divmod(at, 1 << NUMBER_BITS)
        return (milliseconds << PROCESS_BITS | self.drawn) << NUMBER_BITS | number


make_keys = KeyMaker().make
