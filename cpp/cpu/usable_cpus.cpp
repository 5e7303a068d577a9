#include "cpu/usable_cpus.h"

#include <cstdint>
#include <fstream>
#include <sstream>
#include <thread>
#include <vector>

#ifdef __linux__
#include <sched.h>
#endif

namespace feedfwd {

namespace {

int quota_in_cpus(int64_t quota, int64_t period) {
  if (quota <= 0 || period <= 0) return 0;
  return static_cast<int>((quota + period - 1) / period);
}

// cpu.max: "max 100000" or "150000 100000".
int limit_v2(const std::string& directory) {
  std::ifstream file(directory + "/cpu.max");
  int64_t quota = 0, period = 0;
  return file >> quota >> period ? quota_in_cpus(quota, period) : 0;
}

int limit_v1(const std::string& directory) {
  std::ifstream quota_file(directory + "/cpu.cfs_quota_us");
  std::ifstream period_file(directory + "/cpu.cfs_period_us");
  int64_t quota = 0, period = 0;
  return quota_file >> quota && period_file >> period ? quota_in_cpus(quota, period) : 0;
}

int smaller_limit(int a, int b) { return a == 0 ? b : b == 0 ? a : a < b ? a : b; }

// The least limit from `path` up to the mount. Within a container the path may be the host's: its
// directories are missing then, and the mount's own files count.
int limit_up(const std::string& mount, std::string path, int (*limit)(const std::string&)) {
  int least = 0;
  while (true) {
    least = smaller_limit(least, limit(mount + path));
    const size_t slash = path.rfind('/');
    if (slash == std::string::npos) return least;
    path.resize(slash);
  }
}

bool names_cpu(const std::string& controllers) {
  std::istringstream list(controllers);
  for (std::string name; std::getline(list, name, ',');) {
    if (name == "cpu") return true;
  }
  return false;
}

int affinity_cpus() {
#ifdef __linux__
  // The kernel refuses masks smaller than its own.
  for (int cpus = 1024; cpus <= 1 << 20; cpus *= 2) {
    std::vector<cpu_set_t> mask(CPU_ALLOC_SIZE(cpus) / sizeof(cpu_set_t));
    const size_t bytes = mask.size() * sizeof(cpu_set_t);
    if (sched_getaffinity(0, bytes, mask.data()) == 0) return CPU_COUNT_S(bytes, mask.data());
  }
#endif
  return static_cast<int>(std::thread::hardware_concurrency());
}

}  // namespace

int cgroup_cpu_limit(const std::string& mount, const std::string& membership) {
  int least = 0;
  std::istringstream lines(membership);
  for (std::string line; std::getline(lines, line);) {  // hierarchy:controllers:path
    const size_t first = line.find(':');
    const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1);
    if (controllers.empty()) {
      least = smaller_limit(least, limit_up(mount, path, limit_v2));
    } else if (names_cpu(controllers)) {
      least = smaller_limit(least, limit_up(mount + "/" + controllers, path, limit_v1));
      least = smaller_limit(least, limit_up(mount + "/cpu", path, limit_v1));
    }
  }
  return least;
}

int usable_cpus() {
  int cpus = affinity_cpus();
  if (cpus < 1) cpus = 1;
#ifdef __linux__
  std::ifstream file("/proc/self/cgroup");
  std::ostringstream text;
  text << file.rdbuf();
  cpus = smaller_limit(cpus, cgroup_cpu_limit("/sys/fs/cgroup", text.str()));
#endif
  return cpus;
}

}  // namespace feedfwd
