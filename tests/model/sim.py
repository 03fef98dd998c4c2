"""Random histories against model.py, and an oracle that knows what each author really saw."""
import random
from collections import Counter

import model
from commits import Commit, Tomb, World, root_of
from model import Gap, Lie, Store, session
from states import Fold

AGGREGATES = ("A", "B")
STORES_MAX = 9
# Weights of what happens; the last four are probabilities.
MIX = dict(edit=40, sync=34, backup=6, restore=4, copy=2, twin=1.5, wipe=1, lose=.7, step=3,
           right=4, reopen=3, lie=4, join=.5, bad=.08, wrong=.2, lag=.3, cheat=.04)


class Wrong(Exception):
    """A history that ends as none may."""


class Sim:
    def __init__(self, seed, mix=None, trace=False):
        mix = MIX | (mix or {})
        self.rng, self.world, self.trace = random.Random(seed), World(), trace
        for probability in ("bad", "wrong", "lag", "cheat"):
            setattr(self, probability, mix.pop(probability))
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
            ahead = model.BOUND if self.rng.random() < self.cheat else 1
            c = store.edit(agg, ops, uids, ahead)
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
            self.say("sync", a.name, b.name, "to the end" if done else "cut")
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
            ops = ("refused", c.id), ("redated", ((c.id, 1),)), ("closed", c.key, ())
            op = self.rng.choice(ops)
            m = self.world.mint(Commit(key, 1, head, None, (op,), 0, (), 0))
        else:
            m = Commit(c.key, c.seq, c.prev, c.agg, c.ops, c.hlc, c.ctx, c.nonce)
            m.key, m.seq = (-7, m.seq) if kind == "author" else (m.key, m.seq + 1)
        before = len(store.log)
        try:
            store.take([m], -7, self.rng)
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
        for store in self.stores:                   # no winner is wrong even in between
            self.check_winners(Fold(store))
            if self.rng.random() >= self.wrong:     # some clocks stay wrong
                store.offset = 0
            store.open()
        acked = set().union(*(s.acked for s in self.stores))
        held = set().union(*(s.commits for s in self.stores))
        edges, rounds_max = self.graph(), 3 + 2 * len(self.stores)
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
        if "interim" not in model.MODE and any(s.hub for s in self.stores):
            self.check_ahead(want)
        self.stats["branches"] += sum(len(first.kids[place]) - 1 for place in want.forks)
        self.stats["re-dated commits"] += len(first.clamps)
        self.stats["re-datings"] += sum(c.agg is None and c.ops[0][0] == "redated" for c in signed)
        self.stats["closed keys"] += len(first.closed)
        void = {u for c in signed if first.is_void(c) for u in c.uids}
        self.stats["void events"] += len(acked & void)
        self.compare_with_truth(want)

    def check_ahead(self, fold):
        """A hub's clock, the bound, and one step for each commit that its author had seen."""
        depth = {}
        for c in (fold.store.commits[i] for i in fold.store.log):
            seen = (fold.store.commits[i] for i in fold.store.covered(c.prev, c.ctx))
            depth[c.id] = 1 + max((depth[d.id] for d in seen if d.agg == c.agg), default=0)
        for c in fold.live:
            if fold.store.stamp(c.id) > self.world.clock_max + model.BOUND + depth[c.id]:
                raise Wrong("a stamp in force is further ahead than hubs admit")

    def events(self, uids):
        return {u: (c, n, c.ops[n]) for c in self.world.minted.values()
                for n, u in enumerate(c.uids) if u in uids}

    def check_winners(self, fold):
        """No value wins over one whose author had seen it. Gives what is in force, and winners."""
        events, winners = self.events(set(fold.uids)), []
        for (agg, what, *_), value in fold.state.items():
            if what == "v":
                others = [v for v, (c, _, op) in events.items() if op[0] == "set" and c.agg == agg]
                if any(saw(events, v, value[-1]) for v in others):
                    raise Wrong("a value won over one whose author had seen it")
                winners.append((value[-1], others))
        return events, winners

    def compare_with_truth(self, fold):
        """The same states, from what each author had really seen."""
        events, winners = self.check_winners(fold)
        truth = {}
        for u, (c, n, op) in events.items():
            if op[0] == "add":
                truth[c.agg, "n"] = truth.get((c.agg, "n"), 0) + op[1]
            elif op[0] == "ins" and not any(
                    d[2][:2] == ("rem", op[1]) and saw(events, v, u) for v, d in events.items()):
                truth.setdefault((c.agg, "s", op[1]), set()).add((c.id, n))
        if truth != {place: value for place, value in fold.state.items() if place[1] != "v"}:
            raise Wrong("a state is not what its authors' views make of the events")
        if {c.agg for c, _, op in events.values() if op[0] == "set"} != {
                agg for agg, what, *_ in fold.state if what == "v"}:
            raise Wrong("a register lacks what is there")
        for winner, others in winners:
            made = events[winner][0].made
            latest = [v for v in others if not any(saw(events, w, v) for w in others)]
            self.stats["concurrent registers"] += len(latest) > 1
            self.stats["an older one won"] += any(events[v][0].made > made for v in latest)


def saw(events, u, v):
    """Whether the author of one event had seen another."""
    (c, n, _), (d, m, _) = events[u], events[v]
    return c.agg == d.agg and (m < n if c is d else v in c.seen)


def histories(first, count, deadline, mix=None):
    """Runs seeds up to a count or a deadline. Yields each with its statistics or its error."""
    for seed in range(first, first + count):
        if deadline():
            return
        try:
            yield seed, Sim(seed, mix).run()
        except Exception as error:                  # a mistake of the model too needs its seed
            yield seed, error
