import numpy as np
import pytest
from PIL import Image, ImageDraw

from ideomotor.errors import DataError
from ideomotor_encoder_decoder import read_digits, read_image
from ideomotor_encoder_decoder._picture import to_grey  # what has no digit on it

BOX = 28  # px, the longer side of the ink

# A 2 in a picture of 200 × 240: points (column, row), drawn 9 px wide.
POINTS = [(70, 80), (80, 62), (105, 58), (122, 74), (116, 100), (92, 130), (68, 158), (95, 156), (130, 158)]
LEFT, TOP, RIGHT, BOTTOM = 64, 54, 134, 162


def two(paper=255, ink=0, size=(200, 240), zoom=1, points=POINTS):
    picture = Image.new("L", (size[0] * zoom, size[1] * zoom), paper)
    draw = ImageDraw.Draw(picture)
    scaled = [(x * zoom, y * zoom) for x, y in points]
    draw.line(scaled, fill=ink, width=9 * zoom, joint="curve")
    for x, y in scaled:
        r = 4.5 * zoom
        draw.ellipse((x - r, y - r, x + r, y + r), fill=ink)
    return np.asarray(picture)


def agree(one, other):
    """Correlation of two images."""
    return np.corrcoef(one.image.ravel(), other.image.ravel())[0, 1]


@pytest.fixture(scope="module")
def plain():
    return read_image(two())


def test_the_standard_form(plain):
    assert plain.image.shape == (40, 40) and plain.image.dtype == np.float32
    assert plain.image.min() == 0 and plain.image.max() == 1
    rows, cols = np.nonzero(plain.image > 0.5)
    sides = np.ptp(rows) + 1, np.ptp(cols) + 1
    assert abs(max(sides) - BOX) <= 1
    assert abs(rows.min() + rows.max() - 39) <= 1 and abs(cols.min() + cols.max() - 39) <= 1


def test_the_way_back_leads_to_the_same_pixels(plain):
    rows, cols = np.nonzero(plain.image > 0.5)
    corners = plain.to_original(
        np.array([[cols.min() - 0.5, rows.min() - 0.5], [cols.max() + 0.5, rows.max() + 0.5]])
    )
    np.testing.assert_allclose(corners, [[LEFT, TOP], [RIGHT, BOTTOM]], atol=1.5 * plain.scale)
    ink = two() < 128
    rows, cols = np.nonzero(plain.image > 0.8)
    back = np.round(plain.to_original(np.stack([cols, rows], -1))).astype(int)
    assert np.mean(ink[back[:, 1], back[:, 0]]) > 0.95


@pytest.mark.parametrize(
    "change",
    [
        lambda a: 255 - a,
        lambda a: (a / 255).astype(np.float64),
        lambda a: a > 127,
        lambda a: a.astype(np.uint16) * 257,
        lambda a: a.astype(np.int64),
        lambda a: a.astype(np.int32) * 16,
        lambda a: np.stack([a] * 3, -1),
        lambda a: np.stack([a] * 3 + [np.full_like(a, 255)], -1),
        lambda a: np.dstack([np.zeros((*a.shape, 3), np.uint8), 255 - a]),
        lambda a: np.dstack([np.full((*a.shape, 3), 255, np.uint8), 255 - a]),
        lambda a: (a.astype(float) * 0.2 + 140).astype(np.uint8),
        lambda a: np.pad(a, ((200, 700), (900, 100)), constant_values=255),
    ],
    ids="negative float bool 16bit int64 12bit rgb rgba ink-in-alpha white-ink faint far".split(),
)
def test_other_kinds_of_picture_look_the_same(plain, change):
    assert agree(read_image(change(two())), plain) > 0.95


def test_large_and_small_pictures_look_the_same(plain):
    large, small = read_image(two(zoom=8)), read_image(two()[40:176:4, 50:148:4])
    assert agree(large, plain) > 0.97 and agree(small, plain) > 0.8
    np.testing.assert_allclose(large.scale, 8 * plain.scale, rtol=0.05)


def test_small_digits_of_eight_pixels(plain):
    """As those of scikit-learn: 8 × 8 numbers from 0 to 16, here means over blocks of the picture."""
    ink = 255 - two()[50:170, 40:160].astype(float)
    small = np.round(ink.reshape(8, 15, 8, 15).mean((1, 3)) / 255 * 16)
    assert agree(read_image(small), plain) > 0.6
    assert agree(read_image(small.astype(np.int64)), plain) > 0.6


def test_all_digits_of_a_page_in_reading_order(plain):
    page = np.full((700, 900), 255, np.uint8)
    places = [(40, 30), (330, 60), (620, 20), (90, 400), (500, 420)]
    for column, row in places:
        page[row : row + 240, column : column + 200] = two()
    found = read_digits(page)
    assert len(found) == 5
    for digit, place in zip(found, places, strict=True):
        assert agree(digit, plain) > 0.95
        middle = np.array(place) + [(LEFT + RIGHT) / 2, (TOP + BOTTOM) / 2]
        np.testing.assert_allclose(digit.to_original(np.array([19.5, 19.5])), middle, atol=2)


def test_photographed_pages_are_counted(shared_data):
    for name, least in (("graph-paper-ink-only", 12), ("page05", 200)):
        with pytest.raises(DataError, match=r"shows \d+ separate pieces of writing") as caught:
            read_image(shared_data / "wild" / "photos" / f"{name}.jpg")
        assert int(str(caught.value).partition("shows ")[2].split()[0]) >= least


def test_lamp_shadow_noise_and_squared_paper(plain):
    rng = np.random.default_rng(0)
    grey = two(paper=215, ink=60).astype(float)
    rows, cols = np.mgrid[:240, :200]
    lines = ((rows % 20 < 1) | (cols % 20 < 1)) & (grey > 100)
    grey[lines] -= 25
    light = 1.1 - 0.5 * cols / 200 - 0.2 * (rows > 150)
    photo = np.clip(grey * light + rng.normal(0, 5, grey.shape), 0, 255).astype(np.uint8)
    assert agree(read_image(photo), plain) > 0.93


def test_orientation_of_a_photograph(tmp_path, plain):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise
    lying = Image.fromarray(two()).transpose(Image.Transpose.ROTATE_90)
    lying.save(tmp_path / "phone.jpg", exif=exif, quality=92)
    assert agree(read_image(tmp_path / "phone.jpg"), plain) > 0.97


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "I;16"])
def test_files_of_each_mode(tmp_path, plain, mode):
    picture = (
        Image.fromarray(two().astype(np.uint16) * 257)
        if mode == "I;16"
        else Image.fromarray(two()).convert(mode)
    )
    picture.save(tmp_path / "two.png")
    assert agree(read_image(str(tmp_path / "two.png")), plain) > 0.97


def test_a_speck_beside_the_digit_is_left_out(plain):
    dirty = two().copy()
    dirty[20:24, 20:24] = 0
    assert agree(read_image(dirty), plain) > 0.99


def test_a_piece_of_the_digit_stays():
    torn = two().copy()
    torn[118:122] = 255
    rows = np.nonzero(read_image(torn).image > 0.5)[0]
    assert abs(np.ptp(rows) + 1 - BOX) <= 1


@pytest.mark.parametrize(
    "array, words",
    [
        (np.full((60, 60), 200, np.uint8), "is blank"),
        (np.random.default_rng(0).normal(0.5, 0.05, (120, 120)).clip(0, 1), "No digit was found"),
        (np.hstack([two(), two()]), "shows 2 separate pieces of writing"),
        (np.vstack([two(), two()]), "shows 2 separate pieces of writing"),
        (
            np.hstack([two(zoom=2), np.pad(two(), ((240, 0), (0, 0)), constant_values=255)]),
            "shows 2 separate",
        ),
        (np.vstack([np.hstack([two(), two(), two()])] * 3), "shows 9 separate pieces of writing"),
        (two(points=[(20, 120), (60, 90), (100, 120), (140, 90), (180, 120)]), "times as wide as high"),
        (np.zeros((5, 40)), "at least 8 × 8"),
        (np.zeros((40, 40, 5)), "must hold numbers as"),
        (np.zeros(40), "must hold numbers as"),
        (np.full((40, 40), np.nan), "not finite"),
        (np.linspace(-3, 1, 1600).reshape(40, 40), "from 0 to 1"),
        (np.full((40, 40), "ink"), "must hold numbers as"),
    ],
)
def test_arrays_that_cannot_be_read(array, words):
    with pytest.raises(DataError, match=words):
        read_image(array)


def test_files_that_cannot_be_read(tmp_path, monkeypatch):
    def refuses(path, words):
        with pytest.raises(DataError, match=words) as caught:
            read_image(path)
        assert str(path) in str(caught.value)

    refuses(tmp_path / "none.png", "There is no file")
    refuses(tmp_path, "is a folder")
    (tmp_path / "empty.png").write_bytes(b"")
    refuses(tmp_path / "empty.png", "is empty")
    (tmp_path / "text.png").write_text("three")
    refuses(tmp_path / "text.png", "is not a picture")
    for kind in ("png", "jpeg"):
        Image.fromarray(two()).save(tmp_path / f"whole.{kind}")
        whole = (tmp_path / f"whole.{kind}").read_bytes()
        (tmp_path / f"cut.{kind}").write_bytes(whole[: len(whole) // 2])
        refuses(tmp_path / f"cut.{kind}", "damaged or cut short")
    Image.fromarray(np.full((50, 50), 255, np.uint8)).save(tmp_path / "blank.png")
    refuses(tmp_path / "blank.png", "is blank")
    monkeypatch.setattr("ideomotor_encoder_decoder._picture.MAX_PIXELS", 1000)
    refuses(tmp_path / "whole.png", "200 × 240")


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path):
    Image.new("1", (20_000, 10_000)).save(tmp_path / "bomb.png")
    with pytest.raises(DataError, match="more than 100 million pixels"):
        read_image(tmp_path / "bomb.png")


def test_grey_values():
    red = np.zeros((8, 8, 3), np.uint8)
    red[..., 0] = 255
    np.testing.assert_allclose(to_grey(red), 0.299, atol=1e-6)
