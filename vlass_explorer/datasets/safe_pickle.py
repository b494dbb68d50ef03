"""Numpy arrays out of pickles, without unpickling: the restricted reader.

Why this is safe: Python's unpickler is not used at all. A stack machine of our own reads the opcodes that ``pickle``
writes for arrays, numbers, strings, lists and tuples, and refuses every other one. It imports nothing and calls nothing
that the file names: a name such as ``numpy dtype`` is only compared with a short list, and what it stands for is built
here, by ``np.frombuffer`` on bytes whose length was checked. (An unpickler whose ``find_class`` lets numpy through
would still run numpy's ``__setstate__``, to which a crafted file can pass memory addresses.)

Reads pickle protocols 0 to 5, written by Python 2 or 3, by numpy before and after 2.0. Objects in an array may again be
arrays, numbers or strings.
"""

from __future__ import annotations

import codecs
import mmap
import pickletools
import re
from io import BytesIO
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from ..foreign import mapped, reason
from ..schema import DatasetError

OPCODES = {opcode.code: opcode for opcode in pickletools.opcodes}
DTYPE = re.compile(r"[<>|=]?(?:f[248]|[iu][1248]|b1|O[48]?)")
PUSHES = {
    "INT",
    "BININT",
    "BININT1",
    "BININT2",
    "LONG",
    "LONG1",
    "LONG4",
    "FLOAT",
    "BINFLOAT",
    "STRING",
    "BINSTRING",
    "SHORT_BINSTRING",
    "UNICODE",
    "SHORT_BINUNICODE",
    "BINUNICODE",
    "BINUNICODE8",
    "BINBYTES",
    "SHORT_BINBYTES",
    "BINBYTES8",
    "BYTEARRAY8",
}
CONSTANTS: dict[str, Any] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
PUTS, GETS = {"PUT", "BINPUT", "LONG_BINPUT"}, {"GET", "BINGET", "LONG_BINGET"}
CORES = ("numpy.core.", "numpy._core.")
READABLE = {"numpy ndarray", "numpy dtype", "_codecs encode", "__builtin__ bytes", "builtins bytes"} | {
    core + name for core in CORES for name in ("multiarray _reconstruct", "multiarray scalar", "numeric _frombuffer")
}


class Name(str):
    """Module and name that a pickle refers to; never imported."""


class Blank:
    """An array or dtype between its creation and its state; ``value`` is set once."""

    def __init__(self, kind: str, value: Any = None) -> None:
        self.kind, self.value = kind, value


class Mark:
    """Start of a list or tuple on the stack."""


class Refused(Exception):
    """Why a pickle is not read."""


def read_pickle(path: Path) -> Any:
    """The array, or list or tuple of arrays and plain values, that a pickle file holds.

    Raises DatasetError for anything that is not such data; nothing in the file is executed.
    """
    with (
        mapped(lambda error: _unread(error, path.name, "cannot be read as a pickle", "pickled arrays")),
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
    ):
        return _run(data)


def read_npy(path: Path) -> NDArray[Any]:
    """The array of an NPY file, also one of Python objects where these are arrays, numbers or strings.

    Raises DatasetError for any other content; nothing in the file is executed.
    """
    with (
        mapped(lambda error: _unread(error, path.name, "is not a NPY array", "arrays")),
        path.open("rb") as file,
    ):
        if npy.read_magic(file) == (1, 0):
            shape, _, dtype = npy.read_array_header_1_0(file)
        else:
            file.seek(0)
            npy.read_magic(file)
            shape, _, dtype = npy.read_array_header_2_0(file)
        if not dtype.hasobject:
            file.seek(0)
            plain: NDArray[Any] = np.load(file, allow_pickle=False)
            return plain
        found = _run(BytesIO(file.read()))
    if not isinstance(found, np.ndarray) or found.shape != shape:
        raise DatasetError(f"{path.name} holds something else than its header says: copy or download it again.")
    return found


def _unread(error: Exception, name: str, what: str, only: str) -> DatasetError:
    """What is said of a file that is refused, or that is none at all."""
    if isinstance(error, Refused):
        return DatasetError(f"{name} is not opened: {error}; only {only} of numbers are.")
    return DatasetError(f"{name} {what} ({reason(error)}): copy or download it again.")


def _run(stream: Any) -> Any:
    """The stack machine; Refused or ValueError where the content is not what ``pickle`` writes for arrays."""
    stack: list[Any] = []
    memo: dict[int, Any] = {}
    try:
        while True:
            name, argument = _next(stream)
            if name == "STOP":
                return _plain(stack.pop())
            _step(name, argument, stack, memo)
    except (IndexError, KeyError, TypeError, OverflowError, MemoryError) as error:
        raise ValueError("it is damaged") from error


def _next(stream: Any) -> tuple[str, Any]:
    """Next opcode and its argument, which the reader of pickletools bounds by what is left of the file."""
    code = stream.read(1)
    if not code:
        raise ValueError("it is cut short")
    if code == b"S":  # a Python 2 string: pickletools would insist on ASCII
        return "STRING", codecs.escape_decode(stream.readline().strip()[1:-1])[0].decode("latin-1")
    opcode = OPCODES.get(code.decode("latin-1"))
    if opcode is None:
        raise ValueError("it holds no pickle")
    return opcode.name, None if opcode.arg is None else opcode.arg.reader(stream)


def _step(name: str, argument: Any, stack: list[Any], memo: dict[int, Any]) -> None:
    if name in PUSHES:
        stack.append(argument)
    elif name in CONSTANTS:
        stack.append(CONSTANTS[name])
    elif name in TUPLES:
        stack[-TUPLES[name] :] = [tuple(_top(stack, TUPLES[name]))]
    elif name == "MARK":
        stack.append(Mark())
    elif name in ("TUPLE", "LIST"):
        stack.append((tuple if name == "TUPLE" else list)(_to_mark(stack)))
    elif name == "EMPTY_LIST":
        stack.append([])
    elif name in ("APPEND", "APPENDS"):
        added = _to_mark(stack) if name == "APPENDS" else [stack.pop()]
        if type(stack[-1]) is not list:
            raise Refused("it extends something that is no list")
        stack[-1].extend(added)
    elif name == "MEMOIZE":
        memo[len(memo)] = stack[-1]
    elif name in PUTS:
        memo[argument] = stack[-1]
    elif name in GETS:
        stack.append(memo[argument])
    elif name == "GLOBAL":
        stack.append(_name(argument))
    elif name == "STACK_GLOBAL":
        stack[-2:] = [_name(" ".join(map(str, _top(stack, 2))))]
    elif name == "REDUCE":
        called, values = _top(stack, 2)
        stack[-2:] = [_made(called, values)]
    elif name == "BUILD":
        state = stack.pop()
        _fill(stack[-1], state)
    elif name == "POP":
        stack.pop()
    elif name not in ("PROTO", "FRAME"):
        raise Refused(f"it holds the instruction {name}")


def _top(stack: list[Any], count: int) -> list[Any]:
    if len(stack) < count:
        raise IndexError
    return stack[-count:]


def _to_mark(stack: list[Any]) -> list[Any]:
    """What was pushed since the last mark, taken off the stack with it."""
    found: list[Any] = []
    while type(value := stack.pop()) is not Mark:
        found.append(value)
    return found[::-1]


def _name(text: str) -> Name:
    if text not in READABLE:
        shown = "".join(c for c in text.replace(" ", ".")[:60] if c.isprintable())
        raise Refused(f"it wants to run {shown}")
    return Name(text)


def _made(called: Any, values: Any) -> Any:
    """What the pickle would have a function make of values, made here."""
    if type(called) is not Name or type(values) is not tuple:
        raise Refused("it calls something that is no function of numpy")
    function = called.rpartition(" ")[2]
    if function == "_reconstruct":
        return Blank("array")
    if function == "dtype":
        return Blank("dtype", _dtype(values[0]))
    if function == "scalar":
        return _array((), _plain(values[0]), values[1])[()]
    if function == "_frombuffer":
        data, dtype, shape, order = values
        return _array(shape, _plain(dtype), data, order == "F")
    if function == "encode" and isinstance(values[0], str):
        return values[0].encode("latin-1")
    if function == "bytes" and not values:
        return b""
    raise Refused(f"it calls {called.replace(' ', '.')} in an unusual way")


def _dtype(text: Any) -> np.dtype[Any]:
    if not isinstance(text, str) or not DTYPE.fullmatch(text):
        raise Refused("its array is of no plain type of numbers")
    return np.dtype("O") if "O" in text else np.dtype(text)


def _fill(blank: Any, state: Any) -> None:
    """Give a dtype its byte order, an array its shape and content."""
    if type(blank) is not Blank or type(state) is not tuple:
        raise Refused("it sets the state of something that is no array")
    if blank.kind == "dtype":
        order, *structure = state[1:5]
        if order not in ("<", ">", "|", "=") or any(structure):
            raise Refused("its array is of no plain type of numbers")
        blank.value = blank.value.newbyteorder(order)
        return
    shape, dtype, fortran, data = state[-4:]
    blank.value = _array(shape, _plain(dtype), data, bool(fortran))


def _array(shape: Any, dtype: Any, data: Any, fortran: bool = False) -> NDArray[Any]:
    """Checked array: as many bytes, or as many objects, as the shape says."""
    if type(shape) is not tuple or not all(type(side) is int and side >= 0 for side in shape):
        raise Refused("the shape of its array makes no sense")
    if not isinstance(dtype, np.dtype):
        raise Refused("its array has no type")
    order: Any = "F" if fortran else "C"
    if dtype.hasobject:
        if type(data) is not list or len(data) != prod(shape):
            raise Refused("its array does not hold as many objects as its shape says")
        objects = np.empty(len(data), dtype=object)
        for index, value in enumerate(data):
            objects[index] = _plain(value, nested=False)
        return objects.reshape(shape, order=order)
    content = data.encode("latin-1") if isinstance(data, str) else data
    if not isinstance(content, bytes | bytearray) or len(content) != prod(shape) * dtype.itemsize:
        raise Refused("its array does not hold as many bytes as its shape says")
    return np.frombuffer(content, dtype).reshape(shape, order=order)


def _plain(value: Any, nested: bool = True) -> Any:
    """Arrays and types in place of their blanks; refuses names, what has no content, and lists within lists."""
    if type(value) is Blank:
        if value.value is None:
            raise Refused("it holds an array without content")
        return value.value
    if isinstance(value, list | tuple):
        if not nested:  # shared lists in lists could unfold to any size
            raise Refused("it holds lists within lists")
        return type(value)(_plain(part, nested=False) for part in value)
    if isinstance(value, Name | Mark):
        raise Refused("it holds a bare name")
    return value
