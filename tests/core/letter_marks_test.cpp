// Letters with marks, against what Python's unicodedata.normalize("NFD", …) gives.
#include "core/files/letter_marks.h"

#include <gtest/gtest.h>

namespace parallax {
namespace {

TEST(LetterMarks, AreSplitAsUnicodeSays) {
  EXPECT_EQ(decomposed("plain_1.png"), "plain_1.png");
  EXPECT_EQ(decomposed("\u00c5ngstr\u00f6m"), "A\u030angstro\u0308m");
  EXPECT_EQ(decomposed("\u1ead\u01d7"), "a\u0323\u0302U\u0308\u0301");  // canonical order of marks
  EXPECT_EQ(decomposed("a\u0302\u0323"), "a\u0323\u0302");
  EXPECT_EQ(decomposed("\u0439\u03ac"), "\u0438\u0306\u03b1\u0301");
  EXPECT_EQ(decomposed("\u304c\u30d1"), "\u304b\u3099\u30cf\u309a");
  EXPECT_EQ(decomposed("\uac00\ud7a3"), "\u1100\u1161\u1112\u1175\u11c2");
}

TEST(LetterMarks, WhatIsSplitOrHasNoneStaysAsItIs) {
  for (const char* text : {"A\u030angstro\u0308m",
                           "\u00df\u00f8\u4e2d\U0001f600",
                           "\xff\xfe\xc3",
                           "\xe3\x81",
                           "\xc3"}) {
    EXPECT_EQ(decomposed(text), text);
  }
}

}  // namespace
}  // namespace parallax
