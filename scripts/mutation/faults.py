"""Which faults are planted: cosmic-ray's, without those that Python itself refuses, and calls that are left out."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from cosmic_ray.operators.operator import Example, Operator
from cosmic_ray.operators.provider import OperatorProvider
from parso.python.tree import Keyword

_SWAPS = "Eq_NotEq NotEq_Eq Lt_LtE Lt_GtE LtE_Lt LtE_Gt Gt_GtE Gt_LtE GtE_Gt GtE_Lt Is_IsNot IsNot_Is"
_SUMS = "Add_Sub Sub_Add Mul_FloorDiv FloorDiv_Mul Div_Mul Mod_Add BitAnd_BitOr BitOr_BitAnd"


class RemoveCall(Operator):
    """A call whose result nobody takes is left out: the unit may be tested, and that it is called not."""

    def mutation_positions(self, node: Any) -> Iterable[tuple[Any, Any]]:
        if node.type in {"atom_expr", "power", "await_expr"} and node.parent.type == "simple_stmt":
            yield (node.start_pos, node.end_pos)

    def mutate(self, node: Any, index: int) -> Any:
        return Keyword("pass", node.start_pos, prefix=node.get_first_leaf().prefix)

    @classmethod
    def examples(cls) -> Sequence[Example]:
        return (Example("tell(1)\n", "pass\n"),)


def _where(holds: Callable[[Any], bool], operator: type[Operator]) -> type[Operator]:
    """The operator, at those nodes alone."""

    class Chosen(operator):  # type: ignore[misc, valid-type]
        def mutation_positions(self, node: Any) -> Iterable[tuple[Any, Any]]:
            return super().mutation_positions(node) if holds(node) else ()

    return Chosen


def _counts(node: Any) -> bool:
    """Whether something is counted with this number. 31 seconds instead of 30, or 4,097 bytes, are no fault."""
    return node.type == "number" and node.value in {"0", "1", "2"}


def _stands_between_operands(node: Any) -> bool:
    """Not the `*` or `/` in a list of parameters: without it Python itself refuses the module."""
    return node.parent is not None and node.parent.type != "parameters"


def _matters(node: Any) -> bool:
    """Whether users could notice. They do not notice options that find mistakes in the code or save memory."""
    before = node.get_previous_sibling()
    name = before and before.get_previous_sibling()
    return getattr(name, "value", "") not in {"strict", "slots", "frozen", "kw_only"}


class Faults:
    """What cosmic-ray asks for operators, by name."""

    def __init__(self) -> None:
        every = OperatorProvider()
        chosen = [f"ReplaceComparisonOperator_{swap}" for swap in _SWAPS.split()]
        chosen += [f"ReplaceBinaryOperator_{swap}" for swap in _SUMS.split()]
        chosen += "AddNot ReplaceTrueWithFalse ReplaceFalseWithTrue ReplaceAndWithOr ReplaceOrWithAnd".split()
        chosen += "ReplaceBreakWithContinue ReplaceContinueWithBreak ExceptionReplacer NumberReplacer".split()
        chosen += "ReplaceUnaryOperator_Delete_Not RemoveDecorator ZeroIterationForLoop".split()
        self._operators: dict[str, Any] = {name: every[name] for name in chosen} | {
            "RemoveCall": RemoveCall,
            "NumberReplacer": _where(_counts, every["NumberReplacer"]),
        }
        for name in ("ReplaceTrueWithFalse", "ReplaceFalseWithTrue"):
            self._operators[name] = _where(_matters, every[name])
        for swap in _SUMS.split():
            name = f"ReplaceBinaryOperator_{swap}"
            self._operators[name] = _where(_stands_between_operands, every[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._operators)

    def __getitem__(self, name: str) -> Any:
        return self._operators[name]
