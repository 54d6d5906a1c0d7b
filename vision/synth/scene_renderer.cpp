// Traces and shades packets of 4 × 4 neighbouring samples.
#include "vision/synth/scene_renderer.h"

#include <embree3/rtcore.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "core/base/error.h"

namespace parallax {

namespace {

constexpr int kLanes = 16;
constexpr int kBlock = 4;  // samples along each side of a packet
constexpr float kFar = std::numeric_limits<float>::infinity();

// Shadow rays start this far above the surface, in the scene's units, so that it does not shadow
// itself.
constexpr float kSurfaceOffset = 2e-3F;

// Opacities this close to 0 or 1 cannot be seen in 8 bits.
constexpr float kFaint = 1.0F / 512;

cv::Vec3f unit(const cv::Vec3f& v) { return v * (1 / std::sqrt(std::max(v.dot(v), 1e-30F))); }

// The positions of one pixel's samples, in pixels: one in each cell of an n × n grid, shifted so
// that every column and row of an n² × n² grid is used once (a rotated grid for n = 2). Edges close
// to the axes then get as many levels of coverage as there are samples.
std::vector<cv::Vec2f> pixel_pattern(int n) {
  std::vector<cv::Vec2f> pattern;
  const float cell = 1 / static_cast<float>(n);
  for (int j = 0; j < n; ++j) {
    for (int i = 0; i < n; ++i) {
      pattern.emplace_back(
          (static_cast<float>(i) + (static_cast<float>(j) + 0.5F) * cell) * cell,
          (static_cast<float>(j) + (static_cast<float>(n - 1 - i) + 0.5F) * cell) * cell);
    }
  }
  return pattern;
}

// One point of the unit disc per sample, the same in every pixel: the samples' hard shadows add up
// to a soft one without noise that would differ between views.
std::vector<cv::Vec2f> lamp_pattern(int n) {
  std::vector<cv::Vec2f> pattern;
  const float golden_angle = 2.39996323F;
  for (int k = 0; k < n * n; ++k) {
    const float radius = std::sqrt((static_cast<float>(k) + 0.5F) / static_cast<float>(n * n));
    const float angle = golden_angle * static_cast<float>(k);
    pattern.emplace_back(radius * std::cos(angle), radius * std::sin(angle));
  }
  return pattern;
}

struct Lamps {
  cv::Vec3f direction, side, up, intensity;  // side and up span the lamp's disc
};

std::vector<Lamps> oriented(const Lighting& lighting) {
  std::vector<Lamps> lamps;
  for (const Lamp& lamp : lighting.lamps) {
    const cv::Vec3f helper =
        std::abs(lamp.direction[2]) < 0.9F ? cv::Vec3f(0, 0, 1) : cv::Vec3f(1, 0, 0);
    const cv::Vec3f side = unit(lamp.direction.cross(helper));
    const cv::Vec3f up = side.cross(lamp.direction);
    lamps.push_back(
        {lamp.direction, side * lamp.angular_radius, up * lamp.angular_radius, lamp.intensity});
  }
  return lamps;
}

// A ray of a packet from `origin` on, without end.
void set_ray(RTCRay16& ray, int lane, const cv::Vec3f& origin, const cv::Vec3f& direction) {
  ray.org_x[lane] = origin[0];
  ray.org_y[lane] = origin[1];
  ray.org_z[lane] = origin[2];
  ray.dir_x[lane] = direction[0];
  ray.dir_y[lane] = direction[1];
  ray.dir_z[lane] = direction[2];
  ray.tnear[lane] = 0;
  ray.tfar[lane] = kFar;
  ray.time[lane] = 0;
  ray.mask[lane] = ~0U;
  ray.id[lane] = lane;
  ray.flags[lane] = 0;
}

}  // namespace

// The data shared by all packets of an image.
struct SceneRenderer::View {
  int samples;
  int width, height;  // of the raster of samples
  cv::Vec3f origin;
  cv::Vec3f right, down, forward;  // a ray's direction is forward + x·right + y·down, x and y in px
  std::vector<cv::Vec2f> pixel_pattern;
  std::vector<cv::Vec2f> lamp_pattern;
  std::vector<Lamps> lamps;
};

// Sixteen samples being traced.
struct SceneRenderer::Packet {
  alignas(64) RTCRayHit16 rays;
  alignas(64) std::array<int, kLanes> valid;
  std::array<int, kLanes> pattern_index;
  std::array<bool, kLanes> hit;
  std::array<cv::Vec3f, kLanes> point, normal, albedo, emission, light;
  std::array<float, kLanes> weight;     // the share of a sample that the surface being shaded has
  std::array<cv::Vec4f, kLanes> color;  // RGB times coverage and coverage
};

// Sixteen rays under way and what they pass through. Embree hands its context, the first member, to
// the filter.
struct SceneRenderer::Query {
  // A surface that a ray passes through.
  struct Layer {
    float distance, u, v, alpha;
    unsigned face;
    cv::Vec3f flat;
  };

  explicit Query(const SceneRenderer* renderer) : renderer(renderer) {
    rtcInitIntersectContext(&embree);
    embree.flags = RTC_INTERSECT_CONTEXT_FLAG_COHERENT;
    passed.fill(1);
  }

  // Called for each hit: lets rays go on through surfaces that are not opaque.
  static void filter(const RTCFilterFunctionNArguments* hits);

  RTCIntersectContext embree;
  const SceneRenderer* renderer;
  std::array<std::vector<Layer>, kLanes> layers;
  std::array<float, kLanes> passed;  // the share of the light that is left
};

void SceneRenderer::Query::filter(const RTCFilterFunctionNArguments* hits) {
  auto* query = reinterpret_cast<Query*>(hits->context);
  for (unsigned i = 0; i < hits->N; ++i) {
    if (hits->valid[i] == 0) {
      continue;
    }
    Layer layer{};
    layer.distance = RTCRayN_tfar(hits->ray, hits->N, i);
    layer.face = RTCHitN_primID(hits->hit, hits->N, i);
    layer.u = RTCHitN_u(hits->hit, hits->N, i);
    layer.v = RTCHitN_v(hits->hit, hits->N, i);
    layer.alpha = query->renderer->alpha_of(static_cast<int>(layer.face), layer.u, layer.v);
    const unsigned lane = RTCRayN_id(hits->ray, hits->N, i);
    if (layer.alpha > 1 - kFaint) {
      continue;
    }
    if (layer.alpha > kFaint) {
      layer.flat = {RTCHitN_Ng_x(hits->hit, hits->N, i),
                    RTCHitN_Ng_y(hits->hit, hits->N, i),
                    RTCHitN_Ng_z(hits->hit, hits->N, i)};
      query->layers[lane].push_back(layer);
      query->passed[lane] *= 1 - layer.alpha;
    }
    hits->valid[i] = 0;
  }
}

void SceneRenderer::DeviceDeleter::operator()(RTCDeviceTy* device) const {
  rtcReleaseDevice(device);
}

void SceneRenderer::SceneDeleter::operator()(RTCSceneTy* scene) const { rtcReleaseScene(scene); }

SceneRenderer::SceneRenderer(RenderScene scene) : scene_(std::move(scene)) {
  flatten();
  if (faces_.empty()) {
    throw Error("the scene has no triangles: there is nothing to render");
  }
  commit();
}

void SceneRenderer::flatten() {
  for (std::size_t i = 0; i < scene_.parts.size(); ++i) {
    const TriangleMesh& mesh = scene_.parts[i].mesh;
    const int first_vertex = static_cast<int>(vertices_.size());
    first_face_.push_back(static_cast<int>(faces_.size()));
    vertices_.insert(vertices_.end(), mesh.vertices.begin(), mesh.vertices.end());
    normals_.insert(normals_.end(), mesh.corner_normals.begin(), mesh.corner_normals.end());
    for (const cv::Vec3i& face : mesh.faces) {
      faces_.push_back(face + cv::Vec3i::all(first_vertex));
    }
    face_part_.resize(faces_.size(), static_cast<int>(i));
    has_alpha_ = has_alpha_ || scene_.parts[i].surface.alpha_mode != AlphaMode::kOpaque;
  }
  bounds_ = bounds_of(vertices_);
}

void SceneRenderer::commit() {
  // One thread and no affinity: the caller parallelises, rendering many scenes at once.
  device_.reset(rtcNewDevice("threads=1,set_affinity=0"));
  if (device_ == nullptr) {
    throw Error("Embree could not be started on this processor");
  }
  embree_scene_.reset(rtcNewScene(device_.get()));
  // Robust: no ray slips between two triangles that share an edge.
  rtcSetSceneFlags(embree_scene_.get(), RTC_SCENE_FLAG_ROBUST);
  RTCGeometry geometry = rtcNewGeometry(device_.get(), RTC_GEOMETRY_TYPE_TRIANGLE);
  void* vertices = rtcSetNewGeometryBuffer(
      geometry, RTC_BUFFER_TYPE_VERTEX, 0, RTC_FORMAT_FLOAT3, sizeof(cv::Vec3f), vertices_.size());
  void* indices = rtcSetNewGeometryBuffer(
      geometry, RTC_BUFFER_TYPE_INDEX, 0, RTC_FORMAT_UINT3, sizeof(cv::Vec3i), faces_.size());
  if (vertices != nullptr && indices != nullptr) {
    std::copy(vertices_.begin(), vertices_.end(), static_cast<cv::Vec3f*>(vertices));
    std::copy(faces_.begin(), faces_.end(), static_cast<cv::Vec3i*>(indices));
    if (has_alpha_) {
      rtcSetGeometryIntersectFilterFunction(geometry, Query::filter);
      rtcSetGeometryOccludedFilterFunction(geometry, Query::filter);
    }
    rtcCommitGeometry(geometry);
    rtcAttachGeometry(embree_scene_.get(), geometry);
    rtcCommitScene(embree_scene_.get());
  }
  rtcReleaseGeometry(geometry);
  const RTCError error = rtcGetDeviceError(device_.get());
  if (error != RTC_ERROR_NONE) {
    throw Error(ErrorParts{.what = "Embree could not build the scene",
                           .got = "its error " + std::to_string(error) + " for " +
                                  std::to_string(faces_.size()) + " triangles"});
  }
}

// The part of the raster of samples that the scene's bounding box can cover.
cv::Rect SceneRenderer::covered_raster(const Camera& camera, int samples) const {
  const cv::Rect whole(0, 0, camera.width * samples, camera.height * samples);
  double left = 1e9;
  double right = -1e9;
  double top = 1e9;
  double bottom = -1e9;
  for (int corner = 0; corner < 8; ++corner) {
    cv::Vec3d d;
    for (int i = 0; i < 3; ++i) {
      d[i] = ((corner >> i & 1) != 0 ? bounds_.high : bounds_.low)[i] - camera.c2w(i, 3);
    }
    cv::Vec3d p;
    for (int i = 0; i < 3; ++i) {
      p[i] = camera.c2w(0, i) * d[0] + camera.c2w(1, i) * d[1] + camera.c2w(2, i) * d[2];
    }
    if (p[2] < 1e-3) {
      return whole;  // next to or behind the camera: its projection gives no bounds
    }
    const double x = std::clamp(camera.fx * p[0] / p[2] + camera.cx, -1e6, 1e6);
    const double y = std::clamp(camera.fy * p[1] / p[2] + camera.cy, -1e6, 1e6);
    left = std::min(left, x);
    right = std::max(right, x);
    top = std::min(top, y);
    bottom = std::max(bottom, y);
  }
  const auto first = [samples](double x) {
    return static_cast<int>(std::floor(x - 0.01)) * samples;
  };
  const auto last = [samples](double x) { return static_cast<int>(std::ceil(x + 0.01)) * samples; };
  return cv::Rect(cv::Point(first(left), first(top)), cv::Point(last(right), last(bottom))) & whole;
}

cv::Mat SceneRenderer::render(const Camera& camera, int samples) const {
  if (samples < 1 || samples > 16 || camera.height < 1 || camera.width < 1) {
    throw Error(
        ErrorParts{.what = "this image cannot be rendered",
                   .expected = "1 to 16 samples along each side of a pixel, and at least one pixel",
                   .got = std::to_string(samples) + " samples, " + std::to_string(camera.height) +
                          "x" + std::to_string(camera.width)});
  }
  View view;
  view.samples = samples;
  view.width = camera.width * samples;
  view.height = camera.height * samples;
  view.pixel_pattern = pixel_pattern(samples);
  view.lamp_pattern = lamp_pattern(samples);
  view.lamps = oriented(scene_.lighting);
  const cv::Matx44d& m = camera.c2w;
  for (int i = 0; i < 3; ++i) {
    view.origin[i] = static_cast<float>(m(i, 3));
    view.right[i] = static_cast<float>(m(i, 0) / camera.fx);
    view.down[i] = static_cast<float>(m(i, 1) / camera.fy);
    view.forward[i] = static_cast<float>(m(i, 2) - m(i, 0) * camera.cx / camera.fx -
                                         m(i, 1) * camera.cy / camera.fy);
  }
  cv::Mat sum(camera.height, camera.width, CV_32FC4, cv::Scalar::all(0));
  const cv::Rect area = covered_raster(camera, samples);
  for (int y = area.y; y < area.y + area.height; y += kBlock) {
    for (int x = area.x; x < area.x + area.width; x += kBlock) {
      trace_block(view, x, y, &sum);
    }
  }
  sum.convertTo(sum, -1, 1.0 / (samples * samples));
  return sum;
}

void SceneRenderer::trace_block(const View& view, int x, int y, cv::Mat* sum) const {
  Packet packet;
  RTCRay16& ray = packet.rays.ray;
  const int n = view.samples;
  for (int lane = 0; lane < kLanes; ++lane) {
    const int sx = x + lane % kBlock;
    const int sy = y + lane / kBlock;
    const int index = sy % n * n + sx % n;
    const cv::Vec2f& p = view.pixel_pattern[index];
    const int column = sx / n;
    const int row = sy / n;
    const cv::Vec3f d = view.forward + view.right * (static_cast<float>(column) + p[0]) +
                        view.down * (static_cast<float>(row) + p[1]);
    packet.pattern_index[lane] = index;
    packet.valid[lane] = sx < view.width && sy < view.height ? -1 : 0;
    set_ray(ray, lane, view.origin, d);
    packet.color[lane] = {};
    packet.rays.hit.geomID[lane] = RTC_INVALID_GEOMETRY_ID;
    packet.rays.hit.instID[0][lane] = RTC_INVALID_GEOMETRY_ID;
  }
  Query query(this);
  rtcIntersect16(packet.valid.data(), embree_scene_.get(), &query.embree, &packet.rays);
  packet.weight.fill(1);
  if (has_alpha_) {
    add_layers(view, query, &packet);
  }
  shade(view, &packet);
  for (int lane = 0; lane < kLanes; ++lane) {
    if (packet.valid[lane] != 0 && packet.color[lane][3] > 0) {
      sum->at<cv::Vec4f>((y + lane / kBlock) / n, (x + lane % kBlock) / n) += packet.color[lane];
    }
  }
}

// Shades what the rays passed through, front to back, and leaves the rest of each sample to the
// surface behind.
void SceneRenderer::add_layers(const View& view, const Query& query, Packet* packet) const {
  const RTCRayHit16 behind = packet->rays;
  std::array<std::vector<Query::Layer>, kLanes> layers = query.layers;
  std::array<float, kLanes> left{};
  std::size_t deepest = 0;
  for (int lane = 0; lane < kLanes; ++lane) {
    left[lane] = 1;
    // Embree visits surfaces in any order, some behind the one that stops the ray.
    layers[lane].erase(std::remove_if(layers[lane].begin(),
                                      layers[lane].end(),
                                      [&](const Query::Layer& layer) {
                                        return layer.distance > behind.ray.tfar[lane];
                                      }),
                       layers[lane].end());
    std::sort(
        layers[lane].begin(), layers[lane].end(), [](const Query::Layer& a, const Query::Layer& b) {
          return a.distance != b.distance ? a.distance < b.distance : a.face < b.face;
        });
    deepest = std::max(deepest, layers[lane].size());
  }
  for (std::size_t depth = 0; depth < deepest; ++depth) {
    for (int lane = 0; lane < kLanes; ++lane) {
      RTCHit16& hit = packet->rays.hit;
      hit.geomID[lane] = RTC_INVALID_GEOMETRY_ID;
      if (depth >= layers[lane].size() || left[lane] < kFaint) {
        continue;
      }
      const Query::Layer& layer = layers[lane][depth];
      packet->rays.ray.tfar[lane] = layer.distance;
      hit.geomID[lane] = 0;
      hit.primID[lane] = layer.face;
      hit.u[lane] = layer.u;
      hit.v[lane] = layer.v;
      hit.Ng_x[lane] = layer.flat[0];
      hit.Ng_y[lane] = layer.flat[1];
      hit.Ng_z[lane] = layer.flat[2];
      packet->weight[lane] = left[lane] * layer.alpha;
      left[lane] *= 1 - layer.alpha;
    }
    shade(view, packet);
  }
  packet->rays = behind;
  packet->weight = left;
}

// Adds the surfaces that the rays hit to the samples, by their weights.
void SceneRenderer::shade(const View& view, Packet* packet) const {
  find_surfaces(packet);
  if (std::find(packet->hit.begin(), packet->hit.end(), true) == packet->hit.end()) {
    return;
  }
  add_lamps(view, packet);
  for (int lane = 0; lane < kLanes; ++lane) {
    if (packet->hit[lane]) {
      const float weight = packet->weight[lane];
      for (int c = 0; c < 3; ++c) {
        const float lit = packet->albedo[lane][c] * packet->light[lane][c];
        packet->color[lane][c] += weight * std::min(lit + packet->emission[lane][c], 1.0F);
      }
      packet->color[lane][3] += weight;
    }
  }
}

// Computes position, normal, colour and ambient light where rays hit a surface.
void SceneRenderer::find_surfaces(Packet* packet) const {
  const RTCHit16& hits = packet->rays.hit;
  const RTCRay16& ray = packet->rays.ray;
  for (int lane = 0; lane < kLanes; ++lane) {
    packet->hit[lane] = packet->valid[lane] != 0 && hits.geomID[lane] != RTC_INVALID_GEOMETRY_ID;
    if (!packet->hit[lane]) {
      continue;
    }
    const int face = static_cast<int>(hits.primID[lane]);
    const RenderPart& part = scene_.parts[face_part_[face]];
    SurfacePoint surface = point_of(face, hits.u[lane], hits.v[lane]);
    const cv::Vec3f& weights = surface.weights;
    const cv::Vec3f* normals = &normals_[3 * static_cast<std::size_t>(face)];
    const cv::Vec3f direction = {ray.dir_x[lane], ray.dir_y[lane], ray.dir_z[lane]};
    cv::Vec3f n = unit(normals[0] * weights[0] + normals[1] * weights[1] + normals[2] * weights[2]);
    cv::Vec3f flat = unit({hits.Ng_x[lane], hits.Ng_y[lane], hits.Ng_z[lane]});
    // Imported surfaces may be open or wound either way: whichever side faces the viewer is lit.
    if (flat.dot(direction) > 0) {
      flat = -flat;
    }
    if (flat.dot(n) < 0) {
      n = -n;
    }
    surface.world = {ray.org_x[lane] + direction[0] * ray.tfar[lane],
                     ray.org_y[lane] + direction[1] * ray.tfar[lane],
                     ray.org_z[lane] + direction[2] * ray.tfar[lane]};
    packet->albedo[lane] = surface_color(part, surface);
    packet->emission[lane] = surface_emission(part, surface);
    if (part.surface.is_unlit) {
      packet->emission[lane] += packet->albedo[lane];
      packet->albedo[lane] = {};
    }
    packet->point[lane] = surface.world + flat * kSurfaceOffset;
    packet->normal[lane] = n;
    const Lighting& lighting = scene_.lighting;
    packet->light[lane] = lighting.ground + (lighting.sky - lighting.ground) * (0.5F + 0.5F * n[2]);
  }
}

void SceneRenderer::add_lamps(const View& view, Packet* packet) const {
  const float strength = scene_.lighting.shadow_strength;
  for (const Lamps& lamp : view.lamps) {
    alignas(64) std::array<int, kLanes> valid{};
    alignas(64) RTCRay16 ray;
    std::array<float, kLanes> cosine{};
    for (int lane = 0; lane < kLanes; ++lane) {
      cosine[lane] = packet->hit[lane] ? packet->normal[lane].dot(lamp.direction) : 0;
      valid[lane] = cosine[lane] > 0 ? -1 : 0;
      const cv::Vec2f& disc = view.lamp_pattern[packet->pattern_index[lane]];
      const cv::Vec3f d = lamp.direction + lamp.side * disc[0] + lamp.up * disc[1];
      set_ray(ray, lane, packet->point[lane], d);
    }
    Query query(this);
    if (strength > 0) {
      rtcOccluded16(valid.data(), embree_scene_.get(), &query.embree, &ray);
    }
    for (int lane = 0; lane < kLanes; ++lane) {
      if (valid[lane] != 0) {
        // Embree marks a blocked ray with a negative length.
        const float passed = ray.tfar[lane] < 0 ? 0 : query.passed[lane];
        const float arrives = 1 - strength * (1 - passed);
        packet->light[lane] += lamp.intensity * (cosine[lane] * arrives);
      }
    }
  }
}

SurfacePoint SceneRenderer::point_of(int face, float u, float v) const {
  const int part = face_part_[face];
  return {scene_.parts[part].mesh.faces[face - first_face_[part]], {1 - u - v, u, v}, {}};
}

float SceneRenderer::alpha_of(int face, float u, float v) const {
  return surface_alpha(scene_.parts[face_part_[face]], point_of(face, u, v));
}

}  // namespace parallax
