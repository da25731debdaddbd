"""convnet_worker NET PEER SECONDS - train a convolutional network on one thread and print samples per CPU-second as JSON.

NET: mnist (28x28x1, convolutions of 32 and 64 3x3 kernels with relu and pooling, batch 128, Adam) or resnet18 (CIFAR stem, batch 64, SGD with
momentum). Peers get their batches ready made; firesteel does what it does for users.
"""
import json
import sys
import time

import numpy as np

net, peer, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
rows, batch, shape = {"mnist": (1024, 128, (28, 28, 1)), "resnet18": (192, 64, (32, 32, 3))}[net]
rng = np.random.default_rng(0)
x = rng.random((rows, *shape), dtype=np.float32)
y = rng.integers(0, 10, rows)


def best_rate(epoch):
    """Samples per CPU-second of the best of many epochs, after one to warm up."""
    epoch()
    best, begun_all = 0.0, time.process_time()
    while time.process_time() < begun_all + seconds:
        begun = time.process_time()
        epoch()
        best = max(best, rows / (time.process_time() - begun))
    return best


def keras_net(layers, model, inputs):
    """The same text for Keras and for firesteel."""
    if net == "mnist":
        return model([inputs(shape), layers.Conv2D(32, 3, activation="relu"), layers.MaxPooling2D(), layers.Conv2D(64, 3, activation="relu"), layers.MaxPooling2D(),
                      layers.Flatten(), layers.Dense(10, activation="softmax")])
    return None


def resnet18(layers, inputs, model):
    """Residual network of 8 blocks, 64 to 512 channels, for 32x32 images."""
    def block(x, channels, stride):
        a = layers.Conv2D(channels, 3, strides=stride, padding="same", use_bias=False)(x)
        a = layers.Activation("relu")(layers.BatchNormalization()(a))
        a = layers.BatchNormalization()(layers.Conv2D(channels, 3, padding="same", use_bias=False)(a))
        if stride != 1:
            x = layers.BatchNormalization()(layers.Conv2D(channels, 1, strides=stride, use_bias=False)(x))
        return layers.Activation("relu")(layers.Add()([a, x]))

    start = inputs(shape)
    a = layers.Activation("relu")(layers.BatchNormalization()(layers.Conv2D(64, 3, padding="same", use_bias=False)(start)))
    for channels, stride in ((64, 1), (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1)):
        a = block(a, channels, stride)
    return model(start, layers.Dense(10, activation="softmax")(layers.GlobalAveragePooling2D()(a)))


if peer == "firesteel":
    import firesteel as fire

    fire.set_threads(1)
    made = keras_net(fire.layers, fire.Sequential, fire.Input) or resnet18(fire.layers, fire.Input, fire.Model)
    made.compile(optimizer="adam" if net == "mnist" else fire.optimizers.SGD(0.01, momentum=0.9), loss="sparse_categorical_crossentropy")
    rate = best_rate(lambda: made.fit(x, y, batch_size=batch, epochs=1, verbose=0))
elif peer.startswith("torch"):
    import torch
    from torch import nn

    torch.set_num_threads(1)
    torch.set_flush_denormal(True)

    class Block(nn.Module):
        def __init__(self, before, channels, stride):
            super().__init__()
            self.a, self.b = nn.Conv2d(before, channels, 3, stride, 1, bias=False), nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
            self.p, self.q = nn.BatchNorm2d(channels), nn.BatchNorm2d(channels)
            self.short = nn.Sequential(nn.Conv2d(before, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)) if stride != 1 else nn.Identity()

        def forward(self, x):
            return torch.relu(self.q(self.b(torch.relu(self.p(self.a(x))))) + self.short(x))

    if net == "mnist":
        made = nn.Sequential(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(1600, 10))
    else:
        sizes = [(64, 64, 1), (64, 64, 1), (64, 128, 2), (128, 128, 1), (128, 256, 2), (256, 256, 1), (256, 512, 2), (512, 512, 1)]
        made = nn.Sequential(nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU(), *(Block(*s) for s in sizes), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10))
    order = torch.channels_last if peer == "torch-last" else torch.contiguous_format
    made = made.to(memory_format=order)
    optimizer = torch.optim.Adam(made.parameters(), fused=True) if net == "mnist" else torch.optim.SGD(made.parameters(), 0.01, momentum=0.9)
    loss = nn.CrossEntropyLoss()
    data = torch.from_numpy(np.ascontiguousarray(np.moveaxis(x, -1, 1))).contiguous(memory_format=order)
    batches = list(zip(data.split(batch), torch.from_numpy(y).split(batch)))

    def epoch():
        for a, b in batches:
            optimizer.zero_grad(set_to_none=True)
            loss(made(a), b).backward()
            optimizer.step()

    rate = best_rate(epoch)
else:
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    import keras

    made = keras_net(keras.layers, keras.Sequential, keras.Input) or resnet18(keras.layers, keras.Input, keras.Model)
    made.compile(optimizer="adam" if net == "mnist" else keras.optimizers.SGD(0.01, momentum=0.9), loss="sparse_categorical_crossentropy")
    rate = best_rate(lambda: made.fit(x, y, batch_size=batch, epochs=1, verbose=0, shuffle=False))
print(json.dumps({"rate": rate}))
