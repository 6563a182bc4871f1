"""For side_by_side.py and pytorch_linear.py: rounds within a limit of time, and what others did meanwhile."""
import os
import sys
import time


def add_options(parser, count):
    parser.add_argument("--rounds", type=int, default=count)
    parser.add_argument("--minutes", type=float, default=1440, help="begin no round that would probably end later")


def rounds(options):
    """Yields 0, 1, ... up to `options.rounds`; every round is taken to last as long as those before."""
    start = time.monotonic()
    for done in range(options.rounds):
        spent = (time.monotonic() - start) / 60
        if done > 0 and spent * (done + 1) / done > options.minutes:
            return
        print(f"Round {done + 1} of {options.rounds}, after {spent:.1f} minutes", file=sys.stderr)
        yield done


class Others:
    """Share of the processors' time that went to other processes, or to other guests of the host where that is told."""

    def __init__(self):
        self.last = self.seconds()

    @staticmethod
    def seconds():
        """Since the start of the machine: all processors together, busy, and busy for this process and its children."""
        with open("/proc/stat") as file:
            # user, nice, system, idle, waiting, interrupts, soft interrupts, stolen
            times = [int(word) / os.sysconf("SC_CLK_TCK") for word in file.readline().split()[1:9]]
        return sum(times), sum(times) - times[3] - times[4], sum(os.times()[:4])

    def share(self):
        """The share since the last call, or since this object exists."""
        now = self.seconds()
        whole, busy, own = (after - before for after, before in zip(now, self.last))
        self.last = now
        return round(max(0, busy - own) / whole, 3) if whole > 0 else 0

    @staticmethod
    def sentence(shares):
        """For people who read the table."""
        return f"Other processes had {min(shares):.0%} to {max(shares):.0%} of the processors' time in a round."
