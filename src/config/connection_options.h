// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>

#include "config/option_table.h"

namespace penstock {

/// The rows of option_table() for how connections to the store are made.
inline constexpr auto connection_options = std::to_array<OptionRow>({
    {.name = "proxy",
     .group = OptionGroup::bucket,
     .kind = ValueKind::text,
     .value = "URL",
     .initial_words = "environment",
     .help = "proxy to the server",
     .paragraph =
         "`http://HOST:PORT`, `https://HOST:PORT` or `socks5h://HOST:PORT`, for the store and for "
         "AWS's services that give credentials. Without it `HTTPS_PROXY`, `http_proxy` and "
         "`NO_PROXY` count, with it none of them does. A password in it can be seen by others on "
         "the command line: put that into the environment.",
     .advanced = true,
     .target = [](Options& o) -> OptionTarget { return &o.store.connection.proxy; }},
    {.name = "no-verify-ssl",
     .group = OptionGroup::bucket,
     .help = "do not check the server's certificate",
     .paragraph = "Whoever is on the way can then read and change everything: for trials only. "
                  "`--ca-bundle` is how a server with a certificate of your own is trusted. "
                  "Services that give credentials are still checked.",
     .advanced = true,
     .target = [](Options& o) -> OptionTarget { return &o.store.connection.no_verify_ssl; }},
    {.name = "client-cert",
     .group = OptionGroup::bucket,
     .kind = ValueKind::path,
     .value = "FILE",
     .initial_words = "none",
     .help = "PEM certificate to show the server",
     .paragraph = "For servers that want to see a certificate of their clients (mutual TLS).",
     .advanced = true,
     .target = [](Options& o) -> OptionTarget { return &o.store.connection.client_cert; }},
    {.name = "client-key",
     .group = OptionGroup::bucket,
     .kind = ValueKind::path,
     .value = "FILE",
     .initial_words = "in --client-cert",
     .help = "PEM key of --client-cert",
     .paragraph = "The certificate's private key, without a passphrase.",
     .advanced = true,
     .target = [](Options& o) -> OptionTarget { return &o.store.connection.client_key; }},
    {.name = "tls-min-version",
     .group = OptionGroup::bucket,
     .kind = ValueKind::choice,
     .value = "1.2|1.3",
     .initial_words = "the system's",
     .help = "oldest TLS that is spoken",
     .paragraph = "A server that speaks only older versions is refused.",
     .advanced = true,
     .target = [](Options& o) -> OptionTarget { return &o.store.connection.tls_min_version; }},
    {.name = "dual-stack",
     .group = OptionGroup::bucket,
     .help = "AWS's servers with IPv6",
     .paragraph = "Uses `s3.dualstack.REGION.amazonaws.com`, which has addresses of IPv6 as well. "
                  "Not with an endpoint of your own.",
     .advanced = true,
     .target = [](Options& o) -> OptionTarget { return &o.store.dual_stack; }},
    {.name = "fips",
     .group = OptionGroup::bucket,
     .help = "AWS's servers with FIPS 140 cryptography",
     .paragraph = "Uses `s3-fips.REGION.amazonaws.com`, in regions that have it (USA, Canada, "
                  "GovCloud). Not with an endpoint of your own.",
     .advanced = true,
     .target = [](Options& o) -> OptionTarget { return &o.store.fips; }},
    {.name = "accelerate",
     .group = OptionGroup::bucket,
     .help = "AWS's servers close to you",
     .paragraph = "Uses S3 Transfer Acceleration (`s3-accelerate.amazonaws.com`), which must be on "
                  "for the bucket and costs more. Not with an endpoint of your own, `--fips`, "
                  "`--path-style=always`, or a bucket with dots in its name.",
     .advanced = true,
     .target = [](Options& o) -> OptionTarget { return &o.store.accelerate; }},
});

}  // namespace penstock
