// SPDX-License-Identifier: Apache-2.0
// s3raw: what plain parallel HTTP reaches against an S3 server. One line of JSON per run.
#include <curl/curl.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <random>
#include <stdexcept>

#include "bench/raw_engine.h"
#include "bench/report.h"
#include "server/digest.h"
#include "server/text.h"

namespace penstock::bench {
namespace {

constexpr const char* usage =
    R"(usage: s3raw COMMAND --endpoint URL [--bucket test] [OPTION VALUE]...
  get    --key K --size N [--range 8M]       ranges of one object, in parallel
         several objects: --keys N, K is then a prefix of K0, K1, ...
  random --key K --size N [--range 4K] [--count 2000]
  tree   --prefix P --dirs N --files N --size N [--count all]   whole objects, shuffled
  put    --key K --size N [--part 8M]        a multipart upload
  small  --prefix P --count N --size N [--size-to N]   that many PUTs
  list   --prefix P [--delimiter /]          page after page
  move   --prefix P --to Q --count N         copies Pd0000/f000000, ... to Q000000, ..., then deletes them
Common: [--connections 32] [--threads 2], credentials as in AWS_ACCESS_KEY_ID etc.
)";

std::string environment(const char* name, const std::string& otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : value;
}

RawTarget target_of(const Arguments& arguments) {
  RawTarget target;
  target.endpoint = arguments.text("endpoint");
  target.connections = static_cast<uint32_t>(arguments.number("connections", 32));
  target.threads = static_cast<uint32_t>(arguments.number("threads", 2));
  target.credentials.access_key = environment("AWS_ACCESS_KEY_ID", "testaccess");
  target.credentials.secret_key = environment("AWS_SECRET_ACCESS_KEY", "testsecret");
  target.credentials.session_token = environment("AWS_SESSION_TOKEN", "");
  target.credentials.region = environment("AWS_REGION", "us-east-1");
  return target;
}

RawJob range_job(const std::string& path, uint64_t offset, uint64_t length) {
  RawJob job;
  job.request.path = path;
  job.request.headers["range"] =
      "bytes=" + std::to_string(offset) + "-" + std::to_string(offset + length - 1);
  job.expected = length;
  return job;
}

std::string element(const std::string& document, const std::string& name) {
  const size_t begin = document.find("<" + name + ">");
  if (begin == std::string::npos) return {};
  const size_t text = begin + name.size() + 2;
  return document.substr(text, document.find("</" + name + ">", text) - text);
}

class Run {
 public:
  explicit Run(const Arguments& arguments)
      : arguments_(arguments),
        target_(target_of(arguments)),
        base_("/" + arguments.text("bucket", "test") + "/") {}

  void get() {
    const std::string key = base_ + arguments_.text("key");
    const uint64_t size = arguments_.number("size", 0);
    const uint64_t range = arguments_.number("range", 8 << 20);
    const uint64_t keys = arguments_.number("keys", 0);
    uint64_t offset = 0;
    uint64_t object = 0;
    measure([=]() mutable -> std::optional<RawJob> {
      if (offset >= size) return std::nullopt;
      const std::string path = keys == 0 ? key : key + std::to_string(object);
      RawJob job = range_job(path, offset, std::min(range, size - offset));
      // Several objects are read side by side, as their readers would.
      if (++object >= keys) {
        object = 0;
        offset += range;
      }
      return job;
    });
  }

  void random() {
    const std::string key = base_ + arguments_.text("key");
    const uint64_t length = arguments_.number("range", 4096);
    const uint64_t blocks = arguments_.number("size", 0) / length;
    uint64_t left = arguments_.number("count", 2000);
    std::mt19937_64 random(1);
    measure([=]() mutable -> std::optional<RawJob> {
      if (left-- == 0) return std::nullopt;
      return range_job(key, random() % blocks * length, length);
    });
  }

  void tree() {
    const uint64_t files = arguments_.number("files", 100);
    const uint64_t total = arguments_.number("dirs", 1) * files;
    const uint64_t size = arguments_.number("size", 0);
    const std::string prefix = base_ + arguments_.text("prefix");
    std::vector<uint64_t> order(total);
    for (uint64_t i = 0; i < total; ++i) order[i] = i;
    std::shuffle(order.begin(), order.end(), std::mt19937_64(1));
    order.resize(std::min(total, arguments_.number("count", total)));
    measure([=]() mutable -> std::optional<RawJob> {
      if (order.empty()) return std::nullopt;
      std::array<char, 48> name = {};
      std::snprintf(name.data(), name.size(), "d%04u/f%06u",
                    static_cast<unsigned>(order.back() / files),
                    static_cast<unsigned>(order.back() % files));
      order.pop_back();
      RawJob job;
      job.request.path = prefix + name.data();
      job.expected = size;
      return job;
    });
  }

  void small() {
    const std::string prefix = base_ + arguments_.text("prefix");
    uint64_t left = arguments_.number("count", 500);
    const uint64_t least = arguments_.number("size", 16 << 10);
    const uint64_t most = arguments_.number("size-to", least);
    body_.assign(std::max(least, most), 'x');
    measure([this, left, prefix,
             sizes = file_sizes(left, least, most)]() mutable -> std::optional<RawJob> {
      if (left-- == 0) return std::nullopt;
      RawJob job;
      job.request.method = "PUT";
      job.request.path = prefix + std::to_string(left);
      job.body = std::string_view(body_).substr(0, sizes[left]);
      return job;
    });
  }

  void list() {
    std::string token;
    bool more = true;
    target_.connections = 1;
    measure([this, &token, &more]() -> std::optional<RawJob> {
      if (!more) return std::nullopt;
      RawJob job;
      job.request.path = base_.substr(0, base_.size() - 1);
      job.request.query = {{"list-type", "2"}, {"prefix", arguments_.text("prefix")}};
      if (const std::string delimiter = arguments_.text("delimiter"); !delimiter.empty()) {
        job.request.query.emplace_back("delimiter", delimiter);
      }
      if (!token.empty()) job.request.query.emplace_back("continuation-token", token);
      job.keep = true;
      job.done = [&token, &more](const std::string&, const std::string& answer) {
        token = element(answer, "NextContinuationToken");
        more = !token.empty();
      };
      return job;
    });
  }

  /// What a rename of a directory cannot do without.
  void move() {
    const std::string from = arguments_.text("prefix");
    const std::string to = base_ + arguments_.text("to");
    const uint64_t count = arguments_.number("count", 1000);
    const auto name = [](uint64_t number) {
      std::array<char, 24> text = {};
      std::snprintf(text.data(), text.size(), "%06u", static_cast<unsigned>(number));
      return std::string(text.data());
    };
    Report report;
    RawEngine engine(target_);
    uint64_t next = 0;
    engine.run([&]() -> std::optional<RawJob> {
      if (next == count) return std::nullopt;
      const std::string number = name(next++);
      RawJob job;
      job.request.method = "PUT";
      job.request.path = to + number;
      job.request.headers["x-amz-copy-source"] = base_ + from + "d0000/f" + number;
      job.keep = true;
      return job;
    });
    std::vector<std::string> documents;
    for (uint64_t first = 0; first < count; first += 1000) {
      std::string& document = documents.emplace_back("<Delete><Quiet>true</Quiet>");
      for (uint64_t i = first; i < std::min(first + 1000, count); ++i)
        document += "<Object><Key>" + from + "d0000/f" + name(i) + "</Key></Object>";
      document += "</Delete>";
    }
    size_t batch = 0;
    engine.run([&]() -> std::optional<RawJob> {
      if (batch == documents.size()) return std::nullopt;
      RawJob job;
      job.request.method = "POST";
      job.request.path = base_.substr(0, base_.size() - 1);
      job.request.query = {{"delete", ""}};
      job.body = documents[batch++];
      job.request.headers["content-md5"] =
          test::base64(test::digest(test::DigestKind::md5, job.body));
      job.keep = true;
      return job;
    });
    report.finish(engine.bytes(), engine.latencies().size());
    report.print();
  }

  void put() {
    const std::string path = base_ + arguments_.text("key");
    const uint64_t size = arguments_.number("size", 0);
    const uint64_t part = arguments_.number("part", 8 << 20);
    body_.assign(part, 'x');
    std::string upload_id;
    Report report;
    RawEngine engine(target_);
    const auto once = [&](RawJob job) {
      bool given = false;
      RawTarget one = target_;
      one.connections = 1;
      RawEngine(one).run([&]() -> std::optional<RawJob> {
        if (given) return std::nullopt;
        given = true;
        return std::move(job);
      });
    };
    RawJob create;
    create.request.method = "POST";
    create.request.path = path;
    create.request.query = {{"uploads", ""}};
    create.keep = true;
    create.done = [&](const std::string&, const std::string& answer) {
      upload_id = element(answer, "UploadId");
    };
    once(std::move(create));

    std::vector<std::string> etags((size + part - 1) / part);
    size_t next = 0;
    engine.run([&]() -> std::optional<RawJob> {
      if (next == etags.size()) return std::nullopt;
      const size_t index = next++;
      RawJob job;
      job.request.method = "PUT";
      job.request.path = path;
      job.request.query = {{"partNumber", std::to_string(index + 1)}, {"uploadId", upload_id}};
      job.body = std::string_view(body_).substr(0, std::min(part, size - index * part));
      job.done = [&etags, index](const std::string& etag, const std::string&) {
        etags[index] = etag;
      };
      return job;
    });
    std::string document = "<CompleteMultipartUpload>";
    for (size_t i = 0; i < etags.size(); ++i) {
      document += "<Part><PartNumber>" + std::to_string(i + 1) + "</PartNumber><ETag>" + etags[i] +
                  "</ETag></Part>";
    }
    document += "</CompleteMultipartUpload>";
    RawJob complete;
    complete.request.method = "POST";
    complete.request.path = path;
    complete.request.query = {{"uploadId", upload_id}};
    complete.body = document;
    complete.keep = true;
    once(std::move(complete));
    report.finish(engine.bytes(), etags.size());
    report.add_latencies(engine.latencies());
    report.print();
  }

 private:
  void measure(std::function<std::optional<RawJob>()> next) {
    RawEngine engine(target_);
    Report report;
    engine.run(std::move(next));
    report.finish(engine.bytes(), engine.latencies().size());
    report.add_latencies(engine.latencies());
    report.print();
  }

  const Arguments& arguments_;
  RawTarget target_;
  std::string base_;
  std::string body_;
};

int run(int argc, char** argv) {
  const std::string command = argc > 1 ? argv[1] : "--help";
  if (command == "--help") {
    std::fputs(usage, stdout);
    return 0;
  }
  const Arguments arguments(argc, argv, 2);
  Run run(arguments);
  if (command == "get") {
    run.get();
  } else if (command == "random") {
    run.random();
  } else if (command == "tree") {
    run.tree();
  } else if (command == "put") {
    run.put();
  } else if (command == "small") {
    run.small();
  } else if (command == "list") {
    run.list();
  } else if (command == "move") {
    run.move();
  } else {
    throw std::invalid_argument("unknown command " + command);
  }
  arguments.expect_all_used();
  return 0;
}

}  // namespace
}  // namespace penstock::bench

int main(int argc, char** argv) {
  curl_global_init(CURL_GLOBAL_ALL);
  try {
    return penstock::bench::run(argc, argv);
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "s3raw: %s\n", problem.what());
    return 1;
  }
}
