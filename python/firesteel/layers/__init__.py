"""layers - Keras' layers as handles: the layer itself lives in the engine. One module for each kind; all names are here."""
from ..text import StringLookup, TextVectorization  # Keras has them here
from .attention import *
from .base import *
from .convolution import *
from .core import *
from .dropout import *
from .merging import *
from .normalization import *
from .pooling import *
from .preprocessing import *
from .recurrent import *
from .shaping import *
