"""job - the frozen descriptions that travel from the driver to the tasks."""
from __future__ import annotations

import dataclasses
import hashlib
import io
import json
from typing import Any, Optional


STATE = "state"


@dataclasses.dataclass(frozen=True)
class Recipe:
    """A network as configuration: what a Param holds and a task builds from. Immutable, so threads share it freely.

    layers   pairs of layer kind and attributes in the engine's text form: ("Dense", "units=10 activation=softmax name=dense")
    frozen   indices of layers that are not trainable
    weights  an .npz archive of the weights that have a value, keyed by their index, or None; of a checkpoint also STATE, the optimizer's state
    """

    layers: tuple[tuple[str, str], ...]
    dtype: str = "float32"
    frozen: tuple[int, ...] = ()
    input: tuple[int, ...] = ()       # shape of one row where the network is built, else ()
    loss: str = ""
    optimizer: str = ""
    metrics: str = ""
    uses: tuple[tuple[int, tuple[int, ...]], ...] = ()  # of a network that is no chain: (layer, tensors that go in), Inputs without; () of a chain
    outputs: tuple[int, ...] = ()                       # its output tensors
    weights: Optional[bytes] = None

    @property
    def text(self) -> str:
        """Everything but the weights, as JSON."""
        fields = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name != "weights"}
        return json.dumps(fields, sort_keys=True)

    @classmethod
    def parse(cls, text: str, weights: Optional[bytes] = None) -> "Recipe":
        fields = json.loads(text)
        fields["layers"] = tuple((str(kind), str(attrs)) for kind, attrs in fields["layers"])
        for name in ("frozen", "input", "outputs"):
            fields[name] = tuple(int(i) for i in fields.get(name, ()))
        fields["uses"] = tuple((int(layer), tuple(int(i) for i in tensors)) for layer, tensors in fields.get("uses", ()))
        return cls(weights=weights, **fields)

    def __repr__(self) -> str:
        inside = ", ".join(f"{kind}({attrs})" for kind, attrs in self.layers)
        return f"Sequential([{inside}])" + (" with weights" if self.weights else "")


@dataclasses.dataclass(frozen=True)
class Job:
    """One training, told to every task in the same words. Fields are plain values, so that it can be rebuilt with Job(**fields)
    on an executor that has only just found firesteel."""

    version: str                      # of firesteel on the driver
    recipe: str                       # Recipe.text
    recipe_weights: Optional[bytes]   # Recipe.weights
    features: tuple[str, ...]
    labels: tuple[str, ...]
    workers: int
    secret: bytes                     # 16 bytes, fresh for every attempt
    vectors: tuple[tuple[str, str, str], ...] = ()  # features that arrive as three columns: values under the feature's name, size, indices
    weight: Optional[str] = None
    validation: Optional[str] = None  # name of a boolean column
    invalid: str = "error"            # error, skip, keep
    loss: str = ""
    optimizer: str = ""
    metrics: str = ""
    learning_rate: Optional[float] = None
    epochs: int = 1
    batch_size: int = 32
    seed: int = 0
    validation_fraction: float = 0.0
    classes: Optional[int] = None     # labels are whole numbers below it; None: not class numbers
    class_weight: Optional[tuple[float, ...]] = None
    tell_loss: str = ""               # before, after: tell the loss over all rows then, besides the history
    settled: Optional[tuple[str, float]] = None  # rule and tolerance of executor/settled.py, by which fitting ends as in Spark
    patience: int = 0                 # epochs without progress before stopping; 0: never stop early
    keep_best: bool = True            # put the best weights back when patience is over
    min_delta: float = 0.0            # how much lower than the best a loss must be to count as progress
    local_steps: int = 1              # steps that each worker takes by itself before weights are averaged
    average_optimizer: bool = True    # then the optimizer's state is averaged as well, not only at the end of an epoch
    compression: str = "none"         # of what workers send each other: none, bf16, threshold
    compression_ratio: float = 1 / 16  # of threshold: bytes sent, as a share of those without
    cache: str = "memory"             # of rows: memory, disk, auto
    cache_memory: int = 1 << 30       # bytes of rows in memory, with the last two
    checkpoint_dir: Optional[str] = None  # a folder that all workers see; see executor/checkpoints.py
    checkpoint_epochs: int = 1        # a checkpoint after every so many
    checkpoint_steps: int = 0         # and within epochs after every so many steps; 0: none
    checkpoint_keep: int = 1          # the last few are kept
    resume: str = "auto"              # auto: go on with what checkpoint_dir holds; never: only with what this run has left there
    run: str = ""                     # of all attempts of one fit
    attempt: int = 1                  # of the run; an older one writes no more checkpoints
    deadline: float = 60.0            # seconds of silence from a peer before giving up
    threads: int = 1
    heartbeat: float = 10.0           # seconds between signs of life towards Spark
    progress: Optional[tuple[str, int, bytes]] = None  # the driver's host, port and key, or None
    notes: tuple[tuple[str, str], ...] = ()  # text that travels in the model file
    end_trigger: Optional[str] = None  # texts of src/trigger.h; None: none, each epoch, as checkpoint_epochs and checkpoint_steps say
    validation_trigger: Optional[str] = None
    checkpoint_trigger: Optional[str] = None
    lookups: str = ""                 # vocabularies of features that are words, see _lookups.py
    calls: tuple[tuple[Any, ...], ...] = ()  # functions of the user's that make features or labels of other columns: functions.Call

    @property
    def fields(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}

    @property
    def fingerprint(self) -> str:
        """The same for trainings of which one may go on where the other stopped: more epochs and other workers are no other training."""
        parts = [self.recipe, hashlib.sha256(self.recipe_weights or b"").hexdigest(), self.features, self.labels, self.weight, self.validation, self.invalid, self.loss,
                 self.optimizer, self.metrics, self.learning_rate, self.batch_size, self.seed, self.validation_fraction, self.classes, self.class_weight,
                 self.local_steps, self.average_optimizer, self.compression, self.compression_ratio,
                 *([self.lookups] if self.lookups else []), *(call[1:] for call in self.calls)]
        return hashlib.sha256(json.dumps(parts).encode("utf-8")).hexdigest()


def pack_arrays(arrays: dict[str, Any]) -> bytes:
    """numpy arrays as the bytes of an .npz archive."""
    import numpy

    out = io.BytesIO()
    numpy.savez(out, **arrays)
    return out.getvalue()


def unpack_arrays(data: bytes) -> dict[str, Any]:
    import numpy

    with numpy.load(io.BytesIO(data), allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}
