// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "penstock/result.h"

namespace penstock {

/// An element of a parsed answer: its name without namespace, its own text, and its children in
/// order.
struct XmlElement {
  std::string name;
  std::string text;
  std::vector<XmlElement> children;

  /// The first child of that name; null if there is none.
  const XmlElement* child(std::string_view child_name) const noexcept;
  /// The text of that child, empty if there is none.
  std::string_view text_of(std::string_view child_name) const noexcept;
};

/// Parses a server's answer. Bounded, because a server may be hostile: document types and entities
/// are refused, as are more than 32 levels and 200,000 elements; nothing is ever fetched. Beyond
/// XML 1.0, references to control characters ("&#x1;") are read. Code::corrupt for what is no such
/// XML.
Result<XmlElement> parse_xml(std::string_view text);

/// `text` as it may stand between two tags.
std::string xml_escape(std::string_view text);
/// False for keys with characters that XML 1.0 cannot carry in any form, or that are not UTF-8.
bool xml_can_carry(std::string_view text);

}  // namespace penstock
