"""Models of random weights as ONNX graphs in onnxruntime, beside the runtime that they have to agree with."""

import copy

import numpy as np
import onnxruntime
from onnx.reference import ReferenceEvaluator
from runtime.models import covariates

from wattcast import export


class Exported:
    """The graphs of a model, run by onnxruntime."""

    def __init__(self, model, folder, *, written=False):
        self.model, self.about = model, export.about(model)
        paths = [folder / name for name in export.FILES[:2]] if written else export.write(model, folder)[:2]
        one = onnxruntime.SessionOptions()
        one.intra_op_num_threads = 1
        self.prime_session, self.step_session = (onnxruntime.InferenceSession(path, one) for path in paths)

    def by_the_book(self, folder):
        """The same, run by the evaluator that comes with ONNX itself."""
        other = copy.copy(self)
        other.prime_session, other.step_session = (_Reference(str(folder / name)) for name in export.FILES[:2])
        return other

    def run(self, session, given):
        names = [out.name for out in session.get_outputs()]
        assert set(given) == {i.name for i in session.get_inputs()}
        out = dict(zip(names, session.run(names, given), strict=True))
        return {name.removeprefix("next_"): a for name, a in out.items() if name != "quantiles"}, out["quantiles"]

    def prime(self, panel, end):
        """States and forecast after the first `end` readings of a panel."""
        given = export.calendar(self.about, panel.start, end, panel.ids)
        place = self.model.place
        given["who"] = np.array([place.get(meter, len(place)) for meter in panel.ids], np.int32)
        given["y"] = panel.y[:end].T.astype(np.float32)
        if panel.names:
            last = end + self.model.grounds.layout.targets.max() + 1
            given["covariates"] = panel.covariates[:last].swapaxes(0, 1).astype(np.float32)
            if panel.known_from is not None:
                given["known_from"] = panel.known_from[:last].T.astype(np.int32)
        return self.run(self.prime_session, given)

    def streamed(self, state, panel, first, last, *, forecast=True):
        """States after readings `first` .. `last - 1`, and the forecast after the last of them."""
        days = export.calendar(self.about, panel.time(first), last - first, panel.ids)
        span = sum(self.about["calendar"].values())
        for t in range(first, last):
            given = state | {name: a[t - first : t - first + span] for name, a in days.items()}
            given |= {"y": panel.y[t].astype(np.float32), "forecast": np.array(forecast and t == last - 1)}
            if panel.names:
                rows = covariates(panel, t, self.model.grounds.layout.horizon)
                given["covariates"] = rows.astype(np.float32)
            state, q = self.run(self.step_session, given)
        return state, q


class _Reference(ReferenceEvaluator):
    """With the names that sessions of onnxruntime have."""

    def get_inputs(self):
        return self.proto_.graph.input

    def get_outputs(self):
        return self.proto_.graph.output
