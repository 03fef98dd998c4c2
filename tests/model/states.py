"""States of a store: a function of the set of commits that it holds, whatever their order."""
from model import on


class Fold:
    """States of a store: a function of the set of its commits."""

    def __init__(self, store):
        self.store = s = store
        self.forks, self.writers, self.clocks, self.state = s.forks(), {}, {}, {}
        self.live = [c for c in map(s.commits.get, s.log)
                     if not c.tomb and c.agg is not None and not self.ruled(c)[1]]
        self.uids = sorted(u for c in self.live for u in c.uids)
        for c in self.live:
            for n, op in enumerate(c.ops):
                self.apply(c, n, op)

    def ruled(self, c):
        """Its stamp in force, and whether it is refused: a late ruling folds it again."""
        if on("late_rulings"):
            return self.store.stamp(c.id), self.store.is_refused(c)
        return self.store.met[c.id]

    def writer(self, i):
        """The identity of merging: the nearest fork behind a commit, or its author."""
        if i not in self.writers:
            c = self.store.commits[i]
            if (c.key, c.prev) in self.forks and on("writers"):
                self.writers[i] = i
            elif c.prev in self.store.commits:
                self.writers[i] = self.writer(c.prev)
            else:
                self.writers[i] = c.key
        return self.writers[i]

    def saw(self, c, other):
        if c.id not in self.clocks:
            clock = self.clocks[c.id] = {}
            for i in self.store.covered(c.prev, c.ctx):
                w, seq = self.writer(i), self.store.commits[i].seq
                clock[w] = max(clock.get(w, 0), seq)
        return self.clocks[c.id].get(self.writer(other.id), 0) >= other.seq

    def apply(self, c, n, op):
        kind, state = op[0], self.state
        if kind == "add":
            state[c.agg, "n"] = state.get((c.agg, "n"), 0) + op[1]
        elif kind == "set":
            new = (self.ruled(c)[0], self.writer(c.id), c.base + 1 + n, c.uids[n])
            was = state.get((c.agg, "v"), (0, 0, 0))
            state[c.agg, "v"] = new if new[:3] >= was[:3] else was
        elif kind == "ins" and not self.is_removed(c, n, op[1]):
            state.setdefault((c.agg, "s", op[1]), set()).add((c.id, n))

    def is_removed(self, c, n, tag):
        return any(other.agg == c.agg and op[:2] == ("rem", tag)
                   and (m > n if other is c else self.saw(other, c))
                   for other in self.live for m, op in enumerate(other.ops))
