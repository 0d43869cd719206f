#!/usr/bin/env python3
"""A PyTorch trainer for `ktrdr run`: a small network that classifies the next bar's direction from past returns.

    ktrdr node start --type gpu_host --program pytorch-mlp=$PWD/examples/trainers/pytorch_mlp.py
    ktrdr run pytorch-mlp --symbol SP500 --data-format npy --set epochs=40 -o model.pt

Input: epochs, hidden (sizes), window (bars), batch, learning_rate, validation (fraction), checkpoint_epochs, seed.
The result is a file for `torch.load`: {"state_dict", "window", "hidden", "mean", "deviation"}.
A run that goes on from a checkpoint ends with the weights of one that was never interrupted.
"""

import json
import os
import signal
import sys
import time

import numpy
import torch

CLOSE = 4
DEFAULTS = {
    "epochs": 20,
    "hidden": [64, 64],
    "window": 16,
    "batch": 128,
    "learning_rate": 1e-3,
    "validation": 0.2,
    "checkpoint_epochs": 5,
    "seed": 1,
}


def say(**message):
    print(json.dumps(message), flush=True)


def read_settings(given):
    unknown = sorted(set(given) - set(DEFAULTS))
    if unknown:
        sys.exit(f"unknown input: {', '.join(unknown)}; known: {', '.join(DEFAULTS)}")
    return {**DEFAULTS, **given}


def read_examples(datasets, window):
    """Windows of past log returns, [example, window], and whether the next return is above zero, [example]."""
    inputs, labels, times = [], [], []
    for dataset in datasets:
        if not dataset["file"].endswith(".npy"):
            sys.exit("this program reads npy files: submit it with --data-format npy")
        bars = numpy.load(dataset["file"])
        returns = numpy.diff(numpy.log(bars[:, CLOSE]))
        if len(returns) <= window:
            sys.exit(f"{dataset['symbol']} has {len(bars)} bars; more than {window + 1} are needed")
        inputs.append(numpy.lib.stride_tricks.sliding_window_view(returns, window)[:-1])
        labels.append(returns[window:] > 0)
        times.append(bars[window + 1 :, 0])
    order = numpy.argsort(numpy.concatenate(times), kind="stable")
    return numpy.concatenate(inputs)[order], numpy.concatenate(labels)[order]


def make_network(window, hidden):
    sizes = [window, *hidden]
    layers = []
    for size, following in zip(sizes, sizes[1:]):
        layers += [torch.nn.Linear(size, following), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers, torch.nn.Linear(sizes[-1], 2))


def main():
    with open(os.environ["KTRDR_SPEC"], encoding="utf8") as file:
        spec = json.load(file)
    settings = read_settings(spec["input"])
    torch.manual_seed(settings["seed"])
    device = "cuda" if torch.cuda.is_available() else "cpu"
    inputs, labels = read_examples(spec["datasets"], settings["window"])

    # Split in order of time: validation rows come after training rows, and scaling uses only the training rows.
    count = int(len(inputs) * (1 - settings["validation"]))
    mean, deviation = inputs[:count].mean(axis=0), inputs[:count].std(axis=0) + 1e-12
    x = torch.tensor((inputs - mean) / deviation, dtype=torch.float32, device=device)
    y = torch.tensor(labels, dtype=torch.long, device=device)
    network = make_network(settings["window"], settings["hidden"]).to(device)
    optimizer = torch.optim.Adam(network.parameters(), lr=settings["learning_rate"])
    measure = torch.nn.CrossEntropyLoss()
    done = 0
    if spec["checkpoint"] is not None:
        state = torch.load(os.environ["KTRDR_CHECKPOINT"], map_location=device)
        network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
        done = state["epoch"]
        say(log=f"goes on after epoch {done}")
    say(log=f"PyTorch {torch.__version__} on {device}: {count} examples to learn from, {len(x) - count} to validate on")

    leaving = []
    signal.signal(signal.SIGTERM, lambda *_: leaving.append(True))

    def save(epoch):
        # Each checkpoint has its own name, since the node takes the file while this program goes on.
        name = f"checkpoint-{epoch}.pt"
        state = {"epoch": epoch, "network": network.state_dict(), "optimizer": optimizer.state_dict()}
        torch.save(state, name)
        say(checkpoint=name)

    started = time.monotonic()
    loss = accuracy = float("nan")
    for epoch in range(done, settings["epochs"]):
        # Shuffle by seed and epoch, so that a resumed run takes the same batches.
        shuffle = torch.Generator().manual_seed(settings["seed"] * 1_000_003 + epoch)
        total = 0.0
        for rows in torch.randperm(count, generator=shuffle).to(device).split(settings["batch"]):
            batch_loss = measure(network(x[rows]), y[rows])
            optimizer.zero_grad()
            batch_loss.backward()
            optimizer.step()
            total += batch_loss.item() * len(rows)
        loss = total / count
        with torch.no_grad():
            accuracy = (network(x[count:]).argmax(dim=1) == y[count:]).float().mean().item()
        speed = count * (epoch + 1 - done) / (time.monotonic() - started)
        rates = {"epoch": epoch + 1, "loss": loss, "accuracy": accuracy, "rowsPerSecond": round(speed)}
        say(progress={"phase": "training", "fraction": (epoch + 1) / settings["epochs"], "rates": rates})
        if leaving or (epoch + 1) % settings["checkpoint_epochs"] == 0:
            save(epoch + 1)
        if leaving:
            sys.exit(143)

    model = {
        "state_dict": network.cpu().state_dict(),
        "window": settings["window"],
        "hidden": settings["hidden"],
        "mean": mean.tolist(),
        "deviation": deviation.tolist(),
    }
    torch.save(model, "model.pt")
    summary = {"epochs": settings["epochs"], "loss": loss, "validation_accuracy": accuracy, "device": device}
    say(result={"file": "model.pt", "summary": summary})


main()
