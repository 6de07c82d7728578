// A call: one layer, or an ensemble's members of one shape, over a sequence.
#pragma once

#include "arrays.h"

namespace wattcast {

// Floats in `saved` of one member. Covers every target, so a program compiled for one may run on another.
int64_t saved_floats(Cell cell, const Shape& shape);

// Both share the work out over threads: members first, then rows of the batch, or, where one member has few rows, its
// hidden units. Rows and units are worked out alike whoever does it, so values, dx and the state's gradients do not
// depend on the number of threads; dW, dU and the bias's are summed over blocks of rows, in order, so they are the same
// bits for the same number. False: out of memory.
bool forward(Cell cell, const Shape& shape, const ForwardArrays* members, int64_t count);
bool backward(Cell cell, const Shape& shape, const BackwardArrays* members, int64_t count);

}  // namespace wattcast
