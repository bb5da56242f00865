// SPDX-License-Identifier: Apache-2.0
// What S3 answers in XML.
#include <algorithm>
#include <string>
#include <vector>

#include "fuzz/parsers.h"
#include "fuzz/target.h"
#include "store/s3/lifecycle_xml.h"
#include "store/s3/s3_responses.h"
#include "store/s3/uri.h"
#include "store/s3/xml.h"

namespace penstock::fuzz {
namespace {

HttpResponse answer_with(std::string_view body) {
  return {.status = 200, .headers = {}, .body = std::string(body)};
}

struct TreeSize {
  size_t elements = 0;
  size_t depth = 0;
  size_t text = 0;
  bool writable = true;  ///< Names and texts can be written as they are.
};

void measure(const XmlElement& element, size_t depth, TreeSize& size) {
  size.elements += 1;
  size.depth = std::max(size.depth, depth);
  size.text += element.text.size();
  size.writable =
      size.writable && xml_can_carry(element.text) && element.name.find(':') == std::string::npos;
  for (const XmlElement& child : element.children) measure(child, depth + 1, size);
}

std::string written_tree(const XmlElement& element) {
  std::string text = "<" + element.name + ">" + xml_escape(element.text);
  for (const XmlElement& child : element.children) text += written_tree(child);
  return text + "</" + element.name + ">";
}

bool same_tree(const XmlElement& one, const XmlElement& other) {
  return one.name == other.name && one.text == other.text &&
         std::ranges::equal(one.children, other.children, same_tree);
}

std::vector<std::string> texts_of(const std::vector<LifecycleRule>& rules,
                                  const std::string& without) {
  std::vector<std::string> texts;
  for (const LifecycleRule& rule : rules) {
    if (rule.id != without) texts.push_back(rule.whole);
  }
  return texts;
}

void object_tags(const HttpResponse& answer) {
  const Result<std::string> found = parse_tags(answer, "key");
  if (!found || found->empty()) return;
  for (size_t begin = 0; begin <= found->size();) {
    const size_t end = std::min(found->find('&', begin), found->size());
    const std::string_view pair = std::string_view(*found).substr(begin, end - begin);
    must(std::ranges::count(pair, '=') == 1 && uri_decode(pair), "tags are encoded pairs");
    begin = end + 1;
  }
}

}  // namespace

void xml(std::string_view input) {
  const Result<XmlElement> parsed = parse_xml(input);
  if (!parsed) return must(parsed.code() == Code::corrupt, "what is no XML is corrupt");
  TreeSize size;
  measure(*parsed, 1, size);
  must(size.depth <= 32 && size.elements <= 200'000, "the tree keeps to its bounds");
  must(size.text <= 4 * input.size(), "no text is made of nothing, whatever the encoding");
  if (!size.writable) return;
  const Result<XmlElement> again = parse_xml(written_tree(*parsed));
  must(again && same_tree(*again, *parsed), "a tree that is written is read as the same");
}

void list_page(std::string_view input) {
  const HttpResponse answer = answer_with(input);
  for (const char* prefix : {"", "a/"}) {
    const ListRequest request{.prefix = prefix, .continuation = "here"};
    const Result<ListPage> page = parse_list_page(answer, request);
    if (!page) continue;
    for (const ObjectInfo& object : page->objects)
      must(!object.key.empty() && object.key.starts_with(prefix), "each key is below the prefix");
    for (const std::string& common : page->common_prefixes)
      must(!common.empty() && common.starts_with(prefix), "so is each common prefix");
    must(page->continuation != request.continuation, "a listing moves on");
    constexpr size_t shortest = sizeof "<Contents/>" - 1;
    must((page->objects.size() + page->common_prefixes.size()) * shortest <= input.size(),
         "no more entries than the answer has");
  }
}

void list_parts(std::string_view input) {
  const Result<PartsPage> page = parse_parts_page(answer_with(input), "key");
  if (!page) return;
  for (const CompletedPart& part : page->parts)
    must(part.number >= 1 && part.number <= 10'000, "a part has a number that parts have");
  must(page->next_marker.empty() || !page->parts.empty(), "a list that goes on has parts");
}

/// Those of which the document elements differ: one input is at most one of them.
void other_answers(std::string_view input) {
  const HttpResponse answer = answer_with(input);
  if (const Result<UploadsPage> page = parse_uploads_page(answer)) {
    for (const UploadInfo& upload : page->uploads)
      must(!upload.upload_id.empty(), "an upload has an id");
    must(page->next_upload_id.empty() || !page->next_key.empty(), "a list goes on at a key");
  }
  if (const auto failures = parse_delete_result(answer)) {
    for (const DeleteFailure& failure : *failures)
      must(!failure.error.describe().empty(), "a failure can be told");
  }
  object_tags(answer);
  const Result<XmlElement> copied =
      parse_answer(answer, {.root = "CopyObjectResult", .or_root = "CopyPartResult"});
  if (copied) must(etag_in(*copied).size() <= 4 * input.size(), "an ETag is of the answer");
}

void lifecycle(std::string_view input) {
  const Result<std::vector<LifecycleRule>> before = parse_lifecycle(input);
  const TransitionRule rule{
      .id = "own", .prefix = "a & b/", .older_than = 30, .storage_class = "GLACIER"};
  const Result<std::string> changed = with_rule(input, rule);
  if (!before) return must(!changed || input.empty(), "what cannot be read is not changed");
  if (!changed) return must(before->size() >= most_lifecycle_rules, "there is room for a rule");
  const Result<std::vector<LifecycleRule>> after = parse_lifecycle(*changed);
  must(after && !after->empty() && after->back().id == rule.id, "the new rule stands at the end");
  must(after->back().prefix == rule.prefix && after->back().transitions.size() == 1 &&
           after->back().transitions.front().days == rule.older_than,
       "and says what it should");
  must(after->size() == texts_of(*before, rule.id).size() + 1, "it is there once");
  must(texts_of(*after, rule.id) == texts_of(*before, rule.id), "all others are as they were");
  const Result<std::string> taken = without_rules(*changed, {rule.id});
  must(taken.has_value(), "it can be taken away");
  const auto rest = taken->empty() ? std::vector<LifecycleRule>() : *parse_lifecycle(*taken);
  must(texts_of(rest, rule.id) == texts_of(*before, rule.id), "which leaves the others");
}

}  // namespace penstock::fuzz
