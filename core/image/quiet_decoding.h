// Keeps the image libraries' own remarks off stderr: what is wrong with a file is said once, in the
// Error that reading it throws.
#pragma once

namespace parallax {

// While one lives, what OpenCV, libtiff and libjpeg have to say on this thread is dropped; other
// threads' stderr is as it was.
class QuietDecoding {
 public:
  QuietDecoding();
  ~QuietDecoding();
  QuietDecoding(const QuietDecoding&) = delete;
  QuietDecoding& operator=(const QuietDecoding&) = delete;
};

}  // namespace parallax
