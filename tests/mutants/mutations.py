"""List the small changes that can be made to a module's source. Pure.

Left out: log lines, annotations, docstrings and other texts, `with` (a lock's absence shows by
luck only), and what runs for the type checker alone.
"""

from __future__ import annotations

import ast
import copy
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

COMPARED = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
}
# Calls whose absence is a guard's absence: f(x) becomes x, and x.f(...) becomes x.
WRAPPERS = {
    *("redact", "printable", "printable_lines", "escape", "quote", "quoted", "shown", "markdown"),
    *("sorted", "frozenset", "set", "tuple", "list", "abs", "fence"),
}
METHODS = {
    *("where", "order_by", "limit", "distinct", "with_for_update"),
    *("strip", "rstrip", "lstrip", "lower", "casefold", "removeprefix", "removesuffix"),
}
# Keywords that only name, or whose default means the same where we use them.
DULL_KEYWORDS = {"strict", "encoding", "name", "daemon", "help", "flush", "index", "key", "errors"}
FOR_THE_TYPE_CHECKER = {"TYPE_CHECKING", "cast", "TypeVar", "NewType", "assert_never"}
LOG_METHODS = {"debug", "info", "warning", "error", "exception", "critical"}
SMALL = 10  # numbers up to here are increased by one, others tenfold


@dataclass(frozen=True)
class Mutation:
    """One change: what stands at [start, end) of the source becomes *text*."""

    path: str
    function: str  # qualified, "" at the top of a module
    before: str
    after: str
    start: int
    end: int
    text: str
    first_line: int  # the statement's, or its header's
    last_line: int
    names: tuple[str, ...] = ()  # what holds it, where it runs when the module is imported
    nth: int = 1  # of the same change in the same function

    @property
    def change(self) -> str:
        nth = f"  (number {self.nth})" if self.nth > 1 else ""
        return f"{self.before}  ->  {self.after}{nth}"

    @property
    def key(self) -> tuple[str, str, str]:
        """Return what names it however its lines move."""
        return self.path, self.function, self.change

    def applied(self, source: str) -> str:
        raw = source.encode()
        return (raw[: self.start] + self.text.encode() + raw[self.end :]).decode()


def mutations(path: str, source: str) -> list[Mutation]:
    """Return every change of *source*, in the order of its lines."""
    found = sorted(_Finder(path, source).all(), key=lambda each: (each.start, each.after))
    seen: Counter[tuple[str, str, str]] = Counter()
    numbered, texts = [], set()
    for each in found:
        if (text := (each.start, each.end, each.text)) in texts:
            continue
        texts.add(text)
        seen[each.key] += 1
        numbered.append(replace(each, nth=seen[each.key]))
    return numbered


class _Finder:
    def __init__(self, path: str, source: str) -> None:
        self._path = path
        self._importing = True
        self._tree = ast.parse(source)
        # ast counts columns in bytes.
        self._starts = [0]
        for line in source.encode().splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))

    def all(self) -> Iterator[Mutation]:
        yield from self._body(self._tree.body, "")

    def _body(self, statements: list[ast.stmt], function: str) -> Iterator[Mutation]:
        for statement in statements:
            yield from self._statement(statement, function)

    def _statement(self, node: ast.stmt, function: str) -> Iterator[Mutation]:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            inner = f"{function}.{node.name}".lstrip(".")
            if node.name == "__repr__":
                return
            for decorator in node.decorator_list:
                yield from self._expressions(decorator, inner, decorator, decorator)
            if not isinstance(node, ast.ClassDef):
                yield from self._validator(node, inner)
                for default in (*node.args.defaults, *filter(None, node.args.kw_defaults)):
                    yield from self._expressions(default, inner, default, node.args)
            importing = self._importing
            self._importing = importing and isinstance(node, ast.ClassDef)
            yield from self._body(node.body, inner)
            self._importing = importing
            return
        for before, after, target, text in _changes_of(node, function):
            yield self._mutation(function, before, after, target, text, node)
        for name, value in ast.iter_fields(node):
            if name == "annotation":
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.stmt):
                    yield from self._statement(child, function)
                elif isinstance(child, ast.ExceptHandler | ast.match_case):
                    yield from self._body(child.body, function)
                elif isinstance(child, ast.withitem):
                    yield from self._expressions(child.context_expr, function, node, child)
                elif isinstance(child, ast.expr):
                    yield from self._expressions(child, function, node, node)

    def _validator(self, node, inner) -> Iterator[Mutation]:
        """Drop the decorator that makes a function a guard."""
        for decorator in node.decorator_list:
            name = ast.unparse(decorator)
            if "validator" in name:
                # The decorator of nothing: the function stays, and nobody calls it.
                yield self._mutation(inner, f"@{name}", "no guard", decorator, "staticmethod", node)

    def _expressions(
        self, node: ast.expr, function: str, within: ast.AST, around: ast.AST
    ) -> Iterator[Mutation]:
        """Yield what changes *node* in the statement *within*; *around* tells a constant's place."""
        if _is_dull(node):
            return
        for before, after, target, text in _changes_in(node, around):
            yield self._mutation(function, before, after, target, text, within)
        for child in ast.iter_child_nodes(node):
            # Python 3.11 tells no true positions inside an f-string.
            if isinstance(child, ast.JoinedStr):
                continue
            if isinstance(child, ast.comprehension):
                for part in (child.iter, *child.ifs):
                    yield from self._expressions(part, function, within, node)
            elif isinstance(child, ast.keyword):
                yield from self._expressions(child.value, function, within, child)
            elif isinstance(child, ast.expr):
                yield from self._expressions(child, function, within, node)

    def _mutation(self, function, before, after, target, text, within) -> Mutation:
        first, last = _lines_of(within, target)
        start, end = _span(target)
        return Mutation(
            path=self._path,
            function=function,
            before=before,
            after=after,
            start=self._starts[start[0] - 1] + start[1],
            end=self._starts[end[0] - 1] + end[1],
            text=text,
            first_line=first,
            last_line=last,
            names=_names(function, within) if self._importing else (),
        )


def _span(target) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return where *target*, a node or a list of statements, begins and ends."""
    first, last = (target[0], target[-1]) if isinstance(target, list) else (target, target)
    return (first.lineno, first.col_offset), (last.end_lineno, last.end_col_offset)


def _names(function: str, within) -> tuple[str, ...]:
    """Return the names that lines elsewhere have for what an import makes."""
    targets = (
        within.targets if isinstance(within, ast.Assign) else [getattr(within, "target", None)]
    )
    assigned = tuple(target.id for target in targets if isinstance(target, ast.Name))
    return assigned or tuple(function.split(".")[-1:])


def _lines_of(within, target) -> tuple[int, int]:
    """Return the lines that run where the change does: a statement's, or a block's header."""
    if isinstance(target, list):
        return target[0].lineno, target[-1].end_lineno
    if hasattr(within, "body") and isinstance(within.body, list):  # a block
        return target.lineno, target.end_lineno
    return within.lineno, within.end_lineno


def _header(node) -> str:
    """Return a statement's first line, or an expression."""
    return _short(node).partition("\n")[0]


def _short(node) -> str:
    text = ast.unparse(node)
    return text if len(text) <= 110 else f"{text[:107]}..."


def _is_log(node) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in LOG_METHODS
        and "log" in ast.unparse(node.func.value)
    )


def _is_dull(node) -> bool:
    if isinstance(node, ast.JoinedStr) or _is_log(node):
        return True
    return isinstance(node, ast.Call) and ast.unparse(node.func) in FOR_THE_TYPE_CHECKER


def _changes_of(node: ast.stmt, function: str):
    """Yield (before, after, what is replaced, by what) for changes of a whole statement."""
    if isinstance(node, ast.If | ast.While):
        yield from _changes_of_condition(node)
    elif isinstance(node, ast.Expr):
        called = node.value.value if isinstance(node.value, ast.Await) else node.value
        if isinstance(called, ast.Call) and not _is_dull(called):
            yield _short(node), "nothing", node, "pass"
    elif isinstance(node, ast.Raise):
        yield _short(node), "nothing", node, "pass"
    elif isinstance(node, ast.Return) and node.value is not None:
        if isinstance(node.value, ast.Constant):
            if isinstance(node.value.value, bool):
                return  # as any other constant
            if node.value.value is None:
                return
        yield _short(node), "return None", node, "return None"
    elif isinstance(node, ast.Assign | ast.AugAssign):
        yield from _changes_of_assignment(node, function)
    elif isinstance(node, ast.Delete):
        yield _short(node), "nothing", node, "pass"
    elif isinstance(node, ast.Continue):
        yield "continue", "break", node, "break"
    elif isinstance(node, ast.Try):
        for handler in node.handlers:
            if not (len(handler.body) == 1 and isinstance(handler.body[0], ast.Raise)):
                caught = _short(handler.type) if handler.type else "all"
                yield f"except {caught}", "raised again", handler.body, "raise"


def _changes_of_condition(node):
    test = ast.unparse(node.test)
    if test in FOR_THE_TYPE_CHECKER or isinstance(node.test, ast.Constant):
        return
    word = "if" if isinstance(node, ast.If) else "while"
    yield f"{word} {_short(node.test)}", f"{word} False", node.test, "False"
    if word == "if" and not node.orelse:
        yield f"{word} {_short(node.test)}", f"{word} True", node.test, "True"


def _changes_of_assignment(node, function):
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add | ast.Sub):
        other = copy.deepcopy(node)
        other.op = ast.Sub() if isinstance(node.op, ast.Add) else ast.Add()
        yield _short(node), _short(other), node, ast.unparse(other)
    kept = all(isinstance(target, ast.Attribute | ast.Subscript) for target in targets)
    if function and kept and not function.endswith("__init__"):
        yield _short(node), "nothing", node, "pass"


def _changes_in(node: ast.expr, around: ast.AST):
    """Yield (before, after, what is replaced, by what) for changes of one expression."""
    if isinstance(node, ast.Compare):
        for position, operator in enumerate(node.ops):
            other = copy.deepcopy(node)
            other.ops[position] = COMPARED[type(operator)]()
            yield _pair(node, other)
    elif isinstance(node, ast.BoolOp):
        other = copy.deepcopy(node)
        other.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield _pair(node, other)
        for position in range(len(node.values)):
            fewer = copy.deepcopy(node)
            del fewer.values[position]
            yield _pair(node, fewer if len(fewer.values) > 1 else fewer.values[0])
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield _pair(node, node.operand)
    elif isinstance(node, ast.IfExp):
        yield _pair(node, node.body)
        yield _pair(node, node.orelse)
    elif isinstance(node, ast.BinOp):
        yield from _changes_of_arithmetic(node)
    elif isinstance(node, ast.Constant):
        yield from _changes_of_constant(node, around)
    elif isinstance(node, ast.Call):
        yield from _changes_of_call(node)
    elif isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
        for position, part in enumerate(node.generators):
            for condition in range(len(part.ifs)):
                other = copy.deepcopy(node)
                del other.generators[position].ifs[condition]
                yield _pair(node, other)


def _pair(node, other):
    return _short(node), _short(other), node, f"({ast.unparse(other)})"


def _changes_of_arithmetic(node):
    swapped = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult}
    kind = swapped.get(type(node.op))
    numbers = any(
        isinstance(side, ast.Constant) and type(side.value) in (int, float)
        for side in (node.left, node.right)
    )
    if kind is not None and (numbers or isinstance(node.op, ast.Sub)):
        other = copy.deepcopy(node)
        other.op = kind()
        yield _pair(node, other)


def _changes_of_constant(node, around):
    if isinstance(node.value, bool):
        other = not node.value
    elif isinstance(node.value, int | float):
        other = node.value + 1 if abs(node.value) < SMALL else node.value * 10
    else:
        return
    yield f"{node.value!r} in {_header(around)}", repr(other), node, repr(other)


def _changes_of_call(node):
    name = ast.unparse(node.func).rpartition(".")[2]
    if isinstance(node.func, ast.Attribute) and node.func.attr in METHODS:
        yield _pair(node, node.func.value)
        for position in range(len(node.args) if node.func.attr == "where" else 0):
            if len(node.args) > 1:
                other = copy.deepcopy(node)
                del other.args[position]
                yield _pair(node, other)
    elif name in WRAPPERS and len(node.args) >= 1:
        yield _pair(node, node.args[0])
    if name in {"min", "max"} and len(node.args) > 1:
        other = copy.deepcopy(node)
        other.func = ast.Name("max" if name == "min" else "min")
        yield _pair(node, other)
    if name == "suppress":
        other = copy.deepcopy(node)
        other.args = []
        yield _pair(node, other)
    for position, keyword in enumerate(node.keywords):
        if keyword.arg in DULL_KEYWORDS or keyword.arg is None:
            continue
        if isinstance(keyword.value, ast.Constant) and not isinstance(keyword.value.value, str):
            other = copy.deepcopy(node)
            del other.keywords[position]
            yield _pair(node, other)
