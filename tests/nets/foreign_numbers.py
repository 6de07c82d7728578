"""Numbers that PyTorch and Keras give, for test_foreign.py; neither is needed to run the tests.

    python tests/nets/foreign_numbers.py torch   # where torch is installed; writes tests/nets/data/torch.json
    python tests/nets/foreign_numbers.py keras   # where Keras is installed; writes tests/nets/data/keras.json

Sizes are tiny, weights and biases random and none of them zero. Each case has its weights as the library gives them,
outputs after every step `[time, batch, units]` and the last states of each layer, from a state of zeros.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

TIME, BATCH, INPUTS = 5, 2, 3
XS = np.random.default_rng(0).normal(size=(TIME, BATCH, INPUTS)).astype(np.float32)


def told(array) -> list:
    """Numbers of a float32 array in as few digits as bring them back."""
    array = np.asarray(array)
    return [told(a) for a in array] if array.ndim > 1 else [float(str(a)) for a in array]


def torch() -> dict:
    import torch as library

    library.manual_seed(0)
    cases = {
        "lstm": (library.nn.LSTM, {"hidden_size": 3}),
        "lstm of three layers": (library.nn.LSTM, {"hidden_size": 3, "num_layers": 3}),
        "lstm without biases": (library.nn.LSTM, {"hidden_size": 2, "bias": False}),
        "lstm of both directions": (library.nn.LSTM, {"hidden_size": 2, "bidirectional": True}),
        "gru": (library.nn.GRU, {"hidden_size": 3}),
        "gru of two layers": (library.nn.GRU, {"hidden_size": 3, "num_layers": 2}),
        "gru without biases": (library.nn.GRU, {"hidden_size": 2, "bias": False}),
    }
    found = {}
    for name, (kind, sizes) in cases.items():
        layer = kind(INPUTS, **sizes)
        with library.no_grad():
            hs, last = layer(library.tensor(XS))
        last = last if isinstance(last, tuple) else (last,)
        arrays = {k: told(v) for k, v in layer.state_dict().items()}
        found[name] = {"arrays": arrays, "hs": told(hs), "last": [told(state) for state in last]}
    return {"made by": f"torch {library.__version__}", "cases": found}


def keras() -> dict:
    import keras as library

    rng, found = np.random.default_rng(1), {}
    cases = {
        "lstm": (library.layers.LSTM, [3], {}),
        "lstm of two layers": (library.layers.LSTM, [4, 2], {}),
        "lstm without biases": (library.layers.LSTM, [2], {"use_bias": False}),
        "gru": (library.layers.GRU, [3], {}),
        "gru of two layers": (library.layers.GRU, [3, 2], {}),
    }
    for name, (kind, units, options) in cases.items():
        x, arrays, last = XS.swapaxes(0, 1), [], []
        for size in units:
            layer = kind(size, return_sequences=True, return_state=True, **options)
            layer.build(x.shape)
            layer.set_weights([rng.normal(0, 0.6, w.shape).astype(np.float32) for w in layer.get_weights()])
            x, *states = (np.asarray(a) for a in layer(x))
            arrays.append([told(w) for w in layer.get_weights()])
            last.append([told(state) for state in states])
        found[name] = {"arrays": arrays, "hs": told(x.swapaxes(0, 1)), "last": last}
    return {"made by": f"keras {library.__version__} ({library.backend.backend()})", "cases": found}


if __name__ == "__main__":
    answer = {"torch": torch, "keras": keras}[sys.argv[1]]()
    path = Path(__file__).parent / "data" / f"{sys.argv[1]}.json"
    path.write_text(json.dumps({"xs": told(XS), **answer}) + "\n")
