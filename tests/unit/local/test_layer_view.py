"""A layer's view shows what its requirements pin and nothing else."""

import subprocess
import sys
from importlib import metadata

import pytest
from hearth_local import layer_view
from hearth_local.errors import LayerError
from hearth_local.template import Layer


@pytest.fixture
def layer(tmp_path):
    def make(requirements):
        folder = tmp_path / "layers" / "toy"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "requirements.txt").write_text(requirements)
        return Layer("toy", folder)

    return make


def pin(name):
    return f"{name}=={metadata.version(name)}"


def names(folder):
    return {entry.name for entry in folder.iterdir() if not entry.name.endswith(".dist-info")}


def test_view_holds_the_pinned_packages_with_their_metadata(layer, tmp_path):
    """Packages, single modules and the distribution's metadata are there, nothing besides."""
    layer_view.build([layer(f"{pin('six')}\n{pin('jmespath')}\n")], tmp_path / "views")
    view = tmp_path / "views" / "toy"
    assert names(view) == {"six.py", "jmespath", ".view.json"}
    assert (view / f"six-{metadata.version('six')}.dist-info" / "METADATA").is_file()


def test_shared_namespace_holds_only_the_layers_own_part(layer, tmp_path):
    """A folder that several distributions share is not handed over whole."""
    layer_view.build([layer(pin("protobuf"))], tmp_path / "views")
    google = tmp_path / "views" / "toy" / "google"
    assert not google.is_symlink()
    assert {entry.name for entry in google.iterdir()} >= {"protobuf"}
    assert (google / "protobuf").is_symlink()


def test_view_is_importable_without_site_packages(layer, tmp_path):
    """What is pinned imports, what is not does not."""
    views = layer_view.build([layer(pin("numpy"))], tmp_path / "views")
    path = views.search_path(tmp_path, [layer(pin("numpy"))])
    code = "import numpy, boto3; print(numpy.ones(2).sum())\ntry: import yaml\nexcept ImportError: print('no yaml')"
    shown = subprocess.run(
        [sys.executable, "-S", "-c", code],
        env={"PYTHONPATH": layer_view.join(path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.split("\n")[:2] == ["2.0", "no yaml"]


def test_search_path_has_the_order_of_lambda(layer, tmp_path):
    """Own code comes first, then the layers as listed, then the runtime."""
    views = layer_view.Views(tmp_path / "views")
    one, two = Layer("one", tmp_path / "l" / "one"), Layer("two", tmp_path / "l" / "two")
    assert views.search_path(tmp_path / "f", [one, two]) == (
        tmp_path / "f",
        tmp_path / "l" / "one" / "python",
        tmp_path / "views" / "one",
        tmp_path / "l" / "two" / "python",
        tmp_path / "views" / "two",
        tmp_path / "views" / "aws-runtime",
    )


@pytest.mark.parametrize(
    ("requirements", "words"),
    [("six==0.0.1", "six==0.0.1"), ("no-such-distribution==1", "nothing installed")],
)
def test_environment_that_differs_from_the_pins_is_an_error(layer, tmp_path, requirements, words):
    """A version that is not the pinned one would test something else than what is deployed."""
    with pytest.raises(LayerError, match=words):
        layer_view.build([layer(requirements)], tmp_path / "views")


def test_requirement_for_another_system_is_left_out(layer, tmp_path):
    """Markers are honoured."""
    pins = f"{pin('six')} ; sys_platform == 'beos'\n{pin('jmespath')} ; python_version > '3'\n"
    layer_view.build([layer(pins)], tmp_path / "views")
    assert names(tmp_path / "views" / "toy") == {"jmespath", ".view.json"}


def test_view_is_renewed_when_the_requirements_change(layer, tmp_path):
    """A package that is no longer pinned is no longer seen."""
    layer_view.build([layer(pin("six"))], tmp_path / "views")
    layer_view.build([layer(pin("jmespath"))], tmp_path / "views")
    assert names(tmp_path / "views" / "toy") == {"jmespath", ".view.json"}


def test_hashes_comments_and_options_are_read_over():
    """A hashed requirements file gives its pins and markers."""
    text = (
        "# made by a tool\n--no-binary :none:\n"
        "numpy==2.4.6 ; python_version >= '3.11' \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n"
        "six==1.17.0  # old\n"
    )
    read = list(layer_view.parse_requirements(text))
    assert [str(r) for r in read] == ['numpy==2.4.6; python_version >= "3.11"', "six==1.17.0"]
