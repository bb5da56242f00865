// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/owned_fd.h"
#include "penstock/result.h"

namespace penstock {

/// The file of a mount in the runtime directory: which process serves the mountpoint, and in the
/// end how it went. Locked (flock) for as long as the process lives, so that a reader can tell the
/// living from the dead. Where processes of earlier mounts at the same place still end, each has a
/// file of its own.
///
///     file := pid LF mountpoint LF
///             { "device" SP device LF | "journals" SP directory LF | "pending" SP files SP bytes
///             LF | "unmounted" LF } [ "ended" LF { path LF } ]
///
/// The device is the mount's in the table of mounts. The paths are files that could not be saved;
/// the last "pending" counts.
class PidFile {
 public:
  /// How many processes of one mountpoint can have files.
  static constexpr int most = 16;

  /// Makes and locks the file of this process. already_exists: there are too many others.
  static Result<std::unique_ptr<PidFile>> create(const std::string& directory,
                                                 const std::string& mountpoint);

  PidFile(std::string path, OwnedFd fd) : path_(std::move(path)), fd_(std::move(fd)) {}
  PidFile(const PidFile&) = delete;
  PidFile& operator=(const PidFile&) = delete;
  ~PidFile();  ///< Removes the file.

  const std::string& path() const noexcept { return path_; }
  /// Writes down which mount it is, as MountEntry::device.
  void record_device(const std::string& device);
  /// Writes down that the mount is gone: the kernel may give its device to the next one.
  void record_unmounted();
  /// Writes down where the mount's journal is.
  void record_journals(const std::string& directory);
  /// Writes down what the ending mount still uploads.
  void record_pending(uint64_t files, uint64_t bytes);
  /// Writes down that the mount ended and what could not be saved, for `penstock umount`.
  void record_end(const std::vector<std::string>& unsaved);

 private:
  std::string path_;
  OwnedFd fd_;
};

/// What `penstock umount` sees of the process behind a mount. Found before unmounting, asked
/// afterwards.
class MountProcess {
 public:
  struct Pending {
    uint64_t files = 0;
    uint64_t bytes = 0;
  };
  struct End {
    bool in_order = false;  ///< False: the process died before it had saved everything.
    std::vector<std::string> unsaved;
    std::optional<Pending> pending;  ///< What is left to the next mount.
  };

  /// The living processes that serve, or served, `mountpoint` according to the files in
  /// `directories`.
  static std::vector<MountProcess> find(const std::vector<std::string>& directories,
                                        const std::string& mountpoint);

  /// All of whatever mountpoint, in no order.
  static std::vector<MountProcess> all(const std::vector<std::string>& directories);

  const std::string& path() const noexcept { return path_; }  ///< Of the file.
  pid_t pid() const noexcept { return pid_; }
  const std::string& mountpoint() const noexcept { return mountpoint_; }
  /// Of its mount, as MountEntry::device; empty: it has not mounted yet.
  std::string device() const;
  /// Whether the mount with this device is the process's: not one that has the device after it.
  bool serves(const std::string& device) const;
  /// False once the process has let go of its file.
  bool living() const;
  /// Whether it has noted what it could not save: it stores nothing any more.
  bool ended() const;
  /// The directory of its journal; empty: it has none.
  std::string journals() const;
  /// What the process said last that it still uploads.
  std::optional<Pending> pending() const;
  /// Tells an ending process to leave to the next mount what is not uploaded yet.
  void detach_pending() const;
  /// Tells it to store what is written, as far as that is done in its --stop-timeout, and to end,
  /// whoever still has the mount.
  void end_now() const;
  /// Waits until the process has ended; calls `still_waiting` every `interval` until then.
  End wait(std::chrono::milliseconds interval, const std::function<void()>& still_waiting);

 private:
  MountProcess(std::string path, OwnedFd file, pid_t pid, std::string mountpoint)
      : path_(std::move(path)),
        file_(std::move(file)),
        pid_(pid),
        mountpoint_(std::move(mountpoint)) {}
  /// What is written behind `word`; empty: nothing.
  std::string noted(std::string_view word) const;
  static std::optional<MountProcess> read(const std::string& path);

  std::string path_;
  OwnedFd file_;
  pid_t pid_;
  std::string mountpoint_;
};

/// Why files of mounts in the directory are not believed, as a clause for a person that says what
/// to do; nothing where they are, or where the directory does not exist.
std::optional<std::string> why_distrusted(const std::string& directory);

/// The names of the files of a mountpoint: the same for everyone who asks, without "/". `place` is
/// below PidFile::most.
std::string pid_file_name(const std::string& mountpoint, int place = 0);

}  // namespace penstock
