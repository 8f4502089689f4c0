"""Count what a newcomer meets in the core; run it with `python -m tests.contract.house`."""

from __future__ import annotations

from functools import cache

import grimp


def measure(package: str = "todo_core") -> dict[str, int]:
    """Count the modules at the root of `package`, the longest chain of imports, and the imports between its folders."""
    graph = grimp.build_graph(package, exclude_type_checking_imports=True, cache_dir=None)

    @cache
    def depth(module: str) -> int:
        return 1 + max(map(depth, graph.find_modules_directly_imported_by(module)), default=0)

    def folder(module: str) -> str:
        return ".".join(module.split(".")[:2])

    pairs = {(a, b) for a in graph.modules for b in graph.find_modules_directly_imported_by(a)}
    return {
        "modules at the root": sum(not graph.find_children(one) for one in graph.find_children(package)),
        "depth of imports": max(map(depth, graph.modules)),
        "imports between folders": len({(folder(a), folder(b)) for a, b in pairs if folder(a) != folder(b)}),
    }


if __name__ == "__main__":
    for what, count in measure().items():
        print(f"{count:4} {what}")
