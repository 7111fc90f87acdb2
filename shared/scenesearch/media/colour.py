"""Colours as players show them: what a file's tags mean, and high dynamic range brought down to an ordinary screen.

Sources: ITU-R BT.709, BT.2020, BT.2100 (PQ and HLG), BT.2390 (tone mapping), ITU-T H.273 (the numbers of the tags).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from av.video.codeccontext import VideoCodecContext
    from av.video.frame import VideoFrame

Values = NDArray[np.float64]

BT709, UNSPECIFIED, BT470BG, SMPTE170M, BT2020, BT2020_CL = 1, 2, 5, 6, 9, 10
"""H.273 numbers of matrices; those of primaries are the same as far as they go."""

LINEAR, PQ, SMPTE428, HLG = 8, 16, 17, 18
"""H.273 numbers of transfer functions that an ordinary screen cannot show as they are."""

SD_LINES = 576
"""Untagged pictures of at most this many lines, and less than 1280 wide, are standard definition (mpv and VLC guess so too)."""

SD_WIDTH = 1280
"""The width in pixels from which untagged pictures are not standard definition."""

MATRICES = {BT709: "bt709", BT470BG: "bt470bg", SMPTE170M: "smpte170m", 7: "smpte240m", BT2020: "bt2020nc", BT2020_CL: "bt2020nc", 4: "fcc"}
"""Names of the matrices that FFmpeg's scaler converts. Constant luminance has no converter: it is taken for the other kind."""

CARRIED = frozenset({BT709, BT470BG, SMPTE170M})
"""Matrices that every player of H.264 knows; pictures in another one are converted to BT.709."""

P3 = ((0.68, 0.32), (0.265, 0.69), (0.15, 0.06))
"""Chromaticities (x, y) of red, green and blue of DCI-P3 and Display P3 (SMPTE EG 432-1)."""

WIDE_PRIMARIES = {BT2020: ((0.708, 0.292), (0.17, 0.797), (0.131, 0.046)), 11: P3, 12: P3}
"""Chromaticities (x, y) of red, green and blue that lie far outside BT.709's: BT.2020, DCI-P3, Display P3. White is D65."""

NARROW = ((0.64, 0.33), (0.3, 0.6), (0.15, 0.06))
"""BT.709's chromaticities, which are sRGB's too."""

WHITE_NITS = 203
"""Where BT.2408 puts the white of an ordinary picture in a high dynamic range one, in cd/m²."""

PEAK_NITS = 1000
"""The brightness in cd/m² from which everything becomes the white of the screen: most material is mastered for it (HLG's peak too)."""

SCREEN_GAMMA = 2.4
"""BT.1886: the exponent of an ordinary screen."""

GRID = 33
"""Points along each edge of the colour cube, which is interpolated between: the usual size; 17 bands in skies."""


@dataclass(frozen=True, slots=True)
class Colours:
    """What the pictures' numbers mean, in H.273's numbers, with nothing left unspecified."""

    matrix: int
    full_range: bool
    primaries: int
    transfer: int

    @property
    def beyond_screen(self) -> bool:
        """Whether they must be converted for an ordinary 8-bit screen: high dynamic range, linear light, or a wide gamut."""
        return self.transfer in (LINEAR, PQ, SMPTE428, HLG) or self.primaries in WIDE_PRIMARIES

    @property
    def on_screen(self) -> Colours:
        """What they become for an ordinary screen in limited range: the same where every player knows them, else BT.709."""
        if self.beyond_screen:
            return SCREEN
        return replace(self, matrix=self.matrix if self.matrix in CARRIED else BT709, full_range=False)


SCREEN = Colours(BT709, False, BT709, BT709)
"""What every ordinary screen shows."""


def colours_of(picture: VideoFrame | VideoCodecContext) -> Colours:
    """Return the colours that the picture states; what it does not state (or in reserved numbers) is guessed by size, as players do."""
    small = picture.width < SD_WIDTH and picture.height <= SD_LINES
    # small pictures of more lines than the 486 of NTSC are PAL
    guess = (BT470BG if picture.height > 486 else SMPTE170M) if small else BT709
    primaries, transfer = int(picture.color_primaries), int(picture.color_trc)
    matrix = int(picture.colorspace)
    if matrix not in MATRICES:
        matrix = BT2020 if primaries == BT2020 else guess
    if primaries not in {1, 4, 5, 6, 7, 8, *WIDE_PRIMARIES}:
        primaries = BT2020 if matrix in (BT2020, BT2020_CL) else matrix if matrix in CARRIED else BT709
    if transfer in (0, UNSPECIFIED, 3) or transfer > HLG:
        transfer = BT709
    return Colours(matrix, int(picture.color_range) == 2, primaries, transfer)


@contextmanager
def screen_cube(colours: Colours) -> Iterator[Path]:
    """A colour cube (a `.cube` file, for as long as the context lasts) from these colours' RGB to an ordinary screen's."""
    steps = np.linspace(0, 1, GRID)
    blue, green, red = np.meshgrid(steps, steps, steps, indexing="ij")  # red changes fastest in the file
    shown = _on_screen(np.stack([red, green, blue], axis=-1).reshape(-1, 3), colours)
    with NamedTemporaryFile("w", suffix=".cube") as file:
        file.write(f"LUT_3D_SIZE {GRID}\n")
        np.savetxt(file, shown, fmt="%.5f")
        file.flush()
        yield Path(file.name)


def _on_screen(signal: Values, colours: Colours) -> Values:
    """RGB signals (n, 3) from 0 to 1, as an ordinary screen wants them. Brightness is mapped by the brightest channel: hues stay."""
    light = _light(signal, colours.transfer)
    brightest = light.max(axis=1, keepdims=True)
    if colours.transfer in (PQ, HLG):
        light = light * (_rolled_off(brightest) / np.maximum(brightest, 1e-9))
    if colours.primaries in WIDE_PRIMARIES:
        light = light @ (np.linalg.inv(_to_xyz(NARROW)) @ _to_xyz(WIDE_PRIMARIES[colours.primaries])).T
    shown: Values = np.clip(light, 0, 1) ** (1 / SCREEN_GAMMA)
    return shown


def _light(signal: Values, transfer: int) -> Values:
    """Light on the screen, 1 being the white of an ordinary picture."""
    if transfer == PQ:
        return _pq_nits(signal) / WHITE_NITS
    if transfer == HLG:
        a, b, c = 0.17883277, 0.28466892, 0.55991073  # BT.2100, table 5
        scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)
        luminance = scene @ np.array([0.2627, 0.678, 0.0593])
        light: Values = scene * np.maximum(luminance, 1e-9)[:, None] ** 0.2 * (PEAK_NITS / WHITE_NITS)
        return light
    exponent = {LINEAR: 1.0, SMPTE428: 2.6}.get(transfer, SCREEN_GAMMA)
    return np.asarray(signal**exponent)


def _rolled_off(light: Values) -> Values:
    """BT.2390's curve: darker parts stay, the brighter the more they are pressed together; `PEAK_NITS` becomes 1."""
    peak = _pq_code(np.array(float(PEAK_NITS)))
    code = np.minimum(_pq_code(light * WHITE_NITS) / peak, 1)
    white = _pq_code(np.array(float(WHITE_NITS))) / peak
    knee = 1.5 * white - 0.5
    t = (code - knee) / (1 - knee)
    curve = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (3 * t**2 - 2 * t**3) * white
    rolled: Values = _pq_nits(np.where(code < knee, code, curve) * peak) / WHITE_NITS
    return rolled


_M1, _M2, _C1, _C2, _C3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
"""Constants of the PQ curve (BT.2100, table 4)."""


def _pq_nits(code: Values) -> Values:
    root = code ** (1 / _M2)
    nits: Values = 10_000 * (np.maximum(root - _C1, 0) / (_C2 - _C3 * root)) ** (1 / _M1)
    return nits


def _pq_code(nits: Values) -> Values:
    root = (np.maximum(nits, 0) / 10_000) ** _M1
    code: Values = ((_C1 + _C2 * root) / (1 + _C3 * root)) ** _M2
    return code


def _to_xyz(primaries: tuple[tuple[float, float], ...]) -> Values:
    """The matrix from linear RGB of these primaries (white D65) to CIE XYZ."""
    columns = np.array([[x / y, 1, (1 - x - y) / y] for x, y in primaries]).T
    x, y = 0.3127, 0.329
    weights: Values = np.linalg.solve(columns, np.array([x / y, 1, (1 - x - y) / y]))
    return columns * weights
