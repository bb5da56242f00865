// SPDX-License-Identifier: Apache-2.0
#include "store/store_metrics.h"

namespace penstock {

const char* name_of(StoreRequest kind) {
  switch (kind) {
    case StoreRequest::get:
      return "get";
    case StoreRequest::head:
      return "head";
    case StoreRequest::list:
      return "list";
    case StoreRequest::put:
      return "put";
    case StoreRequest::copy:
      return "copy";
    case StoreRequest::rename:
      return "rename";
    case StoreRequest::restore:
      return "restore";
    case StoreRequest::remove:
      return "remove";
    case StoreRequest::remove_many:
      return "remove_many";
    case StoreRequest::create_upload:
      return "create_upload";
    case StoreRequest::upload_part:
      return "upload_part";
    case StoreRequest::upload_part_copy:
      return "upload_part_copy";
    case StoreRequest::complete_upload:
      return "complete_upload";
    case StoreRequest::abort_upload:
      return "abort_upload";
    case StoreRequest::list_parts:
      return "list_parts";
    case StoreRequest::list_uploads:
      return "list_uploads";
    case StoreRequest::lifecycle:
      return "lifecycle";
  }
  return "";
}

}  // namespace penstock
