"""Stage 1: a small causal convolutional network that hears every frame. Model, loss, training, streaming export.

    log-mel (T, 40) -> per-channel energy normalisation -> conv 10 -> 20 ms -> conv 20 -> 40 ms -> three dilated
    convolutions with skips -> 48 numbers every 40 ms (the trunk) -> one linear head a word

It sees 1.3 s. About 56 000 parameters. The trunk is shared by all words; a head is 49 numbers. Streaming is the same
network with the last frames of each layer's input carried as explicit states, zero at the start, as training has it.

Energy normalisation: PCEN, Wang et al., "Trainable frontend for robust and far-field keyword spotting", 2017, with the
smoother corrected for its zero start (as Adam's moments are), so that the first frames are not divided by nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wakeword.pipeline.stage1 import WIDTH

BANDS = 40
KERNEL = 5
DILATIONS = (1, 2, 4)
SMOOTHING = 0.03  # of one 10 ms frame: a time constant of 0.33 s
FRAMES_PER_STEP = 4  # one output every 40 ms
UNIT_FRAMES = 8  # the streaming form takes 80 ms at a time
EPSILON = 1e-9


class Normaliser(nn.Module):
    """Per-channel energy normalisation with trained exponents."""

    def __init__(self) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.full((BANDS,), 2.0))  # sigmoid: 0.88
        self.delta = nn.Parameter(torch.full((BANDS,), 0.5))  # exp: 1.6
        self.root = nn.Parameter(torch.full((BANDS,), 0.0))  # sigmoid: 0.5

    def forward(self, log_power: Tensor) -> Tensor:
        """(B, T, 40) -> (B, T, 40), from a zero state."""
        frames = log_power.shape[1]
        power = log_power.exp()
        smooth = decay_matrix(frames).to(power) @ power  # (B, T, 40)
        weight = 1 - (1 - SMOOTHING) ** torch.arange(1, frames + 1).to(power)
        return self.compress(power, smooth / weight[None, :, None])

    def compress(self, power: Tensor, smooth: Tensor) -> Tensor:
        """Divide by the smoothed energy, then a trained root."""
        delta, root = self.delta.exp(), torch.sigmoid(self.root)
        gain = (EPSILON + smooth) ** -torch.sigmoid(self.alpha)
        return (power * gain + delta) ** root - delta**root


def decay_matrix(frames: int) -> Tensor:
    """(T, T) lower triangular: row t holds the weights of a first-order smoother."""
    steps = torch.arange(frames)
    age = (steps[:, None] - steps[None, :]).clamp(min=0).double()
    return (SMOOTHING * (1 - SMOOTHING) ** age).tril().float()


class Layer(nn.Module):
    """Causal convolution, batch norm, ReLU; `carry` frames of its input are its state."""

    def __init__(self, inputs: int, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv1d(inputs, WIDTH, KERNEL, stride=stride, dilation=dilation, bias=False)
        self.norm = nn.BatchNorm1d(WIDTH)
        self.carry = (KERNEL - 1) * dilation + 1 - stride
        self.skip = stride == 1

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T) -> (B, 48, T / stride), the state being zero."""
        y = F.relu(self.norm(self.conv(F.pad(x, (self.carry, 0)))))
        return x + y if self.skip else y


class Stage1(nn.Module):
    """The trunk and one head a word."""

    def __init__(self, words: int) -> None:
        super().__init__()
        self.normaliser = Normaliser()
        strided = [Layer(BANDS, stride=2), Layer(WIDTH, stride=2)]
        self.layers = nn.ModuleList(strided + [Layer(WIDTH, dilation=d) for d in DILATIONS])
        self.heads = nn.Linear(WIDTH, words)
        nn.init.constant_(self.heads.bias, -3.0)

    def trunk(self, log_power: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, T, 40) -> (B, T / 4, 48)."""
        x = self.normaliser(log_power)
        if mask is not None:
            x = x * mask
        x = x.transpose(1, 2)
        for layer in self.layers:
            x = layer(x)
        return x.transpose(1, 2)

    def forward(self, log_power: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, T, 40) -> (B, T / 4, words) logits."""
        return self.heads(self.trunk(log_power, mask))


class Streaming(nn.Module):
    """The same network on 80 ms, states in and out; batch norm folded into the convolutions. What is exported.

    Frames are rows here, and a convolution is one product of gathered windows: on so few frames the runtime's own
    convolution took half as long again for the whole network (50 us a unit instead of 34).
    """

    def __init__(self, trained: Stage1) -> None:
        super().__init__()
        normaliser = trained.normaliser
        steps = torch.arange(1, UNIT_FRAMES + 1)
        self.normaliser = normaliser
        self.register_buffer("decay", decay_matrix(UNIT_FRAMES))
        self.register_buffer("fade", ((1 - SMOOTHING) ** steps)[None, :, None])
        layers, frames = list(trained.layers), UNIT_FRAMES
        self.convs = nn.ModuleList()
        for layer in layers:
            frames //= layer.conv.stride[0]
            self.convs.append(Windows(_fold(layer), frames))
        self.skips = [layer.skip for layer in layers]
        self.carries = [layer.carry for layer in layers]
        self.widths = [layer.conv.in_channels for layer in layers]

    def forward(self, log_power: Tensor, energy: Tensor, weight: Tensor, *carried: Tensor) -> tuple[Tensor, ...]:
        """(1, 8, 40), (1, 1, 40), (1, 1, 1), five (1, n, C) -> (1, 2, 48) and the seven states after it."""
        power = log_power.exp()
        smooth = self.decay @ power + self.fade * energy
        age = 1 - self.fade * (1 - weight)
        x = self.normaliser.compress(power, smooth / age)[0]
        states = []
        for conv, skip, carry, before in zip(self.convs, self.skips, self.carries, carried, strict=True):
            joined = torch.cat([before[0], x])
            states.append(joined[None, -carry:])
            y = F.relu(conv(joined))
            x = x + y if skip else y
        return (x[None], smooth[:, -1:], age[:, -1:], *states)

    def zeros(self) -> list[Tensor]:
        """The states before the first frame."""
        carried = [torch.zeros(1, carry, width) for carry, width in zip(self.carries, self.widths, strict=True)]
        return [torch.zeros(1, 1, BANDS), torch.zeros(1, 1, 1), *carried]


class Windows(nn.Module):
    """A convolution as a product: frames that are rows, (n, C), to so many rows of 48."""

    def __init__(self, conv: nn.Conv1d, rows: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(conv.weight.detach().permute(2, 1, 0).reshape(-1, WIDTH))  # (KERNEL * C, 48)
        self.bias = nn.Parameter(conv.bias.detach())
        first, further = torch.arange(rows) * conv.stride[0], torch.arange(KERNEL) * conv.dilation[0]
        self.register_buffer("places", first[:, None] + further)  # (rows, KERNEL)

    def forward(self, frames: Tensor) -> Tensor:
        return torch.addmm(self.bias, frames[self.places].flatten(1), self.weight)


def _fold(layer: Layer) -> nn.Conv1d:
    conv, norm = layer.conv, layer.norm
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    folded = nn.Conv1d(conv.in_channels, WIDTH, KERNEL, stride=conv.stride, dilation=conv.dilation)
    folded.weight.data = conv.weight * scale[:, None, None]
    folded.bias.data = norm.bias - norm.running_mean * scale
    return folded


@dataclass(frozen=True)
class Targets:
    """For a batch: the word said (-1: none of ours) and the output step at which it ends."""

    word: Tensor  # (B,)
    end: Tensor  # (B,) in steps of 40 ms


def loss(logits: Tensor, targets: Targets) -> Tensor:
    """Binary loss at the word's end for the word said; the hardest tenth of all other steps for everything else.

    (B, S, W) logits. A word counts as heard at any step from 40 ms before to 120 ms after its end: later would be
    safer, and the talker would wait. From there to 600 ms after the end, nothing is asked.
    """
    batch, steps, words = logits.shape
    place = torch.arange(steps)[None, :] - targets.end[:, None]  # (B, S)
    said = F.one_hot(targets.word.clamp(min=0), words).bool() & (targets.word >= 0)[:, None]  # (B, W)
    hit = ((place >= -1) & (place <= 3))[:, :, None] & said[:, None, :]
    free = ((place >= -3) & (place <= 15))[:, :, None] & said[:, None, :]
    heard = logits.masked_fill(~hit, -1e4).amax(dim=1)[said]
    wrong = F.softplus(logits).masked_fill(free, 0.0)
    hardest = wrong.topk(max(1, steps // 10), dim=1).values.mean(dim=1)  # (B, W)
    return F.softplus(-heard).sum() / batch * 2 + hardest.sum() / batch
