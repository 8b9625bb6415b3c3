"""The cards of what was made to train on: the paper's numbers beside ours, and words for whatever came of a request."""

import ast
import inspect
from types import ModuleType

from writer_r1 import difficulty, synthesis, thinking
from writer_r1.material import Made
from writer_r1.ui.material_board import REASONS, thoughts_result


def test_the_papers_numbers_stand_beside_the_reflections_and_are_said_to_be_second_hand() -> None:
    tried = [{"reflection": "…", "label": label} for label in ("useful", "useful", "redundant", "harmful")]
    html = thoughts_result(Made([{"id": "k", "text": "a b c", "tried": tried}], []))
    assert "Of 4 reflections that were tried: 50% useful, 25% redundant, 25% harmful." in html
    assert "R2-Write’s, known to us at second hand: over 55% useful, about 10% harmful." in html
    assert "R2-Write" not in thoughts_result(Made([{"id": "k", "text": "a b c"}], []))


def reasons(module: ModuleType) -> set[str]:
    """Return the reasons that a module gives for leaving something out, as its source names them."""
    given = list[ast.AST]()
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.Return) and node.value:
            given += ast.walk(node.value)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("NoThought", "refuse")):
            given += node.args
    found = [getattr(module, name.id) for name in given if isinstance(name, ast.Name) and name.id.isupper()]
    return {reason for reason in found if isinstance(reason, str) and " " in reason}


def test_every_reason_that_the_sources_give_has_its_sentence() -> None:
    found = reasons(thinking) | reasons(synthesis) | reasons(difficulty)
    assert {thinking.NO_TEXT, synthesis.TOO_LONG, synthesis.A_SCENE, difficulty.FLAT} <= found
    assert found <= set(REASONS)
