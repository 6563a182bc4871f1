"""Rounds of measuring within a limit of time, for side_by_side.py and pytorch_linear.py."""
import sys
import time


def add_options(parser, count):
    parser.add_argument("--rounds", type=int, default=count)
    parser.add_argument("--minutes", type=float, default=1440, help="begin no round that would probably end later")


def rounds(options):
    """Yields 0, 1, ... up to `options.rounds` of them, at least one; every round is taken to last as long as those before."""
    start = time.monotonic()
    for done in range(options.rounds):
        spent = (time.monotonic() - start) / 60
        if done > 0 and spent * (done + 1) / done > options.minutes:
            return
        print(f"Round {done + 1} of {options.rounds}, after {spent:.1f} minutes", file=sys.stderr)
        yield done
