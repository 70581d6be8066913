# SPDX-License-Identifier: GPL-3.0-or-later
"""Script text: whether a script can change a picture by being run, told from its text. Runs none of it."""

import ast
from collections.abc import Iterator

_REACH_DATA = {
    *("data", "context", "ops"),
    *("handlers", "timers", "msgbus", "driver_namespace"),  # what is called later on, or by drivers
    *("exec", "eval", "compile", "open", "__import__", "import_module", "runpy", "subprocess"),
}
_OF_NO_FILE = "WindowManager"  # properties that are added to it are seen in no scene


def may_change_data(text: str) -> bool:
    """Whether what runs at once reaches the file's data or asks to be called later, or adds properties that a file can
    have. What only adds panels and operators, as Rigify's scripts do, does neither. Python that is none never runs."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        for node in _run_at_once(waiting.pop()):
            if not _REACH_DATA.isdisjoint(_names(node)) or _adds_property(node):
                return True
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                called = functions.pop(node.func.id, None)
                waiting += called.body if called is not None else ()
    return False


def _run_at_once(node: ast.AST) -> Iterator[ast.AST]:
    """It and what is in it, without the insides of functions."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
        inside = [*getattr(node, "decorator_list", ()), *node.args.defaults]
    else:
        yield node
        inside = list(ast.iter_child_nodes(node))
    for part in inside:
        yield from _run_at_once(part)


def _names(node: ast.AST) -> list[str]:
    match node:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return [name]
        case ast.Import(names=found):
            return [part for alias in found for part in alias.name.split(".")]
        case ast.ImportFrom(module=module, names=found):
            return [*(module or "").split("."), *(alias.name for alias in found)]
    return []


def _adds_property(node: ast.AST) -> bool:
    """As `bpy.types.Object.stiffness = FloatProperty()` does."""
    targets = node.targets if isinstance(node, ast.Assign) else ()
    owners = [target.value for target in targets if isinstance(target, ast.Attribute)]
    return any(not (isinstance(owner, ast.Attribute) and owner.attr == _OF_NO_FILE) for owner in owners)
