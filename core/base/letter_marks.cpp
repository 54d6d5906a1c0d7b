// Unicode's canonical decompositions of letters with marks: Latin, Greek, Cyrillic, Kana, Hangul.
#include "core/base/letter_marks.h"

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace parallax {
namespace {

// A combining mark, and pairs of a letter without and with it.
struct Mark {
  char32_t mark;
  std::u32string_view pairs;
};

// clang-format off
constexpr Mark kMarks[] = {
    {0x0300,
     U"AÀEÈIÌOÒUÙaàeèiìoòuùÜǛüǜNǸnǹЕЀИЍеѐиѝĒḔēḕŌṐōṑWẀwẁÂẦâầĂẰăằÊỀêềÔỒôồƠỜơờƯỪưừYỲyỳ"},
    {0x0301,
     U"AÁEÉIÍOÓUÚYÝaáeéiíoóuúyýCĆcćLĹlĺNŃnńRŔrŕSŚsśZŹzźÜǗüǘGǴgǵÅǺåǻÆǼæǽØǾøǿ¨΅ΑΆΕΈΗΉΙΊ"
     U"ΟΌΥΎΩΏϊΐαάεέηήιίϋΰοόυύωώϒϓГЃКЌгѓкќÇḈçḉĒḖēḗÏḮïḯKḰkḱMḾmḿÕṌõṍŌṒōṓPṔpṕŨṸũṹWẂwẃÂẤâấ"
     U"ĂẮăắÊẾêếÔỐôốƠỚơớƯỨưứ"},
    {0x0302,
     U"AÂEÊIÎOÔUÛaâeêiîoôuûCĈcĉGĜgĝHĤhĥJĴjĵSŜsŝWŴwŵYŶyŷZẐzẑẠẬạậẸỆẹệỌỘọộ"},
    {0x0303,
     U"AÃNÑOÕaãnñoõIĨiĩUŨuũVṼvṽÂẪâẫĂẴăẵEẼeẽÊỄêễÔỖôỗƠỠơỡƯỮưữYỸyỹ"},
    {0x0304,
     U"AĀaāEĒeēIĪiīOŌoōUŪuūÜǕüǖÄǞäǟȦǠȧǡÆǢæǣǪǬǫǭÖȪöȫÕȬõȭȮȰȯȱYȲyȳИӢиӣУӮуӯGḠgḡḶḸḷḹṚṜṛṝ"},
    {0x0306,
     U"AĂaăEĔeĕGĞgğIĬiĭOŎoŏUŬuŭУЎИЙийуўЖӁжӂАӐаӑЕӖеӗȨḜȩḝẠẶạặ"},
    {0x0307,
     U"CĊcċEĖeėGĠgġIİZŻzżAȦaȧOȮoȯBḂbḃDḊdḋFḞfḟHḢhḣMṀmṁNṄnṅPṖpṗRṘrṙSṠsṡŚṤśṥŠṦšṧṢṨṣṩTṪtṫ"
     U"WẆwẇXẊxẋYẎyẏſẛ"},
    {0x0308,
     U"AÄEËIÏOÖUÜaäeëiïoöuüyÿYŸΙΪΥΫιϊυϋϒϔЕЁІЇеёіїАӒаӓӘӚәӛЖӜжӝЗӞзӟИӤиӥОӦоӧӨӪөӫЭӬэӭУӰуӱ"
     U"ЧӴчӵЫӸыӹHḦhḧÕṎõṏŪṺūṻWẄwẅXẌxẍtẗ"},
    {0x0309,
     U"AẢaảÂẨâẩĂẲăẳEẺeẻÊỂêểIỈiỉOỎoỏÔỔôổƠỞơởUỦuủƯỬưửYỶyỷ"},
    {0x030a,
     U"AÅaåUŮuůwẘyẙ"},
    {0x030b,
     U"OŐoőUŰuűУӲуӳ"},
    {0x030c,
     U"CČcčDĎdďEĚeěLĽlľNŇnňRŘrřSŠsšTŤtťZŽzžAǍaǎIǏiǐOǑoǒUǓuǔÜǙüǚGǦgǧKǨkǩƷǮʒǯjǰHȞhȟ"},
    {0x030f,
     U"AȀaȁEȄeȅIȈiȉOȌoȍRȐrȑUȔuȕѴѶѵѷ"},
    {0x0311,
     U"AȂaȃEȆeȇIȊiȋOȎoȏRȒrȓUȖuȗ"},
    {0x031b,
     U"OƠoơUƯuư"},
    {0x0323,
     U"BḄbḅDḌdḍHḤhḥKḲkḳLḶlḷMṂmṃNṆnṇRṚrṛSṢsṣTṬtṭVṾvṿWẈwẉZẒzẓAẠaạEẸeẹIỊiịOỌoọƠỢơợUỤuụƯỰ"
     U"ưựYỴyỵ"},
    {0x0324,
     U"UṲuṳ"},
    {0x0325,
     U"AḀaḁ"},
    {0x0326,
     U"SȘsșTȚtț"},
    {0x0327,
     U"CÇcçGĢgģKĶkķLĻlļNŅnņRŖrŗSŞsşTŢtţEȨeȩDḐdḑHḨhḩ"},
    {0x0328,
     U"AĄaąEĘeęIĮiįUŲuųOǪoǫ"},
    {0x032d,
     U"DḒdḓEḘeḙLḼlḽNṊnṋTṰtṱUṶuṷ"},
    {0x032e,
     U"HḪhḫ"},
    {0x0330,
     U"EḚeḛIḬiḭUṴuṵ"},
    {0x0331,
     U"BḆbḇDḎdḏKḴkḵLḺlḻNṈnṉRṞrṟTṮtṯZẔzẕhẖ"},
    {0x3099,
     U"かがきぎくぐけげこごさざしじすずせぜそぞただちぢつづてでとどはばひびふぶへべほぼ"
     U"うゔゝゞカガキギクグケゲコゴサザシジスズセゼソゾタダチヂツヅテデトドハバヒビフブ"
     U"ヘベホボウヴワヷヰヸヱヹヲヺヽヾ"},
    {0x309a,
     U"はぱひぴふぷへぺほぽハパヒピフプヘペホポ"},
};
// clang-format on

using Parts = std::pair<char32_t, char32_t>;  // the letter, which may have a mark, and the mark

const std::unordered_map<char32_t, Parts>& decompositions() {
  static const auto table = [] {
    std::unordered_map<char32_t, Parts> map;
    for (const Mark& mark : kMarks) {
      for (std::size_t i = 0; i + 1 < mark.pairs.size(); i += 2) {
        map.emplace(mark.pairs[i + 1], Parts(mark.pairs[i], mark.mark));
      }
    }
    return map;
  }();
  return table;
}

void append_utf8(std::string& text, char32_t c) {
  if (c < 0x80) {
    text += static_cast<char>(c);
  } else if (c < 0x800) {
    text += static_cast<char>(0xC0 | c >> 6);
    text += static_cast<char>(0x80 | (c & 0x3F));
  } else {
    text += static_cast<char>(0xE0 | c >> 12);
    text += static_cast<char>(0x80 | (c >> 6 & 0x3F));
    text += static_cast<char>(0x80 | (c & 0x3F));
  }
}

// A syllable is a leading consonant, a vowel and perhaps a trailing consonant, numbered in order
// (The Unicode Standard, section 3.12).
void append_hangul(std::string& text, char32_t syllable) {
  constexpr char32_t kVowels = 21;
  constexpr char32_t kTrailing = 28;
  append_utf8(text, 0x1100 + syllable / (kVowels * kTrailing));
  append_utf8(text, 0x1161 + syllable / kTrailing % kVowels);
  if (syllable % kTrailing != 0) {
    append_utf8(text, 0x11A7 + syllable % kTrailing);
  }
}

void append_decomposed(std::string& text, char32_t c) {
  constexpr char32_t kFirstHangul = 0xAC00;
  constexpr char32_t kHangul = 11172;
  if (c - kFirstHangul < kHangul) {
    append_hangul(text, c - kFirstHangul);
  } else if (const auto parts = decompositions().find(c); parts != decompositions().end()) {
    append_decomposed(text, parts->second.first);
    append_utf8(text, parts->second.second);
  } else {
    append_utf8(text, c);
  }
}

}  // namespace

std::string decomposed(std::string_view text) {
  const auto is_ascii = [](char c) { return static_cast<unsigned char>(c) < 0x80; };
  if (std::all_of(text.begin(), text.end(), is_ascii)) {
    return std::string(text);
  }
  std::string result;
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = [&](std::size_t at) -> std::uint32_t {
      return at < text.size() ? static_cast<unsigned char>(text[at]) : 0;
    };
    const auto follows = [&](std::size_t at) { return (byte(at) & 0xC0) == 0x80; };
    const std::uint32_t first = byte(i);
    if ((first & 0xE0) == 0xC0 && follows(i + 1)) {
      append_decomposed(result, (first & 0x1F) << 6 | (byte(i + 1) & 0x3F));
      i += 2;
    } else if ((first & 0xF0) == 0xE0 && follows(i + 1) && follows(i + 2)) {
      append_decomposed(result,
                        (first & 0x0F) << 12 | (byte(i + 1) & 0x3F) << 6 | (byte(i + 2) & 0x3F));
      i += 3;
    } else {  // ASCII, four bytes, which hold none of these letters, or no UTF-8
      result += text[i++];
    }
  }
  return result;
}

}  // namespace parallax
