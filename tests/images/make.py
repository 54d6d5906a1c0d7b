"""Writes the files of this folder with other programs, and what Pillow reads of them.

    python3 -m venv venv && venv/bin/pip install pillow==13.0.0 pillow_heif==1.8.1 tifffile==2026.3.3 scipy==1.17.1
    venv/bin/python make.py

`decoded/NAME.png` is what PIL.Image.open(NAME) gives, as RGB or RGBA; `resized.png` what timm's
evaluation transform makes of photo.jpg with shorter side 40 and crop 32.
"""
import pathlib

import numpy as np
import pillow_heif
import scipy.io
import tifffile
from PIL import ExifTags, Image, ImageDraw, ImageFilter, TiffImagePlugin

here = pathlib.Path(__file__).parent
(here / "decoded").mkdir(exist_ok=True)
pillow_heif.register_heif_opener()


def picture(width, height, seed):
    """Smooth colours with a few edges, and an alpha channel from clear to opaque."""
    random = np.random.default_rng(seed)
    noise = Image.fromarray(random.integers(0, 256, (height, width, 3), np.uint8))
    image = noise.filter(ImageFilter.GaussianBlur(3))
    draw = ImageDraw.Draw(image)
    draw.rectangle((2, 3, width // 2, height // 3), fill=(230, 40, 20))
    draw.ellipse((width // 3, height // 3, width - 3, height - 2), fill=(20, 90, 220))
    alpha = np.tile(np.linspace(0, 255, width).astype(np.uint8), (height, 1))
    image.putalpha(Image.fromarray(alpha))
    return image


def keep(name):
    """Stores what Pillow reads of the file."""
    image = Image.open(here / name)
    mode = "RGBA" if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info else "RGB"
    image.convert(mode).save(here / "decoded" / (name + ".png"))


rgba = picture(60, 45, 1)
rgb = rgba.convert("RGB")

rgb.save(here / "photo.jpg", quality=88)  # 4:2:0
rgb.convert("L").save(here / "grey.jpg", quality=88)
rgb.save(here / "lossy.webp", quality=80)
rgb.quantize(17).save(here / "palette.png")
rgb.save(here / "lossless.jp2", irreversible=False)
frames = [picture(60, 45, seed) for seed in (2, 3)]
frames[0].convert("RGB").save(here / "animated.webp", save_all=True, lossless=True,
                              append_images=[frames[1].convert("RGB")], duration=100)
frames[0].save(here / "animated_alpha.webp", save_all=True, lossless=True, exact=True,
               append_images=frames[1:], duration=100)
pixels = np.asarray(rgba)
tifffile.imwrite(here / "unassociated.tif", pixels, photometric="rgb", extrasamples=["unassalpha"])
tifffile.imwrite(here / "unspecified.tif", pixels, photometric="rgb", extrasamples=["unspecified"],
                 byteorder=">")
multiplied = pixels.astype(np.uint16)
multiplied[..., :3] = multiplied[..., :3] * multiplied[..., 3:] // 255
tifffile.imwrite(here / "associated.tif", multiplied.astype(np.uint8), photometric="rgb",
                 extrasamples=["assocalpha"], compression="zlib")
rgb.save(here / "phone.heic", quality=-1)  # lossless
rgba.save(here / "alpha.heic", quality=-1)
upright = Image.new("RGB", (48, 32), (200, 30, 30))
ImageDraw.Draw(upright).rectangle((0, 0, 47, 7), fill=(30, 30, 200))  # a stripe at the top
exif = Image.Exif()
exif[274] = 6
upright.rotate(90, expand=True).save(here / "turned.heic", exif=exif.tobytes(), quality=90)
rgb.save(here / "phone.avif", quality=100, subsampling="4:4:4")
colours = rgb.quantize(17)
colours.save(here / "transparent.gif", transparency=3)
rgb.convert("YCbCr").save(here / "sycc.jp2", irreversible=False)
rgb.convert("LAB").save(here / "lab.tif", compression="tiff_deflate")
ten_bits = np.asarray(rgb).astype(np.uint16) * 1023 // 255
(here / "ten_bits.ppm").write_bytes(b"P6 60 45 1023\n" + ten_bits.astype(">u2").tobytes())
small = np.asarray(rgb.resize((12, 9)))
(here / "text.pgm").write_text("P2\n# 0 to 100\n12 9\n100\n" + " ".join(map(str, (small[..., 1] * (100 / 255)).astype(int).ravel())))
Image.fromarray((np.asarray(rgb)[..., 0] // 100).astype(np.uint16)).save(here / "numbers_16.png")
rgb.save(here / "stereo.mpo", quality=88, save_all=True, append_images=[rgb.rotate(180)])

def canon(name, width, height):
    """A photograph of 60 × 40 pixels whose EXIF describes a focal plane of 36 mm and so many."""
    exif = Image.Exif()
    exif[ExifTags.Base.Make], exif[ExifTags.Base.Model] = "Canon", "Canon EOS R6"
    per_inch = TiffImagePlugin.IFDRational(round(width / (36 / 25.4) * 1200), 1200)
    exif.get_ifd(ExifTags.IFD.Exif).update({
        ExifTags.Base.FocalLength: TiffImagePlugin.IFDRational(35, 1),
        ExifTags.Base.FocalPlaneXResolution: per_inch, ExifTags.Base.FocalPlaneYResolution: per_inch,
        ExifTags.Base.FocalPlaneResolutionUnit: 2,
        ExifTags.Base.ExifImageWidth: width, ExifTags.Base.ExifImageHeight: height})
    rgb.resize((60, 40)).save(here / name, quality=88, exif=exif)


canon("resized_canon.jpg", 240, 160)
canon("described_canon.jpg", 60, 40)
for name in ("numbers_16.png", "transparent.gif", "sycc.jp2", "ten_bits.ppm", "text.pgm", "stereo.mpo",
             "photo.jpg", "grey.jpg", "lossy.webp", "palette.png", "lossless.jp2", "animated.webp",
             "animated_alpha.webp", "unassociated.tif", "unspecified.tif", "associated.tif",
             "phone.heic", "alpha.heic", "turned.heic", "phone.avif"):
    keep(name)

# torchvision's Resize (bicubic, antialiased through Pillow) and CenterCrop.
photo = Image.open(here / "photo.jpg").convert("RGB")
width, height = photo.size
side = 40
size = (side * width // height, side) if height < width else (side, side * height // width)
resized = photo.resize(size, Image.BICUBIC)
left, top = (round((size[0] - 32) / 2), round((size[1] - 32) / 2))
resized.crop((left, top, left + 32, top + 32)).save(here / "resized.png")

# The development kit's list of ILSVRC 2012, cut down to six of its 1,860 entries.
words = {490: "n01440764", 361: "n01443537", 171: "n01484850", 822: "n01491361", 297: "n01494475"}
synsets = np.array(
    [((number,), id, "words", "gloss") for number, id in words.items()] + [((1001,), "n02084071", "w", "g")],
    dtype=[("ILSVRC2012_ID", object), ("WNID", object), ("words", object), ("gloss", object)])
for entry in synsets:
    entry["ILSVRC2012_ID"] = np.float64(entry["ILSVRC2012_ID"][0])
scipy.io.savemat(here / "meta.mat", {"synsets": synsets.reshape(-1, 1)}, do_compression=True)
scipy.io.savemat(here / "meta_uncompressed.mat", {"synsets": synsets.reshape(-1, 1)})
