import sys
from pathlib import Path

# The models' scripts import each other by plain name, as they do when run from the command line.
sys.path.insert(0, str(Path(__file__).parents[2] / "models"))
