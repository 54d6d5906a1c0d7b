// Calls libheif through pointers that dlsym() gives.
#include "core/image/heif_image.h"

#include <dlfcn.h>
#include <libheif/heif.h>

#include <cstring>
#include <memory>
#include <optional>

#include "core/base/error.h"

namespace parallax {
namespace {

constexpr std::int64_t kMostHeifPixels = std::int64_t{1} << 28;

// The functions of libheif that are called, under their own names.
struct HeifLibrary {
  decltype(&heif_init) init = nullptr;
  decltype(&heif_have_decoder_for_format) have_decoder = nullptr;
  decltype(&heif_context_alloc) context_alloc = nullptr;
  decltype(&heif_context_free) context_free = nullptr;
  decltype(&heif_context_set_max_decoding_threads) set_threads = nullptr;
  decltype(&heif_context_read_from_memory_without_copy) read = nullptr;
  decltype(&heif_context_get_primary_image_handle) primary = nullptr;
  decltype(&heif_image_handle_release) handle_release = nullptr;
  decltype(&heif_image_handle_get_width) handle_width = nullptr;
  decltype(&heif_image_handle_get_height) handle_height = nullptr;
  decltype(&heif_image_handle_has_alpha_channel) has_alpha = nullptr;
  decltype(&heif_decode_image) decode = nullptr;
  decltype(&heif_image_get_width) width = nullptr;
  decltype(&heif_image_get_height) height = nullptr;
  decltype(&heif_image_get_plane_readonly) plane = nullptr;
  decltype(&heif_image_release) release = nullptr;
};

std::optional<HeifLibrary> load_heif() {
  void* library = dlopen("libheif.so.1", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    return std::nullopt;
  }
  HeifLibrary heif;
  bool complete = true;
  const auto find = [&](auto& function, const char* name) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(library, name));
    complete = complete && function != nullptr;
  };
  find(heif.init, "heif_init");
  find(heif.have_decoder, "heif_have_decoder_for_format");
  find(heif.context_alloc, "heif_context_alloc");
  find(heif.context_free, "heif_context_free");
  find(heif.set_threads, "heif_context_set_max_decoding_threads");
  find(heif.read, "heif_context_read_from_memory_without_copy");
  find(heif.primary, "heif_context_get_primary_image_handle");
  find(heif.handle_release, "heif_image_handle_release");
  find(heif.handle_width, "heif_image_handle_get_width");
  find(heif.handle_height, "heif_image_handle_get_height");
  find(heif.has_alpha, "heif_image_handle_has_alpha_channel");
  find(heif.decode, "heif_decode_image");
  find(heif.width, "heif_image_get_width");
  find(heif.height, "heif_image_get_height");
  find(heif.plane, "heif_image_get_plane_readonly");
  find(heif.release, "heif_image_release");
  if (!complete || heif.init(nullptr).code != heif_error_Ok) {
    return std::nullopt;
  }
  return heif;
}

// Loaded at the first question; null if this machine has none, or one older than 1.14.
const HeifLibrary* heif_library() {
  static const std::optional<HeifLibrary> library = load_heif();
  return library ? &*library : nullptr;
}

bool can_decode(heif_compression_format format) {
  const HeifLibrary* heif = heif_library();
  return heif != nullptr && heif->have_decoder(format) != 0;
}

void check_heif(const heif_error& error, const std::string& where) {
  if (error.code != heif_error_Ok) {
    throw Error({.what = std::string("the HEIC or AVIF image cannot be decoded: ") +
                         (error.message != nullptr ? error.message : "it is damaged"),
                 .where = where,
                 .remedy = "Convert it to JPEG or PNG."});
  }
}

template <class T, class Free>
std::unique_ptr<T, Free> owned(T* pointer, Free free) {
  return {pointer, free};
}

}  // namespace

bool can_decode_heic() { return can_decode(heif_compression_HEVC); }

bool can_decode_avif() { return can_decode(heif_compression_AV1); }

cv::Mat decode_heif(std::string_view file, const std::string& where) {
  const HeifLibrary* heif = heif_library();
  if (heif == nullptr) {
    throw Error({.what = "HEIC and AVIF images are read by libheif, which this machine lacks",
                 .where = where,
                 .remedy = "Install libheif1, or convert the image to JPEG or PNG."});
  }
  const auto context = owned(heif->context_alloc(), heif->context_free);
  heif->set_threads(context.get(), 0);  // images are decoded on several threads already
  check_heif(heif->read(context.get(), file.data(), file.size(), nullptr), where);
  heif_image_handle* primary = nullptr;
  check_heif(heif->primary(context.get(), &primary), where);
  const auto handle = owned(primary, heif->handle_release);
  if (std::int64_t{heif->handle_width(primary)} * heif->handle_height(primary) > kMostHeifPixels) {
    throw Error({.what = "the image has too many pixels", .where = where});
  }
  const bool alpha = heif->has_alpha(primary) != 0;
  heif_image* decoded = nullptr;
  check_heif(heif->decode(primary,
                          &decoded,
                          heif_colorspace_RGB,
                          alpha ? heif_chroma_interleaved_RGBA : heif_chroma_interleaved_RGB,
                          nullptr),
             where);
  const auto image = owned(decoded, heif->release);
  int stride = 0;
  const std::uint8_t* rows = heif->plane(decoded, heif_channel_interleaved, &stride);
  const int height = heif->height(decoded, heif_channel_interleaved);
  const int width = heif->width(decoded, heif_channel_interleaved);
  if (rows == nullptr || height < 1 || width < 1) {
    throw Error({.what = "the HEIC or AVIF image holds no pixels", .where = where});
  }
  cv::Mat result(height, width, alpha ? CV_8UC4 : CV_8UC3);
  for (int y = 0; y < height; ++y) {
    std::memcpy(result.ptr(y), rows + std::ptrdiff_t{y} * stride, result.step);
  }
  return result;
}

}  // namespace parallax
