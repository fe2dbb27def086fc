"""Parameters of actions: one pydantic model per action, validated twice.

When a document is loaded, a value that may be a reference passes as it stands. When the action is
about to run, the same model is validated again with a ``Resolver`` as context, and the handler
meets plain values only. What a reference stands for obeys the same ranges as a literal.

The language has three classes of values: static (any plain type), static or one single reference
(``Single``, ``Dynamic[T]``), and texts with references inside (``Phrase``). A ``LookedUp`` value
stays a reference, for actions to which a missing value is not an error.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from html import escape
from typing import Annotated, Any, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic.alias_generators import to_pascal

from ivr.flow.prompt import Prompt
from ivr.flow.reference import Lookup, Reference, references_in, substitute, whole_reference

T = TypeVar("T")


class Resolver:
    """Fills references in while the parameters of an action are validated for its run.

    Attributes:
        unresolved: References inside texts that stood for nothing.
    """

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup
        self.unresolved: list[Reference] = []

    def single(self, text: str) -> str:
        """Answer what a text stands for that may be one single reference.

        Raises:
            ValueError: The reference stands for nothing.
        """
        reference = whole_reference(text)
        if reference is None:
            return text
        value = self._lookup(reference.path)
        if value is None:
            message = f"{reference} stands for nothing"
            raise ValueError(message)
        return value

    def phrase(self, text: str, *, markup: bool = False) -> str:
        """Answer a text with the references inside filled in.

        Args:
            text: What the document has.
            markup: The text is SSML: what is filled in is words, so that a customer's name can
                neither break nor change the markup.

        Raises:
            ValueError: The text is a reference from start to end, and stands for nothing.
        """
        if whole_reference(text) is not None:
            return self.single(text)
        filled = substitute(text, self._lookup, quote=escape if markup else str)
        self.unresolved += filled.unresolved
        return filled.text


def _resolver(info: ValidationInfo) -> Resolver | None:
    return info.context if isinstance(info.context, Resolver) else None


def _phrase(value: Any, info: ValidationInfo) -> Any:
    resolver = _resolver(info)
    return resolver.phrase(value) if resolver and isinstance(value, str) else value


def _markup(value: Any, info: ValidationInfo) -> Any:
    resolver = _resolver(info)
    return resolver.phrase(value, markup=True) if resolver and isinstance(value, str) else value


def _single(value: Any, info: ValidationInfo) -> Any:
    if not isinstance(value, str):
        return value
    if resolver := _resolver(info):
        return resolver.single(value)
    if whole_reference(value) is None and references_in(value):
        message = "must be a literal or one single reference"
        raise ValueError(message)
    return value


def _dynamic(value: Any, validate: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
    value = _single(value, info)
    if _resolver(info) is None and isinstance(value, str) and whole_reference(value):
        return value
    return validate(value)


def _looked_up(value: Any) -> Any:
    reference = whole_reference(value) if isinstance(value, str) else None
    if reference is None:
        message = "must be one single reference, such as $.StoredCustomerInput"
        raise ValueError(message)
    return reference


FILLED_IN = BeforeValidator(_phrase)
"""Marks a text whose references are filled in; what constrains the text goes before it."""
FILLED_IN_MARKUP = BeforeValidator(_markup)
"""The same for SSML."""
Phrase = Annotated[str, FILLED_IN]
"""A text that may hold references."""
Single = Annotated[str, BeforeValidator(_single)]
"""A literal text or one single reference."""
Dynamic = Annotated[T, WrapValidator(_dynamic)]
"""A literal or one single reference that stands for one; a reference until the action runs."""
LookedUp = Annotated[Reference, BeforeValidator(_looked_up)]
"""One single reference, resolved by the handler itself with ``Look``."""


class MentionKind(Enum):
    """What a document can name."""

    QUEUE = "queue"
    AGENT = "agent"
    FLOW = "flow"
    HOURS = "hours"
    NUMBER = "number"


@dataclass(frozen=True, slots=True)
class Mention:
    """Something a document names by a literal: id, name or ARN."""

    kind: MentionKind
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Branches:
    """The branches an action has.

    Attributes:
        required: Error branches that Connect insists on; a missing one is a warning.
        optional: Further error branches it knows.
        operands: What the result can be, where the language fixes it: one ``Equals`` for each.
        own_operands: Pattern of the operands an author may compare with; none = no conditions.
        operators: Operators an author may compare with.
        next_action: Whether ``NextAction`` is the way on after success.
    """

    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ("NoMatchingError",)
    operands: tuple[str, ...] = ()
    own_operands: str | None = None
    operators: tuple[str, ...] = ("Equals",)
    next_action: bool = True


NO_MATCHING_ERROR_ONLY = Branches(required=("NoMatchingError",), optional=())
LEAVES_FLOW = Branches(optional=(), next_action=False)


class Group(BaseModel):
    """A group of keys of a document: names are Connect's, unknown ones are kept."""

    model_config = ConfigDict(
        alias_generator=to_pascal,
        coerce_numbers_to_str=True,
        extra="allow",
        frozen=True,
    )

    def unknown_keys(self, place: str) -> Iterator[str]:
        """Answer the places of keys that this model does not know."""
        for key in self.model_extra or ():
            yield f"{place}.{key}"
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            inside = f"{place}.{field.alias}"
            if isinstance(value, Group):
                yield from value.unknown_keys(inside)
            if isinstance(value, tuple):
                for index, item in enumerate(value):
                    if isinstance(item, Group):
                        yield from item.unknown_keys(f"{inside}[{index}]")


class Parameters(Group):
    """Parameters of an action as they stand in the flow document."""

    def branches(self) -> Branches | None:
        """Answer which branches the action should and may have; none = not checked."""
        return Branches()

    def oddities(self) -> Iterator[str]:
        """Answer what is accepted but does not do what its author may expect."""
        yield from ()

    def mentions(self) -> Iterator[Mention]:
        """Answer what is named: references not included."""
        yield from ()

    def prompts(self) -> Iterator[Prompt]:
        """Answer what the action may play, as it stands in the document."""
        yield from ()

    def _mention(self, kind: MentionKind, name: str | None) -> Iterator[Mention]:
        if name and not references_in(name):
            yield Mention(kind, name)
