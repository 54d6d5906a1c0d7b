// Files that say what images show, and where they are found.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "core/base/error.h"
#include "tests/support/scratch_folder.h"
#include "vision/images/truth_finder.h"

namespace parallax::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

ClassLabels four_labels() {
  return ClassLabels({{"n01440764", "tench, Tinca tinca"},
                      {"n01443537", "goldfish, Carassius auratus"},
                      {"n01484850", "great white shark"},
                      {"n01491361", "tiger shark"}});
}

std::optional<std::vector<int>> truth_of(const fs::path& file, const std::string& image) {
  return TruthFile(read_truth_table(file), four_labels()).find(file.parent_path() / image);
}

const std::optional<std::vector<int>> kNone = std::nullopt;
using Classes = std::vector<int>;

TEST(TruthFile, TablesOfEveryKindAreRead) {
  const ScratchFolder scratch;
  const std::pair<const char*, const char*> tables[] = {
      {"header", "filename,label\na.jpg,goldfish\nb.jpg,3\n"},
      {"no header", "a.jpg,1\nb.jpg,3\n"},
      {"semicolons and CRLF", "image;class\r\na.jpg;goldfish, Carassius auratus\r\nb.jpg;3\r\n"},
      {"tabs and a BOM",
       "\xef\xbb\xbf"
       "file\tclass\na.jpg\tn01443537\nb.jpg\tn01491361\n"},
      {"quotes",
       "\"file\",\"class\"\n\"a.jpg\",\"goldfish, Carassius auratus\"\nb.jpg,tiger_shark\n"},
      {"blanks", "a.jpg 1\nb.jpg 3\n"},
      {"no extension", "id,breed\na,goldfish\nb,Tiger Shark\n"},
      {"columns exchanged", "label,path\ngoldfish,a.jpg\n3,b.jpg\n"},
      {"unknown headings", "foto,wat\na.jpg,goldfish\nb.jpg,3\n"},
      {"folders", "data/val/a.jpg,1\ndata/val/b.jpg,3\n"},
      {"backslashes", "val\\a.jpg,1\nval\\b.jpg,3\n"},
      {"blank lines and old Mac", "a.jpg,1\r\rb.jpg,3\r"},
      {"another case", "A.JPG,1\nB.JPG,3\n"},
      {"spreadsheet", "sep=;\nfile;class\na.jpg;1\nb.jpg;3\n"},
      {"Tiny-ImageNet", "a.jpg\tn01443537\t0\t3\t62\t62\nb.jpg\tn01491361\t0\t0\t1\t1\n"},
      {"Kaggle",
       "ImageId,PredictionString\na,n01443537 1 2 3 4 n01443537 5 6 7 8 \nb,n01491361 1 1 1 1 \n"},
      {"pandas with its row numbers", ",file,label\n2,a.jpg,1\n0,b.jpg,3\n"},
      {"the same without headings", "2,a.jpg,1\n0,b.jpg,3\n"},
      {"more columns", "file,width,gt,height\na.jpg,2,1,2\nb.jpg,0,3,2\n"},
      {"JSON", R"({"a.jpg": "goldfish", "b.jpg": [3]})"},
      {"JSON lines",
       R"({"file_name": "a.jpg", "text": "a fish", "label": "goldfish"})"
       "\n"
       R"({"file_name": "val/b.jpg", "label": 3})"
       "\n"}};
  for (const auto& [name, text] : tables) {
    fs::create_directories(scratch.path() / "val");
    const fs::path file = scratch.write("val/labels.csv", text);
    EXPECT_EQ(truth_of(file, "a.jpg"), Classes{1}) << name;
    EXPECT_EQ(truth_of(file, "b.jpg"), Classes{3}) << name;
    EXPECT_EQ(truth_of(file, "c.jpg"), kNone) << name;
    EXPECT_EQ(truth_of(file, "a.png"),
              std::string(name) == "no extension" || std::string(name) == "Kaggle"
                  ? std::optional(Classes{1})
                  : kNone)
        << name;
  }
}

TEST(TruthFile, PathsTellImagesOfOneNameApart) {
  const ScratchFolder scratch;
  const fs::path file = scratch.write("labels.csv", "x/1.jpg,0\ny/1.jpg,1\ny/z/1.jpg,2\n1.jpg,3\n");
  EXPECT_EQ(truth_of(file, "x/1.jpg"), Classes{0});
  EXPECT_EQ(truth_of(file, "y/1.jpg"), Classes{1});
  EXPECT_EQ(truth_of(file, "y/z/1.jpg"), Classes{2});
  EXPECT_EQ(truth_of(file, "1.jpg"), Classes{3});
  const fs::path apart = scratch.write("apart.csv", "x/1.jpg,0\ny/1.jpg,1\n");
  EXPECT_EQ(truth_of(apart, "w/1.jpg"), kNone);
  EXPECT_EQ(truth_of(apart, "1.jpg"), kNone);  // of either
}

// A table of Windows beside photographs of macOS.
TEST(TruthFile, LettersWithMarksMayBeStoredApart) {
  const ScratchFolder scratch;
  const fs::path table = scratch.write(
      "t.csv", "file,label\nT\u00fcr/Caf\u00e9 1.jpg,goldfish\nT\u00fcr/Caf\u00e9 2.jpg,tench\n");
  EXPECT_EQ(truth_of(table, "Tu\u0308r/Cafe\u0301 1.jpg"), Classes{1});
  EXPECT_EQ(truth_of(table, "T\u00fcr/cafe\u0301 2.JPG"), Classes{0});
  EXPECT_EQ(truth_of(table, "Tur/Cafe 1.jpg"), kNone);
}

TEST(TruthFile, SeveralClassesCountAndNoneDoesNot) {
  const ScratchFolder scratch;
  const fs::path real = scratch.write("real.json", "[[0], [1, 3], [], [2]]");
  EXPECT_EQ(truth_of(real, "ILSVRC2012_val_00000001.JPEG"), Classes{0});
  EXPECT_EQ(truth_of(real, "n01440764/ILSVRC2012_val_00000002.JPEG"), (Classes{1, 3}));
  EXPECT_EQ(truth_of(real, "ILSVRC2012_val_00000003.JPEG"), Classes{});
  EXPECT_EQ(truth_of(real, "ILSVRC2012_val_00000005.JPEG"), kNone);
  EXPECT_EQ(truth_of(real, "holiday.jpg"), kNone);
}

TEST(TruthFile, IlsvrcsIdsNeedTheDevelopmentKitsList) {
  const fs::path images = fs::path(PARALLAX_SOURCE_DIR) / "tests/images";
  for (const char* list : {"meta.mat", "meta_uncompressed.mat", "map_clsloc.txt"}) {
    const ScratchFolder scratch;
    const fs::path file =
        scratch.write("ILSVRC2012_validation_ground_truth.txt", "490\n361\n822\n171\n");
    try {
      read_truth_table(file);
      ADD_FAILURE() << "ids were taken for indices";
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr("not in the order of models' classes"));
      EXPECT_THAT(error.what(), HasSubstr("meta.mat"));
    }
    if (std::string(list) == "map_clsloc.txt") {
      scratch.write(list,
                    "n01440764 490 tench\nn01443537 361 goldfish\nn01491361 822 tiger_shark\n"
                    "n01484850 171 great_white_shark\n");
    } else {
      fs::create_directories(scratch.path() / "ILSVRC2012_devkit_t12/data");
      fs::copy_file(images / list, scratch.path() / "ILSVRC2012_devkit_t12/data/meta.mat");
    }
    EXPECT_EQ(truth_of(file, "ILSVRC2012_val_00000001.JPEG"), Classes{0}) << list;
    EXPECT_EQ(truth_of(file, "ILSVRC2012_val_00000002.JPEG"), Classes{1}) << list;
    EXPECT_EQ(truth_of(file, "ILSVRC2012_val_00000003.JPEG"), Classes{3}) << list;
    EXPECT_EQ(truth_of(file, "ILSVRC2012_val_00000004.JPEG"), Classes{2}) << list;
  }
}

TEST(TruthFile, DamagedListsAreErrors) {
  const std::string good =
      read_bytes(fs::path(PARALLAX_SOURCE_DIR) / "tests/images/meta_uncompressed.mat");
  for (size_t size = 0; size < good.size(); size += 41) {
    const ScratchFolder scratch;
    scratch.write("meta.mat", good.substr(0, size));
    EXPECT_THROW(read_truth_table(
                     scratch.write("ILSVRC2012_validation_ground_truth.txt", "490\n361\n822\n")),
                 Error)
        << size;
  }
}

// As minified text by mistake: each blank might be the end of an image's name.
TEST(TruthFile, LongLinesAreRead) {
  std::string text;
  while (text.size() < 4'000'000) {
    text += "a ";
  }
  const ScratchFolder scratch;
  EXPECT_THROW(TruthFile(read_truth_table(scratch.write("x.txt", text)), four_labels()), Error);
  std::string kaggle = "ImageId,PredictionString\na,";
  for (int i = 0; i < 300'000; ++i) {
    kaggle += "n" + std::to_string(10'000'000 + i) + " 1 2 3 4 ";
  }
  EXPECT_EQ(truth_of(scratch.write("kaggle.csv", kaggle + "\nb,n01443537 1 2 3 4\n"), "b.JPEG"),
            Classes{1});
  // Where the name ends is told by its extension, which a name that begins with a dot has not.
  EXPECT_EQ(truth_of(scratch.write("y.txt", "a b .jpg 1\nb.jpg 2\n"), "a b .jpg"), Classes{1});
}

TEST(TruthFile, WhatCannotBeRightIsAnError) {
  const ScratchFolder scratch;
  const auto error_of = [&](const std::string& text) -> std::string {
    try {
      TruthFile(read_truth_table(scratch.write("labels.csv", text)), four_labels());
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  };
  EXPECT_THAT(error_of(""), HasSubstr("empty"));
  EXPECT_THAT(error_of("a.jpg,zebra\nb.jpg,horse\n"), HasSubstr("'zebra' in line 1"));
  EXPECT_THAT(error_of("a.jpg,4\n"), HasSubstr("indices from 0"));
  EXPECT_THAT(error_of("1\n2\n3\n"), HasSubstr("numbers alone"));
  EXPECT_THAT(error_of("{\"a.jpg\": {\"x\": 1}}"), HasSubstr("entry 1"));
  EXPECT_THAT(error_of("[[[1]]]"), HasSubstr("entry 1"));
  EXPECT_THAT(error_of("[1, 2"), HasSubstr("not valid JSON"));
  EXPECT_THAT(error_of("\xff\xfe"
                       "a"),
              HasSubstr("UTF-16"));
  // Which of the columns is meant is not said, and any would be some class.
  EXPECT_THAT(error_of("file,width,score\na.jpg,2,1\nb.jpg,0,3\n"), HasSubstr("'width'"));
  // Numbers from 1 would all be off by one.
  EXPECT_THAT(error_of("a.jpg,1\nb.jpg,2\nc.jpg,4\n"), HasSubstr("'4' in line 3"));
  EXPECT_THAT(error_of("a.jpg,1\nb.jpg,2\nc.jpg,4\n"), HasSubstr("subtract 1"));
  EXPECT_THAT(error_of("{\"file_name\": \"a.jpg\", \"label\": 1}\n[1]"), HasSubstr("JSON"));
  EXPECT_THAT(error_of("{\"label\": 1}\n{\"label\": 1}"), HasSubstr("line 1"));
  EXPECT_THROW(read_truth_table(scratch.path() / "none.csv"), Error);
  const TruthFile some(read_truth_table(scratch.write("x.csv", "a.jpg,0\nb.jpg,zebra\n")),
                       four_labels());
  EXPECT_THAT(some.notes(), ElementsAre(HasSubstr("1 entries name no class of the model")));
  EXPECT_EQ(some.find("b.jpg"), Classes{});
}

TEST(TruthFinder, FindsFilesBesideTheImages) {
  const ScratchFolder scratch;
  const ClassLabels labels = four_labels();
  const fs::path root = scratch.path() / "data";
  fs::create_directories(root / "images");
  const fs::path image = root / "images/a.jpg";
  EXPECT_EQ(TruthFinder(labels, "").find(image, root), kNone);
  scratch.write("data/scores.csv", "a.jpg,1,0.5\n");                   // three columns
  scratch.write("data/sample_submission.csv", "id,label\na.jpg,2\n");  // made up
  EXPECT_EQ(TruthFinder(labels, "").find(image, root), kNone);
  scratch.write("data/labels.csv", "file,class\nimages/a.jpg,1\nimages/b.jpg,2\n");
  TruthFinder finder(labels, "");
  EXPECT_EQ(finder.find(image, root), Classes{1});
  EXPECT_EQ(finder.find(root / "images/b.jpg", root / "images"), Classes{2});
  EXPECT_THAT(finder.notes(), Contains(HasSubstr("labels.csv")));
  scratch.write("data/more.csv", "a.jpg,3\n");
  TruthFinder unsure(labels, "");
  EXPECT_EQ(unsure.find(image, root), kNone);
  EXPECT_THAT(unsure.notes(), Contains(HasSubstr("contradict")));
  EXPECT_EQ(unsure.find(root / "images/b.jpg", root), Classes{2});
  TruthFinder named(labels, root / "more.csv");
  EXPECT_EQ(named.find(image, root), Classes{3});
}

// metadata.jsonl and metadata.csv of Hugging Face's imagefolder, with further fields.
TEST(TruthFinder, HuggingFacesMetadataIsFound) {
  const ClassLabels labels = four_labels();
  for (const auto& [name, text] :
       {std::pair{"metadata.jsonl",
                  "{\"file_name\": \"a.jpg\", \"caption\": \"x\", \"label\": 1}\n"
                  "{\"file_name\": \"b.jpg\", \"caption\": \"y\", \"label\": null}\n"},
        std::pair{"metadata.csv", "file_name,caption,label\na.jpg,x,1\nc.jpg,y,0\n"}}) {
    const ScratchFolder scratch;
    const fs::path root = scratch.path() / "data";
    fs::create_directories(root);
    scratch.write(std::string("data/") + name, text);
    EXPECT_EQ(TruthFinder(labels, "").find(root / "a.jpg", root), Classes{1}) << name;
    EXPECT_EQ(TruthFinder(labels, "").find(root / "b.jpg", root), kNone) << name;
    EXPECT_EQ(find_truth_file(root), root / name);
    scratch.write(std::string("data/") + name,
                  name == std::string("metadata.csv")
                      ? "file_name,caption\na.jpg,goldfish pond\n"
                      : "{\"file_name\": \"a.jpg\", \"caption\": \"goldfish\"}\n");
    TruthFinder captions(labels, "");
    EXPECT_EQ(captions.find(root / "a.jpg", root), kNone) << name;
  }
}

TEST(TruthFinder, NumbersThatAreNoIndicesAreSaid) {
  const ScratchFolder scratch;
  const ClassLabels labels = four_labels();
  const fs::path root = scratch.path() / "data";
  fs::create_directories(root);
  scratch.write("data/labels.csv", "a.jpg,1\nb.jpg,2\nc.jpg,3\nd.jpg,4\n");
  TruthFinder finder(labels, "");
  EXPECT_EQ(finder.find(root / "a.jpg", root), kNone);
  EXPECT_THAT(finder.notes(), Contains(HasSubstr("'4' in line 4")));
  EXPECT_THROW(TruthFinder(labels, root / "labels.csv"), Error);
}

}  // namespace
}  // namespace parallax::testing
