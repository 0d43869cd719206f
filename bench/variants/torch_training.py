"""PyTorch on one thread, for bench/training.ts.

Reads one JSON line for each thing to do and answers with one: first a workload, then the number of batches to train on
from the first one on, or 0 for the mean loss over all batches.
"""
import json
import re
import struct
import sys
import time

try:
    import torch
except ImportError:
    print(json.dumps({"missing": "PyTorch"}), flush=True)
    sys.exit(0)

torch.set_num_threads(1)


def blas():
    """The matrix library that was loaded: it decides most of the speed."""
    with open("/proc/self/maps") as maps:
        names = set(re.findall(r"/(lib(?:openblasp?|mkl_core|blas|blis)[^/\s]*)$", maps.read(), re.M))
    return ", ".join(sorted(names)) or "built in"


class Recurrent(torch.nn.Module):
    def __init__(self, kind, inputs, hidden, layers, outputs):
        super().__init__()
        self.rnn = kind(inputs, hidden, layers, batch_first=True)
        self.head = torch.nn.Linear(hidden, outputs)

    def forward(self, x):
        return self.head(self.rnn(x)[0][:, -1])


def floats(path):
    with open(path, "rb") as file:
        data = file.read()
    return torch.tensor(struct.unpack(f"<{len(data) // 4}f", data))


def build(network):
    if network["kind"] == "mlp":
        widths = [network["inputs"], *network["hidden"], network["outputs"]]
        layers = []
        for inputs, outputs in zip(widths, widths[1:]):
            layers += [torch.nn.Linear(inputs, outputs), torch.nn.ReLU()]
        return torch.nn.Sequential(*layers[:-1])
    kind = torch.nn.LSTM if network["kind"] == "lstm" else torch.nn.GRU
    return Recurrent(kind, network["inputs"], network["hidden"], network["layers"], network["outputs"])


class Workload:
    def __init__(self, spec):
        network = spec["network"]
        self.model = build(network)
        weights, at = floats(spec["weights"]), 0
        with torch.no_grad():
            for parameter in self.model.parameters():
                parameter.copy_(weights[at : at + parameter.numel()].view(parameter.shape))
                at += parameter.numel()
        x = floats(spec["features"]).view(-1, network["inputs"])
        y = floats(spec["labels"]).long()
        length = network.get("sequenceLength", 1)
        if length > 1:
            x = torch.stack([x[end - length + 1 : end + 1] for end in range(length - 1, len(x))])
            y = y[length - 1 :]
        size = spec["batchRows"]
        self.batches = [(x[at : at + size], y[at : at + size]) for at in range(0, len(x) - size + 1, size)]
        self.loss = torch.nn.CrossEntropyLoss()
        self.optimiser = torch.optim.Adam(self.model.parameters(), spec["learningRate"])

    def train(self, count):
        start = time.process_time()
        for x, y in self.batches[:count]:
            self.optimiser.zero_grad()
            loss = self.loss(self.model(x), y)
            loss.backward()
            self.optimiser.step()
        return time.process_time() - start

    def mean_loss(self):
        with torch.no_grad():
            return sum(self.loss(self.model(x), y).item() for x, y in self.batches) / len(self.batches)


print(json.dumps({"version": torch.__version__, "blas": blas()}), flush=True)
workload = None
for line in sys.stdin:
    request = json.loads(line)
    if isinstance(request, dict):
        workload = Workload(request)
        answer = {}
    elif request == 0:
        answer = {"loss": workload.mean_loss()}
    else:
        answer = {"seconds": workload.train(request)}
    print(json.dumps(answer), flush=True)
