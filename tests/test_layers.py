"""The layers: imports point down only, and the picture in the documentation shows them as they are."""

from tests import layers


def test_imports_point_down_only() -> None:
    assert layers.upward() == []


def test_every_module_belongs_to_a_layer() -> None:
    found = {path.stem for path in (layers.ROOT / "bridge").iterdir()} - {"__init__", "__main__", "__pycache__", "py"}
    assert found == set(layers.LAYERS)


def test_the_picture_is_made_from_the_imports() -> None:
    assert layers.PICTURE.read_text() == layers.picture(), "run scripts/layers"
