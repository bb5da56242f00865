// SPDX-License-Identifier: Apache-2.0
#include "store/s3/aws_config.h"

#include <filesystem>
#include <fstream>

#include "support/catch.h"
#include "temporary_files.h"

namespace penstock {
namespace {

using test::TemporaryFiles;

TEST_CASE("Files are parsed as the AWS CLI writes and reads them") {
  const AwsSections sections = parse_aws_file(
      "\xEF\xBB\xBF# a comment\n"
      "ignored = before any section\n"
      "[default]\r\n"
      "region=eu-west-1\r\n"
      "Output \t: json\n"
      "; another comment\n"
      "[ profile   dev ]\n"
      "region   =  us-west-2   # kept, as the CLI keeps it\n"
      "s3 =\n"
      "  # inside\n"
      "  addressing_style = path\n"
      "\n"
      "  endpoint_url = http://localhost:9000/a=b\n"
      "empty =\n"
      "url = http://x:1/\n"
      "[profile \"with space\"]\n"
      "a = 1\n"
      "[profile 'quoted']\n"
      "a = 2\n"
      "  more\n"
      "[services mine]\n"
      "s3 = \n"
      "\tendpoint_url = https://s3.example\n"
      "[broken\n"
      "a = lost\n"
      "[default]\n"
      "no_newline = at end");
  CHECK(sections.size() == 5);
  CHECK(sections.at("default").value("region") == "eu-west-1");
  CHECK(sections.at("default").value("output") == "json");
  CHECK(sections.at("default").value("no_newline") == "at end");
  const AwsSection& dev = sections.at("profile dev");
  CHECK(dev.value("region") == "us-west-2   # kept, as the CLI keeps it");
  CHECK(dev.nested_value("s3", "addressing_style") == "path");
  CHECK(dev.nested_value("s3", "endpoint_url") == "http://localhost:9000/a=b");
  CHECK(dev.nested_value("s3", "nothing").empty());
  CHECK(dev.value("empty").empty());
  CHECK(dev.value("url") == "http://x:1/");
  CHECK(sections.at("profile with space").value("a") == "1");
  CHECK(sections.at("profile quoted").value("a") == "2\nmore");
  CHECK(sections.at("services mine").nested_value("s3", "endpoint_url") == "https://s3.example");
}

TEST_CASE("The files are where the environment says, or below the home folder") {
  const AwsFiles usual = find_aws_files("", {{"HOME", "/home/me"}});
  CHECK(usual.config_path == "/home/me/.aws/config");
  CHECK(usual.credentials_path == "/home/me/.aws/credentials");
  CHECK(usual.profile == "default");
  CHECK_FALSE(usual.profile_chosen);
  const AwsFiles named = find_aws_files("", {{"HOME", "/home/me"},
                                             {"AWS_CONFIG_FILE", "~/c"},
                                             {"AWS_SHARED_CREDENTIALS_FILE", "/k"},
                                             {"AWS_PROFILE", "dev"}});
  CHECK(named.config_path == "/home/me/c");
  CHECK(named.credentials_path == "/k");
  CHECK(named.profile == "dev");
  CHECK(named.profile_chosen);
  CHECK_FALSE(named.profile_by_option);
  CHECK(find_aws_files("opt", {{"AWS_PROFILE", "dev"}}).profile == "opt");
}

struct ConfigGround {
  TemporaryFiles files;
  Variables variables{{"AWS_CONFIG_FILE", files.path("config")},
                      {"AWS_SHARED_CREDENTIALS_FILE", files.path("credentials")}};
  StoreOptions options;

  StoreOptions resolve() {
    auto result = resolve_aws_options(options, variables);
    if (!result.has_value()) FAIL(result.error().describe());
    return *result;
  }
  AwsSettings settings() {
    auto result = resolve_aws_settings(options, variables);
    if (!result.has_value()) FAIL(result.error().describe());
    return *result;
  }
  Error refused() {
    auto result = resolve_aws_options(options, variables);
    REQUIRE_FALSE(result.has_value());
    return result.error();
  }
};

TEST_CASE("The region comes from the option, the environment, the profile, in that order") {
  ConfigGround ground;
  CHECK(ground.resolve().region.empty());
  ground.files.write("config",
                     "[default]\nregion = from-default\n[profile p]\nregion = from-profile\n");
  CHECK(ground.resolve().region == "from-default");
  ground.variables["AWS_PROFILE"] = "p";
  CHECK(ground.resolve().region == "from-profile");
  ground.files.write("credentials", "[p]\nregion = from-credentials\n");
  CHECK(ground.resolve().region == "from-credentials");
  ground.variables["AWS_DEFAULT_REGION"] = "from-default-variable";
  CHECK(ground.resolve().region == "from-default-variable");
  ground.variables["AWS_REGION"] = "from-variable";
  CHECK(ground.resolve().region == "from-variable");
  ground.options.region = "from-option";
  CHECK(ground.resolve().region == "from-option");
}

TEST_CASE("Region and endpoint are told with who said them") {
  ConfigGround ground;
  CHECK(ground.settings().region_from.empty());
  CHECK(ground.settings().endpoint_from.empty());
  ground.files.write("config",
                     "[default]\nregion = r\nservices = mine\n"
                     "[services mine]\ns3 =\n  endpoint_url = http://services\n");
  CHECK(ground.settings().region_from == "profile 'default'");
  CHECK(ground.settings().endpoint_from == "services 'mine' of profile 'default'");
  ground.variables["AWS_REGION"] = "r";
  ground.variables["AWS_ENDPOINT_URL"] = "http://all";
  CHECK(ground.settings().region_from == "AWS_REGION in the environment");
  CHECK(ground.settings().endpoint_from == "AWS_ENDPOINT_URL in the environment");
  ground.options.region = "r";
  ground.options.endpoint_url = "http://option";
  CHECK(ground.settings().region_from == "--region");
  CHECK(ground.settings().endpoint_from == "--endpoint-url");
}

TEST_CASE(
    "The endpoint comes from the option, the environment, the services section, the profile") {
  ConfigGround ground;
  CHECK(ground.resolve().endpoint_url.empty());
  ground.files.write("config",
                     "[default]\nendpoint_url = http://profile/\nservices = mine\n"
                     "[services mine]\ns3 =\n  endpoint_url = http://services\n");
  CHECK(ground.resolve().endpoint_url == "http://services");
  ground.files.write("config", "[default]\nendpoint_url = http://profile/\n");
  CHECK(ground.resolve().endpoint_url == "http://profile");
  ground.variables["AWS_ENDPOINT_URL"] = "http://all";
  CHECK(ground.resolve().endpoint_url == "http://all");
  ground.variables["AWS_ENDPOINT_URL_S3"] = "http://s3";
  CHECK(ground.resolve().endpoint_url == "http://s3");
  ground.variables["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] = "true";
  CHECK(ground.resolve().endpoint_url.empty());
  ground.options.endpoint_url = "https://option";
  CHECK(ground.resolve().endpoint_url == "https://option");
  ground.options.endpoint_url = "localhost:9000";
  CHECK(ground.refused().message() ==
        "'localhost:9000' is no endpoint: it must look like https://HOST or http://HOST:PORT");
}

TEST_CASE("The CA bundle must be readable") {
  ConfigGround ground;
  ground.files.write("ca.pem", "x");
  ground.files.write("config", "[default]\nca_bundle = " + ground.files.path("ca.pem") + "\n");
  CHECK(ground.resolve().ca_bundle == ground.files.path("ca.pem"));
  ground.variables["AWS_CA_BUNDLE"] = "/does/not/exist.pem";
  CHECK(ground.refused().message() ==
        "cannot read the CA bundle /does/not/exist.pem: No such file or directory");
}

TEST_CASE("Files with keys that everybody may read are found") {
  namespace fs = std::filesystem;
  ConfigGround ground;
  const AwsFiles files = find_aws_files("", ground.variables);
  fs::permissions(ground.files.path("."), fs::perms(0755));
  const auto write = [&](const std::string& name, const std::string& text, int mode) {
    ground.files.write(name, text);
    fs::permissions(ground.files.path(name), fs::perms(mode));
  };
  const std::string keys = "[p]\naws_access_key_id = A\naws_secret_access_key = S\n";
  CHECK(exposed_key_files(files).empty());
  write("credentials", keys, 0600);
  write("config", "[default]\nregion = r\n", 0644);
  CHECK(exposed_key_files(files).empty());
  write("credentials", keys, 0604);
  CHECK(exposed_key_files(files) == std::vector<std::string>{files.credentials_path});
  write("config", keys, 0644);
  CHECK(exposed_key_files(files).size() == 2);
}

TEST_CASE("The addressing style of the profile counts where the option leaves it open") {
  ConfigGround ground;
  using Style = StoreOptions::PathStyle;
  CHECK(ground.resolve().path_style == Style::automatic);
  ground.files.write("config", "[default]\ns3 =\n    addressing_style = path\n");
  CHECK(ground.resolve().path_style == Style::always);
  ground.files.write("config", "[default]\ns3 =\n    addressing_style = virtual\n");
  CHECK(ground.resolve().path_style == Style::never);
  ground.options.path_style = Style::always;
  CHECK(ground.resolve().path_style == Style::always);
}

TEST_CASE("Servers with IPv6 and FIPS are chosen by the environment or the profile") {
  struct Way {
    bool StoreOptions::*option;
    const char* variable;
    const char* setting;
  };
  const Way way = GENERATE(
      Way{&StoreOptions::dual_stack, "AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint"},
      Way{&StoreOptions::fips, "AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint"});
  ConfigGround ground;
  CHECK_FALSE(ground.resolve().*way.option);
  ground.files.write("config", std::string("[default]\n") + way.setting + " = True\n");
  CHECK(ground.resolve().*way.option);
  ground.variables[way.variable] = "false";
  CHECK_FALSE(ground.resolve().*way.option);
  ground.options.*way.option = true;
  CHECK(ground.resolve().*way.option);
  ground.options.*way.option = false;
  ground.variables[way.variable] = "true";
  CHECK(ground.resolve().*way.option);
  ground.variables["AWS_ENDPOINT_URL"] = "http://own";
  CHECK(ground.refused().message() ==
        std::string(way.variable) +
            " in the environment chooses among AWS's servers, but the endpoint http://own is "
            "given: use one of them");
  ground.variables[way.variable] = "";
  CHECK(ground.refused().message().find(std::string(way.setting) + " of profile 'default'") == 0);
}

TEST_CASE("A chosen profile must exist; the default one need not") {
  ConfigGround ground;
  CHECK(ground.resolve().region.empty());
  ground.files.write("config", "[profile dev]\nregion=x\n[services s]\n");
  ground.files.write("credentials", "[prod]\n");
  ground.options.profile = "de";
  const Error error = ground.refused();
  CHECK(error.code() == Code::invalid_argument);
  CHECK(error.message() == "there is no profile 'de' in " + ground.files.path("config") + " or " +
                               ground.files.path("credentials") + " (profiles there: dev, prod)");
}

}  // namespace
}  // namespace penstock
