// A call: the decoder of an ensemble's members at all origins of a batch.
#pragma once

#include "arrays.h"

namespace wattcast {

// Both share out members and origins over threads. `raw` and the gradient of `common` do not depend on the number of
// threads; the weights' gradients are summed over blocks of origins, in order, so they are the same bits for the same
// number. `raw`, `d_raw`: [R, O, P] of each member. False: out of memory.
bool decoder_forward(const DecoderShape& shape, const DecoderArrays* members, float* const* raw, int64_t count);
bool decoder_backward(const DecoderShape& shape, const DecoderArrays* members, const float* const* d_raw,
                      const DecoderGradients* gradients, int64_t count);

}  // namespace wattcast
