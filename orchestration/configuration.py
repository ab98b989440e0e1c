"""Reads the YAML files people edit: strictly, and with errors that name place, value and fix.

What the files mean does not belong here; the models of programs, feeds and senders say that.
"""

import difflib
import types
import typing
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Annotated, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from orchestration.errors import ConfigurationError, Problem

YamlValue = None | bool | int | str | Decimal | date | list["YamlValue"] | dict[str, "YamlValue"]
Location = tuple[int | str, ...]


class StrictModel(BaseModel):
    """A part of a configuration file: nothing unknown, nothing coerced, nothing changed later."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


T = TypeVar("T")
M = TypeVar("M", bound=StrictModel)
# A YAML list becomes a tuple; a whole number, or one the loader kept exact, becomes a decimal.
Listed = Annotated[tuple[T, ...], Field(strict=False)]
Exact = Annotated[Decimal, Field(strict=False)]


class _Loader(yaml.CSafeLoader):
    """Safe YAML whose decimals are exact and whose keys may stand only once."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[str, YamlValue]:
    seen: set[str] = set()
    for key_node, _ in node.value:
        key = str(loader.construct_object(key_node))
        if key in seen:
            raise yaml.constructor.ConstructorError(
                None, None, f"the key {key!r} stands twice", key_node.start_mark
            )
        seen.add(key)
    loader.flatten_mapping(node)
    return {str(key): value for key, value in loader.construct_pairs(node, deep=True)}


def _decimal(loader: _Loader, node: yaml.ScalarNode) -> Decimal | str:
    text = str(loader.construct_scalar(node))
    return Decimal(text) if text.lstrip("+-").replace(".", "", 1).isdecimal() else text


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)
_Loader.add_constructor("tag:yaml.org,2002:float", _decimal)


def read_model(file: Path, model: type[M]) -> M:
    """Read one YAML file as `model`; raise `ConfigurationError` listing all that is wrong in it."""
    try:
        text = file.read_text(encoding="utf-8")
        content = _content(text)
    except UnicodeDecodeError as error:
        problem = Problem(
            file, f"byte {error.start}", hex(error.object[error.start]), "Save UTF-8."
        )
        raise ConfigurationError([problem]) from error
    except yaml.YAMLError as error:
        raise ConfigurationError([_syntax_problem(file, error)]) from error
    if not isinstance(content, dict):
        found = "an empty file" if content is None else type(content).__name__
        fix = f"Write a mapping with {', '.join(model.model_fields)}."
        raise ConfigurationError([Problem(file, "the whole file", found, fix)])
    try:
        read: M = _model(text, model)
    except ValidationError as error:
        raise ConfigurationError(_problems(file, text, model, error)) from error
    return read


@lru_cache(maxsize=256)
def _model(text: str, model: type[M]) -> M:
    """A YAML text as `model`. A night reads the same files some times for every feed."""
    return model.model_validate(_content(text))


@lru_cache(maxsize=256)
def _content(text: str) -> YamlValue:
    """What a YAML text says; nobody changes what is returned."""
    content: YamlValue = yaml.load(text, Loader=_Loader)
    return content


def read_each(
    folder: Path, model: type[M]
) -> tuple[dict[Path, M], dict[Path, tuple[Problem, ...]]]:
    """Read every `*.yml` of a folder, in name order: what can be used, and why the rest cannot.

    Raises `ConfigurationError` where there is no file at all.
    """
    models: dict[Path, M] = {}
    unusable: dict[Path, tuple[Problem, ...]] = {}
    for file in sorted(folder.glob("*.yml")):
        try:
            models[file] = read_model(file, model)
        except ConfigurationError as error:
            unusable[file] = error.problems
    if not models and not unusable:
        problem = Problem(folder, "files", "no *.yml", "Add at least one file.")
        raise ConfigurationError([problem])
    return models, unusable


def read_models(folder: Path, model: type[M]) -> dict[Path, M]:
    """Read every `*.yml` of a folder, in name order; raise one error listing all problems."""
    models, unusable = read_each(folder, model)
    if unusable:
        raise ConfigurationError([problem for found in unusable.values() for problem in found])
    return models


def nearest(name: str, known: Sequence[str]) -> str | None:
    """The known name most like `name`, or None when nothing is similar."""
    by_lower = {other.lower(): other for other in known}
    close = difflib.get_close_matches(name.lower(), list(by_lower), n=1, cutoff=0.6)
    return by_lower[close[0]] if close else None


def suggestion(name: str, known: Sequence[str]) -> str:
    """A sentence with the nearest spelling and the known alternatives."""
    close = nearest(name, known)
    hint = f"Did you mean {close!r}? " if close else ""
    return f"{hint}Known: {', '.join(known)}."


def _syntax_problem(file: Path, error: yaml.YAMLError) -> Problem:
    mark = getattr(error, "problem_mark", None)
    place = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "the whole file"
    reason = getattr(error, "problem", None) or str(error)
    return Problem(file, place, str(reason), "Correct the YAML at this place.")


def _problems(file: Path, text: str, model: type[M], error: ValidationError) -> list[Problem]:
    root = yaml.compose(text, Loader=_Loader)
    problems = []
    details = error.errors()
    for detail in details:
        # A list whose members are all wrong counts as too short as well; its members say why.
        inside = (other["loc"][: len(detail["loc"])] for other in details if other is not detail)
        if detail["type"] == "too_short" and detail["loc"] in inside:
            continue
        location = tuple(part for part in detail["loc"] if not _is_type_name(part))
        place = ".".join(str(part) for part in location) or "the whole file"
        line = _line(root, location)
        found = "nothing" if detail["type"] == "missing" else str(detail["input"])
        fix = _fix(model, location, detail["type"], detail["msg"], str(detail["input"]))
        problems.append(Problem(file, f"{place} (line {line})", found, fix))
    return problems


def _is_type_name(part: int | str) -> bool:
    """Whether pydantic added this part of a location to name a member of a union or a key."""
    return part == "[key]" or (isinstance(part, str) and part.startswith(("function-", "tuple[")))


def _fix(model: type[BaseModel], location: Location, kind: str, message: str, found: str) -> str:
    if kind == "extra_forbidden":
        parent = _model_at(model, location[:-1])
        return "Remove or rename it. " + suggestion(str(location[-1]), list(parent.model_fields))
    if kind == "missing":
        parent = _model_at(model, location[:-1])
        described = parent.model_fields[str(location[-1])].description
        return "Add this field" + (f": {described}." if described else ".")
    if kind == "literal_error":
        known = message.removeprefix("Input should be ").replace(" or ", ", ")
        return suggestion(found, [word.strip().strip("'") for word in known.split(",")])
    wanted = {
        "string_type": "Write a text (put digits that are a code in quotes).",
        "int_type": "Write a whole number.",
        "bool_type": "Write true or false.",
        "date_type": "Write a date as YYYY-MM-DD, without quotes.",
        "decimal_parsing": "Write a decimal number such as 3.00.",
        "decimal_type": "Write a decimal number such as 3.00.",
        "tuple_type": "Write a list.",
        "dict_type": "Write a mapping.",
        "model_type": "Write a mapping.",
        "none_required": "Leave it empty.",
    }
    return wanted.get(kind, message.removeprefix("Value error, ").rstrip(".") + ".")


def _model_at(model: type[BaseModel], location: Location) -> type[BaseModel]:
    """The model that describes the mapping at a location of the file."""
    for part in location:
        if isinstance(part, str) and part in model.model_fields:
            model = _model_inside(model.model_fields[part].annotation) or model
    return model


def _model_inside(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        return annotation if issubclass(annotation, BaseModel) else None
    inner = (_model_inside(part) for part in typing.get_args(annotation))
    return next((found for found in inner if found), None)


def _line(node: yaml.Node | None, location: Location) -> int:
    """The line of the deepest part of a location that stands in the file."""
    line = node.start_mark.line + 1 if node else 1
    for part in location:
        child: yaml.Node | None = None
        if isinstance(node, yaml.MappingNode):
            child, line = next(
                (
                    (value, key.start_mark.line + 1)
                    for key, value in node.value
                    if key.value == str(part)
                ),
                (None, line),
            )
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            child = node.value[part] if part < len(node.value) else None
            line = child.start_mark.line + 1 if child else line
        if child is None:
            return line
        node = child
    return line
