"""Pickles of strangers, read as data: nothing that a file names is ever imported or called.

A pickle is a small program for a machine with a stack. The standard library tells its instructions apart (``pickletools``);
here is a machine that carries them out with two kinds of values alone, plain ones and :class:`Record`, the inert stand-in of
whatever class a training script had. The few functions that put tensors together are given by the caller.
"""

from __future__ import annotations

import pickletools
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import IO, Any

INSTRUCTIONS = 10_000_000  # of a pickle; a training's whole state takes some ten thousand
COPIED = 2**26  # elements and bytes that may be made from others, beyond as many as the file has bytes


class RunsCodeError(Exception):
    """A pickle that asks for a program to be run: ``str(error)`` is what it names."""


@dataclass(frozen=True, slots=True)
class Name:
    """A class or function that a pickle names, by its module and name. It is not imported."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(slots=True, eq=False)
class Record:
    """Stands where an object of a stranger's class was: what it was made from, its attributes, and what it contained."""

    made_by: str
    arguments: Any = ()
    state: Any = None
    entries: dict[Any, Any] = field(default_factory=dict)
    elements: list[Any] = field(default_factory=list)


Builder = Callable[..., Any]

_PLAIN = {
    "collections.OrderedDict": dict,
    "builtins.dict": dict,
    "builtins.list": list,
    "builtins.set": list,  # as lists: what a stranger chose to put in is never hashed
    "builtins.frozenset": list,
    "builtins.tuple": tuple,
}
_OLD_NAMES = {"__builtin__": "builtins", "copy_reg": "copyreg", "UserDict": "collections", "exceptions": "builtins"}
_PROGRAMS = {"dill", "cloudpickle", "pip", "setuptools", "IPython", "commands", "popen2", "imp", "urllib2", "httplib"}
_ACTING = {
    *("os", "posix", "nt", "subprocess", "sys", "importlib", "runpy", "ctypes", "shutil", "socket", "pty", "pickle", "_pickle"),
    *("marshal", "code", "codeop", "builtins", "timeit", "cProfile", "profile", "pdb", "bdb", "trace", "doctest", "pydoc"),
    *("webbrowser", "multiprocessing", "asyncio", "concurrent", "threading", "_thread", "signal", "http", "urllib", "ftplib"),
    *("smtplib", "tempfile", "zipimport", "pkgutil", "site", "ensurepip", "venv", "distutils", "atexit", "mmap", "sqlite3"),
    *("types", "inspect", "gc", "linecache", "fileinput", "xmlrpc", "ssl", "zipfile", "tarfile", "shelve", "dbm", "platform"),
}
_DATA = {
    *(f"builtins.{name}" for name in ("object", "type", "int", "float", "complex", "bool", "str", "bytes", "bytearray")),
    *(f"builtins.{name}" for name in ("slice", "range", "enumerate", "iter", "reversed", "zip", "getattr", "memoryview")),
    *(f"types.{name}" for name in ("SimpleNamespace", "MappingProxyType", "GenericAlias", "UnionType", "NoneType")),
    *(f"copyreg.{name}" for name in ("_reconstructor", "__newobj__", "__newobj_ex__")),
    *(f"datetime.{name}" for name in ("datetime", "date", "time", "timedelta", "timezone")),
    *(f"collections.{name}" for name in ("defaultdict", "deque")),
    *(f"{module}.{name}" for module in ("operator", "_operator") for name in ("getitem", "or_", "attrgetter", "itemgetter")),
    *(f"itertools.{name}" for name in ("count", "chain", "cycle", "repeat", "product", "islice", "accumulate")),
    *("_codecs.encode", "functools.partial", "re._compile", "array.array", "array._array_reconstructor"),
    *("logging.getLogger", "zoneinfo.ZoneInfo._unpickle", "random.Random", "_random.Random", "os.PathLike"),
}
"""Of the standard library, besides its classes: what scripts leave in their files. All else of it there is code."""


def is_code(name: Name) -> bool:
    """Whether calling this is running a program, rather than making a value that a script kept.

    Nothing is called in either case; this tells what is refused from what a :class:`Record` can stand for.
    """
    module = _OLD_NAMES.get(name.module, name.module)
    top, last = module.partition(".")[0], name.name.rpartition(".")[2]
    full = f"{module}.{name.name}"
    if top in _PROGRAMS or any(part in _ACTING for part in name.name.split(".")[:-1]):
        return True
    if top not in sys.stdlib_module_names or full in _DATA or full in _PLAIN:
        return False
    return top in _ACTING or not last.lstrip("_")[:1].isupper()


class _Machine:
    """Carries out one pickle. ``builders``: functions for the names of tensors. ``stored``: what a persistent id stands for."""

    def __init__(self, builders: Mapping[str, Builder], stored: Callable[[Any], Any], size: int) -> None:
        self.builders, self.stored = builders, stored
        self.stack: list[Any] = []
        self.marked: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        self.left = size + COPIED

    def run(self, file: IO[bytes]) -> Any:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(file)):
            if count > INSTRUCTIONS:
                raise ValueError(f"it has more than {INSTRUCTIONS:,} instructions")
            if opcode.name in _PUSHES:
                self.push(argument)
            elif opcode.name == "STOP":
                return self.stack.pop()
            elif opcode.name in _STEPS:
                _STEPS[opcode.name](self, argument)
            elif opcode.name not in _IGNORED:
                raise ValueError(f"it has the instruction {opcode.name}, which no weights file has")
        raise ValueError("it does not end")

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def pop_marked(self) -> list[Any]:
        values, self.stack = self.stack, self.marked.pop()
        return values

    def mark(self, _: Any) -> None:
        self.marked.append(self.stack)
        self.stack = []

    def pop(self, _: Any) -> None:
        if self.stack:
            self.stack.pop()
        else:
            self.pop_marked()

    def take(self, count: int) -> tuple[Any, ...]:
        values = tuple(self.stack[-count:])
        if len(values) < count:
            raise ValueError("it takes more than it has made")
        del self.stack[-count:]
        return values

    def put(self, key: int) -> None:
        self.memo[key] = self.stack[-1]

    def stack_global(self, _: Any) -> None:
        module, name = self.take(2)
        if not isinstance(module, str) or not isinstance(name, str):
            raise ValueError("it names a class by something that is no text")
        self.push(Name(module, name))

    def named(self, argument: str) -> None:
        self.push(_name(argument))

    def call(self, function: Any, arguments: Any) -> Any:
        """What ``function(*arguments)`` is taken to have made."""
        if isinstance(function, Record) and (kind := _class_to_be_made(function)):
            return self.call(kind, arguments)
        if isinstance(function, Record):
            raise RunsCodeError(f"a call of what {function.made_by} made")
        if not isinstance(function, Name):
            raise ValueError("it calls what is no function")
        arguments = tuple(arguments) if isinstance(arguments, list | tuple) else ()
        full = f"{_OLD_NAMES.get(function.module, function.module)}.{function.name}"
        if full in self.builders:
            self.count(sum(len(value) for value in arguments if isinstance(value, bytes | bytearray | str)))
            return self.builders[full](*arguments)
        if is_code(function):
            raise RunsCodeError(str(function))
        if full in _PLAIN and len(arguments) <= 1:
            return self.plain(_PLAIN[full], arguments[0] if arguments else ())
        if full == "_codecs.encode" and arguments and isinstance(arguments[0], str):
            self.count(len(arguments[0]))
            return arguments[0].encode("latin-1")  # how protocol 2 writes bytes
        if full in ("copyreg.__newobj__", "copyreg.__newobj_ex__") and arguments:
            return self.call(arguments[0], arguments[1:])
        if full == "copyreg._reconstructor" and len(arguments) == 3:
            made = Record(str(arguments[0]), arguments[2:])
            if isinstance(arguments[2], dict):  # a class of its own that is a dictionary
                made.entries = self.plain(dict, arguments[2])
            return made
        return Record(str(function), arguments)

    def count(self, copied: int) -> None:
        self.left -= copied
        if self.left < 0:
            raise ValueError("it copies too much")

    def plain(self, kind: type, content: Any) -> Any:
        if not isinstance(content, list | tuple | dict):
            return kind()
        self.count(len(content))
        if kind is not dict:
            return kind(content)
        pairs = content.items() if isinstance(content, dict) else content
        return {_key(pair[0]): pair[1] for pair in pairs if isinstance(pair, list | tuple) and len(pair) == 2}

    def reduce(self, _: Any) -> None:
        self.push(self.call(*self.take(2)))

    def new_with_names(self, _: Any) -> None:
        kind, arguments, names = self.take(3)
        made = self.call(kind, arguments)
        if isinstance(made, Record) and isinstance(names, dict):
            made.state = names
        self.push(made)

    def instance(self, argument: str) -> None:
        self.push(self.call(_name(argument), self.pop_marked()))

    def object(self, _: Any) -> None:
        kind, *arguments = self.pop_marked()
        self.push(self.call(kind, arguments))

    def build(self, _: Any) -> None:
        state = self.stack.pop()
        made = self.stack[-1]
        if isinstance(made, Record):
            made.state = state

    def set_items(self, values: list[Any]) -> None:
        made = self.stack[-1]
        entries = made.entries if isinstance(made, Record) else made
        if isinstance(entries, dict):
            entries.update({_key(key): value for key, value in zip(values[::2], values[1::2], strict=False)})

    def add_elements(self, values: list[Any]) -> None:
        made = self.stack[-1]
        elements = made.elements if isinstance(made, Record) else made
        if isinstance(elements, list):
            elements.extend(values)

    def dictionary(self, _: Any) -> None:
        values = self.pop_marked()
        self.push({})
        self.set_items(values)

    def persistent(self, identity: Any) -> None:
        self.push(self.stored(identity))


def _name(argument: str) -> Name:
    module, _, name = argument.partition(" ")
    return Name(module, name)


def _class_to_be_made(function: Record) -> Name | None:
    """The class whose ``__new__`` is called with arguments by name, as protocols 2 and 3 write it; None for another call."""
    new = function.arguments[0] if function.made_by == "functools.partial" and function.arguments else None
    if not isinstance(new, Record) or new.made_by not in ("builtins.getattr", "__builtin__.getattr") or len(new.arguments) != 2:
        return None
    kind, name = new.arguments
    return kind if isinstance(kind, Name) and name == "__new__" else None


def _key(value: Any) -> Any:
    """A key of a dictionary. Anything that is not a plain word or number is one of its own."""
    return value if isinstance(value, str | int | float | bytes | bool | None) else Record("a key")


_PUSHES = {
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "STRING", "BINSTRING"),
    *("SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8", "UNICODE", "SHORT_BINUNICODE"),
    *("BINUNICODE", "BINUNICODE8"),
}
_IGNORED = {"PROTO", "FRAME"}
_STEPS: dict[str, Callable[[_Machine, Any], None]] = {
    "NONE": lambda m, _: m.push(None),
    "NEWTRUE": lambda m, _: m.push(True),
    "NEWFALSE": lambda m, _: m.push(False),
    "EMPTY_LIST": lambda m, _: m.push([]),
    "EMPTY_DICT": lambda m, _: m.push({}),
    "EMPTY_SET": lambda m, _: m.push([]),
    "EMPTY_TUPLE": lambda m, _: m.push(()),
    "LIST": lambda m, _: m.push(m.pop_marked()),
    "FROZENSET": lambda m, _: m.push(m.pop_marked()),
    "TUPLE": lambda m, _: m.push(tuple(m.pop_marked())),
    "TUPLE1": lambda m, _: m.push(m.take(1)),
    "TUPLE2": lambda m, _: m.push(m.take(2)),
    "TUPLE3": lambda m, _: m.push(m.take(3)),
    "DICT": _Machine.dictionary,
    "APPEND": lambda m, _: m.add_elements([m.stack.pop()]),
    "APPENDS": lambda m, _: m.add_elements(m.pop_marked()),
    "ADDITEMS": lambda m, _: m.add_elements(m.pop_marked()),
    "SETITEM": lambda m, _: m.set_items(list(m.take(2))),
    "SETITEMS": lambda m, _: m.set_items(m.pop_marked()),
    "MARK": _Machine.mark,
    "POP": _Machine.pop,
    "POP_MARK": lambda m, _: m.pop_marked().clear(),
    "DUP": lambda m, _: m.push(m.stack[-1]),
    "PUT": _Machine.put,
    "BINPUT": _Machine.put,
    "LONG_BINPUT": _Machine.put,
    "MEMOIZE": lambda m, _: m.put(len(m.memo)),
    "GET": lambda m, key: m.push(m.memo[key]),
    "BINGET": lambda m, key: m.push(m.memo[key]),
    "LONG_BINGET": lambda m, key: m.push(m.memo[key]),
    "GLOBAL": _Machine.named,
    "STACK_GLOBAL": _Machine.stack_global,
    "REDUCE": _Machine.reduce,
    "NEWOBJ": _Machine.reduce,
    "NEWOBJ_EX": _Machine.new_with_names,
    "INST": _Machine.instance,
    "OBJ": _Machine.object,
    "BUILD": _Machine.build,
    "PERSID": _Machine.persistent,
    "BINPERSID": lambda m, _: m.persistent(m.stack.pop()),
}


def read_pickle(file: IO[bytes], builders: Mapping[str, Builder], stored: Callable[[Any], Any], *, size: int) -> Any:
    """The content of the pickle that begins here in ``file``, of ``size`` bytes, which is left right behind it.

    Raises RunsCodeError for one that would run a program; ValueError, LookupError, TypeError and the like for a damaged one.
    """
    return _Machine(builders, stored, size).run(file)
