"""Writes cameras of every lens model of Metashape, OpenMVG and OpenSfM in those tools' own files, and
points.json: where each puts directions in its images, in pixels whose centres are at (0.5, 0.5).

The projections are written out here from the tools' definitions, in float64: Metashape 2.2's manual
(appendix on camera models), OpenMVG 2.1 (src/openMVG/cameras), OpenSfM (opensfm/src/geometry).

    python make.py
"""
import json
import math
import pathlib

WIDTH, HEIGHT = 640, 480
HERE = pathlib.Path(__file__).parent
TANGENTS = [-1.1, -0.5, 0, 0.6, 1.0]
DIRECTIONS = [[x, y] for x in TANGENTS for y in TANGENTS]


def along(x, y, length_of_angle):
    """(x, y) with the length that a projection gives to the ray's angle."""
    r = math.hypot(x, y)
    scale = length_of_angle(math.atan(r)) / r if r > 0 else 1
    return x * scale, y * scale


def equidistant(x, y):
    return along(x, y, lambda angle: angle)


# Metashape: sensor type, then the calibration's fields.
METASHAPE = [
    ("frame", dict(f=400.5, cx=1.25, cy=-2.5, k1=-0.1, k2=0.03, k3=-0.01, p1=0.002, p2=-0.003)),
    ("frame", dict(f=400.5, cx=1.25, cy=-2.5, b1=3.5, b2=-1.75, k1=-0.1, k2=0.03, k3=-0.01, k4=0.002,
                   p1=0.002, p2=-0.003)),
    ("frame", dict(f=410, b2=2.5)),
    ("fisheye", dict(f=260, cx=-3, cy=2, b1=1, b2=-2, k1=-0.02, k2=0.01, k3=-0.004, k4=0.001,
                     p1=0.001, p2=-0.002)),
    ("equidistant_fisheye", dict(f=260)),
    ("equisolid_fisheye", dict(f=270, cx=4, cy=1, b1=-1, b2=0.5, k1=0.02, k2=-0.01, k3=0.004,
                               k4=-0.001, p1=-0.001, p2=0.002)),
]


def project_metashape(kind, c, x, y):
    value = lambda name: c.get(name, 0)
    if kind.endswith("fisheye"):
        x, y = along(x, y, (lambda t: 2 * math.sin(t / 2)) if "solid" in kind else (lambda t: t))
    r = math.hypot(x, y)
    radial = 1 + value("k1") * r**2 + value("k2") * r**4 + value("k3") * r**6 + value("k4") * r**8
    bent_x = x * radial + value("p1") * (r**2 + 2 * x**2) + 2 * value("p2") * x * y
    bent_y = y * radial + value("p2") * (r**2 + 2 * y**2) + 2 * value("p1") * x * y
    return (WIDTH * 0.5 + value("cx") + bent_x * value("f") + bent_x * value("b1") + bent_y * value("b2"),
            HEIGHT * 0.5 + value("cy") + bent_y * value("f"))


# OpenMVG: type, name of the list of coefficients, coefficients.
OPENMVG = [
    ("pinhole", "", []),
    ("pinhole_radial_k1", "disto_k1", [-0.1]),
    ("pinhole_radial_k3", "disto_k3", [-0.1, 0.03, -0.01]),
    ("pinhole_brown_t2", "disto_t2", [-0.1, 0.03, -0.01, 0.002, -0.003]),
    ("fisheye", "fisheye", [-0.02, 0.01, -0.004, 0.001]),
    ("pinhole_radial_k1", "disto_k1", [0.05]),
]
MVG_FOCAL, MVG_MIDDLE = 300.25, (318.5, 243.25)


def project_openmvg(kind, c, x, y):
    r = math.hypot(x, y)
    shift_x = shift_y = 0
    factor = 1
    if kind == "fisheye":
        t = math.atan(r)
        bent = t + c[0] * t**3 + c[1] * t**5 + c[2] * t**7 + c[3] * t**9
        factor = bent / r if r > 1e-8 else 1
    elif kind == "pinhole_brown_t2":
        k1, k2, k3, t1, t2 = c
        factor = 1 + k1 * r**2 + k2 * r**4 + k3 * r**6
        shift_x = t2 * (r**2 + 2 * x * x) + 2 * t1 * x * y
        shift_y = t1 * (r**2 + 2 * y * y) + 2 * t2 * x * y
    else:
        factor += sum(k * r ** (2 * i + 2) for i, k in enumerate(c))
    # OpenMVG's pixel centres are whole numbers.
    return (MVG_FOCAL * (x * factor + shift_x) + MVG_MIDDLE[0] + 0.5,
            MVG_FOCAL * (y * factor + shift_y) + MVG_MIDDLE[1] + 0.5)


# OpenSfM: a camera as reconstruction.json has it.
TWO = dict(focal_x=0.62, focal_y=0.63, c_x=0.004, c_y=-0.006)
SIX = dict(k1=-0.02, k2=0.01, k3=-0.004, k4=0.001, k5=0.0005, k6=-0.0002, p1=0.001, p2=-0.002)
OPENSFM = [
    dict(projection_type="perspective", focal=0.62, k1=-0.1, k2=0.03),
    dict(projection_type="simple_radial", **TWO, k1=-0.1),
    dict(projection_type="radial", **TWO, k1=-0.1, k2=0.03),
    dict(projection_type="brown", **TWO, k1=-0.1, k2=0.03, p1=0.002, p2=-0.003, k3=-0.01),
    dict(projection_type="fisheye", focal=0.41, k1=-0.03, k2=0.004),
    dict(projection_type="fisheye_opencv", **TWO, k1=-0.02, k2=0.01, k3=-0.004, k4=0.001),
    dict(projection_type="fisheye62", **TWO, **SIX),
    dict(projection_type="fisheye624", **TWO, **SIX, s0=0.003, s1=-0.001, s2=0.002, s3=0.0005),
    dict(projection_type="dual", focal=0.45, k1=-0.05, k2=0.004, transition=0.3),
]


def project_opensfm(camera, x, y):
    value = lambda name: camera.get(name, 0)
    kind = camera["projection_type"]
    if kind.startswith("fisheye"):
        x, y = equidistant(x, y)
    elif kind == "dual":
        flat, share = equidistant(x, y), camera["transition"]
        x, y = share * x + (1 - share) * flat[0], share * y + (1 - share) * flat[1]
    r2 = x * x + y * y
    radial = 1 + sum(value(f"k{i}") * r2**i for i in range(1, 7))
    bent_x = x * radial + 2 * value("p1") * x * y + value("p2") * (r2 + 2 * x * x)
    bent_y = y * radial + 2 * value("p2") * x * y + value("p1") * (r2 + 2 * y * y)
    bent_x += value("s0") * r2 + value("s1") * r2 * r2
    bent_y += value("s2") * r2 + value("s3") * r2 * r2
    focal_x = camera.get("focal", value("focal_x"))
    focal_y = camera.get("focal", value("focal_y"))
    size = max(WIDTH, HEIGHT)
    # features.denormalized_image_coordinates(), whose pixel centres are whole numbers, and a half.
    return ((focal_x * bent_x + value("c_x")) * size - 0.5 + WIDTH / 2 + 0.5,
            (focal_y * bent_y + value("c_y")) * size - 0.5 + HEIGHT / 2 + 0.5)


def metashape_file():
    sensors, cameras = [], []
    for i, (kind, fields) in enumerate(METASHAPE):
        values = "".join(f"<{name}>{value!r}</{name}>" for name, value in fields.items())
        size = f'<resolution width="{WIDTH}" height="{HEIGHT}"/>'
        sensors.append(f'<sensor id="{i}" label="unknown" type="{kind}">{size}'
                       f'<calibration type="{kind}" class="adjusted">{size}{values}</calibration></sensor>')
        cameras.append(f'<camera id="{i}" sensor_id="{i}" label="view_{i}.png" enabled="true">'
                       f"<transform>1 0 0 {i} 0 1 0 0 0 0 1 0 0 0 0 1</transform></camera>")
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', '<document version="2.0.0">', "<chunk>",
             "<sensors>", *sensors, "</sensors>", "<cameras>", *cameras, "</cameras>", "</chunk>",
             "</document>", ""]
    return "\n".join(lines)


def openmvg_file():
    views, intrinsics, poses, ids = [], [], [], {}
    for i, (kind, field, coefficients) in enumerate(OPENMVG):
        views.append({"key": i, "value": {"polymorphic_id": 1073741824, "ptr_wrapper": {
            "id": 2147483649 + i, "data": {
                "local_path": "", "filename": f"view_{i}.png", "width": WIDTH, "height": HEIGHT,
                "id_view": i, "id_intrinsic": i, "id_pose": i}}}})
        poses.append({"key": i, "value": {"rotation": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
                                          "center": [i, 0, 0]}})
        # A type's name is written where its id occurs for the first time, with its highest bit set.
        is_new = kind not in ids
        ids.setdefault(kind, len(ids) + 1)
        value = {"polymorphic_id": ids[kind] + (2147483648 if is_new else 0)}
        if is_new:
            value["polymorphic_name"] = kind
        data = {"width": WIDTH, "height": HEIGHT, "focal_length": MVG_FOCAL,
                "principal_point": list(MVG_MIDDLE)}
        if field:
            data[field] = coefficients
        value["ptr_wrapper"] = {"id": 2147483649 + len(OPENMVG) + i, "data": data}
        intrinsics.append({"key": i, "value": value})
    return {"sfm_data_version": "0.3", "root_path": "", "views": views, "intrinsics": intrinsics,
            "extrinsics": poses, "structure": [], "control_points": []}


def opensfm_file():
    shots = {f"view_{i}.png": {"rotation": [0, 0, 0], "translation": [-i, 0, 0], "camera": str(i)}
             for i in range(len(OPENSFM))}
    cameras = {str(i): dict(camera, width=WIDTH, height=HEIGHT) for i, camera in enumerate(OPENSFM)}
    return [{"cameras": cameras, "shots": shots, "points": {}}]


points = {
    "directions": DIRECTIONS,
    "metashape.xml": [[project_metashape(*sensor, *d) for d in DIRECTIONS] for sensor in METASHAPE],
    "sfm_data.json": [[project_openmvg(kind, c, *d) for d in DIRECTIONS] for kind, _, c in OPENMVG],
    "reconstruction.json": [[project_opensfm(camera, *d) for d in DIRECTIONS] for camera in OPENSFM],
}
(HERE / "points.json").write_text(json.dumps(points))
(HERE / "metashape.xml").write_text(metashape_file())
(HERE / "sfm_data.json").write_text(json.dumps(openmvg_file()))
(HERE / "reconstruction.json").write_text(json.dumps(opensfm_file()))
