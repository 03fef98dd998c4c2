"""Random histories against model.py, and an oracle that knows what each author really saw."""
import random
from collections import Counter

import model
from commits import Commit, Tomb, World, root_of
from model import Gap, Lie, Store, session
from states import Fold

AGGREGATES = ("A", "B")
STORES_MAX = 9
# Weights of what happens; `bad`, `wrong` and `lag` are probabilities.
MIX = dict(edit=40, sync=34, backup=6, restore=4, copy=2, twin=1.5, wipe=1, lose=.7, step=3,
           right=4, reopen=3, lie=4, join=.5, bad=.08, wrong=.2, lag=.3)


class Wrong(Exception):
    """A history that ends as none may."""


class Sim:
    def __init__(self, seed, mix=None, trace=False):
        mix = MIX | (mix or {})
        self.rng, self.world, self.trace = random.Random(seed), World(), trace
        self.bad, self.wrong, self.lag = (mix.pop(p) for p in ("bad", "wrong", "lag"))
        self.mix, self.stats, self.uid, self.made = mix, Counter(), 0, 0
        self.stores, self.files, self.nested = [], [], False    # files: (store, backup of it)
        if "hubless" not in model.MODE:
            for _ in range(self.rng.randint(1, 3)):
                self.add(hub=True)
        for _ in range(self.rng.randint(2, 5)):
            self.add(hub=False)

    def say(self, *words):
        if self.trace:
            print(" ", self.world.now, *words)

    def add(self, hub, snap=None, of="", same_file=True):
        self.made += 1
        store = Store(self.world, ("H" if hub else "R") + str(self.made) + of, hub)
        if snap:
            store.load(snap)
            store.open(same_file)
        self.stores.append(store)
        return store

    def run(self):
        kinds, weights = zip(*self.mix.items())
        for _ in range(self.rng.randint(10, 70)):
            self.world.now += self.rng.choice((0, 0, 1, 3))
            getattr(self, self.rng.choices(kinds, weights)[0])()
        self.heal()
        for store in self.stores:                   # and everybody can go on
            self.edit(store)
        self.heal()
        return self.stats

    # What happens

    def edit(self, store=None):
        if store is None:
            store = self.rng.choice(self.stores)
        if store.hub:
            return
        if self.rng.random() >= self.lag:           # the states may lag behind the log
            store.fold_through(len(store.log))
        ops = tuple(self.operation() for _ in range(self.rng.choice((1, 1, 2, 3))))
        uids = tuple(range(self.uid + 1, self.uid + 1 + len(ops)))
        self.uid += len(ops)
        agg = self.rng.choice(AGGREGATES)
        if model.on("whole_commits"):
            c = store.edit(agg, ops, uids)
            self.say(store.name, "edits", agg, ops, (c.key, c.seq, c.hlc))
        else:                                       # each event has a name of its own
            for op, uid in zip(ops, uids):
                store.edit(agg, (op,), (uid,))
        self.world.edits.append(uids)
        self.stats["events"] += len(ops)

    def operation(self):
        kind = self.rng.choice(("add", "set", "ins", "ins", "rem"))
        op = (kind, self.rng.randint(1, 2))
        return op + ("bad",) if self.rng.random() < self.bad / 2 else op

    def sync(self):
        if len(self.stores) > 1:
            a, b = self.rng.sample(self.stores, 2)
            cut = self.rng.choice((0, 0, .15, .4))
            done = session(a, b, self.rng, cut, self.stats, self.meanwhile)
            self.say("sync", a.name, b.name, "to the end" if done else "cut, or something waits")
            self.stats["sessions"] += 1

    def meanwhile(self):
        """Sessions overlap with edits and with each other."""
        if not self.nested and self.rng.random() < .15:
            self.nested = True
            self.edit() if self.rng.random() < .5 else self.sync()
            self.nested = False

    def backup(self):
        store = self.rng.choice(self.stores)
        self.files.append((store, store.snapshot()))
        self.say("backup of", store.name)

    def old(self, live=False):
        files = [f for f in self.files if f[0] in self.stores or not live]
        return self.rng.choice(files) if files else (None, None)

    def restore(self):
        """In place: nobody notices."""
        store, snap = self.old(live=True)
        if store:
            store.load(snap)
            store.open()
            self.stats["restores"] += 1
            self.say("restore", store.name)

    def copy(self, sign="<", same_file=False):
        """To another path or machine: noticed by its token."""
        store, snap = self.old()
        if store and len(self.stores) < STORES_MAX:
            made = self.add(store.hub, snap, sign + store.name, same_file)
            self.stats["copies"] += 1
            self.say("copy", made.name)

    def twin(self):
        """A virtual machine that was cloned: not noticed."""
        self.copy("=", same_file=True)

    def wipe(self):
        hubs = [s for s in self.stores if s.hub]
        if hubs:
            lost = self.rng.choice(hubs)
            self.stores.remove(lost)
            self.say("wipe", lost.name, "->", self.add(hub=True).name)

    def lose(self):
        if len(self.stores) > 2:
            lost = self.rng.choice(self.stores)
            self.stores.remove(lost)
            self.say("lose", lost.name)

    def join(self):
        if len(self.stores) < STORES_MAX:
            self.add(hub=False)

    def step(self):
        store = self.rng.choice(self.stores)
        store.offset += self.rng.choice((-9000, -20, -7, 7, 20, 1000, 9000))
        self.say("clock of", store.name, store.offset)

    def right(self):
        self.rng.choice(self.stores).offset = 0

    def reopen(self):
        """A crash or a restart: what was committed is there."""
        self.rng.choice(self.stores).open()

    def lie(self):
        store = self.rng.choice(self.stores)
        real = [c for c in self.world.minted.values() if c.agg is not None]
        if not real:
            return
        c, m = self.rng.choice(real), None
        kind = self.rng.choice("content extend splice tomb author number control".split())
        forged = (("add", 99),)
        if kind == "content":                       # other content below a sound signature
            m = Commit(c.key, c.seq, c.prev, c.agg, forged, c.hlc, c.ctx, c.nonce)
            m.leaf, m.id = c.leaf, c.id
        elif kind == "extend":                      # another event in the author's name
            m = Commit(c.key, c.seq + 1, c.id, c.agg, forged, c.hlc, c.ctx, c.nonce)
        elif kind == "splice":                      # the liar's own commit on another's chain
            m = self.world.mint(Commit(-7, c.seq + 1, c.id, c.agg, forged, c.hlc, c.ctx, c.nonce))
        elif kind == "tomb":
            m = Tomb(c)
        elif kind == "control":                     # of one who is no hub: kept, without effect
            self.uid += 1
            key, head = -8 - self.uid, root_of(-8 - self.uid)
            op = self.rng.choice((("refuse", c.id), ("clamp", c.id, 1), ("close", c.key, ())))
            m = self.world.mint(Commit(key, 1, head, None, (op,), 0, (), 0))
        else:
            m = Commit(c.key, c.seq, c.prev, c.agg, c.ops, c.hlc, c.ctx, c.nonce)
            m.key, m.seq = (-7, m.seq) if kind == "author" else (m.key, m.seq + 1)
        before = len(store.log)
        try:
            store.receive(m, -7, store.clock(), set(), self.rng)
        except (Lie, Gap):
            pass
        for i in store.log[before:]:
            self.check_genuine(store, i)
        self.stats["lies"] += 1

    # Afterwards

    def graph(self):
        """Any connected graph: not everybody has to meet everybody."""
        stores = self.stores[:]
        self.rng.shuffle(stores)
        edges = [(s, self.rng.choice(stores[:n])) for n, s in enumerate(stores) if n]
        return edges + [tuple(self.rng.sample(stores, 2)) for _ in range(self.rng.randint(0, 2))]

    def heal(self):
        for store in self.stores:
            if self.rng.random() >= self.wrong:     # some clocks stay wrong
                store.offset = 0
            store.open()
        acked = set().union(*(s.acked for s in self.stores))
        held = set().union(*(s.commits for s in self.stores))
        edges, rounds_max = self.graph(), 3 + (2 + model.WAITS_MAX) * len(self.stores)
        for rounds in range(1, rounds_max + 1):
            before, ends = [len(s.log) for s in self.stores], []
            self.rng.shuffle(edges)
            for a, b in edges:
                ends.append(session(a, b, self.rng, 0, self.stats))
            if all(ends) and before == [len(s.log) for s in self.stores]:
                break
        else:
            raise Wrong(f"not quiet after {rounds_max} rounds")
        self.stats["rounds"] = max(self.stats["rounds"], rounds)
        self.check(acked, held)

    def check_genuine(self, store, i):
        c, signed = store.commits[i], self.world.minted.get(i)
        if signed is None or c.key == -7 or not c.tomb and c is not signed:
            raise Wrong("a forged commit is held")
        if c.tomb and not store.is_refused(c):
            raise Wrong("a payload is withheld")

    def check(self, acked, held):
        first = self.stores[0]
        want = Fold(first)
        for s in self.stores:
            fold = Fold(s)
            if set(s.commits) != set(first.commits) or s.forks() != want.forks:
                raise Wrong("all is quiet, and stores hold different commits")
            if fold.uids != want.uids:
                raise Wrong("all is quiet, and other events are in force")
            if fold.state != want.state:
                raise Wrong("all is quiet, and states differ")
            for i in s.commits:
                self.check_genuine(s, i)
            if any(s.hub for s in self.stores):
                if any(s.live_branches(k) > model.BRANCHES_MAX for k in s.heads
                       if k not in self.world.hub_keys and k > 0):
                    raise Wrong("a key has more branches than hubs admit")
        uids = set(want.uids)
        if len(uids) != len(want.uids):
            raise Wrong("an event counts twice")
        signed = self.world.minted.values()
        told = {u for c in signed if c.bad or first.is_void(c) for u in c.uids}
        if not acked - told <= uids:
            raise Wrong("an acknowledged event is lost")
        if any(first.is_refused(c) and uids & set(c.uids) for c in signed):
            raise Wrong("a refused event is in force")
        if any(0 < len(uids & set(edit)) < len(edit) for edit in self.world.edits):
            raise Wrong("an edit is in force in part")
        if not held <= set(first.commits):
            raise Wrong("a commit is gone")
        self.stats["branches"] += sum(len(first.kids[place]) - 1 for place in want.forks)
        self.stats["clamps"] += len(first.clamps)
        self.stats["closed keys"] += len(first.closed)
        void = {u for c in signed if first.is_void(c) for u in c.uids}
        self.stats["void events"] += len(acked & void)
        self.compare_with_truth(want, uids)

    def compare_with_truth(self, fold, uids):
        """The same states, from what each author had really seen."""
        events = {u: (c, n, c.ops[n]) for c in self.world.minted.values()
                  for n, u in enumerate(c.uids) if u in uids}

        def saw(u, v):
            (c, n, _), (d, m, _) = events[u], events[v]
            return c.agg == d.agg and (m < n if c is d else v in c.seen)

        truth = {}
        for u, (c, n, op) in events.items():
            if op[0] == "add":
                truth[c.agg, "n"] = truth.get((c.agg, "n"), 0) + op[1]
            elif op[0] == "ins" and not any(
                    d[2][:2] == ("rem", op[1]) and saw(v, u) for v, d in events.items()):
                truth.setdefault((c.agg, "s", op[1]), set()).add((c.id, n))
        for place, value in fold.state.items():
            if place[1] != "v":
                if truth.pop(place, None) != value:
                    raise Wrong("a state is not what its authors' views make of the events")
                continue
            winner, made = value[-1], events[value[-1]][0].made
            others = [v for v, (c, _, op) in events.items() if op[0] == "set" and c.agg == place[0]]
            if any(saw(v, winner) for v in others):
                raise Wrong("a value won over one whose author had seen it")
            latest = [v for v in others if not any(saw(w, v) for w in others)]
            self.stats["concurrent registers"] += len(latest) > 1
            self.stats["an older one won"] += any(events[v][0].made > made for v in latest)
        if truth:
            raise Wrong("a state lacks what is there")


def histories(first, count, deadline, mix=None):
    """Runs seeds up to a count or a deadline. Yields each with its statistics or its error."""
    for seed in range(first, first + count):
        if deadline():
            return
        try:
            yield seed, Sim(seed, mix).run()
        except Exception as error:                  # a mistake of the model too needs its seed
            yield seed, error
