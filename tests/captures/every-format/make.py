"""Writes one scene of six views in the formats of other tools: LLFF's array by numpy 2.4.6, Bundler's
files by COLMAP 3.8 from a model that pycolmap 4.2.1 wrote, the others after their published
definitions: OpenMVG's by its serialisation (src/openMVG/cameras/*_io.hpp of release 2.1), OpenSfM's
by opensfm/io.py, Metashape's by the files that its version 2.2 exports and its manual's appendix on
camera models, Polycam's and Record3D's by the files that nerfstudio 1.1.5 converts, RealityCapture's
table by what nerfstudio 1.1.5 makes of it, cameras.json by utils/camera_utils.py of 3D Gaussian splatting,
MVSNet's by its README, NeuS's archive by models/dataset.py (numpy.savez), NSVF's by
fairnr/data/data_utils.py.

    python make.py ../../../assets/scenes/procedural_a
    colmap model_converter --input_path model --output_path colmap --output_type Bundler
"""
import json
import pathlib
import shutil
import sys

import numpy
import pycolmap

source = pathlib.Path(sys.argv[1])
here = pathlib.Path(__file__).parent
views = json.loads((source / "opencv_cameras.json").read_text())[:24:4]
(here / "images").mkdir(exist_ok=True)

CHUNK_ROTATION = numpy.array([[0.36, 0.48, -0.8], [-0.8, 0.6, 0], [0.48, 0.64, 0.6]])
CHUNK_TRANSLATION = numpy.array([10.0, -20, 30])
CHUNK_SCALE = 0.25


def rotation_vector(rotation):
    """Axis times angle, of angles below 180 degrees."""
    axis = numpy.array([rotation[2, 1] - rotation[1, 2], rotation[0, 2] - rotation[2, 0],
                        rotation[1, 0] - rotation[0, 1]])
    sine = numpy.linalg.norm(axis)
    return axis / sine * numpy.arctan2(sine, numpy.trace(rotation) - 1)


reconstruction = pycolmap.Reconstruction()
(here / "polycam").mkdir(exist_ok=True)
opencv, lvsm, nerf, poses = [], [], [], []
metashape, mvg_views, mvg_poses, shots, captured = [], [], [], {}, []
splats, projections = [], {}
table = ["#name,x,y,alt,heading,pitch,roll,f,px,py,k1,k2,k3,k4,t1,t2"]
for folder in ("mvsnet", "nsvf"):
    (here / folder).mkdir(exist_ok=True)
# From the unit sphere to the world.
SPHERE = numpy.diag([1.5, 1.5, 1.5, 1.0])
SPHERE[:3, 3] = [0.25, -0.5, 2.0]
for i, view in enumerate(views):
    name = f"view_{i}.png"
    shutil.copy(source / view["file_path"], here / "images" / name)
    width, height, focal = view["w"], view["h"], view["fx"]
    assert view["fx"] == view["fy"] and view["cx"] == width / 2 and view["cy"] == height / 2
    w2c = numpy.array(view["w2c"], dtype=numpy.float64)
    c2w = numpy.linalg.inv(w2c)
    opencv.append(view | {"file_path": f"images/{name}"})

    camera = pycolmap.Camera(camera_id=i + 1, model="SIMPLE_RADIAL", width=width, height=height,
                             params=[focal, width / 2, height / 2, 0])
    reconstruction.add_camera_with_trivial_rig(camera)
    image = pycolmap.Image(image_id=i + 1, camera_id=i + 1, name=name)
    pose = pycolmap.Rigid3d(w2c[:3])
    reconstruction.add_image_with_trivial_frame(image, pose)

    lvsm.append({"image_path": f"/data/of/another/machine/images/{name}",
                 "fxfycxcy": [focal, focal, width / 2, height / 2], "w2c": w2c.tolist()})
    nerf.append({"file_path": f"./images/{name[:-4]}", "rotation": 0.0,
                 "transform_matrix": (c2w @ numpy.diag([1, -1, -1, 1])).tolist()})

    # Metashape places cameras in its chunk's coordinates, which a similarity takes to the world.
    in_chunk = numpy.eye(4)
    in_chunk[:3, :3] = CHUNK_ROTATION.T @ c2w[:3, :3]
    in_chunk[:3, 3] = CHUNK_ROTATION.T @ (c2w[:3, 3] - CHUNK_TRANSLATION) / CHUNK_SCALE
    metashape.append(f'<camera id="{i}" sensor_id="0" component_id="0" label="{name[:-4]}"><transform>'
                     f'{" ".join(map(repr, in_chunk.ravel().tolist()))}</transform></camera>')
    mvg_views.append({"key": i, "value": {"polymorphic_id": 1073741824, "ptr_wrapper": {
        "id": 2147483649 + i, "data": {
            "local_path": "", "filename": name, "width": width, "height": height, "id_view": i,
            "id_intrinsic": 0, "id_pose": i}}}})
    mvg_poses.append({"key": i, "value": {"rotation": w2c[:3, :3].tolist(),
                                          "center": c2w[:3, 3].tolist()}})
    shots[name] = {"rotation": rotation_vector(w2c[:3, :3]).tolist(),
                   "translation": w2c[:3, 3].tolist(), "camera": "v2 unknown", "orientation": 1}
    opengl = c2w @ numpy.diag([1, -1, -1, 1])
    captured.append([*pycolmap.Rotation3d(opengl[:3, :3]).quat.tolist(), *opengl[:3, 3].tolist()])
    keyframe = {"fx": focal, "fy": focal, "cx": width / 2, "cy": height / 2, "width": width,
                "height": height, "blur_score": 100.0, "timestamp": 1000 + i}
    keyframe |= {f"t_{row}{column}": opengl[row, column] for row in range(3) for column in range(4)}
    (here / "polycam" / f"{1000 + i}.json").write_text(json.dumps(keyframe))
    right, down, forward, position = c2w[:3].T
    hwf = [height, width, focal]
    poses.append(numpy.concatenate([numpy.stack([down, right, -forward, position, hwf], 1).ravel(), [1.2, 4.8]]))

    splats.append({"id": i, "img_name": name, "width": width, "height": height,
                   "position": c2w[:3, 3].tolist(), "rotation": [row.tolist() for row in c2w[:3, :3]],
                   "fy": focal, "fx": focal})
    k = numpy.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]])
    lines = ["extrinsic"] + [" ".join(map(repr, row)) for row in w2c.tolist()]
    lines += ["", "intrinsic"] + [" ".join(map(repr, row)) for row in k.tolist()]
    (here / "mvsnet" / f"{i:08d}_cam.txt").write_text("\n".join(lines + ["", "1.2 0.019 192 4.8"]) + "\n")
    numpy.savetxt(here / "nsvf" / f"{i:06d}.txt", c2w, fmt="%.12f")
    wide = numpy.eye(4)
    wide[:3, :3] = k
    projections[f"world_mat_{i}"] = wide @ w2c @ numpy.linalg.inv(SPHERE)
    projections[f"scale_mat_{i}"] = SPHERE.astype(numpy.float32)
    # Z, then x, then y: tan of the first is -m01 / m11, sin of the second m21, tan of the last -m20 / m22.
    m = opengl[:3, :3]
    heading, pitch, roll = numpy.degrees([-numpy.arctan2(-m[0, 1], m[1, 1]), numpy.arcsin(m[2, 1]),
                                          numpy.arctan2(-m[2, 0], m[2, 2])])
    table.append(",".join([name] + [repr(float(number)) for number in (
        *c2w[:3, 3], heading, pitch, roll, focal * 36 / max(width, height), 0, 0, 0, 0, 0, 0, 0, 0)]))

(here / "opencv_cameras.json").write_text(json.dumps(opencv, indent=1))
(here / "lvsm.json").write_text(json.dumps({"scene_name": "every-format", "frames": lvsm}))
angle = 2 * numpy.arctan(0.5 * width / focal)
for split, frames in (("train", nerf[:4]), ("test", nerf[4:])):
    document = {"camera_angle_x": angle, "frames": frames}
    (here / f"transforms_{split}.json").write_text(json.dumps(document))
numpy.save(here / "poses_bounds.npy", numpy.array(poses))
(here / "model").mkdir(exist_ok=True)
reconstruction.write_text(str(here / "model"))

(here / "cameras.xml").write_text(f"""<?xml version="1.0" encoding="UTF-8"?>
<document version="2.0.0">
  <chunk label="Chunk 1" enabled="true">
    <sensors next_id="1">
      <sensor id="0" label="unknown" type="frame">
        <resolution width="{width}" height="{height}"/>
        <calibration type="frame" class="initial">
          <resolution width="{width}" height="{height}"/>
          <f>100</f>
        </calibration>
        <calibration type="frame" class="adjusted">
          <resolution width="{width}" height="{height}"/>
          <f>{focal!r}</f>
        </calibration>
      </sensor>
    </sensors>
    <components next_id="1" active_id="0">
      <component id="0" label="Component 1">
        <transform>
          <rotation locked="true">{" ".join(map(repr, CHUNK_ROTATION.ravel().tolist()))}</rotation>
          <translation locked="true">{" ".join(map(repr, CHUNK_TRANSLATION.tolist()))}</translation>
          <scale locked="true">{CHUNK_SCALE}</scale>
        </transform>
      </component>
    </components>
    <cameras next_id="{len(metashape)}" next_group_id="0">
      {(chr(10) + "      ").join(metashape)}
    </cameras>
  </chunk>
</document>
""")
# OpenMVG counts pixel centres from 0.
pinhole = {"width": width, "height": height, "focal_length": focal,
           "principal_point": [width / 2 - 0.5, height / 2 - 0.5]}
(here / "sfm_data.json").write_text(json.dumps({
    "sfm_data_version": "0.3", "root_path": "/data/of/another/machine/images", "views": mvg_views,
    "intrinsics": [{"key": 0, "value": {
        "polymorphic_id": 2147483649, "polymorphic_name": "pinhole",
        "ptr_wrapper": {"id": 2147483649 + len(mvg_views), "data": pinhole}}}],
    "extrinsics": mvg_poses, "structure": [], "control_points": []}))
(here / "reconstruction.json").write_text(json.dumps([{
    "cameras": {"v2 unknown": {"projection_type": "perspective", "width": width, "height": height,
                               "focal": focal / max(width, height), "k1": 0.0, "k2": 0.0}},
    "shots": shots, "points": {"0": {"color": [0, 0, 0], "coordinates": [0, 0, 0]}}}]))
(here / "metadata.json").write_text(json.dumps({
    "w": width, "h": height, "fps": 30, "K": [focal, 0, 0, 0, focal, 0, width / 2, height / 2, 1],
    "poses": captured}))
(here / "cameras.json").write_text(json.dumps(splats))
numpy.savez(here / "cameras_sphere.npz", **projections)
(here / "intrinsics.txt").write_text(f"{focal} {width / 2} {height / 2} 0.\n0. 0. 0.\n1.\n{height} {width}\n")
(here / "registration.csv").write_text("\r\n".join(table) + "\r\n")
