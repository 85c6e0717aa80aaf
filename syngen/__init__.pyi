"""Types of the lazy names in ``syngen/__init__.py``."""

from syngen._typing import ProgressUpdate as ProgressUpdate
from syngen.api import audit_dataset as audit_dataset
from syngen.api import audit_recipe as audit_recipe
from syngen.api import encode as encode
from syngen.api import evaluate as evaluate
from syngen.api import expand as expand
from syngen.api import generate as generate
from syngen.api import load as load
from syngen.api import load_recipe as load_recipe
from syngen.api import probe as probe
from syngen.api import rehearse as rehearse
from syngen.api import render as render
from syngen.api import repair as repair
from syngen.api import verify as verify
from syngen.api import voices as voices
from syngen.errors import EngineError as EngineError
from syngen.errors import FactorError as FactorError
from syngen.errors import GenerationIncompleteError as GenerationIncompleteError
from syngen.errors import Issue as Issue
from syngen.errors import ManifestError as ManifestError
from syngen.errors import MissingExtraError as MissingExtraError
from syngen.errors import ParameterError as ParameterError
from syngen.errors import PlanMismatchError as PlanMismatchError
from syngen.errors import PositionError as PositionError
from syngen.errors import RecipeError as RecipeError
from syngen.errors import ShardError as ShardError
from syngen.errors import StoreAccessError as StoreAccessError
from syngen.errors import StoreError as StoreError
from syngen.errors import SyngenError as SyngenError
from syngen.errors import VerificationError as VerificationError
from syngen.evaluation.codes import Codes as Codes
from syngen.evaluation.probe_report import ProbeReport as ProbeReport
from syngen.evaluation.scores import Scores as Scores
from syngen.factors import Factor as Factor
from syngen.factors import FactorGrid as FactorGrid
from syngen.loaders.dataset import FactorDataset as FactorDataset
from syngen.synth.base import FactorSpec as FactorSpec
from syngen.synth.base import Observation as Observation
from syngen.synth.base import SettingSpec as SettingSpec
from syngen.synth.base import Synthesizer as Synthesizer
from syngen.synth.speech.engines.base import Voice as Voice
from syngen.synth.timbres import Timbre as Timbre

__version__: str
