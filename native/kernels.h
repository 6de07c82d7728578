// The work on one block of batch rows, once for each cell and instruction set.
//
// target.cc is compiled once for each instruction set and fills one Target; targets.cc chooses among them;
// sequence.cc splits a call into the jobs below. Nothing here allocates: sizes are asked for first, in floats,
// and the memory handed in is aligned to 64 bytes.
#pragma once

#include "arrays.h"
#include "pool.h"

namespace wattcast {

// The hidden units of a job: part `part` of `parts`, worked on by as many threads at the same time, which meet after
// every step. All units, and no one to meet, where rows are shared out.
struct Units {
  int64_t part = 0, parts = 1;
  Barrier* barrier = nullptr;
};

struct ForwardJob {
  Shape shape;
  ForwardArrays arrays;
  const float* packed;        // from pack_forward; shared by all jobs of a layer
  int64_t row_begin, row_end; // rows of the batch that are this job's
  float* state;               // [forward_state(shape, rows)], of these rows: the parts of the units share it
  float* scratch;             // [forward_scratch(shape, rows)], this job's own
  Units units;
};

struct BackwardJob {
  Shape shape;
  BackwardArrays arrays;
  const float* packed;        // from pack_backward; shared
  int64_t row_begin, row_end;
  float* state;               // [backward_state(shape, rows)], of these rows, as in forward
  float* scratch;             // [backward_scratch(shape, rows)], this job's own
  float* gradient;            // [gradient_floats(shape)], of these rows: their share of dW, dU, db, dbn; overwritten
  Units units;
};

struct CellKernels {
  int64_t (*saved_per_unit)();  // floats kept for each step, row and unit
  int64_t (*unit_parts)(const Shape&);  // into how many parts the units can be cut
  int64_t (*forward_packed)(const Shape&);
  void (*pack_forward)(const Shape&, const Weights&, float* packed);
  int64_t (*forward_state)(const Shape&, int64_t rows);
  int64_t (*forward_scratch)(const Shape&, int64_t rows);
  void (*forward)(const ForwardJob&);
  int64_t (*backward_packed)(const Shape&);
  void (*pack_backward)(const Shape&, const Weights&, float* packed);
  int64_t (*backward_state)(const Shape&, int64_t rows);
  int64_t (*backward_scratch)(const Shape&, int64_t rows);
  int64_t (*gradient_floats)(const Shape&);
  void (*backward)(BackwardJob);
  // Adds the jobs' shares ([jobs, gradient_floats]) in order, into dw, du, db, dbn of `arrays`.
  void (*collect)(const Shape&, const float* gradients, int64_t jobs, const BackwardArrays& arrays);
};

// The decoder at the origins `row_begin` to `row_end`.
struct DecoderJob {
  DecoderShape shape;
  DecoderArrays arrays;
  const float* weights;        // from pack; shared by all jobs of a member
  int64_t row_begin, row_end;
  float* scratch;              // [scratch(shape)], this job's own
  float* raw;                  // [R, O, P] out of forward
  const float* d_raw;          // [R, O, P] backward: gradient of the loss with respect to raw
  float* d_common;             // [R, D] out of backward
  float* gradient;             // [floats(shape)] out of backward: these origins' share of the weights' gradients
};

struct DecoderKernels {
  int64_t (*floats)(const DecoderShape&);  // packed weights
  void (*pack)(const DecoderShape&, const DecoderArrays&, float* packed);
  int64_t (*scratch)(const DecoderShape&);
  void (*forward)(const DecoderJob&);
  void (*backward)(const DecoderJob&);
  // Adds the jobs' shares ([jobs, floats]) in order.
  void (*collect)(const DecoderShape&, const float* gradients, int64_t jobs, const DecoderGradients&);
};

// out = start + x weights, [rows, width] from [rows, depth].
struct ProductJob {
  int64_t rows, depth, width;
  const float* x;             // [rows, depth]
  const float* weights;       // from pack_product, or, not packed, [depth, width]
  bool packed;
  const float* const* start;  // [rows] a vector [width] each; may be the row of `out`
  float* out;                 // [rows, out_stride]
  int64_t out_stride;
};

// What one network says of one meter, from the products that all outputs share. `padded` is `outputs` rounded up to
// `lanes`.
struct DecodeJob {
  int64_t outputs, padded, local, decoder, params, quantiles;
  const float* common;        // [decoder]
  const float* const* lines;  // [local] a vector [outputs] each; the first is what the median corrects
  const float* from_local;    // [local, decoder]
  const float* slot;          // [decoder, padded]
  const float* out;           // [decoder, params]
  const float* reach;         // [quantiles]
  const float* raw;           // [params, padded]
  float* said;                // [quantiles, padded]: added to
};

// The mean of `members`, moved to a median that is `share` the linear one's, sorted, and over the meter's scale:
// (said + 1) * level.
struct SettleJob {
  int64_t outputs, padded, quantiles, members;
  float share, level;
  const float* linear;  // [outputs], or null
  float* said;          // [quantiles, padded], from decode
};

struct Target {
  const char* name;
  CellKernels cells[3];                                      // by Cell
  DecoderKernels decoder;
  void (*sigmoid)(const float* x, float* y, int64_t count);  // for tests of the whole range
  void (*tanh)(const float* x, float* y, int64_t count);
  float (*sum)(const float* x, int64_t count);
  float (*sum_of_sizes)(const float* x, int64_t count);
  void (*normal)(const float* raw, const float* centre, const float* inverse, int64_t count, float* x);
  int64_t lanes;                                             // floats in a vector
  void (*gelu)(const float* x, float* y, int64_t count);
  int64_t (*product_packed)(int64_t depth, int64_t width);
  void (*pack_product)(int64_t depth, int64_t width, const float* weights, float* packed);
  void (*product)(const ProductJob&);
  void (*decode)(const DecodeJob&);
  void (*settle)(const SettleJob&);
};

}  // namespace wattcast
