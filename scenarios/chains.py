"""Chains of methods, such as ``rpie+coupled/vector+``: the first images projections, the second makes a volume of them.

- `links`: the methods of a chain; `check_chain`: refuse one that does not fit the kinds of a scenario;
- `FRAMES`, `IMAGES`, `PROJECTIONS`: the stages that a scenario with chains has beside the usual ones;
- `parts`: the groups of projections that one subprocess does.

The frames of a group are simulated once, whatever the number of methods that read them.
"""

from collections.abc import Sequence

from scenarios.configuration import InputError, choose
from scenarios.controls import COMMON

FRAMES, IMAGES, PROJECTIONS = "frames", "images", "projections"


def links(method: str) -> tuple[str, ...]:
    """Return the methods of a chain in their order; of a single method, itself."""
    return tuple(method.split("/"))


def check_chain(method: str, kinds: Sequence[str], controls: Sequence[str] = COMMON) -> None:
    """Refuse a method, or chain, that does not lead from measurements of the first kind through the others.

    Raises
    ------
    InputError
        In one line.
    """
    from reconstructors import registry

    if method in controls:
        return
    names = links(method)
    for name in names:
        choose("method", name, [*registry.names(), *controls])
    if len(names) == len(kinds) and all(
        name not in controls and registry.get(name).accepts == kind for name, kind in zip(names, kinds, strict=True)
    ):
        return
    if len(kinds) == 1 and len(names) == 1:
        raise InputError(
            f"method {method!r} reads {registry.get(method).accepts}; allowed: methods that read {kinds[0]}"
        )
    wanted = "/".join(kinds)
    raise InputError(
        f"method {method!r} reads {'/'.join(registry.get(name).accepts for name in names if name not in controls)}; "
        f"allowed: {'methods' if len(kinds) == 1 else 'chains of methods'} that read {wanted}"
    )


def parts(count: int, size: int) -> list[tuple[int, ...]]:
    """Return the numbers 0 to ``count - 1`` in groups of `size`."""
    return [tuple(range(first, min(first + size, count))) for first in range(0, count, size)]
