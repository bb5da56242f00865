// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "penstock/options.h"
#include "penstock/result.h"

namespace penstock {

/// Where the requests for one bucket go. A value type.
class Endpoint {
 public:
  struct Choice {
    std::string bucket;
    std::string url;     ///< "http(s)://host[:port][/path]"; empty: AWS.
    std::string region;  ///< Empty: the one in an AWS endpoint's name, else us-east-1.
    StoreOptions::PathStyle path_style = StoreOptions::PathStyle::automatic;
    bool dual_stack = false;  ///< AWS's servers with IPv6, with validated cryptography, or near by;
    bool fips = false;        ///< only where `url` is empty.
    bool accelerate = false;
  };

  /// Virtual-host style where it is asked for, or with `automatic` on AWS if the bucket's name can
  /// be a host name there; else path style. invalid_argument with a sentence for a person where
  /// this can never work.
  static Result<Endpoint> choose(const Choice& choice);

  const std::string& region() const noexcept { return region_; }
  bool path_style() const noexcept { return path_style_; }
  /// https.
  bool is_encrypted() const noexcept { return scheme_ == "https"; }
  /// What is sent there nobody on the way can read: over https, or to this machine.
  bool is_unobserved() const;
  /// "http://host:port", without the bucket.
  std::string base_url() const;
  /// The Host header that goes with url().
  std::string host() const;
  /// The encoded path of an object, or of the bucket for an empty key.
  std::string path(std::string_view key) const;
  /// The URL without path: append path() and "?query".
  std::string origin() const;

  /// The same bucket in another region. On AWS the host changes with it, elsewhere only the
  /// signature.
  Endpoint in_region(const std::string& region) const;
  /// The same bucket behind another host, as a redirect says: `location` is an absolute URL.
  /// invalid_argument if it is none, or leads from https to http.
  Result<Endpoint> at_location(std::string_view location) const;
  /// The same with a host name alone, as the <Endpoint> of an answer has it.
  Result<Endpoint> at_host(std::string_view host) const;

 private:
  void choose_aws(const Choice& choice);

  std::string bucket_;
  std::string region_;
  std::string scheme_;     ///< "http" or "https"
  std::string authority_;  ///< Host and non-default port, without the bucket.
  std::string base_path_;  ///< Empty or "/path" without slash at its end.
  bool path_style_ = true;
  bool aws_ = false;  ///< The host follows from the region.
  bool dual_stack_ = false;
  bool fips_ = false;
  bool accelerate_ = false;
};

/// The refusal to send a key of --sse-c-key-file there, where it could be read on the way.
Error would_show_key(const Endpoint& endpoint);

/// True for a name that AWS accepts as one label of a host name: 3 to 63 of a-z 0-9 -, no dots.
bool is_dns_label(std::string_view bucket);

}  // namespace penstock
