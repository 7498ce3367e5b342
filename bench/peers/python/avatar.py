"""Pillow as a contestant: the avatars of bench/src/bin/worker.rs, made as well as Pillow can.

`encode` is the other use: it writes the photos that everybody is measured with.
"""

import io
import json
import sys
import time

from PIL import Image, ImageOps

SIZES = (300, 150, 32)


def avatar(source):
    image = Image.open(io.BytesIO(source))
    # A JPEG is decoded at the smallest scale that leaves 300 px of the short side.
    scale = 300 / min(image.size)
    image.draft("RGB", (round(image.width * scale), round(image.height * scale)))
    image = ImageOps.exif_transpose(image)
    side = min(image.size)
    left, top = (image.width - side) / 2, (image.height - side) / 2
    # Large images are reduced by whole pixels first.
    large = image.convert("RGB").resize(
        (300, 300), Image.Resampling.LANCZOS, box=(left, top, left + side, top + side), reducing_gap=2.0
    )
    made = []
    for size in SIZES:
        small = large if size == 300 else large.resize((size, size), Image.Resampling.LANCZOS)
        out = io.BytesIO()
        small.save(out, "JPEG", quality=80, optimize=True)
        made.append(out.getvalue())
    return made


def work(source, milliseconds):
    before, jobs = time.process_time_ns(), 0
    while True:
        avatar(source)
        jobs += 1
        taken = time.process_time_ns() - before
        if taken >= milliseconds * 1_000_000:
            return {"jobs": jobs, "cpu_ns": taken}


def save(source, folder):
    made = avatar(source)
    for size, image in zip(SIZES, made):
        with open(f"{folder}/{size}.jpg", "wb") as out:
            out.write(image)
    return {"bytes": [len(image) for image in made]}


def load(path):
    with open(path, "rb") as file:
        return file.read()


def peak_kilobytes():
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))


def answer(said):
    print(json.dumps(said), flush=True)


def serve():
    source = b""
    for line in sys.stdin:
        command, argument = line.rstrip("\n").split(" ", 1)
        if command == "load":
            source = load(argument)
            answer({"bytes": len(source)})
        elif command == "work":
            answer(work(source, int(argument)))
        elif command == "save":
            answer(save(source, argument))


def encode(source, width, height, path, kind, quality):
    """Writes raw RGB, or an image file where the width is 0, as a camera or an export would."""
    if int(width):
        image = Image.frombytes("RGB", (int(width), int(height)), load(source))
    else:
        image = Image.open(source).convert("RGB")
        if int(height):
            image.thumbnail((int(height), int(height)), Image.Resampling.LANCZOS)
    options = {
        "jpeg": {"format": "JPEG", "quality": int(quality), "subsampling": "4:2:0"},
        "progressive": {"format": "JPEG", "quality": int(quality), "subsampling": "4:2:0", "progressive": True},
        "png": {"format": "PNG"},
        "webp": {"format": "WEBP", "quality": int(quality)},
    }
    image.save(path, **options[kind])


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve()
    elif sys.argv[1] == "once":
        sizes = [len(image) for image in avatar(load(sys.argv[2]))]
        answer({"cpu_ns": time.process_time_ns(), "peak_kb": peak_kilobytes(), "bytes": sizes})
    else:
        encode(*sys.argv[2:])
