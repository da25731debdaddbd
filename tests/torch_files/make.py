"""make.py - small networks of PyTorch as safetensors, with an input and what PyTorch computes for it; for docs/formats.md. Made with torch 2.15."""
import pathlib

import torch
from firesteel.formats import safetensors

FOLDER = pathlib.Path(__file__).resolve().parent
torch.manual_seed(0)


class Pictures(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(2, 3, 3, padding=1)
        self.norm = torch.nn.BatchNorm2d(3)
        self.fc = torch.nn.Linear(3 * 4 * 5, 2)

    def forward(self, x):
        return self.fc(torch.flatten(torch.relu(self.norm(self.conv(x))), 1))


class Words(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = torch.nn.Embedding(7, 3)
        self.lstm = torch.nn.LSTM(3, 4, batch_first=True)
        self.gru = torch.nn.GRU(4, 3, batch_first=True)

    def forward(self, x):
        return self.gru(self.lstm(self.embedding(x))[0])[0][:, -1]


for name, model, x in (("pictures", Pictures(), torch.randn(6, 2, 4, 5)), ("words", Words(), torch.randint(7, (4, 5)))):
    model(x)  # moving averages of BatchNorm leave their first values
    model.eval()
    tensors = {key: value.detach().numpy() for key, value in model.state_dict().items() if value.ndim}
    safetensors.save(FOLDER / f"{name}.safetensors", {**tensors, "x": x.numpy(), "y": model(x).detach().numpy()})
