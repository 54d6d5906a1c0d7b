"""Writes three views of ../every-format as the exporters of pose networks leave them. For VGGT by the
calls to pycolmap of its demo_colmap.py, with the 3.10.0 that it asks for: `sparse` without rigs and
frames. For Depth Anything 3 by those of its export/colmap.py, with 4.2.1: binary and text together,
in a folder without images. For MapAnything the same in the layout that its demo_colmap.py describes:
`sparse` beside `images`.

    python make.py     (once with pycolmap==3.10.0 and numpy<2, once with pycolmap==4.2.1)
"""
import json
import pathlib

import numpy
import pycolmap

HERE = pathlib.Path(__file__).parent
VIEWS = json.loads((HERE.parent / "every-format" / "opencv_cameras.json").read_text())[:3]
POINT = numpy.array([0.1, 0.2, 0.3])


def camera_of(view, number):
    params = [view["fx"], view["fy"], view["cx"], view["cy"]]
    return pycolmap.Camera(model="PINHOLE", width=view["w"], height=view["h"], params=params,
                           camera_id=number)


def pose_of(view):
    w2c = numpy.array(view["w2c"], dtype=numpy.float64)
    return pycolmap.Rigid3d(pycolmap.Rotation3d(w2c[:3, :3]), w2c[:3, 3])


def name_of(view):
    return pathlib.Path(view["file_path"]).name


def write_vggt(folder):
    reconstruction = pycolmap.Reconstruction()
    reconstruction.add_point3D(POINT, pycolmap.Track(), numpy.zeros(3, dtype=numpy.uint8))
    for number, view in enumerate(VIEWS, 1):
        reconstruction.add_camera(camera_of(view, number))
        image = pycolmap.Image(id=number, name=f"image_{number}", camera_id=number,
                               cam_from_world=pose_of(view))
        image.points2D = pycolmap.ListPoint2D([pycolmap.Point2D(numpy.array([1.0, 2.0]), 1)])
        image.registered = True
        reconstruction.add_image(image)
    for number, view in enumerate(VIEWS, 1):
        reconstruction.images[number].name = name_of(view)
    folder.mkdir(parents=True, exist_ok=True)
    reconstruction.write(str(folder))


def with_rigs_and_frames():
    reconstruction = pycolmap.Reconstruction()
    point = reconstruction.add_point3D(POINT, pycolmap.Track(), numpy.zeros(3, dtype=numpy.uint8))
    for number, view in enumerate(VIEWS, 1):
        camera = camera_of(view, number)
        reconstruction.add_camera(camera)
        rig = pycolmap.Rig()
        rig.rig_id = number
        rig.add_ref_sensor(camera.sensor_id)
        reconstruction.add_rig(rig)
        image = pycolmap.Image()
        image.image_id = number
        image.camera_id = number
        frame = pycolmap.Frame()
        frame.frame_id = number
        frame.rig_id = number
        frame.add_data_id(image.data_id)
        frame.rig_from_world = pose_of(view)
        reconstruction.add_frame(frame)
        reconstruction.point3D(point).track.add_element(number, 0)
        image.frame_id = number
        image.name = name_of(view)
        image.points2D = pycolmap.Point2DList([pycolmap.Point2D(numpy.array([1.0, 2.0]), point)])
        reconstruction.add_image(image)
    return reconstruction


if pycolmap.__version__.startswith("3.10"):
    write_vggt(HERE / "vggt" / "sparse")
else:
    reconstruction = with_rigs_and_frames()
    for folder in (HERE / "map-anything" / "sparse", HERE / "depth-anything-3"):
        folder.mkdir(parents=True, exist_ok=True)
        reconstruction.write(str(folder))
    reconstruction.write_text(str(HERE / "depth-anything-3"))
