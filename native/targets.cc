#include "targets.h"

#include <atomic>
#include <cstdlib>
#include <cstring>

namespace wattcast {

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

constexpr int kChoices = 3;

// Best first. __builtin_cpu_supports also asks whether the system saves the registers.
const Choice* choices() {
#if defined(__x86_64__)
  static const bool has_512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                              __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw");
  static const bool has_2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  static const Choice list[kChoices] = {
      {&avx512::kTarget, has_512}, {&avx2::kTarget, has_2}, {&baseline::kTarget, true}};
#else
  static const Choice list[kChoices] = {{&baseline::kTarget, true}, {nullptr, false}, {nullptr, false}};
#endif
  return list;
}

const Target* named(const char* name) {
  for (int i = 0; i < kChoices; ++i)
    if (choices()[i].runs && std::strcmp(choices()[i].target->name, name) == 0) return choices()[i].target;
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
  for (int k = 0; k < kChoices; ++k)
    if (choices()[k].runs && i-- == 0) return choices()[k].target->name;
  return nullptr;
}

}  // namespace wattcast
