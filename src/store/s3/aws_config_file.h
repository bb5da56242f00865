// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace penstock {

/// One section's settings; names in lower case.
struct AwsSection {
  std::map<std::string, std::string> values;
  /// Of settings whose value is a block of indented lines ("s3 =" followed by "  addressing_style =
  /// path").
  std::map<std::string, std::map<std::string, std::string>> nested;

  /// Empty where it is not set.
  std::string value(const std::string& name) const;
  std::string nested_value(const std::string& block, const std::string& name) const;
  /// Settings of `other` replace those of the same name.
  void merge(const AwsSection& other);
};

/// A parsed file: sections by their whole name ("default", "profile dev", "services s3"), white
/// space made regular and quotes taken off. Later sections and settings of the same name replace or
/// add to earlier ones.
using AwsSections = std::map<std::string, AwsSection>;

/// Parses the text of a configuration or credentials file as the AWS CLI reads them: "name = value"
/// or "name: value", whole-line comments with "#" or ";", indented lines continue the value before
/// them. Lines that make no sense are left out.
AwsSections parse_aws_file(std::string_view text);

}  // namespace penstock
