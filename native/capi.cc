#include <algorithm>
#include <cstring>
#include <memory>
#include <new>

#include "pool.h"
#include "sequence.h"
#include "targets.h"
#include "wattcast.h"

using wattcast::Cell;
using wattcast::Shape;

namespace {

bool fits(int cell, const Shape& s) {
  return cell >= 0 && cell <= 2 && s.time >= 1 && s.batch >= 1 && s.inputs >= 1 && s.hidden >= 1;
}

}  // namespace

struct wattcast_layer {
  const wattcast::CellKernels* kernels;
  Shape shape;  // of one step of one row
  std::unique_ptr<float[]> packed;
};

extern "C" {

int wattcast_interface(void) { return 6; }

const char* wattcast_target(void) { return wattcast::target().name; }
int wattcast_use_target(const char* name) { return wattcast::use_target(name) ? 1 : 0; }
const char* wattcast_target_name(int i) { return wattcast::target_name(i); }

int wattcast_threads(void) { return wattcast::threads(); }
void wattcast_use_threads(int count) { wattcast::use_threads(count); }

void wattcast_keep_memory(void) { wattcast::keep_memory(); }

void wattcast_sigmoid(const float* x, float* y, int64_t count) { wattcast::target().sigmoid(x, y, count); }
void wattcast_tanh(const float* x, float* y, int64_t count) { wattcast::target().tanh(x, y, count); }

int64_t wattcast_saved_floats(int cell, int64_t time, int64_t batch, int64_t inputs, int64_t hidden) {
  const Shape shape{time, batch, inputs, hidden};
  return fits(cell, shape) ? wattcast::saved_floats(static_cast<Cell>(cell), shape) : 0;
}

int wattcast_forward(int cell, int64_t time, int64_t batch, int64_t inputs, int64_t hidden, const float* w,
                     const float* u, const float* b, const float* bn, const float* xs, const float* h0,
                     const float* c0, float* hs, float* c_last, float* saved) {
  const Shape shape{time, batch, inputs, hidden};
  if (!fits(cell, shape)) return 2;
  const wattcast::ForwardArrays arrays{{w, u, b, bn}, xs, h0, c0, hs, c_last, saved};
  return wattcast::forward(static_cast<Cell>(cell), shape, &arrays, 1) ? 0 : 1;
}

int wattcast_backward(int cell, int64_t time, int64_t batch, int64_t inputs, int64_t hidden, const float* w,
                      const float* u, const float* xs, const float* h0, const float* c0, const float* hs,
                      const float* saved, const float* d_hs, const float* dh_last, const float* dc_last, float* dw,
                      float* du, float* db, float* dbn, float* dx, float* dh0, float* dc0) {
  const Shape shape{time, batch, inputs, hidden};
  if (!fits(cell, shape)) return 2;
  const wattcast::BackwardArrays arrays{{w, u, nullptr, nullptr}, xs, h0, c0, hs, saved, d_hs, dh_last, dc_last,
                                        dw, du, db, dbn, dx, dh0, dc0};
  return wattcast::backward(static_cast<Cell>(cell), shape, &arrays, 1) ? 0 : 1;
}

wattcast_layer* wattcast_layer_new(int cell, int64_t inputs, int64_t hidden, const float* w, const float* u,
                                   const float* b, const float* bn) {
  const Shape shape{1, 1, inputs, hidden};
  if (!fits(cell, shape)) return nullptr;
  const wattcast::CellKernels* kernels = &wattcast::target().cells[cell];
  std::unique_ptr<float[]> packed(new (std::nothrow) float[static_cast<size_t>(kernels->forward_packed(shape))]);
  if (packed == nullptr) return nullptr;
  kernels->pack_forward(shape, {w, u, b, bn}, packed.get());
  return new (std::nothrow) wattcast_layer{kernels, shape, std::move(packed)};
}

void wattcast_layer_free(wattcast_layer* layer) { delete layer; }

int wattcast_layer_step(const wattcast_layer* layer, int64_t batch, const float* x, float* h, float* c) {
  Shape shape = layer->shape;
  shape.batch = batch;
  if (batch < 1) return 2;
  const int64_t floats = batch * shape.hidden;
  const int64_t state = layer->kernels->forward_state(shape, batch);
  float* scratch = wattcast::job_scratch(floats + state + layer->kernels->forward_scratch(shape, batch));
  if (scratch == nullptr) return 1;
  const wattcast::ForwardArrays arrays{{}, x, h, c, scratch, c, nullptr};
  layer->kernels->forward({shape, arrays, layer->packed.get(), 0, batch, scratch + floats, scratch + floats + state, {}});
  std::memcpy(h, scratch, static_cast<size_t>(floats) * sizeof(float));
  return 0;
}

}  // extern "C"
