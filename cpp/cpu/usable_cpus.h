// How many CPUs this process may use.
#pragma once

#include <string>

namespace feedfwd {

// At least 1: the affinity mask, and the control group's CPU quota rounded up.
int usable_cpus();

// The quota alone, rounded up; 0 where there is none. `mount`: /sys/fs/cgroup; `membership`: the
// text of /proc/self/cgroup. Versions 1 and 2, every enclosing group included.
int cgroup_cpu_limit(const std::string& mount, const std::string& membership);

}  // namespace feedfwd
