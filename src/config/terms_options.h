// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>

#include "config/option_table.h"

namespace penstock {

/// The rows of option_table() for what the owner of a bucket asks of requests.
inline constexpr auto terms_options = std::to_array<OptionRow>({
    {.name = "sse",
     .group = OptionGroup::bucket,
     .kind = ValueKind::choice,
     .value = "AES256|aws:kms|aws:kms:dsse",
     .initial_words = "the bucket's",
     .help = "encrypt",
     .paragraph =
         "The server encrypts every object that is stored or copied: with a key of S3's "
         "(`AES256`), "
         "with one of AWS KMS (`aws:kms`), or twice with one of those (`aws:kms:dsse`). Bucket "
         "policies may demand it of each request; without it the bucket's own default counts. See "
         "[security.md](security.md).",
     .advanced = true,
     .target = [](Options& o) -> OptionTarget { return &o.store.terms.sse; }},
    {.name = "sse-kms-key-id",
     .group = OptionGroup::bucket,
     .kind = ValueKind::text,
     .value = "KEY",
     .initial_words = "AWS's for S3",
     .help = "key of --sse=aws:kms",
     .paragraph = "The id, ARN or alias of a key in AWS KMS. A key of another account needs its "
                  "ARN.",
     .advanced = true,
     .target = [](Options& o) -> OptionTarget { return &o.store.terms.sse_kms_key_id; }},
    {.name = "sse-kms-context",
     .group = OptionGroup::bucket,
     .kind = ValueKind::text,
     .value = "JSON",
     .initial_words = "none",
     .help = "context of --sse=aws:kms",
     .paragraph = "An encryption context, as a JSON object of texts, such as "
                  "`{\"project\":\"a\"}`, or that in base64. KMS logs it, and key policies may "
                  "ask for it.",
     .advanced = true,
     .target = [](Options& o) -> OptionTarget { return &o.store.terms.sse_kms_context; }},
    {.name = "sse-bucket-key",
     .group = OptionGroup::bucket,
     .help = "fewer requests to KMS, for --sse=aws:kms",
     .paragraph = "S3 derives the keys of objects from one that it keeps for the bucket for a "
                  "while, instead of asking KMS for each of them: fewer requests there, which "
                  "cost money and are limited.",
     .advanced = true,
     .target = [](Options& o) -> OptionTarget { return &o.store.terms.sse_bucket_key; }},
    {.name = "sse-c-key-file",
     .group = OptionGroup::bucket,
     .kind = ValueKind::path,
     .value = "FILE",
     .initial_words = "none",
     .help = "encrypt with the key in this file",
     .paragraph =
         "The server encrypts with a key that it is sent with each request and does not keep "
         "(SSE-C): 32 bytes, or those in base64. All objects below the mount must be encrypted "
         "with it; who loses the key has lost them. Only over https, or to a server on this "
         "machine. See [security.md](security.md).",
     .advanced = true,
     .target = [](Options& o) -> OptionTarget { return &o.store.terms.sse_c_key_file; }},
});

}  // namespace penstock
