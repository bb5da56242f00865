// SPDX-License-Identifier: Apache-2.0
#include "store/s3/xml.h"

#include <fmt/core.h>
#include <libxml/parser.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <memory>
#include <mutex>

namespace penstock {
namespace {

constexpr size_t max_depth = 32;
constexpr size_t max_elements = 200'000;

constexpr std::string_view control_entity = "control-";

/// Builds the tree from libxml2's SAX events.
struct Builder {
  XmlElement root;                ///< A parent for the document element.
  std::vector<XmlElement*> open;  ///< From root to the innermost open element.
  size_t elements = 0;
  std::string problem;
  xmlParserCtxtPtr parser = nullptr;
  xmlEntity control = {};  ///< The last one that on_entity gave out, and its text.
  std::array<xmlChar, 2> control_text = {};

  void refuse(const char* why) {
    if (problem.empty()) problem = why;
    if (parser != nullptr) xmlStopParser(parser);
  }
};

std::string_view view(const xmlChar* text) { return reinterpret_cast<const char*>(text); }

void on_start(void* self, const xmlChar* name, const xmlChar* /*prefix*/, const xmlChar* /*uri*/,
              int /*namespaces*/, const xmlChar** /*namespace_list*/, int /*attributes*/,
              int /*defaulted*/, const xmlChar** /*attribute_list*/) noexcept {
  auto* builder = static_cast<Builder*>(self);
  if (!builder->problem.empty()) return;
  if (builder->open.size() > max_depth) return builder->refuse("elements are nested too deeply");
  if (++builder->elements > max_elements) return builder->refuse("there are too many elements");
  // A parent's vector may move its earlier children, but those are closed: only the innermost one
  // is pointed at.
  auto& siblings = builder->open.back()->children;
  siblings.push_back({.name = std::string(view(name)), .text = {}, .children = {}});
  builder->open.push_back(&siblings.back());
}

void on_end(void* self, const xmlChar* /*name*/, const xmlChar* /*prefix*/,
            const xmlChar* /*uri*/) noexcept {
  auto* builder = static_cast<Builder*>(self);
  if (builder->open.size() > 1) builder->open.pop_back();
}

void on_text(void* self, const xmlChar* text, int length) noexcept {
  auto* builder = static_cast<Builder*>(self);
  if (builder->problem.empty()) {
    builder->open.back()->text.append(reinterpret_cast<const char*>(text),
                                      static_cast<size_t>(length));
  }
}

/// What stands for a control character (see without_control_references); there are no other
/// entities.
xmlEntityPtr on_entity(void* self, const xmlChar* name) noexcept {
  const std::string_view text = view(name);
  if (!text.starts_with(control_entity)) return nullptr;
  auto* builder = static_cast<Builder*>(self);
  int character = 0;
  std::from_chars(text.data() + control_entity.size(), text.data() + text.size(), character);
  builder->control_text[0] = static_cast<xmlChar>(character);
  builder->control.etype = XML_INTERNAL_PREDEFINED_ENTITY;
  builder->control.name = name;
  builder->control.content = builder->control_text.data();
  builder->control.length = 1;
  return &builder->control;
}

void on_document_type(void* self, const xmlChar* /*name*/, const xmlChar* /*id*/,
                      const xmlChar* /*system*/) noexcept {
  static_cast<Builder*>(self)->refuse("it declares a document type");
}

void on_error(void* self, xmlErrorPtr error) noexcept {
  auto* builder = static_cast<Builder*>(self);
  if (error->level < XML_ERR_FATAL || !builder->problem.empty()) return;
  std::string_view message = error->message == nullptr ? "unknown error" : error->message;
  while (message.ends_with('\n')) message.remove_suffix(1);
  builder->problem = message;
}

xmlSAXHandler make_handler() {
  xmlSAXHandler handler;
  std::memset(&handler, 0, sizeof handler);
  handler.initialized = XML_SAX2_MAGIC;
  handler.startElementNs = on_start;
  handler.endElementNs = on_end;
  handler.characters = on_text;
  handler.cdataBlock = on_text;
  handler.getEntity = on_entity;
  handler.internalSubset = on_document_type;
  handler.serror = on_error;
  return handler;
}

struct ControlReference {
  size_t length = 0;  ///< 0: it is none.
  int character = 0;
};

/// Reads a reference to a character that XML 1.0 forbids, such as "&#x1;", at the front.
ControlReference control_reference(std::string_view text) {
  const bool hexadecimal = text.size() > 2 && text[2] == 'x';
  const char* const end = text.data() + text.size();
  ControlReference found;
  const auto [after, error] = std::from_chars(text.data() + (hexadecimal ? 3 : 2), end,
                                              found.character, hexadecimal ? 16 : 10);
  if (error != std::errc() || after == end || *after != ';') return {};
  const int c = found.character;
  if (c < 1 || c >= 0x20 || c == '\t' || c == '\n' || c == '\r') return {};
  found.length = static_cast<size_t>(after + 1 - text.data());
  return found;
}

/// AWS S3 and Ceph write the control characters of keys as references, which XML 1.0 does not allow
/// and libxml2 does not read: they become references to entities.
std::string without_control_references(std::string_view text) {
  std::string out;
  // Where there is plain text, what looks like a reference need not be one.
  if (text.find("<![CDATA[") != std::string_view::npos) return out.append(text);
  while (true) {
    const size_t at = text.find("&#");
    out += text.substr(0, at);
    if (at == std::string_view::npos) return out;
    text.remove_prefix(at);
    const ControlReference found = control_reference(text);
    out += found.length > 0 ? fmt::format("&{}{};", control_entity, found.character) : "&#";
    text.remove_prefix(std::max<size_t>(found.length, 2));
  }
}

/// By the first bytes, as libxml2 guesses it: S3's answers are UTF-8. What libxml2 cannot convert
/// from another encoding it reports on stderr, past the parser's own handler.
bool begins_as_utf8(std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) return true;
  const std::string_view first = text.substr(0, 4);
  return first.find('\0') == std::string_view::npos &&
         std::string_view("< \t\r\n").find(first.front()) != std::string_view::npos;
}

}  // namespace

const XmlElement* XmlElement::child(std::string_view child_name) const noexcept {
  for (const XmlElement& element : children) {
    if (element.name == child_name) return &element;
  }
  return nullptr;
}

std::string_view XmlElement::text_of(std::string_view child_name) const noexcept {
  const XmlElement* found = child(child_name);
  return found == nullptr ? std::string_view() : std::string_view(found->text);
}

Result<XmlElement> parse_xml(std::string_view text) {
  static std::once_flag once;
  std::call_once(once, xmlInitParser);
  const auto malformed = [](std::string_view why) {
    return Error(Code::corrupt,
                 fmt::format("the server's answer is not the XML it should be: {}", why));
  };
  if (text.size() > (64U << 20)) return malformed("it is too long");
  if (!text.empty() && !begins_as_utf8(text)) return malformed("it does not begin with '<'");
  std::string readable;
  if (text.find("&#") != std::string_view::npos) {
    readable = without_control_references(text);
    text = readable;
  }
  Builder builder;
  builder.open.push_back(&builder.root);
  xmlSAXHandler handler = make_handler();
  const std::unique_ptr<xmlParserCtxt, decltype(&xmlFreeParserCtxt)> parser(
      xmlCreatePushParserCtxt(&handler, &builder, nullptr, 0, nullptr), &xmlFreeParserCtxt);
  if (!parser) return Error(Code::internal, "no memory for an XML parser");
  // An encoding that the answer declares is not believed, for the same reason as in begins_as_utf8.
  xmlCtxtUseOptions(parser.get(), XML_PARSE_NONET | XML_PARSE_IGNORE_ENC);
  builder.parser = parser.get();
  xmlParseChunk(parser.get(), text.data(), static_cast<int>(text.size()), 1);
  if (!builder.problem.empty()) return malformed(builder.problem);
  if (parser->wellFormed == 0 || builder.root.children.size() != 1)
    return malformed("it is cut off or empty");
  return std::move(builder.root.children.front());
}

std::string xml_escape(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 16);
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\t':
      case '\n':
      case '\r':  // As references, for parsers change line ends that are written plainly.
        out += fmt::format("&#{};", static_cast<int>(c));
        break;
      default:
        out += c;
    }
  }
  return out;
}

namespace {

/// The length of the UTF-8 character at the front if XML 1.0 allows it, else 0.
size_t xml_character(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return first >= 0x20 || first == '\t' || first == '\n' || first == '\r' ? 1 : 0;
  const size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
  uint32_t code = first & (0xFFU >> (length + 1));
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
    code = (code << 6) | (byte(i) & 0x3FU);
  }
  const bool overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
  const bool forbidden =
      (code >= 0xD800 && code <= 0xDFFF) || code == 0xFFFE || code == 0xFFFF || code > 0x10FFFF;
  return overlong || forbidden ? 0 : length;
}

}  // namespace

bool xml_can_carry(std::string_view text) {
  while (!text.empty()) {
    const size_t length = xml_character(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

}  // namespace penstock
