// Class names: which class a word denotes, and the files that hold them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "core/base/error.h"
#include "tests/support/scratch_folder.h"
#include "vision/images/class_labels.h"

namespace parallax::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(ClassNames, AClasssOwnNameGoesBeforeAnothersSynonym) {
  const ClassLabels labels = imagenet_labels();
  // Of torchvision's names those that are also synonyms of other classes.
  const std::pair<const char*, int> names[] = {{"partridge", 86},
                                               {"crayfish", 124},
                                               {"polecat", 358},
                                               {"gong", 577},
                                               {"harp", 594},
                                               {"maillot tank suit", 639},
                                               {"missile", 657},
                                               {"tub", 876},
                                               {"Cardigan", 264},
                                               {"cardigan", 474}};
  for (const auto& [name, index] : names) {
    EXPECT_EQ(labels.find(name), index) << name;
  }
  EXPECT_THAT(labels.matches("CARDIGAN"), ElementsAre(264, 474));
  EXPECT_THAT(labels.matches("crane"), ElementsAre(134, 517));
  EXPECT_THAT(labels.matches("maillot"), ElementsAre(638, 639));
  EXPECT_THAT(labels.matches("no such thing"), IsEmpty());
  for (int i = 0; i < labels.size(); ++i) {
    const std::string name = labels.short_name(i);
    std::string folder = name;
    std::replace(folder.begin(), folder.end(), ' ', '_');
    if (name != "crane" && name != "maillot") {
      EXPECT_EQ(labels.find(name), i) << name;
      EXPECT_EQ(labels.find(folder), i) << folder;
    }
    EXPECT_EQ(labels.find(labels[i].id), i);
  }
}

TEST(ClassNames, SpellingsThatTwoClassesDifferByCount) {
  const ClassLabels labels({{"", "a_b"}, {"", "a b"}, {"", "Cat"}, {"", "cat"}, {"", "New York"}});
  EXPECT_EQ(labels.find("a_b"), 0);
  EXPECT_EQ(labels.find("a b"), 1);
  EXPECT_THAT(labels.matches("A-B"), ElementsAre(0, 1));
  EXPECT_EQ(labels.find("Cat"), 2);
  EXPECT_EQ(labels.find("cat"), 3);
  EXPECT_EQ(labels.find("new_york"), 4);
  EXPECT_EQ(imagenet_labels().find("n02085620-Chihuahua"), 151);
  EXPECT_EQ(imagenet_labels().find("n02085620x"), std::nullopt);
}

TEST(ClassNames, ConfigurationsOfTheHubAreRead) {
  const ScratchFolder scratch;
  const auto hub = scratch.write(
      "config.json",
      R"({"architectures": ["X"], "id2label": {"1": "dog", "0": "tench, Tinca tinca"}})");
  EXPECT_EQ(read_label_file(hub).find("Tinca tinca"), 0);
  EXPECT_EQ(read_label_file(hub).find("dog"), 1);
  const auto timm = scratch.write("timm.json",
                                  R"({"architecture": "vit", "label_names": ["n01443537", "cat"],
          "label_descriptions": {"n01443537": "goldfish"}})");
  EXPECT_EQ(read_label_file(timm)[0].id, "n01443537");
  EXPECT_EQ(read_label_file(timm).short_name(0), "goldfish");
  EXPECT_EQ(read_label_file(timm).find("cat"), 1);
  EXPECT_THROW(read_label_file(scratch.write("c.json", R"({"id2label": {"5": "dog"}})")), Error);
}

}  // namespace
}  // namespace parallax::testing
