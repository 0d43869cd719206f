"""PyTorch's side of training-gpu.ts: the same networks, batches, optimiser and clipping, on CUDA.

Variants: `eager` as people write it (fused Adam), `graph` with a step captured as a CUDA graph. Populations are batched
matrix products, [member, row, unit], with one flat tensor a layer. The order of the rows is on the GPU beforehand, and
losses are read back once an epoch, so that nothing waits for the host.
Run: python3 bench/training-gpu.py [--json] [--quick] [--cpu]
"""

import argparse
import json
import statistics
import time

import torch

INPUTS, CLASSES, BATCH_ROWS = 32, 3, 128
# Name, hidden layers or (times, inputs, hidden) of an LSTM, members, batches.
CASES = [
    ("32-64-64-3", [64, 64], 1, 1500),
    ("32-64-64-3", [64, 64], 16, 500),
    ("32-64-64-3", [64, 64], 256, 200),
    ("32-64-64-3", [64, 64], 1024, 100),
    ("32-512-512-3", [512, 512], 1, 500),
    ("32-512-512-3", [512, 512], 16, 100),
    ("lstm 20x8-32", (20, 8, 32), 1, 200),
    ("lstm 30x32-64", (30, 32, 64), 1, 200),
]


class Recurrent:
    """One torch.nn.LSTM, which is cuDNN's, and a linear head; windows are gathered from the rows on the GPU."""

    def __init__(self, shape, device, capturable):
        self.times, inputs, hidden = shape
        self.members = 1
        self.lstm = torch.nn.LSTM(inputs, hidden, batch_first=True).to(device)
        self.head = torch.nn.Linear(hidden, CLASSES).to(device)
        self.parameters = [*self.lstm.parameters(), *self.head.parameters()]
        self.back = torch.arange(1 - self.times, 1, device=device)
        cuda = device.type == "cuda"
        self.optimiser = torch.optim.Adam(self.parameters, lr=1e-3, fused=cuda, capturable=capturable)

    def step(self, features, labels, rows, losses, batch):
        rows = rows.flatten() + self.times - 1
        states, _ = self.lstm(features[rows.unsqueeze(1) + self.back])
        loss = torch.nn.functional.cross_entropy(self.head(states[:, -1]), labels[rows])
        self.optimiser.zero_grad(set_to_none=False)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimiser.step()
        losses.index_copy_(0, batch, loss.detach().view(1))


class Population:
    """`members` networks whose weights are [member, in, out]; one member trains as torch.nn would."""

    times = 1

    def __init__(self, hidden, members, device, capturable):
        widths = [INPUTS, *hidden, CLASSES]
        self.members = members
        self.weights, self.biases = [], []
        for inputs, outputs in zip(widths, widths[1:]):
            bound = inputs**-0.5
            self.weights.append(uniform((members, inputs, outputs), bound, device))
            self.biases.append(uniform((members, 1, outputs), bound, device))
        self.parameters = [*self.weights, *self.biases]
        cuda = device.type == "cuda"
        self.optimiser = torch.optim.Adam(self.parameters, lr=1e-3, fused=cuda, capturable=capturable)

    def step(self, features, labels, rows, losses, batch):
        """`rows` [member, row]; the mean loss of every member goes to losses[batch]."""
        values, labels = features[rows], labels[rows]
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases)):
            values = torch.baddbmm(bias, values, weight)
            if layer + 1 < len(self.weights):
                values = torch.relu(values)
        each = torch.nn.functional.cross_entropy(values.flatten(0, 1), labels.flatten(), reduction="none")
        loss = each.view(self.members, -1).mean(1)
        self.optimiser.zero_grad(set_to_none=False)
        loss.sum().backward()
        self.clip()
        self.optimiser.step()
        losses.index_copy_(0, batch, loss.detach().mean().view(1))

    def clip(self):
        """To a norm of 1, each member by itself; with one member, what clip_grad_norm_ does."""
        gradients = [parameter.grad for parameter in self.parameters]
        squares = torch.stack([gradient.square().sum((1, 2)) for gradient in gradients]).sum(0)
        scale = (1 / (squares.sqrt() + 1e-6)).clamp(max=1).view(-1, 1, 1)
        torch._foreach_mul_(gradients, [scale] * len(gradients))


def uniform(shape, bound, device):
    return torch.empty(shape, device=device).uniform_(-bound, bound).requires_grad_()


class Epoch:
    """One pass over the rows: batches are taken from the order by index, on the GPU."""

    def __init__(self, population, inputs, batches, device):
        self.population, self.batches, self.device = population, batches, device
        rows = batches * BATCH_ROWS
        self.features = torch.rand((rows + population.times - 1, inputs), device=device) * 2 - 1
        self.labels = ((self.features[:, 0] + self.features[:, 1] + 2) / 4 * CLASSES).floor().long()
        orders = [torch.randperm(rows, device=device) for _ in range(population.members)]
        self.orders = torch.stack(orders).view(population.members, batches, BATCH_ROWS)
        self.losses = torch.zeros(batches, device=device)
        self.batch = torch.zeros(1, dtype=torch.long, device=device)
        self.graph = None

    def one(self):
        rows = self.orders.index_select(1, self.batch).squeeze(1)
        self.population.step(self.features, self.labels, rows, self.losses, self.batch)
        self.batch += 1

    def capture(self):
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(3):
                self.one()
        torch.cuda.current_stream().wait_stream(stream)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.one()

    def run(self):
        self.batch.zero_()
        for _ in range(self.batches):
            if self.graph is None:
                self.one()
            else:
                self.graph.replay()
        return self.losses.mean().item()


def measure(case, variant, device, rounds, warm_up):
    name, hidden, members, batches = case
    torch.manual_seed(0)
    if isinstance(hidden, tuple):
        epoch = Epoch(Recurrent(hidden, device, variant == "graph"), hidden[1], batches, device)
    else:
        epoch = Epoch(Population(hidden, members, device, variant == "graph"), INPUTS, batches, device)
    if variant == "graph":
        epoch.capture()
    seconds, losses = [], []
    for _ in range(warm_up + rounds):
        start = time.perf_counter()
        losses.append(epoch.run())
        seconds.append(time.perf_counter() - start)
    middle = statistics.median(seconds[warm_up:])
    return {
        "name": name,
        "variant": variant,
        "members": members,
        "batches": batches,
        "batchRows": BATCH_ROWS,
        "rowsPerSecond": members * batches * BATCH_ROWS / middle,
        "stepMicroseconds": middle / batches * 1e6,
        "firstLoss": losses[0],
        "lastLoss": losses[-1],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true", help="a few batches of everything: whether it works")
    parser.add_argument("--cpu", action="store_true", help="without CUDA, to try the program itself")
    flags = parser.parse_args()
    if not flags.cpu and not torch.cuda.is_available():
        raise SystemExit("error: PyTorch sees no CUDA device\n  cure: run it where one is, or with --cpu --quick")
    device = torch.device("cpu" if flags.cpu else "cuda")
    adapter = "cpu" if flags.cpu else torch.cuda.get_device_name()
    rounds, warm_up = (1, 0) if flags.quick else (5, 2)
    results = []
    for case in CASES:
        if flags.quick:
            case = (case[0], case[1], min(2, case[2]), 2)
        for variant in ["eager"] if flags.cpu else ["eager", "graph"]:
            result = measure(case, variant, device, rounds, warm_up)
            results.append(result)
            if not flags.json:
                print(
                    f"{result['name']:14} x {result['members']:<5} {variant:6}"
                    f" {result['rowsPerSecond'] / 1e6:10.2f}e6 rows/s {result['stepMicroseconds']:10.1f} us/step"
                    f"   loss {result['firstLoss']:.4f} -> {result['lastLoss']:.4f}",
                    flush=True,
                )
    if flags.json:
        print(json.dumps({"program": f"pytorch {torch.__version__}", "adapter": adapter, "results": results}))


if __name__ == "__main__":
    main()
