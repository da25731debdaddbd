#!/usr/bin/env python3
"""make.py FOLDER - small PyTorch networks in float64: NAME.onnx as torch.onnx.export writes it, and NAME.npz with rows x, targets t, the output y, the loss
(mean squared error), the gradient g/P of every parameter P, and the outputs after three steps of SGD and of Adam. tests/python/test_imported_layers.py compares
the engine with them."""
import copy
import math
import sys
import warnings

import numpy as np
import torch
from torch import nn

warnings.simplefilter("ignore")


class Convolutions(nn.Module):
    def __init__(self):
        super().__init__()
        self.c, self.bn, self.pool, self.f = nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.MaxPool2d(2), nn.Linear(64, 3)
        self.bn.running_mean.normal_()
        self.bn.running_var.uniform_(0.5, 2)

    def forward(self, x):
        x = self.pool(torch.relu(self.bn(self.c(x))))
        return self.f(x.view(x.size(0), -1))


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.e, self.q, self.k, self.v, self.n, self.o = nn.Linear(5, 8), nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 8), nn.LayerNorm(8), nn.Linear(8, 3)

    def forward(self, x):
        x = self.e(x)
        b, t, d = x.shape
        q, k, v = (layer(x).view(b, t, 2, 4).transpose(1, 2) for layer in (self.q, self.k, self.v))
        a = torch.softmax(q @ k.transpose(-1, -2) / math.sqrt(4), -1)
        x = self.n(x + (a @ v).transpose(1, 2).reshape(b, t, d))
        return self.o(nn.functional.gelu(x).mean(1))


class Recurrent(nn.Module):
    def __init__(self, kind, **settings):
        super().__init__()
        self.l = getattr(nn, kind)(4, 6, batch_first=True, **settings)
        self.o = nn.Linear(12 if settings.get("bidirectional") else 6, 2)

    def forward(self, x):
        return self.o(self.l(x)[0][:, -1])


class Tied(nn.Module):
    """A table of words that is read twice, a layer that is called twice."""

    def __init__(self):
        super().__init__()
        self.e, self.l, self.g, self.p, self.d = nn.Embedding(11, 6), nn.Linear(6, 6, bias=False), nn.GroupNorm(2, 6), nn.PReLU(6), nn.Dropout(0.3)

    def forward(self, i):
        x = self.e(i)
        x = self.l(x) + self.l(x * 2)
        return self.d(self.p(self.g(x.transpose(1, 2)))).mean(2) @ self.e.weight.t()


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.t = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 12, dropout=0.0, batch_first=True), 1, enable_nested_tensor=False)
        self.cls, self.o = nn.Parameter(torch.randn(1, 1, 8)), nn.Linear(8, 3)

    def forward(self, x):
        return self.o(self.t(torch.cat([self.cls.expand(x.size(0), -1, -1), x], 1))[:, 0])


def step(net, x, t):
    loss = ((net(x) - t) ** 2).mean()
    loss.backward()
    return loss


def main(folder):
    torch.manual_seed(0)
    sequences = (5, 4)
    nets = {"convolutions": (Convolutions(), (2, 8, 8)), "attention": (Attention(), (5, 5)), "tied": (Tied(), None), "encoder": (Encoder(), (4, 8)),
            "lstm": (Recurrent("LSTM", num_layers=2, bidirectional=True), sequences), "gru": (Recurrent("GRU"), sequences), "rnn": (Recurrent("RNN"), sequences)}
    for name, (net, shape) in nets.items():
        net = net.double().eval()
        for p in net.parameters():  # no two are alike: the exporter would make one of them
            p.data += 0.05 * torch.randn_like(p)
        x = torch.randn(6, *shape).double() if shape else torch.randint(0, 11, (6, 4))
        y = net(x)
        t = y.detach() + torch.randn_like(y)
        recurrent = isinstance(net, Recurrent)  # the exporter wants constants folded there
        mode = torch.onnx.TrainingMode.EVAL if recurrent else torch.onnx.TrainingMode.PRESERVE
        torch.onnx.export(net, (x,), f"{folder}/{name}.onnx", dynamo=False, input_names=["x"], output_names=["y"], dynamic_axes={"x": {0: "n"}, "y": {0: "n"}},
                          opset_version=17, do_constant_folding=recurrent, training=mode)
        out = {"x": x.numpy(), "t": t.numpy(), "y": y.detach().numpy(), "loss": step(net, x, t).item()}
        for key, p in net.named_parameters():
            out[f"w/{key}"], out[f"g/{key}"] = p.detach().numpy().copy(), p.grad.numpy()
        for key, make in (("sgd", lambda p: torch.optim.SGD(p, 0.05)), ("adam", lambda p: torch.optim.Adam(p, 0.01, eps=1e-12))):
            trained = copy.deepcopy(net)
            optimizer = make(trained.parameters())
            for _ in range(3):
                optimizer.zero_grad()
                step(trained, x, t)
                optimizer.step()
            out[f"y_{key}"] = trained(x).detach().numpy()
        np.savez_compressed(f"{folder}/{name}.npz", **out)


if __name__ == "__main__":
    main(sys.argv[1])
