// A filter in std::cerr, where OpenCV writes whatever its log level is (and what libtiff tells it),
// and a place between OpenCV and libjpeg, which writes to C's stderr.
#include "core/image/quiet_decoding.h"

#include <dlfcn.h>

#include <atomic>
#include <cstdio>
#include <iostream>
#include <streambuf>
// After <cstdio>, which it needs and does not include.
#include <jpeglib.h>

namespace parallax {
namespace {

thread_local int quiet_depth = 0;

// Passes on what it is given unless this thread is to be quiet.
class ThreadFilter : public std::streambuf {
 public:
  explicit ThreadFilter(std::streambuf* next) : next_(next) {}

 protected:
  int_type overflow(int_type c) override {
    return quiet_depth > 0 || traits_type::eq_int_type(c, traits_type::eof())
               ? traits_type::not_eof(c)
               : next_->sputc(traits_type::to_char_type(c));
  }
  std::streamsize xsputn(const char* text, std::streamsize count) override {
    return quiet_depth > 0 ? count : next_->sputn(text, count);
  }
  int sync() override { return quiet_depth > 0 ? 0 : next_->pubsync(); }

 private:
  std::streambuf* next_;
};

void filter_cerr() {
  // Never freed: other threads may write to the very end.
  static const auto* const filter = [] {
    auto* made = new ThreadFilter(std::cerr.rdbuf());
    std::cerr.rdbuf(made);
    return made;
  }();
  static_cast<void>(filter);
}

using StandardHandlers = jpeg_error_mgr* (*)(jpeg_error_mgr*);
std::atomic<void (*)(j_common_ptr)> print_message = nullptr;  // libjpeg's

void print_unless_quiet(j_common_ptr decoder) {
  if (quiet_depth == 0) {
    print_message.load()(decoder);
  }
}

}  // namespace

QuietDecoding::QuietDecoding() {
  filter_cerr();
  ++quiet_depth;
}

QuietDecoding::~QuietDecoding() { --quiet_depth; }

}  // namespace parallax

// OpenCV asks this function of libjpeg for its handlers and offers no way to change them; the
// program's own one is found first.
extern "C" jpeg_error_mgr* jpeg_std_error(jpeg_error_mgr* handlers) {
  static const auto original =
      reinterpret_cast<parallax::StandardHandlers>(dlsym(RTLD_NEXT, "jpeg_std_error"));
  original(handlers);
  parallax::print_message = handlers->output_message;  // the same every time
  handlers->output_message = parallax::print_unless_quiet;
  return handlers;
}
