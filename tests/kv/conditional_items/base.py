"""The store: items by (table, index), with versions and intents."""

from copy import deepcopy
from threading import RLock

from nonrel_backend.kv.cached_catalog import CatalogCache
from nonrel_backend.kv.conditional import (
    ConditionalStore,
    Conflict,
    Expected,
    Intent,
    State,
    Stored,
)
from nonrel_backend.kv.conditional_catalog import ConditionalCatalog
from nonrel_backend.kv.json_values import json_forms
from nonrel_backend.kv.online import OnlineSchemaEditor
from nonrel_backend.kv.optimistic import OptimisticWrapper
from nonrel_backend.kv.optimistic_access import OptimisticAccess
from nonrel_backend.kv.ordered import OrderedCreation, OrderedFeatures
from nonrel_backend.kv.tables import Table


class Items(ConditionalStore):
    """The items of all tables and indexes, one request at a time."""

    # Small, so that most transactions are large.
    batch_writes = 5

    def __init__(self):
        self.lock = RLock()
        self.spaces = {}
        self.records = {}
        self.version = 0
        # Called before each request, with its name: to count, to fail, or to interfere.
        self.before = lambda request: None

    def space(self, table, index):
        return self.spaces.setdefault((table.name, index.name), {})

    def asked(self, request):
        self.before(request)

    # --- reading ---

    def read(self, table, index, keys):
        with self.lock:
            space = self.space(table, index)
            return [deepcopy(space[key]) for key in keys if key in space]

    def rows(self, table, keys, columns=None):
        self.asked("rows")
        return self.read(table, table.primary, keys)

    def found(self, table, index, keys):
        self.asked("found")
        return self.read(table, index, keys)

    def all_rows(self, table, limit=None, after=None, columns=None, filters=()):
        keys = sorted(self.space(table, table.primary))
        for start in range(0, len(keys), 3):
            self.asked("all_rows")
            wanted = [key for key in keys[start : start + 3] if key > (after or b"")]
            yield self.read(table, table.primary, wanted)

    def entries(self, table, index, ranges, reverse=False, limit=None):
        for low, high in ranges:
            self.asked("entries")
            keys = sorted(self.space(table, index), reverse=reverse)
            keys = [key for key in keys if low <= key < high]
            for start in range(0, len(keys), 3):
                yield self.read(table, index, keys[start : start + 3])

    def count(self, table, index, ranges, limit=None):
        self.asked("count")
        with self.lock:
            space = self.space(table, index)
            if any(each.intent for each in space.values()):
                return None
            if index is table.primary:
                ranges = [(b"", b"\xff")]
            return sum(low <= key < high for key in space for low, high in ranges)

    # --- writing ---

    def size(self, write):
        return 1

    def check(self, write, commit=None):
        item = self.space(write.table, write.index).get(write.key)
        if item is not None and item.intent and item.intent.commit != commit:
            raise Conflict("an intent", [write])
        if write.expected is Expected.NOTHING and item is not None:
            raise Conflict(f"{write.key!r} exists", [write])
        if write.expected is Expected.SAME and (
            item is None
            or (write.is_row and item.version != write.before.version)
            or (not write.is_row and item.value != write.before.value)
        ):
            raise Conflict(f"{write.key!r} was changed", [write])

    def commit(self, writes):
        self.asked("commit")
        assert len(writes) <= self.batch_writes
        with self.lock:
            for each in writes:
                self.check(each)
            for each in writes:
                space = self.space(each.table, each.index)
                if not each.changes:
                    continue
                if each.value is None:
                    space.pop(each.key, None)
                else:
                    self.version += 1
                    value = deepcopy(each.value)
                    space[each.key] = Stored(each.key, value, self.version)

    # --- large commits ---

    def begin(self, commit, until):
        self.asked("begin")
        self.records[commit] = (State.PENDING, until)

    def extend(self, commit, until):
        self.asked("extend")
        with self.lock:
            if self.records.get(commit, (None,))[0] is not State.PENDING:
                raise Conflict("aborted")
            self.records[commit] = (State.PENDING, until)

    def decide(self, commit, state):
        self.asked("decide")
        with self.lock:
            if commit not in self.records:
                return State.ABORTED
            known, until = self.records[commit]
            if known is State.PENDING:
                self.records[commit] = (state, until)
                return state
            return known

    def state(self, commit):
        self.asked("state")
        return self.records.get(commit)

    def commits(self):
        return [(commit, *found) for commit, found in self.records.items()]

    def end(self, commit):
        self.asked("end")
        self.records.pop(commit, None)

    def put_intents(self, commit, writes):
        self.asked("put_intents")
        assert len(writes) <= self.batch_writes
        with self.lock:
            for each in writes:
                self.check(each, commit)
            for each in writes:
                space = self.space(each.table, each.index)
                item = space.setdefault(each.key, Stored(each.key, None))
                value = deepcopy(each.value)
                item.intent = Intent(commit, item.value if not each.changes else value)

    def settle(self, commit, items, state):
        self.asked("settle")
        with self.lock:
            for table, index, key in items:
                space = self.space(table, index)
                item = space.get(key)
                if item is None or item.intent is None or item.intent.commit != commit:
                    continue
                value, item.intent = item.intent.value, None
                if state is State.COMMITTED:
                    self.version += 1
                    item.value, item.version = value, self.version
                if item.value is None:
                    del space[key]


STORES = {}
FORMS = json_forms("conditional_items")


class ItemsTable(Table):
    ordered_keys = False
    entries_follow_rows = False

    def __init__(self, name, entry):
        super().__init__(name, entry, FORMS)
        for each in entry.get("building", ()):
            self.indexes.append(self.make_index({**each, "building": True}))


class ItemsCatalog(ConditionalCatalog):
    def made_table(self, name, entry):
        return ItemsTable(name, entry)


class ItemsFeatures(OrderedFeatures):
    can_rollback_ddl = False


class DatabaseWrapper(OptimisticWrapper):
    vendor = display_name = "conditional_items"
    access_class = OptimisticAccess
    catalog_class = ItemsCatalog
    creation_class = OrderedCreation
    features_class = ItemsFeatures
    SchemaEditorClass = OnlineSchemaEditor
    forms = FORMS

    def get_new_connection(self, conn_params):
        items, self.catalog_cache = STORES.setdefault(
            self.settings_dict["NAME"], (Items(), CatalogCache())
        )
        return items

    @property
    def records(self):
        return self.db_connection
