"""Reads out of the source what the entries of the access log may hold: for `action_list.py`.

An act is found at its handler, any other entry where it is written; from there its `facts` and private texts are
followed through variables, parameters and what functions give back. Nothing of the source is run.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import product
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = [ROOT / folder for folder in ("core/holdshelf_core", "storage/holdshelf_storage")]
DEEPEST = 12
"""Calls within calls that are followed."""
WRITERS = {
    "async_service_entry": (0, 1),
    "async_append": (0, 3),
    "append_in_turn": (0, 3),
    "entry_of": (0, 3),
    "refused": (0, 2),
}
"""What writes an entry: where its action stands among the arguments, and its form."""
WHOSE = ("authorizer", "gate", "self", "rate")
"""What has these methods, by the last part of its name."""
CARRIED = {"action", "form", "facts", "private"}
"""Parameters in which a function is given what it writes down: then its callers in its module are read."""
VALUES = {"change.kind": ("adopted", "replaced")}
"""Parts of names that are known only as it runs."""
OBJECTS = {
    "lease.facts": ("holdshelf_core.looks.leases", "facts"),
    "taken.facts": ("holdshelf_storage.anchors.anchors", "facts"),
    "self._pictures.still": ("holdshelf_core.looks.picture_actions", "still"),
    "self._pictures.live": ("holdshelf_core.looks.picture_actions", "live"),
}
"""Methods of other objects, by how they are named where they are called."""

type Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


# --- the source ------------------------------------------------------------------------------------------------------------


@dataclass
class Module:
    """One file: its functions by name, its texts by name, and what it imports: name → (module, name there)."""

    tree: ast.Module
    functions: dict[str, Function] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    imports: dict[str, tuple[str, str]] = field(default_factory=dict)


@cache
def walked(node: ast.AST) -> tuple[ast.AST, ...]:
    """A node and all below it: the same functions are read for many actions."""
    return tuple(ast.walk(node))


def assigned(node: ast.AST) -> list[tuple[ast.expr, ast.expr]]:
    """(target, value) of each assignment that a node is."""
    if isinstance(node, ast.Assign):
        return [(target, node.value) for target in node.targets]
    if isinstance(node, ast.AnnAssign | ast.AugAssign | ast.NamedExpr) and node.value is not None:
        return [(node.target, node.value)]
    return []


def parsed(tree: ast.Module) -> Module:
    """What a file has by name."""
    module = Module(tree)
    for node in walked(tree):
        if isinstance(node, FUNCTIONS):
            module.functions.setdefault(node.name, node)
        elif isinstance(node, ast.ImportFrom) and node.module:
            module.imports |= {one.asname or one.name: (node.module, one.name) for one in node.names}
    for node in tree.body:
        for target, value in assigned(node):
            sides = [(target, value)]
            if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
                sides = list(zip(target.elts, value.elts, strict=True))
            for one, text in sides:
                if isinstance(one, ast.Name) and isinstance(text, ast.Constant) and isinstance(text.value, str):
                    module.texts[one.id] = text.value
    return module


class Source:
    """All modules, by their dotted name."""

    def __init__(self) -> None:
        self.modules: dict[str, Module] = {}
        for package in PACKAGES:
            for path in sorted(package.rglob("*.py")):
                name = ".".join(path.relative_to(package.parent).with_suffix("").parts)
                self.modules[name] = parsed(ast.parse(path.read_text()))

    def named(self, node: ast.AST, module: str) -> tuple[Module, str, str] | None:
        """(module, its name, name in it) of what a name, or a name in an imported module, stands for."""
        here = self.modules[module]
        if isinstance(node, ast.Name):
            at = here.imports.get(node.id, (module, node.id))
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
            at = (module, node.attr)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in here.imports:
            at = (".".join(here.imports[node.value.id]), node.attr)
        else:
            at = OBJECTS.get(ast.unparse(node), ("", ""))
        return (self.modules[at[0]], *at) if at[0] in self.modules else None

    def function(self, node: ast.AST, module: str) -> tuple[str, Function] | None:
        """(module, function) that a call's name stands for; of `self`'s methods, the one of that name in the module."""
        at = self.named(node, module)
        found = at[0].functions.get(at[2]) if at is not None else None
        return (at[1], found) if at is not None and found is not None else None


@dataclass
class Said:
    """What the entries of one action may hold."""

    facts: set[str] = field(default_factory=set)
    private: set[str] = field(default_factory=set)

    def add(self, other: Said) -> None:
        self.facts |= other.facts
        self.private |= other.private


@dataclass
class Scope:
    """A function as it was called: what was given for its parameters, and where that is to be read."""

    module: str
    function: ast.AST
    given: dict[str, tuple[ast.expr, Scope]] = field(default_factory=dict)
    outer: Scope | None = None
    depth: int = 0

    def values(self, name: str) -> Iterator[tuple[ast.expr, Scope]]:
        """What a name may stand for in it."""
        if name in self.given:
            yield self.given[name]
        for node in walked(self.function):
            for target, value in assigned(node):
                if isinstance(target, ast.Name) and target.id == name:
                    yield value, self
        if self.outer is not None:
            yield from self.outer.values(name)

    def stored(self, name: str) -> Iterator[ast.expr]:
        """The keys under which something is put into the dictionary of that name."""
        for node in walked(self.function):
            for target, _ in assigned(node):
                if isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name) and target.value.id == name:
                    yield target.slice
        if self.outer is not None:
            yield from self.outer.stored(name)


def parameters(function: Function) -> list[str]:
    """Names of what is given by position, without `self`."""
    names = [one.arg for one in (*function.args.posonlyargs, *function.args.args)]
    return names[1:] if names[:1] == ["self"] else names


class Reader:
    """Follows an entry from where it is written to the texts that are put into it. ``unread``: where that was not possible."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.unread: set[str] = set()

    # -- calls --------------------------------------------------------------------------------------------------

    def called(self, call: ast.Call, scope: Scope) -> Scope | None:
        """The function that is called, with what it is given; None when it is none of the source's, or too far away."""
        found = self.source.function(call.func, scope.module)
        if found is None or scope.depth >= DEEPEST:
            return None
        module, function = found
        given = {name: (value, scope) for name, value in zip(parameters(function), call.args, strict=False)}
        known = {one.arg for one in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)}
        rest = ast.Dict([], [])
        for word in call.keywords:
            if word.arg in known:
                given[word.arg or ""] = (word.value, scope)
            else:
                rest.keys.append(ast.Constant(word.arg) if word.arg else None)
                rest.values.append(word.value)
        if function.args.kwarg is not None:
            given[function.args.kwarg.arg] = (rest, scope)
        inner = any(node is function for node in walked(scope.function))
        return Scope(module, function, given, scope if inner else None, scope.depth + 1)

    def referred(self, node: ast.AST, scope: Scope) -> Scope | None:
        """The function that a name stands for, when it is not called here."""
        found = self.source.function(node, scope.module)
        return Scope(*found, {}, scope if found[0] == scope.module else None, scope.depth + 1) if found else None

    @staticmethod
    def returned(scope: Scope | None) -> Iterator[tuple[ast.expr, Scope]]:
        """What a function may give back."""
        for node in walked(scope.function) if scope is not None else ():
            if isinstance(node, ast.Return) and node.value is not None and scope is not None:
                yield node.value, scope

    def keywords(self, call: ast.Call, scope: Scope) -> dict[str, tuple[ast.expr, Scope]]:
        """What a call is given by name, also out of `**more` of the function around it."""
        found = {}
        for word in call.keywords:
            if word.arg:
                found[word.arg] = (word.value, scope)
                continue
            for value, where in scope.values(word.value.id) if isinstance(word.value, ast.Name) else ():
                if isinstance(value, ast.Dict):
                    pairs = zip(value.keys, value.values, strict=True)
                    found |= {str(key.value): (one, where) for key, one in pairs if isinstance(key, ast.Constant)}
        return found

    # -- expressions --------------------------------------------------------------------------------------------

    def texts(self, node: ast.AST, scope: Scope) -> set[str]:
        """The texts that an expression may stand for; none when they are known only as it runs."""
        if isinstance(node, ast.Constant):
            return {node.value} if isinstance(node.value, str) else set()
        if isinstance(node, ast.IfExp):
            return self.texts(node.body, scope) | self.texts(node.orelse, scope)
        if isinstance(node, ast.FormattedValue):
            return set(VALUES.get(ast.unparse(node.value), ())) or self.texts(node.value, scope)
        if isinstance(node, ast.JoinedStr):
            return {"".join(parts) for parts in product(*(self.texts(part, scope) for part in node.values))}
        if isinstance(node, ast.Name) and (values := list(scope.values(node.id))):
            return {text for value, where in values if value is not node for text in self.texts(value, where)}
        at = self.source.named(node, scope.module)
        return {at[0].texts[at[2]]} if at is not None and at[2] in at[0].texts else set()

    def form(self, node: ast.AST, scope: Scope) -> Said:
        """What a form holds."""
        said = Said()
        match node:
            case ast.Attribute() if ast.unparse(node) == "call.form":
                return said  # the act's own, which is read where it is registered
            case ast.Call(func=ast.Name(id="LogForm" | "replace" as name)):
                given = self.keywords(node, scope)
                said.facts = self.keys(*given["facts"]) if "facts" in given else set()
                said.private = self.keys(*given["private"]) if "private" in given else set()
                if name == "replace":
                    said.add(self.form(node.args[0], scope))
                return said
        parts = self.parts(node, scope)
        if not parts:
            return self.lost(node, scope)
        for part, where in parts:
            said.add(self.form(part, where))
        return said

    def keys(self, node: ast.AST, scope: Scope) -> set[str]:
        """The names in what makes a dictionary."""
        found: set[str] = set()
        match node:
            case ast.Constant(value=None):
                return found
            case ast.Dict():
                for key, value in zip(node.keys, node.values, strict=True):
                    found |= self.keys(value, scope) if key is None else self.key(key, scope)
                return found
            case ast.Attribute(attr="facts" | "private" as name):
                form = self.form(node.value, scope)
                return form.facts if name == "facts" else form.private
            case ast.Name():
                found = set().union(*(self.key(key, scope) for key in scope.stored(node.id)))
        parts = self.parts(node, scope)
        if not parts and not found:
            return self.lost(node, scope).facts
        return found.union(*(self.keys(part, where) for part, where in parts))

    def key(self, node: ast.AST, scope: Scope) -> set[str]:
        """The names under which one thing may be put into a dictionary."""
        return self.texts(node, scope) or self.lost(node, scope).facts

    def parts(self, node: ast.AST, scope: Scope) -> list[tuple[ast.expr, Scope]]:
        """What an expression takes its value from."""
        match node:
            case ast.Await() | ast.NamedExpr():
                return [(node.value, scope)]
            case ast.Lambda():
                return [(node.body, scope)]
            case ast.IfExp():
                return [(node.body, scope), (node.orelse, scope)]
            case ast.BoolOp():
                return [(value, scope) for value in node.values]
            case ast.BinOp():
                return [(node.left, scope), (node.right, scope)]
            case ast.Call(func=ast.Name(id="dict")):
                return [(one, scope) for one in node.args]
            case ast.Call():
                return list(self.returned(self.called(node, scope)))
            case ast.Name():
                values = [one for one in scope.values(node.id) if one[0] is not node]
                return values or list(self.returned(self.referred(node, scope)))
        return []

    def lost(self, node: ast.AST, scope: Scope) -> Said:
        """Keep in mind that an expression could not be read."""
        self.unread.add(f"{scope.module}, line {getattr(node, 'lineno', 0)}: {ast.unparse(node)}")
        return Said()

    # -- acts and writers -----------------------------------------------------------------------------------------

    def act(self, scope: Scope) -> Said | None:
        """What an act's handler puts into its entry, with the functions that it gives its call to; None: it writes none."""
        said: Said | None = None
        for node in walked(scope.function):
            if any(ast.unparse(target) == "call.seq" for target, _ in assigned(node)):
                said = (
                    said or Said()
                )  # it stands under an entry that was written before, as a still does under its `look.open`
            if not isinstance(node, ast.Call):
                continue
            more = None
            if ast.unparse(node.func) == "call.record":
                given = self.keywords(node, scope)
                more = self.form(*given["form"]) if "form" in given else Said()
                more.facts |= self.keys(*given["facts"]) if "facts" in given else set()
                more.private |= self.keys(*given["private"]) if "private" in given else set()
            elif (name := writer(node)) and ast.unparse(node.args[0]) == "call.action.name":
                more = self.form(node.args[WRITERS[name][1]], scope)
            elif any(isinstance(one, ast.Name) and one.id == "call" for one in node.args):
                inner = self.called(node, scope)
                more = self.act(inner) if inner is not None and inner.function is not scope.function else None
            if more is not None:
                said = said or Said()
                said.add(more)
        return said

    def written(self) -> Iterator[tuple[str, Said]]:
        """(action, what it says) of each entry that is written with its name: by the service itself, or beside an act."""
        for module, known in self.source.modules.items():
            if module == "holdshelf_core.actions.authorizer":
                continue  # the writing itself
            for function, node in calls_of(known.tree):
                name = writer(node)
                if not name or len(node.args) <= WRITERS[name][1]:
                    continue
                action, form = (node.args[at] for at in WRITERS[name])
                if ast.unparse(action).endswith("action.name") or ast.unparse(action) == "row.action":
                    continue  # an act's own, or counted before under its name
                for scope in self.around(module, function):
                    names = self.texts(action, scope) or self.lost(action, scope).facts
                    for one in names:
                        yield one, self.form(form, scope)

    def around(self, module: str, function: Function) -> Iterator[Scope]:
        """The function as it is called in its module, when it is given what it writes; else as it stands."""
        if not CARRIED & set(parameters(function)):
            yield Scope(module, function)
            return
        for caller, node in calls_of(self.source.modules[module].tree):
            found = self.source.function(node.func, module)
            if found is not None and found[1] is function and not waited(caller, node):
                for scope in self.around(module, caller):
                    inner = self.called(node, scope)
                    if inner is not None:
                        yield inner


def writer(node: ast.Call) -> str:
    """Which of WRITERS is called; '' for none."""
    if not isinstance(node.func, ast.Attribute) or node.func.attr not in WRITERS:
        return ""
    return node.func.attr if ast.unparse(node.func.value).endswith(WHOSE) else ""


def waited(function: Function, call: ast.Call) -> bool:
    """Whether a call writes what could not be written before, which was read where that was tried."""
    loops = [one for one in walked(function) if isinstance(one, ast.For) and ast.unparse(one.iter) == "waiting"]
    return any(node is call for loop in loops for node in walked(loop))


@cache
def calls_of(tree: ast.Module) -> tuple[tuple[Function, ast.Call], ...]:
    """(innermost function that has a name, call) of each call in functions."""
    return tuple(_calls_in(tree, None))


def _calls_in(tree: ast.AST, function: Function | None) -> Iterator[tuple[Function, ast.Call]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Call) and function is not None:
            yield function, node
        yield from _calls_in(node, node if isinstance(node, FUNCTIONS) else function)


# --- the acts ---------------------------------------------------------------------------------------------------------------


def declared(reader: Reader) -> dict[str, str]:
    """The name of each act by the class of its request."""
    found: dict[str, str] = {}
    for known in reader.source.modules.values():
        for node in walked(known.tree):
            for one in node.body if isinstance(node, ast.ClassDef) else ():
                for _, value in assigned(one):
                    if isinstance(value, ast.Call) and ast.unparse(value.func) == "ActSpec":
                        found[node.name] = ast.literal_eval(value.args[0])
    return found


def registered(reader: Reader) -> Iterator[tuple[str, Said]]:
    """(action, what it says) of each act: of what its decorator says of the request, and of its handler."""
    names = declared(reader)
    for module, known in reader.source.modules.items():
        for function in walked(known.tree):
            for decorator in function.decorator_list if isinstance(function, FUNCTIONS) else ():
                if not (isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "handles"):
                    continue
                action = names.get(ast.unparse(decorator.args[0]).rsplit(".", 1)[-1])
                if action is None:
                    continue  # a read
                form = next((word.value for word in decorator.keywords if word.arg in ("log", "log_in")), None)
                said = reader.form(form, Scope(module, ast.Module([], []))) if form is not None else Said()
                handler = Scope(module, function)
                said.add(reader.act(handler) or reader.lost(ast.Name(function.name), handler))
                yield action, said
