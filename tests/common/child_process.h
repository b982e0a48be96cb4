#pragma once

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>

namespace yardmaster::test {

/// A program run as a child, its standard error read through a pipe. Killed and waited for when
/// the object goes.
class ChildProcess {
 public:
  /// `environment` adds to this process's: "NAME=VALUE".
  explicit ChildProcess(std::vector<std::string> command,
                        std::vector<std::string> environment = {}) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("pipe failed");
    std::vector<char*> arguments;
    for (std::string& word : command) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(ends[1], STDERR_FILENO);
      for (std::string& setting : environment) ::putenv(setting.data());
      ::execv(arguments[0], arguments.data());
      ::_exit(127);
    }
    ::close(ends[1]);
    log_ = ends[0];
  }

  ~ChildProcess() {
    kill(SIGKILL);
    wait();
    ::close(log_);
  }
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }

  void kill(int signal) {
    if (pid_ > 0) ::kill(pid_, signal);
  }

  /// The exit status, or minus the signal that ended it.
  int wait() {
    if (pid_ <= 0) return status_;
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    status_ = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    return status_;
  }

  /// Reads standard error up to and with the line that contains `text`; returns that line, or
  /// nothing if the program ended without it. What was read is kept in `log`.
  std::string read_until(const std::string& text) {
    std::size_t searched = log.size();
    char chunk[4096];
    for (;;) {
      const std::size_t found = log.find(text, searched);
      const std::size_t end = found == std::string::npos ? found : log.find('\n', found);
      if (end != std::string::npos) {
        const std::size_t begin = log.rfind('\n', found) + 1;
        return log.substr(begin, end - begin);
      }
      const ssize_t got = ::read(log_, chunk, sizeof chunk);
      if (got <= 0) return {};
      log.append(chunk, static_cast<std::size_t>(got));
    }
  }

  std::string log;

 private:
  pid_t pid_ = -1;
  int log_ = -1;
  int status_ = 0;
};

}  // namespace yardmaster::test
