"""Histories that random ones hardly meet, each the counterexample for one rule."""
import random

from commits import World
from model import Store, session
from sim import Wrong
from states import Fold


class Frames(random.Random):
    """As many commits in a frame as it is told."""
    count = 6

    def randint(self, low, high):
        return self.count


def ruling_order():
    """A hub re-dates a commit in view of another hub's re-dating, and sends one at a time."""
    world, frames = World(), Frames()
    one, other = Store(world, "H1", hub=True), Store(world, "H2", hub=True)
    ahead, author, relay, reader = (Store(world, name) for name in ("R1", "R2", "R3", "R4"))
    ahead.offset = 8000
    ahead.edit("A", (("set", 1),), (1,))
    session(ahead, author, frames)
    author.fold_through(len(author.log))
    author.edit("A", (("set", 2),), (2,))           # its author has seen the first
    session(author, reader, frames)
    session(ahead, other, frames)                   # re-dates the first
    session(other, relay, frames)
    session(author, relay, frames)
    session(relay, one, frames)                     # re-dates the second
    frames.count = 1

    def read():
        if Fold(reader).state["A", "v"][-1] != 2:
            raise Wrong("for a while a value wins over one whose author had seen it")

    session(one, reader, frames, meanwhile=read)


STORIES = {"ruling_order": ruling_order}
