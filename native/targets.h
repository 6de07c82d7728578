// Which instruction set is in use.
#pragma once

#include "kernels.h"

namespace wattcast {

// The best f32 one this machine can run, or the one that WATTCAST_TARGET names (bf16, avx512, avx2, baseline) if it can
// run that; read once. use_target changes it later.
const Target& target();

// Takes another one; false if there is none of this name or the machine cannot run it. Arrays saved by forward
// before the change are of no use after it.
bool use_target(const char* name);

// Name of the i-th target this machine can run, best first, bf16 last; null past the last.
const char* target_name(int i);

}  // namespace wattcast
