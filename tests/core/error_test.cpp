// An Error's message gives what, where, expected, got and remedy, in that order.
#include "core/base/error.h"

#include <gtest/gtest.h>

namespace parallax {
namespace {

TEST(Error, ComposesOneSentenceFromItsParts) {
  const Error error(ErrorParts{.what = "the focal length is not usable",
                               .where = "scene.json, view 3, field 'fx'",
                               .expected = "a positive number",
                               .got = "-4",
                               .remedy = "Export the cameras again."});
  EXPECT_STREQ(
      error.what(),
      "scene.json, view 3, field 'fx': the focal length is not usable (expected a positive "
      "number, got -4). Export the cameras again.");
}

// A damaged file's bytes must not move the cursor or retitle the window.
TEST(Error, ShowsControlCharactersAsTheirNumbers) {
  EXPECT_STREQ(Error(ErrorParts{.what = "bad name", .got = "\x1b]0;a\x07\r"}).what(),
               "bad name (got \\x1B]0;a\\x07\\x0D)");
  EXPECT_STREQ(Error(ErrorParts{.what = "a\n\tb \xc3\xa4"}).what(), "a\n\tb \xc3\xa4");
}

TEST(Error, LeavesOutEmptyParts) {
  EXPECT_STREQ(Error(ErrorParts{.what = "no views"}).what(), "no views");
  EXPECT_STREQ(Error(ErrorParts{.what = "too small", .got = "0"}).what(), "too small (got 0)");
}

}  // namespace
}  // namespace parallax
