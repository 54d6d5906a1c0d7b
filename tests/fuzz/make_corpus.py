#!/usr/bin/env python3
"""Makes tests/fuzz/corpus from files that the tests keep of real writers: tests/captures, tests/images,
tests/weights, tests/scenes. Photographs become "@image" (see bundle.h). Run it at the project's root."""

import io
import json
import shutil
import struct
import tarfile
from pathlib import Path

CAPTURES = Path("tests/captures")
CORPUS = Path("tests/fuzz/corpus")
PHOTOGRAPHS = {".png", ".jpg", ".jpeg"}


def put(target, name, content):
    path = CORPUS / target / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


def bundle(files):
    """files: {name in the folder: path or bytes}"""
    out = b""
    for name, source in files.items():
        is_path = isinstance(source, Path)
        photograph = is_path and source.suffix.lower() in PHOTOGRAPHS
        content = b"@image" if photograph else source.read_bytes() if is_path else source
        out += b"=== " + name.encode() + b" ===\n" + content + b"\n"
    return out


def folder_files(folder, names=None, most=16):
    found = sorted(p for p in folder.rglob("*") if p.is_file())
    kept = {}
    for path in sorted(found, key=lambda p: p.suffix.lower() in PHOTOGRAPHS):
        name = str(path.relative_to(folder))
        if path.suffix in {".md", ".py"} or (names and path.suffix.lower() not in PHOTOGRAPHS and name not in names):
            continue
        kept[name] = path
    return dict(list(kept.items())[:most])


def scenes():
    every = CAPTURES / "every-format"
    images = {f"images/view_{i}.png": every / "images" / f"view_{i}.png" for i in range(6)}
    put("opencv_json", "six_views", bundle({"opencv_cameras.json": every / "opencv_cameras.json", **images}))
    split = {"transforms_train.json": every / "transforms_train.json",
             "transforms_test.json": every / "transforms_test.json", **images}
    put("transforms", "nerf_synthetic", bundle(split))
    put("transforms", "masks", bundle(folder_files(CAPTURES / "mask-path")))
    put("transforms", "other_folder", bundle(folder_files(CAPTURES / "transforms_images_4")))
    put("llff", "six_views", bundle({"poses_bounds.npy": every / "poses_bounds.npy", **images}))
    put("bundler", "of_colmap", bundle({"bundle.out": every / "colmap.bundle.out",
                                        "list.txt": every / "colmap.list.txt", **images}))
    put("metashape", "six_views", bundle({"cameras.xml": every / "cameras.xml", **images}))
    lenses = CAPTURES / "lenses-of-other-tools"
    put("metashape", "lenses", bundle({"cameras.xml": lenses / "metashape.xml", **images}))
    put("openmvg", "six_views", bundle({"sfm_data.json": every / "sfm_data.json", **images}))
    put("openmvg", "lenses", bundle({"sfm_data.json": lenses / "sfm_data.json", **images}))
    put("opensfm", "six_views", bundle({"reconstruction.json": every / "reconstruction.json", **images}))
    put("opensfm", "lenses", bundle({"reconstruction.json": lenses / "reconstruction.json", **images}))
    polycam = {}
    for i in range(6):
        polycam[f"keyframes/corrected_cameras/{1000 + i}.json"] = every / "polycam" / f"{1000 + i}.json"
        polycam[f"keyframes/corrected_images/{1000 + i}.jpg"] = every / "images" / f"view_{i}.png"
    put("polycam", "six_views", bundle(polycam))
    record = {"metadata.json": every / "metadata.json"}
    record.update({f"rgb/{i}.jpg": every / "images" / f"view_{i}.png" for i in range(6)})
    put("record3d", "six_views", bundle(record))
    put("gaussian_splatting", "six_views", bundle(
        {"cameras.json": every / "cameras.json", **images,
         "cfg_args": b"Namespace(eval=True, images='images', source_path='.', white_background=False)"}))
    put("reality_capture", "six_views", bundle({"registration.csv": every / "registration.csv", **images}))
    pictures = {f"image/{i:03d}.png": every / "images" / f"view_{i}.png" for i in range(6)}
    put("neus", "six_views", bundle({"cameras_sphere.npz": every / "cameras_sphere.npz", **pictures}))
    put("neus", "compressed", bundle({"cameras_sphere.npz": every / "cameras_compressed.npz", **pictures}))
    put("sdfstudio", "six_views", bundle({"meta_data.json": every / "meta_data.json", **images}))
    put("visualsfm", "six_views", bundle({"visualsfm.nvm": every / "visualsfm.nvm", **images}))
    put("replica", "six_views", bundle({
        "cam_params.json": every / "cam_params.json", "traj.txt": every / "traj.txt",
        **{f"results/frame{i:06d}.png": every / "images" / f"view_{i}.png" for i in range(6)}}))
    put("tum_rgbd", "six_views", bundle({
        **{name: every / name for name in ("calibration.txt", "groundtruth.txt", "rgb.txt")}, **images}))
    put("kitti", "six_views", bundle({
        # Whose principal point lies in a bundle's photographs, of 32 x 24 pixels.
        "calib.txt": (every / "calib.txt").read_bytes().replace(b" 127.5 ", b" 11.5 "),
        "poses.txt": every / "poses.txt",
        **{f"image_2/{i:06d}.png": every / "images" / f"view_{i}.png" for i in range(6)}}))
    cams, poses = {}, {"intrinsics.txt": every / "intrinsics.txt"}
    for i in range(3):
        cams[f"cams/{i:08d}_cam.txt"] = every / "mvsnet" / f"{i:08d}_cam.txt"
        cams[f"images/{i:08d}.png"] = every / "images" / f"view_{i}.png"
        poses[f"pose/{i}_{i:06d}.txt"] = every / "nsvf" / f"{i:06d}.txt"
        poses[f"rgb/{i}_{i:06d}.png"] = every / "images" / f"view_{i}.png"
    put("mvsnet", "three_views", bundle(cams))
    put("nsvf", "three_splits", bundle(poses))
    put("lvsm_json", "six_views", bundle({"scene.json": every / "lvsm.json", **images}))
    lines = (CAPTURES / "re10k_txt" / "abc.txt").read_text().splitlines()[:5]
    frames = {f"scene/{line.split()[0]}.png": every / "images" / "view_0.png" for line in lines[1:]}
    put("realestate10k", "four_views", bundle({"scene.txt": ("\n".join(lines) + "\n").encode(), **frames}))
    text = CAPTURES / "cameras-text-of-other-writers"
    for kind in ("deleted-photo", "nan-camera", "six-parameters"):
        put("colmap_text", kind, bundle(folder_files(text / kind)))
    for kind in ("one-line-per-image", "simple_division", "unused_fisheye_camera"):
        put("colmap_text", kind, bundle(folder_files(CAPTURES / kind)))
    rigs = CAPTURES / "colmap-4.2"
    photographs = {f"images/{p.name}": p for p in sorted((rigs / "images").iterdir())[:4]}
    put("colmap_text", "rigs", bundle({**{f"sparse/0/{p.name}": p for p in sorted((rigs / "text").iterdir())},
                                       **photographs}))
    two = {f"sparse/{p.parent.name}/{p.name}": p for p in sorted((rigs / "two/sparse").rglob("*.bin"))
           if p.stat().st_size < 20000}
    put("colmap_binary", "rigs", bundle({**two, **photographs}))
    put("colmap_binary", "stale", bundle({**{f"sparse/0/{p.name}": p for p in sorted((rigs / "stale").iterdir())
                                             if p.stat().st_size < 20000}, **photographs}))
    put("pixelsplat", "small", (CAPTURES / "pixelsplat" / "000001.torch").read_bytes())
    put("npy", "poses", (every / "poses_bounds.npy").read_bytes())
    put("evaluation_index", "two", json.dumps({"a": {"context": [0, 5], "target": [1, 2]}, "b": None,
                                               "c": [{"context": [1], "target": [0]}]}))


def meshes():
    folder = CAPTURES / "meshes"
    put("ply", "textured", (folder / "tm_face.ply").read_bytes())
    header = ("ply\nformat binary_{}_endian 1.0\nelement vertex 3\nproperty float x\nproperty float y\n"
              "property float z\nproperty uchar red\nproperty uchar green\nproperty uchar blue\n"
              "element face 1\nproperty list uchar int vertex_indices\nend_header\n")
    for order, mark in (("little", "<"), ("big", ">")):
        points = b"".join(struct.pack(mark + "fffBBB", x, y, 0.5, 9, 200, 30) for x, y in ((0, 0), (1, 0), (0, 1)))
        put("ply", order, header.format(order).encode() + points + struct.pack(mark + "Biii", 3, 0, 1, 2))
    for name in ("tex_mask", "tex_scale2", "tex_webp"):
        put("glb", name, (folder / f"{name}.glb").read_bytes())
    put("gltf", "wall", bundle({"mesh.gltf": folder / "my wall.gltf", "my wall.bin": folder / "my wall.bin",
                                "my tex ture.png": folder / "my tex ture.png"}))
    obj = (b"mtllib mesh.mtl\no quad\nv 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 1 1\n"
           b"vn 0 0 1\nusemtl a\ns 1\nf 1/1/1 2/2/1 3/3/1 4/1/1\nf -4 -3 -2\n")
    mtl = b"newmtl a\nKd 0.5 0.25 1\nKe 0 0 0\nd 0.5\nmap_Kd -s 2 2 1 tex.png\n"
    put("obj", "quad", bundle({"mesh.obj": obj, "mesh.mtl": mtl, "tex.png": folder / "tex.png"}))
    triangle = struct.pack("<12fH", 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0)
    put("stl", "binary", b"solid of Blender".ljust(80, b" ") + struct.pack("<I", 1) + triangle)
    put("stl", "text", "solid a\nfacet normal 0 0 1\nouter loop\nvertex 0 0 0\nvertex 1 0 0\nvertex 0 1 0\n"
                       "endloop\nendfacet\nendsolid a\n")


def weights():
    with tarfile.open("tests/weights/samples.tar.gz") as samples:
        members = {m.name.removeprefix("./"): samples.extractfile(m).read() for m in samples if m.isfile()}
    zips = ("meta.pt", "sparse.pt", "dtensor.pt", "float8.pt", "numpy.pt", "lightning.ckpt", "model_and_ema.pt",
            "torch_ema.pt")
    for name in zips:
        put("torch_zip", name, members[name])
    for name in ("plain.safetensors", "float8.safetensors", "model_prefix.safetensors"):
        put("safetensors", name, members[name])
    for kind in ("shards", "bin_shards"):
        put("shards", kind, bundle({k.split("/")[1]: v for k, v in members.items() if k.startswith(kind + "/")}))


def pictures():
    for path in sorted(Path("tests/images").iterdir()):
        if path.is_file() and path.suffix not in {".md", ".py", ".mat"} and path.stat().st_size < 20000:
            put("image", path.name, path.read_bytes())
    gif = (b"GIF89a\x02\x00\x02\x00\x80\x01\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,"
           b"\x00\x00\x00\x00\x02\x00\x02\x00\x00\x02\x03D\x02\x05\x00;")
    put("image", "two_by_two.gif", gif)
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
    jpeg = Path("tests/images/photo.jpg").read_bytes()
    put("image", "turned.jpg", jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:])
    put("image", "a.ppm", b"P6\n# a comment\n2 2\n255\n" + bytes(12))
    put("image", "a.bmp", b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0(\0\0\0\x02\0\0\0\x02\0\0\0\x01\0\x18\0" + bytes(40))
    png = Path("tests/images/palette.png").read_bytes()
    put("png_text", "palette.png", png)
    import zlib
    data = b"Scene\0\0\0\0\0scenes/a"
    chunk = struct.pack(">I", len(data)) + b"iTXt" + data + struct.pack(">I", zlib.crc32(b"iTXt" + data))
    put("png_text", "text.png", png[:33] + chunk + png[33:])


def texts():
    put("labels", "ids.txt", "n01440764\ttench, Tinca tinca\nn01443537 goldfish, Carassius auratus\n")
    put("labels", "list.json", json.dumps([["n01440764", "tench"], "goldfish"]))
    put("labels", "hub.json", json.dumps({"id2label": {"0": "tench", "1": "goldfish"}}))
    put("labels", "timm.json", json.dumps({"label_names": ["n01440764"], "label_descriptions": {"n01440764": "fish"}}))
    put("truth", "tiny_imagenet.txt", "val_0.JPEG\tn03444034\t0\t32\t44\t62\nval_1.JPEG\tn04067472\t52\t55\t57\t59\n")
    put("truth", "kaggle.csv", "ImageId,PredictionString\nILSVRC2012_val_00048981,n03995372 85 1 499 272\n")
    put("truth", "quoted.csv", 'file;class\n"a ""b"".png";"tench, Tinca"\nc.png;goldfish\n')
    put("truth", "column.txt", "n01440764\nn01443537\nn01440764\n")
    put("truth", "real.json", json.dumps([[1], [], [2, 3]]))
    put("truth", "object.json", json.dumps({"a/b.png": 1, "c.png": ["tench", 2]}))
    camera = {"h": 24, "w": 32, "fx": 30.0, "fy": 30.0, "cx": 16.0, "cy": 12.0,
              "c2w": [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, -2], [0, 0, 0, 1]]}
    moved = {**camera, "c2w": [[0, 0, 1, 1], [0, 1, 0, 0], [-1, 0, 0, 1], [0, 0, 0, 1]]}
    put("camera_track", "two.json", json.dumps({"frames": 60, "frames_per_second": 20.0, "keyframes": [camera, moved]}))
    pane = {"kind": "model", "model": "nvs", "form": "parallel", "reading": "batch", "first": 0, "second": 1,
            "difference": "absolute", "gain": 4.0, "automatic_gain": True, "false_colour": False}
    settings = {"screen": "Compare", "panes": [{"form": "parallel", "model": "nvs"}], "split_at": 0.5, "output": "o",
                "recent": ["scenes/a"], "track_frames": 60, "whole_pixels": False, "side": "shown", "side_width": 300,
                "thumbnails": "hidden", "ui_scale": 1.5, "keyframes": {"scenes/a": [camera]}, "scene": "scenes/a",
                "camera": camera}
    put("settings", "kept.json", json.dumps(settings))
    put("settings", "set.json", json.dumps({"panes": [pane], "view": 1, "inputs": [0, 2], "field_of_view": 40,
                                            "zoom": 2, "split": True, "probe": {"block": 1, "inner_steps": 2},
                                            "classify": {"filter": "mistakes"}, "side_tab": 1, "show": "help"}))
    put("script", "steps.json", json.dumps([
        {"open": "scenes/a"}, {"wait": "idle"}, {"set": {"view": 3}}, {"wait": 0.5}, {"click": "screen/Probe"},
        {"drag": {"item": "pane/0", "by": [40, 0], "button": "left"}}, {"key": "ctrl+o"},
        {"hold": {"key": "w", "seconds": 0.5}}, {"type": "text"}, {"drop": ["a", "b"]}, {"capture": "a.png"},
        {"describe": "a.json"}, {"quit": True}]))
    put("model_card", "nvs.json", json.dumps({
        "model": "lact_nvs", "variant": "2", "config": {"patch_size": 8, "dim": 128, "layers": 4, "ttt_head_dim": 64},
        "image_size": [64, 64], "total_steps": 9, "cameras": {"object_centric": True, "radius": 2.5}}))
    put("model_card", "classifier.json", json.dumps({
        "model": "vit3", "classes": ["a", "b"], "resize_side": 64,
        "config": {"num_classes": 2, "dims": [64], "depths": [2], "heads": [2], "patch_size": 8, "variant": "0"}}))


if __name__ == "__main__":
    shutil.rmtree(CORPUS, ignore_errors=True)
    scenes()
    meshes()
    weights()
    pictures()
    texts()
    sizes = [p.stat().st_size for p in CORPUS.rglob("*") if p.is_file()]
    print(len(sizes), "files,", sum(sizes), "bytes")
