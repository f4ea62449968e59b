"""Picture files and arrays of any kind, as grey values from 0 to 1."""

import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from ideomotor.errors import DataError

MAX_PIXELS = 100_000_000
_SCALES = (1, 16, 255, 1023, 4095, 65535)
_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")  # none of them runs a program


def example_pictures() -> list[Path]:
    """The photographed and drawn pictures of digits that come with the digit reader, as files."""
    folder = Path(__file__).with_name("examples")
    return sorted(path for path in folder.iterdir() if path.suffix in (".png", ".jpg"))


def load_picture(path: Path) -> np.ndarray:
    """The pixels of a picture file, turned upright, or a `.npy` file's array; raises a `DataError` that says what is wrong with it."""
    if path.suffix.lower() == ".npy":
        return _load_array(path)
    if not path.exists():
        raise DataError(f"There is no file {path}; give the path of a PNG or JPEG picture.")
    if path.is_dir():
        raise DataError(f"{path} is a folder; give the path of one PNG or JPEG picture.")
    try:
        size = path.stat().st_size
        data = None if size else b""
        if data == b"":
            raise DataError(f"{path} is empty (0 bytes); save or copy the picture again.")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on large pictures and odd metadata; the limit below is ours
            return _decode(path)
    except Image.DecompressionBombError as error:
        raise _too_large(path) from error
    except Image.UnidentifiedImageError as error:
        raise DataError(f"{path} is not a picture that can be read; save it as PNG or JPEG.") from error
    except PermissionError as error:
        raise DataError(f"{path} may not be read (no permission); allow it or copy the file.") from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"{path} is damaged or cut short ({error}); save or copy the picture again."
        ) from error


def _load_array(path: Path) -> np.ndarray:
    try:
        return np.load(path, allow_pickle=False)
    except FileNotFoundError as error:
        raise DataError(f"There is no file {path}; give the path of a picture or an .npy array.") from error
    except (OSError, ValueError, EOFError) as error:
        raise DataError(
            f"{path} is not a readable .npy file ({error}); save the array with numpy.save."
        ) from error


def _decode(path: Path) -> np.ndarray:
    with Image.open(path, formats=_FORMATS) as picture:
        if picture.width * picture.height > MAX_PIXELS:
            raise _too_large(path, picture.size)
        picture.load()
        picture = ImageOps.exif_transpose(picture)
        if picture.mode in ("P", "PA", "CMYK", "YCbCr", "LAB", "HSV", "RGBX", "La", "RGBa"):
            picture = picture.convert("RGBA" if "transparency" in picture.info else "RGB")
        elif picture.mode in ("1", "LA"):
            picture = picture.convert("L" if picture.mode == "1" else "RGBA")
        pixels = np.array(picture)
    if pixels.dtype == np.int32:  # Pillow widens some 16-bit greys
        pixels = np.clip(pixels, 0, 65535).astype(np.uint16)
    return pixels


def _too_large(path: Path, size: tuple[int, int] | None = None) -> DataError:
    what = "" if size is None else f" ({size[0]} × {size[1]})"
    return DataError(
        f"{path}{what} has more than {MAX_PIXELS // 1_000_000} million pixels, the most that is read; make it smaller."
    )


def to_grey(picture: np.ndarray, name: str = "the picture") -> np.ndarray:
    """Grey values from 0 (black) to 1 (white), shape (rows, columns), of a grey or colour array.

    The type of the numbers does not matter, only their range: white is 1, 16 (the 8 × 8 digits of scikit-learn), 255, 1023,
    4095 or 65535, the least of these that no value exceeds.
    """
    array = np.asarray(picture)
    colours = array.shape[2] if array.ndim == 3 else 1
    if array.ndim not in (2, 3) or colours not in (1, 2, 3, 4) or array.dtype.kind not in "buif":
        raise DataError(
            f"{name} is an array of shape {array.shape} and type {array.dtype}; it must hold numbers "
            f"as (rows, columns) or (rows, columns, colours)."
        )
    if min(array.shape[:2]) < 8:
        raise DataError(f"{name} is {array.shape[1]} × {array.shape[0]} px; at least 8 × 8 are needed.")
    if array.shape[0] * array.shape[1] > MAX_PIXELS:
        raise _too_large(Path(name), array.shape[1::-1])
    if array.dtype.kind == "f" and not np.all(np.isfinite(array)):
        raise DataError(f"{name} holds values that are not finite; replace them.")
    low, high = float(array.min()), float(array.max())
    scales = [scale for scale in _SCALES if scale >= high]
    if low < 0 or not scales:
        raise DataError(
            f"{name} holds values from {low:g} to {high:g}; they must be from 0 to 1, 0 to 255, or 0 to 65535."
        )
    values = array.astype(np.float32) / scales[0]
    return _one_channel(values.reshape(*array.shape[:2], colours))


def _one_channel(values):
    count = values.shape[2]
    grey = values[..., :3] @ np.array([0.299, 0.587, 0.114], np.float32) if count >= 3 else values[..., 0]
    if count in (2, 4) and values[..., -1].min() < 1:
        alpha = values[..., -1]
        # What is transparent shows the paper: white, unless the ink itself is white.
        paper = 1.0 if alpha.sum() == 0 or (grey * alpha).sum() / alpha.sum() < 0.6 else 0.0
        grey = alpha * grey + (1 - alpha) * paper
    return grey
