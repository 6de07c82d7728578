// All cells for one instruction set. CMake compiles this file once for each, with its flags and
// WATTCAST_NAMESPACE (bf16, avx512, avx2, baseline) set. It includes nothing from the C++ library: an inline function
// of std compiled here could be the one the linker keeps for machines that lack the instructions.
#include "kernels.h"

#include "simd-inl.h"
#include "gates-inl.h"
#include "product-inl.h"
#include "tile-inl.h"
#include "units-inl.h"
#include "cells-inl.h"
#include "forward-inl.h"
#include "transposed-inl.h"
#include "backward-inl.h"
#include "decoder-inl.h"
#include "live-inl.h"

#define WATTCAST_TEXT_OF(name) #name
#define WATTCAST_TEXT(name) WATTCAST_TEXT_OF(name)

namespace wattcast::WATTCAST_NAMESPACE {

template <class C>
constexpr CellKernels kernels_of() {
  using F = Forward<C>;
  using B = Backward<C>;
  return {F::saved_per_unit, B::unit_parts, F::packed, F::pack,    F::state,           F::scratch, F::run,
          B::packed,         B::pack,       B::state,  B::scratch, B::gradient_floats, B::run,     B::collect};
}

template <Vec (*f)(Vec)>
void apply(const float* x, float* y, int64_t count) {
  for (int64_t i = 0; i < count; i += kLanes) {
    const int64_t n = least(kLanes, count - i);
    store(y + i, f(load(x + i, n)), n);
  }
}

extern const Target kTarget;
const Target kTarget = {WATTCAST_TEXT(WATTCAST_NAMESPACE),
                        {kernels_of<Elman>(), kernels_of<Gru>(), kernels_of<Lstm>()},
                        {Decoder::weight_floats, Decoder::pack, Decoder::scratch, Decoder::forward, Decoder::backward,
                         Decoder::collect},
                        apply<sigmoid>,
                        apply<tanh>,
                        sum,
                        sum_of_sizes,
                        normal,
                        kLanes,
                        apply<gelu>,
                        Product::packed,
                        Product::pack,
                        Product::run,
                        decode,
                        settle};

}  // namespace wattcast::WATTCAST_NAMESPACE
