"""How training goes, and what is known after each epoch of it."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field


class TrainSettings(BaseModel):
    """How the network learns. None means: by a rule from the data (features/plan.py, train/rules.py)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: int = Field(15, ge=1, description="epochs at most")
    steps: int = Field(
        100, ge=1, description="batches an epoch; unless set 40 for horizons under half a day and for few readings"
    )
    batch: int | None = Field(None, ge=1, description="sequences a batch")
    context: int | None = Field(None, ge=2, description="advances of the state a sequence")
    learning_rate: float | None = Field(None, gt=0, description="peak of the schedule: warm-up, then cosine")
    weight_decay: float = Field(1e-1, ge=0, description="AdamW (Loshchilov & Hutter 2019), on matrices")
    clip: float = Field(1.0, gt=0, description="norm to which gradients are clipped")
    ema: float = Field(0.99, ge=0, lt=1, description="weight averaging: share kept a batch")
    validation: float = Field(0.15, gt=0, lt=0.5, description="share of the training part that validates")
    patience: int = Field(4, ge=1, description="epochs without a better validation loss before stopping")
    final: bool = Field(True, description="train again on everything, validation tail included")
    stateful: bool = Field(False, description="carry the state from batch to batch: truncated BPTT over the years")
    seed: int = Field(0, ge=0, description="all randomness follows from it")


@dataclass(frozen=True)
class Epoch:
    """What is known after an epoch.

    Attributes:
        stage: "search" or "final".
        epoch: from 1.
        epochs: at most, in this stage.
        loss: mean training loss, relative to the level of the load.
        val_loss: the same on the validation tail with averaged weights; None in the final stage.
        skill: 1 - MAE / MAE of the base the network corrects, on the tail; None in the final stage.
        readings: readings a second that passed through the network.
        seconds: of this epoch, compilation included.
    """

    stage: str
    epoch: int
    epochs: int
    loss: float
    val_loss: float | None
    skill: float | None
    readings: float
    seconds: float
