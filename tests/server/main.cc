// SPDX-License-Identifier: Apache-2.0
// s3-testserver: the test server as a program of its own.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <functional>
#include <map>
#include <stdexcept>

#include "server/test_server.h"

namespace penstock::test {
namespace {

constexpr const char* usage = R"(usage: s3-testserver [OPTION]...
An S3 server in memory, on 127.0.0.1, for tests and benchmarks.

  --port N                 0: any free one (default)
  --port-file FILE         write the port there once it listens
  --bucket NAME            one more bucket; "test" if there is none
  --synthetic BUCKET/KEY=SIZE            an object of SIZE bytes, K, M or G
  --synthetic-tree BUCKET/PREFIX:DIRS:FILES:SIZE
                           DIRS directories of FILES objects: PREFIXd0000/f000000
  --access-key, --secret-key, --session-token TEXT
  --no-signatures          serve unsigned requests too
  --region NAME, --redirect-regions
  --first-byte-ms, --list-ms N           latency
  --connection-mbps, --total-mbps, --copy-mbps N    10^6 bytes/s, 0: no limit
  --tail-probability P, --tail-ms N      slow requests
  --error-probability P    503 SlowDown
  --clock-skew-s N         the server's clock is ahead by this
  --object-age-s N         synthetic objects were last modified so long ago
  --like r2|gcs|object-lock              what such a server does otherwise than AWS
  --threads N (2), --seed N (1)
  --md5-etags              real MD5 ETags for bodies over 1 MiB
  --discard-bodies         keep only the sizes of bodies over 1 MiB

Control, unsigned: GET /-/stats, POST /-/reset-stats, POST /-/clear-faults,
POST /-/fault?operation=&key=&kind=&times=&skip=&probability=,
POST /-/timing?first-byte-ms=&list-ms=&connection-mbps=&total-mbps=...
)";

struct Synthetic {
  std::string bucket;
  std::string key;
  uint64_t size = 0;
  uint64_t directories = 0;  ///< 0: one object.
  uint64_t files = 0;
};

struct Arguments {
  ServerOptions options;
  std::string port_file;
  std::vector<Synthetic> synthetic;
};

double number(const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0') throw std::invalid_argument("not a number: " + text);
  return value;
}

uint64_t size(std::string text) {
  unsigned shift = 0;
  if (text.ends_with('K')) shift = 10;
  if (text.ends_with('M')) shift = 20;
  if (text.ends_with('G')) shift = 30;
  if (shift > 0) text.pop_back();
  return static_cast<uint64_t>(number(text)) << shift;
}

std::string cut_last(std::string& text, char separator) {
  const size_t at = text.rfind(separator);
  if (at == std::string::npos)
    throw std::invalid_argument(std::string("there is a '") + separator + "' missing: " + text);
  std::string tail = text.substr(at + 1);
  text.erase(at);
  return tail;
}

void split_bucket(const std::string& path, Synthetic& synthetic) {
  const size_t slash = path.find('/');
  if (slash == std::string::npos) throw std::invalid_argument("not BUCKET/KEY: " + path);
  synthetic.bucket = path.substr(0, slash);
  synthetic.key = path.substr(slash + 1);
}

Synthetic parse_synthetic(std::string text) {
  Synthetic synthetic;
  synthetic.size = size(cut_last(text, '='));
  split_bucket(text, synthetic);
  return synthetic;
}

Synthetic parse_tree(std::string text) {
  Synthetic synthetic;
  synthetic.size = size(cut_last(text, ':'));
  synthetic.files = size(cut_last(text, ':'));
  synthetic.directories = size(cut_last(text, ':'));
  split_bucket(text, synthetic);
  return synthetic;
}

using Setter = std::function<void(const std::string&)>;

std::map<std::string, Setter> value_options(Arguments& arguments) {
  ServerOptions& options = arguments.options;
  const auto text = [](std::string& target) {
    return [&target](const std::string& value) { target = value; };
  };
  const auto real = [](double& target) {
    return [&target](const std::string& value) { target = number(value); };
  };
  const auto whole = [](uint32_t& target) {
    return [&target](const std::string& value) { target = static_cast<uint32_t>(number(value)); };
  };
  const auto milliseconds = [](std::chrono::milliseconds& target) {
    return [&target](const std::string& value) {
      target = std::chrono::milliseconds(static_cast<int64_t>(number(value)));
    };
  };
  return {
      {"--port",
       [&](const std::string& value) { options.port = static_cast<uint16_t>(number(value)); }},
      {"--port-file", text(arguments.port_file)},
      {"--like", [&](const std::string& value) { make_like(options, value); }},
      {"--bucket", [&](const std::string& value) { options.buckets.push_back(value); }},
      {"--synthetic",
       [&](const std::string& value) { arguments.synthetic.push_back(parse_synthetic(value)); }},
      {"--synthetic-tree",
       [&](const std::string& value) { arguments.synthetic.push_back(parse_tree(value)); }},
      {"--access-key", text(options.access_key)},
      {"--secret-key", text(options.secret_key)},
      {"--session-token", text(options.session_token)},
      {"--region", text(options.region)},
      {"--first-byte-ms", milliseconds(options.first_byte)},
      {"--list-ms", milliseconds(options.list_latency)},
      {"--connection-mbps", real(options.connection_mbps)},
      {"--total-mbps", real(options.total_mbps)},
      {"--copy-mbps", real(options.copy_mbps)},
      {"--tail-probability", real(options.tail_probability)},
      {"--restore-ms", milliseconds(options.restore_time)},
      {"--restored-day-ms", milliseconds(options.restored_day)},
      {"--tail-ms", milliseconds(options.tail_latency)},
      {"--error-probability", real(options.error_probability)},
      {"--clock-skew-s",
       [&](const std::string& value) {
         options.clock_skew = std::chrono::seconds(static_cast<int64_t>(number(value)));
       }},
      {"--object-age-s",
       [&](const std::string& value) {
         options.object_age = std::chrono::seconds(static_cast<int64_t>(number(value)));
       }},
      {"--threads", whole(options.threads)},
      {"--seed", whole(options.seed)},
  };
}

Arguments parse(int argc, char** argv) {
  Arguments arguments;
  arguments.options.buckets.clear();
  const std::map<std::string, bool*> flags = {
      {"--redirect-regions", &arguments.options.redirect_regions},
      {"--md5-etags", &arguments.options.md5_etags},
      {"--discard-bodies", &arguments.options.discard_bodies}};
  const std::map<std::string, Setter> setters = value_options(arguments);
  for (int i = 1; i < argc; ++i) {
    std::string name = argv[i];
    std::optional<std::string> value;
    if (const size_t equals = name.find('='); equals != std::string::npos) {
      value = name.substr(equals + 1);
      name.erase(equals);
    }
    if (name == "--no-signatures") {
      arguments.options.check_signatures = false;
    } else if (const auto flag = flags.find(name); flag != flags.end()) {
      *flag->second = true;
    } else if (const auto setter = setters.find(name); setter != setters.end()) {
      if (!value && i + 1 < argc) value = argv[++i];
      if (!value) throw std::invalid_argument(name + " needs a value");
      setter->second(*value);
    } else {
      throw std::invalid_argument("unknown option " + name);
    }
  }
  if (arguments.options.buckets.empty()) arguments.options.buckets.emplace_back("test");
  return arguments;
}

void fill(TestServer& server, const Synthetic& synthetic) {
  if (synthetic.directories == 0) {
    server.put_synthetic(synthetic.bucket, synthetic.key, synthetic.size);
    return;
  }
  std::array<char, 48> name = {};
  for (uint64_t directory = 0; directory < synthetic.directories; ++directory) {
    for (uint64_t file = 0; file < synthetic.files; ++file) {
      std::snprintf(name.data(), name.size(), "d%04llu/f%06llu",
                    static_cast<unsigned long long>(directory),
                    static_cast<unsigned long long>(file));
      server.put_synthetic(synthetic.bucket, synthetic.key + name.data(), synthetic.size);
    }
  }
}

void serve(const Arguments& arguments) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // before the server's threads, which inherit it
  TestServer server(arguments.options);
  for (const Synthetic& synthetic : arguments.synthetic) fill(server, synthetic);
  std::printf("listening on %s\n", server.endpoint().c_str());
  std::fflush(stdout);
  if (!arguments.port_file.empty()) {
    const std::string temporary = arguments.port_file + ".tmp";
    std::ofstream(temporary) << server.port() << "\n";
    if (std::rename(temporary.c_str(), arguments.port_file.c_str()) != 0) {
      throw std::runtime_error("cannot write " + arguments.port_file);
    }
  }
  int signal = 0;
  sigwait(&signals, &signal);
}

int run(int argc, char** argv) {
  if (argc > 1 && std::string(argv[1]) == "--help") {
    std::fputs(usage, stdout);
    return 0;
  }
  try {
    serve(parse(argc, argv));
  } catch (const std::invalid_argument& problem) {
    std::fprintf(stderr, "s3-testserver: %s (see --help)\n", problem.what());
    return 2;
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "s3-testserver: %s\n", problem.what());
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace penstock::test

int main(int argc, char** argv) { return penstock::test::run(argc, argv); }
