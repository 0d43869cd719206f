"""Golden values of networks, losses, optimisers and schedules, from PyTorch.

Run: /usr/bin/python3 compute-node/training/golden/torch.py > compute-node/training/golden/torch.json
Made with PyTorch 1.13.1 (Debian 12), in double precision. Weight i of a network starts at 0.4 sin(1.7 i + 0.3), in
the order of its tensors; feature i is sin(0.37 i + 0.1); class i is (7 i) mod 3, value i is cos(0.9 i).
"""
import json
import math
import sys

sys.path = [path for path in sys.path if not path.endswith("golden")]
import torch  # noqa: E402

torch.set_default_dtype(torch.float64)
ROWS, INPUTS, TIME, STEPS = 12, 5, 4, 6


class Mlp(torch.nn.Module):
    def __init__(self, activation, batch_norm, outputs=3, hidden=(7, 6)):
        super().__init__()
        widths = [INPUTS, *hidden, outputs]
        self.layers = torch.nn.ModuleList(torch.nn.Linear(a, b) for a, b in zip(widths, widths[1:]))
        self.norms = torch.nn.ModuleList(torch.nn.BatchNorm1d(w) for w in hidden) if batch_norm else None
        self.activation = activation

    def forward(self, x):
        for index, layer in enumerate(self.layers[:-1]):
            x = layer(x)
            if self.norms is not None:
                x = self.norms[index](x)
            x = self.activation(x)
        return self.layers[-1](x)


class Recurrent(torch.nn.Module):
    def __init__(self, kind, hidden=6, layers=2):
        super().__init__()
        self.rnn = kind(INPUTS, hidden, layers, batch_first=True)
        self.head = torch.nn.Linear(hidden, 3)

    def forward(self, x):
        return self.head(self.rnn(x)[0][:, -1])


def ordered(model):
    """Tensors in the order of parameterLayout."""
    if not isinstance(model, Mlp):
        return [value for _, value in model.named_parameters()]
    values = []
    for index, layer in enumerate(model.layers):
        values += [layer.weight, layer.bias]
        if model.norms is not None and index < len(model.norms):
            values += [model.norms[index].weight, model.norms[index].bias]
    return values


def fill(model):
    at = 0
    with torch.no_grad():
        for value in ordered(model):
            flat = value.view(-1)
            for i in range(flat.numel()):
                flat[i] = 0.4 * math.sin(1.7 * at + 0.3)
                at += 1


def examples(is_sequence):
    count = (ROWS + TIME - 1) * INPUTS
    rows = torch.tensor([math.sin(0.37 * i + 0.1) for i in range(count)]).view(-1, INPUTS)
    if is_sequence:
        return torch.stack([rows[i : i + TIME] for i in range(ROWS)])
    return rows[TIME - 1 :]


def focal(gamma, weight):
    def loss(outputs, classes):
        log_p = torch.log_softmax(outputs, 1).gather(1, classes[:, None])[:, 0]
        return (-weight[classes] * (1 - log_p.exp()) ** gamma * log_p).mean()

    return loss


def train(model, loss, make_optimiser, clip=None, regression=False):
    fill(model)
    optimiser = make_optimiser(model.parameters())
    x = examples(isinstance(model, Recurrent))
    classes = torch.tensor([(7 * (i + TIME - 1)) % 3 for i in range(ROWS)])
    values = torch.tensor([math.cos(0.9 * (i + TIME - 1)) for i in range(ROWS)])
    losses, norms = [], []
    for _ in range(STEPS):
        optimiser.zero_grad()
        outputs = model(x)
        value = loss(outputs[:, 0], values) if regression else loss(outputs, classes)
        value.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), clip or 1e9).item())
        optimiser.step()
        losses.append(value.item())
    parameters = [number for value in ordered(model) for number in value.detach().view(-1).tolist()]
    if isinstance(model, Mlp) and model.norms is not None:
        for norm in model.norms:
            parameters += norm.running_mean.tolist() + norm.running_var.tolist()
    model.eval()
    return {"losses": losses, "gradientNorms": norms, "parameters": parameters, "outputs": model(x).tolist()}


relu, tanh, sigmoid = torch.relu, torch.tanh, torch.sigmoid
leaky = torch.nn.functional.leaky_relu
weight = torch.tensor([0.5, 1.5, 1.0])
entropy = torch.nn.CrossEntropyLoss()
adam = lambda p: torch.optim.Adam(p, 0.01)  # noqa: E731
sgd = lambda p: torch.optim.SGD(p, 0.05, momentum=0.9)  # noqa: E731

runs = {
    "mlp relu, cross entropy, adam": train(Mlp(relu, False), entropy, adam),
    "mlp tanh, weighted cross entropy, sgd": train(Mlp(tanh, False), torch.nn.CrossEntropyLoss(weight), sgd),
    "mlp leaky_relu, focal, adamw": train(
        Mlp(leaky, False), focal(2.0, weight), lambda p: torch.optim.AdamW(p, 0.01, weight_decay=0.1)
    ),
    "mlp sigmoid, huber, rmsprop": train(
        Mlp(sigmoid, False, 1), torch.nn.HuberLoss(delta=0.2), lambda p: torch.optim.RMSprop(p, 0.01), regression=True
    ),
    "mlp relu, mse, adam with decay, clipped": train(
        Mlp(relu, False, 1), torch.nn.MSELoss(), lambda p: torch.optim.Adam(p, 0.01, weight_decay=0.05), 0.1, True
    ),
    "mlp tanh with batch norm, cross entropy, sgd": train(Mlp(tanh, True), entropy, sgd),
    "lstm, cross entropy, adam": train(Recurrent(torch.nn.LSTM), entropy, adam),
    "gru, cross entropy, adam": train(Recurrent(torch.nn.GRU), entropy, adam),
}

WATCHED = [1.0, 0.9, 0.95, 0.92, 0.91, 0.89995, 0.7, 0.8, 0.8, 0.8, 0.8, 0.8]


def schedule(make):
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 0.1)
    scheduler = make(optimiser)
    rates = []
    for value in WATCHED:
        optimiser.step()
        if isinstance(scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau):
            scheduler.step(value)
        else:
            scheduler.step()
        rates.append(optimiser.param_groups[0]["lr"])
    return rates


lr = torch.optim.lr_scheduler
schedules = {
    "step": schedule(lambda o: lr.StepLR(o, 3, 0.1)),
    "exponential": schedule(lambda o: lr.ExponentialLR(o, 0.95)),
    "reduce_on_plateau": schedule(lambda o: lr.ReduceLROnPlateau(o, factor=0.5, patience=2)),
}

print(json.dumps({"torch": torch.__version__, "runs": runs, "watched": WATCHED, "schedules": schedules}, indent=1))
