// SPDX-License-Identifier: Apache-2.0
// The tags of objects.
#include "server/operations.h"
#include "server/text.h"

namespace penstock::test {
namespace {

constexpr size_t most_tags = 10;

}  // namespace

std::vector<std::pair<std::string, std::string>> parse_tags(const std::string& text) {
  std::vector<std::pair<std::string, std::string>> tags;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('&', at), text.size());
    const std::string tag = text.substr(at, end - at);
    const size_t sign = std::min(tag.find('='), tag.size());
    tags.emplace_back(uri_decode(tag.substr(0, sign)).value_or(""),
                      uri_decode(tag.substr(std::min(sign + 1, tag.size()))).value_or(""));
    at = end + 1;
  }
  return tags;
}

Response get_tagging(const OperationContext& context, const Request& request) {
  const MutexLock lock(context.store.mutex);
  const auto& objects = context.store.buckets[request.bucket].objects;
  const auto object = objects.find(request.key);
  if (object == objects.end()) return no_such_key();
  std::string xml = "<Tagging xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><TagSet>";
  for (const auto& [name, value] : object->second->headers.tags) {
    xml += "<Tag><Key>" + xml_escape(name) + "</Key><Value>" + xml_escape(value) + "</Value></Tag>";
  }
  return xml_response(200, xml + "</TagSet></Tagging>");
}

Response put_tagging(const OperationContext& context, const Request& request) {
  const std::string body = request.body.read(0, request.body.size());
  std::vector<std::pair<std::string, std::string>> tags;
  for (const std::string& tag : xml_elements(body, "Tag"))
    tags.emplace_back(xml_text(tag, "Key"), xml_text(tag, "Value"));
  if (tags.size() > most_tags)
    return error_response(400, "BadRequest", "Object tags cannot be greater than 10");
  const MutexLock lock(context.store.mutex);
  auto& objects = context.store.buckets[request.bucket].objects;
  const auto object = objects.find(request.key);
  if (object == objects.end()) return no_such_key();
  auto changed = std::make_shared<Object>(*object->second);
  changed->headers.tags = std::move(tags);
  object->second = std::move(changed);
  return {};
}

}  // namespace penstock::test
