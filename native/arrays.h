// What goes in and out of a recurrent layer over a whole sequence.
//
// Every array is dense, row-major f32, owned by the caller, and may not overlap an output. T time, B batch,
// I inputs, H hidden (all >= 1), G gates x H with G = 1 (Elman), 3 (GRU: r, z, n) or 4 (LSTM: i, f, g, o).
// The equations are those of src/wattcast/kernels/reference.py.
#pragma once

#include <cstdint>

namespace wattcast {

enum class Cell { kElman = 0, kGru = 1, kLstm = 2 };

struct Shape {
  int64_t time, batch, inputs, hidden;
};

struct Weights {
  const float* w;   // [I, G] input weights
  const float* u;   // [H, G] recurrent weights
  const float* b;   // [G] bias
  const float* bn;  // [H] GRU: bias of n's recurrent product, inside the reset; null for the others
};

struct ForwardArrays {
  Weights weights;
  const float* xs;  // [T, B, I]
  const float* h0;  // [B, H]
  const float* c0;  // [B, H] LSTM; null for the others
  float* hs;        // [T, B, H] out: hidden values after every step
  float* c_last;    // [B, H] out, LSTM; null for the others
  float* saved;     // [saved_floats(cell, shape)] out: what backward needs; null where no gradient follows.
                    // Its order belongs to the target that wrote it, and only that target can read it
  const float* mask = nullptr;  // [T, B] 0 where a row holds its state over a step; null where none does
};

struct BackwardArrays {
  Weights weights;      // b and bn are not read and may be null
  const float* xs;      // [T, B, I]
  const float* h0;      // [B, H]
  const float* c0;      // [B, H] LSTM; null for the others
  const float* hs;      // [T, B, H] from forward
  const float* saved;   // from forward, same target
  const float* d_hs;    // [T, B, H] gradient of the loss with respect to hs; null means all zeros
  const float* dh_last; // [B, H] the same for the last hidden values, added to d_hs[T-1]
  const float* dc_last; // [B, H] the same for the last cell values, LSTM; null for the others
  float* dw;            // [I, G] out
  float* du;            // [H, G] out
  float* db;            // [G] out
  float* dbn;           // [H] out, GRU; null for the others
  float* dx;            // [T, B, I] out; null where no one asks for it, which saves its product
  float* dh0;           // [B, H] out
  float* dc0;           // [B, H] out, LSTM; null for the others
  const float* mask = nullptr;  // as in forward
};

// The decoder at R origins: raw = gelu(common + local from_local + slot) out, one vector of D units for each of O outputs.
// L inputs are local to an output; P raw numbers, 1 to 3. The equation is `decode` of src/wattcast/kernels/reference.py.
struct DecoderShape {
  int64_t rows, local, outputs, units, params;
};

struct DecoderArrays {
  const float* common;      // [R, D]
  const float* local;       // [L, R, O]
  const float* from_local;  // [L, D]
  const float* slot;        // [O, D]
  const float* out;         // [D, P]
};

struct DecoderGradients {
  float* common;      // [R, D] out
  float* from_local;  // [L, D] out
  float* slot;        // [O, D] out
  float* out;         // [D, P] out
};

}  // namespace wattcast
