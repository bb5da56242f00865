// SPDX-License-Identifier: Apache-2.0
#include "app/live_screen.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <string_view>

namespace penstock {
namespace {

// The other screen and no cursor; and back.
constexpr std::string_view enter = "\x1b[?1049h\x1b[?25l";
constexpr std::string_view leave = "\x1b[?25h\x1b[?1049l";
constexpr std::string_view home = "\x1b[H";
constexpr std::string_view end_of_line = "\x1b[K";
constexpr std::string_view rest_of_screen = "\x1b[J";

bool put(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(STDOUT_FILENO, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    text.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

/// The first `columns` characters of a UTF-8 text.
std::string_view cut(std::string_view text, size_t columns) {
  size_t at = 0;
  for (; at < text.size(); ++at) {
    const bool begins = (static_cast<unsigned char>(text[at]) & 0xc0U) != 0x80U;
    if (begins && columns-- == 0) break;
  }
  return text.substr(0, at);
}

}  // namespace

bool LiveScreen::possible() { return isatty(STDOUT_FILENO) == 1; }

LiveScreen::LiveScreen() {
  sigemptyset(&signals_);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH})
    sigaddset(&signals_, number);
  sigprocmask(SIG_BLOCK, &signals_, &before_);
  put(enter);
}

LiveScreen::~LiveScreen() {
  put(leave);
  sigprocmask(SIG_SETMASK, &before_, nullptr);
}

bool LiveScreen::show(const std::vector<std::string>& lines) {
  winsize size{};
  const bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0;
  const size_t rows = known ? size.ws_row : 24;
  const size_t columns = known && size.ws_col > 0 ? size.ws_col : 80;
  // In one piece, and over what was there: nothing flickers.
  std::string text(home);
  for (size_t i = 0; i < lines.size() && i < rows; ++i) {
    if (i > 0) text += "\r\n";
    text += cut(lines[i], columns);
    text += end_of_line;
  }
  return put(text.append(rest_of_screen));
}

bool LiveScreen::wait(std::chrono::milliseconds time) {
  const timespec limit{.tv_sec = time.count() / 1000, .tv_nsec = time.count() % 1000 * 1'000'000};
  const int number = sigtimedwait(&signals_, nullptr, &limit);
  return number < 0 || number == SIGWINCH;
}

}  // namespace penstock
