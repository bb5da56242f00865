// SPDX-License-Identifier: Apache-2.0
#include "store/s3/lifecycle_xml.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "store/s3/s3_responses.h"
#include "store/s3/xml.h"

namespace penstock {
namespace {

constexpr std::string_view root_name = "LifecycleConfiguration";
constexpr std::string_view blanks = " \t\r\n";

/// A part of a document's text.
struct Piece {
  size_t from = 0;
  size_t to = 0;
};

/// Where things stand in the text of a document.
struct Outline {
  std::vector<Piece> children;  ///< Of the document element, with their tags.
  size_t end = 0;               ///< Where its end tag begins, or "/>" where it is empty.
  bool empty = false;           ///< It is written as one tag.
  std::string prefix;           ///< Of its name, with the colon: "s3:".
};

size_t after(std::string_view text, std::string_view end, size_t from) {
  const size_t at = text.find(end, from);
  return at == std::string_view::npos ? text.size() : at + end.size();
}

/// Behind the ">" of the tag at `from`; one in an attribute's value does not count.
size_t after_tag(std::string_view text, size_t from) {
  char quote = 0;
  for (size_t i = from; i < text.size(); ++i) {
    const char c = text[i];
    if (quote != 0) {
      if (c == quote) quote = 0;
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == '>') {
      return i + 1;
    }
  }
  return text.size();
}

/// Of text that was found to be XML, without a document type.
Outline outline(std::string_view text) {
  Outline found;
  size_t depth = 0;
  for (size_t at = text.find('<'); at != std::string_view::npos; at = text.find('<', at)) {
    const size_t begin = at;
    const std::string_view rest = text.substr(at);
    if (rest.starts_with("<!--")) {
      at = after(text, "-->", at);
    } else if (rest.starts_with("<![CDATA[")) {
      at = after(text, "]]>", at);
    } else if (rest.starts_with("<?")) {
      at = after(text, "?>", at);
    } else if (rest.starts_with("</")) {
      at = after_tag(text, at);
      depth -= 1;
      if (depth == 1) found.children.back().to = at;
      if (depth == 0) found.end = begin;
    } else {
      at = after_tag(text, at);
      const bool whole = text.substr(begin, at - begin).ends_with("/>");
      if (depth == 1) found.children.push_back({.from = begin, .to = at});
      if (depth == 0) {
        const std::string_view name = rest.substr(1, rest.find_first_of(" \t\r\n/>") - 1);
        found.prefix = name.substr(0, name.find(':') + 1);
        found.empty = whole;
        if (whole) found.end = at - 2;
      }
      if (!whole) depth += 1;
    }
  }
  return found;
}

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::string one_spelling(const XmlElement& element) {
  std::string text = "<" + element.name + ">";
  // Blanks mean something in a prefix, and nothing between elements.
  text +=
      xml_escape(element.children.empty() ? std::string_view(element.text) : trimmed(element.text));
  for (const XmlElement& child : element.children) text += one_spelling(child);
  return text + "</>";
}

std::optional<uint32_t> days_in(const XmlElement& action) {
  const std::optional<uint64_t> number = parse_number(trimmed(action.text_of("Days")));
  if (!number || *number > UINT32_MAX) return std::nullopt;
  return static_cast<uint32_t>(*number);
}

/// What <Filter>, or the <And> in it, says besides the prefix.
void read_filter(const XmlElement& filter, LifecycleRule& rule) {
  for (const XmlElement& part : filter.children) {
    if (part.name == "Prefix") {
      rule.prefix = part.text;
    } else if (part.name == "And") {
      read_filter(part, rule);
    } else {
      if (!rule.limits.empty()) rule.limits += ", ";
      rule.limits += part.name == "Tag"
                         ? fmt::format("tag {}={}", part.text_of("Key"), part.text_of("Value"))
                         : fmt::format("{} {}", part.name, trimmed(part.text));
    }
  }
}

LifecycleRule read_rule(const XmlElement& element) {
  LifecycleRule rule{.id = std::string(element.text_of("ID")), .whole = one_spelling(element)};
  for (const XmlElement& part : element.children) {
    if (part.name == "ID") continue;
    if (part.name == "Status") {
      rule.enabled = trimmed(part.text) == "Enabled";
    } else if (part.name == "Prefix") {
      rule.prefix = part.text;
    } else if (part.name == "Filter") {
      read_filter(part, rule);
    } else if (part.name == "Transition") {
      rule.transitions.push_back(
          {.days = days_in(part),
           .date = std::string(trimmed(part.text_of("Date"))),
           .storage_class = std::string(trimmed(part.text_of("StorageClass")))});
    } else if (part.name == "Expiration" &&
               (part.child("Days") != nullptr || part.child("Date") != nullptr)) {
      rule.expiration_days = days_in(part);
      rule.expiration_date = trimmed(part.text_of("Date"));
    } else {
      rule.others.push_back(part.name);
    }
  }
  return rule;
}

/// False where the characters are not those of the bytes: the parser reads more encodings than the
/// outline does.
bool is_plain(std::string_view document) {
  if (document.find('\0') != std::string_view::npos) return false;
  if (document.starts_with("\xEF\xBB\xBF")) document.remove_prefix(3);
  if (!trimmed(document).starts_with('<')) return false;
  if (!document.starts_with("<?xml")) return true;
  std::string declaration(document.substr(0, document.find("?>")));
  std::ranges::transform(declaration, declaration.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return declaration.find("ENCODING") == std::string::npos ||
         declaration.find("UTF-8") != std::string::npos;
}

/// A document as a tree and as text: the same children in both.
struct Document {
  XmlElement root;
  Outline text;
};

Result<Document> read_document(std::string_view document) {
  Result<XmlElement> root = parse_xml(document);
  if (!root) return root.error();
  if (root->name != root_name) {
    // A server that does not know "?lifecycle" lists the bucket, and would delete it.
    return Error(
        Code::not_supported,
        fmt::format("asked for lifecycle rules, the server answers with <{}>", root->name));
  }
  Outline text = outline(document);
  if (!is_plain(document) || text.children.size() != root->children.size())
    return Error(Code::corrupt, "the server's lifecycle configuration is in no known encoding");
  return Document{.root = std::move(*root), .text = std::move(text)};
}

/// Before 2016 a rule had its prefix without a <Filter> around it. AWS takes no configuration that
/// has both kinds ("Filter element can only be used in Lifecycle V2"): a new rule is written as the
/// others are.
bool has_bare_prefixes(const XmlElement& root) {
  bool bare = false;
  for (const XmlElement& rule : root.children) {
    if (rule.child("Filter") != nullptr) return false;
    bare = bare || rule.child("Prefix") != nullptr;
  }
  return bare;
}

/// The rule as text, of elements whose names begin with `ns`.
std::string text_of(const TransitionRule& rule, const std::string& ns, bool bare_prefix) {
  const auto element = [&](std::string_view name, const std::string& inner) {
    return fmt::format("<{0}{1}>{2}</{0}{1}>", ns, name, inner);
  };
  const std::string prefix = element("Prefix", xml_escape(rule.prefix));
  return element(
      "Rule",
      element("ID", xml_escape(rule.id)) + (bare_prefix ? prefix : element("Filter", prefix)) +
          element("Status", "Enabled") +
          element("Transition", element("Days", fmt::to_string(rule.older_than)) +
                                    element("StorageClass", xml_escape(rule.storage_class))));
}

bool is_rule(const XmlElement& element) { return element.name == "Rule"; }

/// `document` without the rules of which `gone` holds, and with `added` behind the others.
template <typename Gone>
std::string edited(std::string_view document, const Document& parsed, const Gone& gone,
                   const std::string& added) {
  std::string text;
  size_t kept = 0;  // up to here it is done
  for (size_t i = 0; i < parsed.root.children.size(); ++i) {
    const XmlElement& child = parsed.root.children[i];
    if (!is_rule(child) || !gone(child)) continue;
    const Piece& piece = parsed.text.children[i];
    text += document.substr(kept, piece.from - kept);
    kept = piece.to;
  }
  text += document.substr(kept, parsed.text.end - kept);
  if (!parsed.text.empty) return text + added + std::string(document.substr(parsed.text.end));
  return fmt::format("{}>{}</{}{}>", text, added, parsed.text.prefix, root_name);
}

}  // namespace

Result<std::vector<LifecycleRule>> parse_lifecycle(std::string_view document) {
  const Result<Document> parsed = read_document(document);
  if (!parsed) return parsed.error();
  std::vector<LifecycleRule> rules;
  for (const XmlElement& child : parsed.value().root.children) {
    if (is_rule(child)) rules.push_back(read_rule(child));
  }
  return rules;
}

Result<std::string> with_rule(std::string_view document, const TransitionRule& rule) {
  if (!xml_can_carry(rule.prefix) || !xml_can_carry(rule.storage_class)) {
    return Error(Code::invalid_argument,
                 "a lifecycle rule takes no prefix with control characters, or that is not UTF-8");
  }
  if (document.empty()) {
    return fmt::format(R"(<{0} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{1}</{0}>)",
                       root_name, text_of(rule, "", false));
  }
  const Result<Document> parsed = read_document(document);
  if (!parsed) return parsed.error();
  const XmlElement& root = parsed.value().root;
  const auto same = [&](const XmlElement& other) { return other.text_of("ID") == rule.id; };
  const auto others = std::ranges::count_if(
      root.children, [&](const XmlElement& child) { return is_rule(child) && !same(child); });
  if (static_cast<size_t>(others) >= most_lifecycle_rules) {
    return Error(Code::invalid_argument,
                 fmt::format("the bucket has {} lifecycle rules, and S3 takes no more than {}",
                             others, most_lifecycle_rules));
  }
  return edited(document, parsed.value(), same,
                text_of(rule, parsed.value().text.prefix, has_bare_prefixes(root)));
}

Result<std::string> without_rules(std::string_view document, const std::vector<std::string>& ids) {
  const Result<Document> parsed = read_document(document);
  if (!parsed) return parsed.error();
  const auto gone = [&](const XmlElement& rule) {
    return std::ranges::find(ids, rule.text_of("ID")) != ids.end();
  };
  const bool some_stay =
      std::ranges::any_of(parsed.value().root.children,
                          [&](const XmlElement& child) { return is_rule(child) && !gone(child); });
  return some_stay ? edited(document, parsed.value(), gone, "") : std::string();
}

}  // namespace penstock
