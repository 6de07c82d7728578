#include "targets.h"

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace wattcast {

#if defined(WATTCAST_HAS_BF16)
namespace bf16 {
extern const Target kTarget;
}
#endif
#if defined(__x86_64__)
namespace avx512 {
extern const Target kTarget;
}
namespace avx2 {
extern const Target kTarget;
}
#endif
namespace baseline {
extern const Target kTarget;
}

namespace {

struct Choice {
  const Target* target;
  bool runs;
};

// Best first, bf16 last: it is less exact, and so in force only where it is named. __builtin_cpu_supports also asks
// whether the system saves the registers.
const std::vector<Choice>& choices() {
#if defined(__x86_64__)
  static const bool has_512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                              __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw");
  static const bool has_2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
  static const std::vector<Choice> list = {
#if defined(__x86_64__)
      {&avx512::kTarget, has_512},
      {&avx2::kTarget, has_2},
#endif
      {&baseline::kTarget, true},
#if defined(WATTCAST_HAS_BF16)
      {&bf16::kTarget, has_512 && __builtin_cpu_supports("avx512bf16")},
#endif
  };
  return list;
}

const Target* named(const char* name) {
  for (const Choice& choice : choices())
    if (choice.runs && std::strcmp(choice.target->name, name) == 0) return choice.target;
  return nullptr;
}

const Target* from_environment() {
  const char* name = std::getenv("WATTCAST_TARGET");
  const Target* found = name != nullptr ? named(name) : nullptr;
  return found != nullptr ? found : named(target_name(0));
}

std::atomic<const Target*>& current() {
  static std::atomic<const Target*> value{from_environment()};
  return value;
}

}  // namespace

const Target& target() { return *current().load(std::memory_order_relaxed); }

bool use_target(const char* name) {
  const Target* found = named(name);
  if (found != nullptr) current().store(found, std::memory_order_relaxed);
  return found != nullptr;
}

const char* target_name(int i) {
  for (const Choice& choice : choices())
    if (choice.runs && i-- == 0) return choice.target->name;
  return nullptr;
}

}  // namespace wattcast
