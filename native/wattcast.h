// The plain C interface, for ctypes and other languages. Arrays as in arrays.h; `cell` is 0 Elman, 1 GRU, 2 LSTM.
// Functions that return int give 0 for success, 1 for lack of memory, 2 for a size below 1 or an unknown cell.
// All may be called from any thread.
#pragma once

#include <stdint.h>

#if defined(__GNUC__)
#define WATTCAST_EXPORT __attribute__((visibility("default")))
#else
#define WATTCAST_EXPORT
#endif

#ifdef __cplusplus
extern "C" {
#endif

// Changes when a function here changes its meaning.
WATTCAST_EXPORT int wattcast_interface(void);

// The instruction set in use; WATTCAST_TARGET in the environment chooses, else the best is taken.
WATTCAST_EXPORT const char* wattcast_target(void);
// Takes another; 1 on success, 0 if this machine cannot run it.
WATTCAST_EXPORT int wattcast_use_target(const char* name);
// Those this machine can run, best first; null past the last.
WATTCAST_EXPORT const char* wattcast_target_name(int i);

// Threads a call may use; WATTCAST_THREADS in the environment, else affinity and control group.
WATTCAST_EXPORT int wattcast_threads(void);
WATTCAST_EXPORT void wattcast_use_threads(int count);

// For training: keeps freed memory in this process, see pool.h. Its size then stays at the highest it reached.
WATTCAST_EXPORT void wattcast_keep_memory(void);

// y[i] = the kernels' own sigmoid and tanh of x[i].
WATTCAST_EXPORT void wattcast_sigmoid(const float* x, float* y, int64_t count);
WATTCAST_EXPORT void wattcast_tanh(const float* x, float* y, int64_t count);

WATTCAST_EXPORT int64_t wattcast_saved_floats(int cell, int64_t time, int64_t batch, int64_t inputs, int64_t hidden);

WATTCAST_EXPORT int wattcast_forward(int cell, int64_t time, int64_t batch, int64_t inputs, int64_t hidden,
                                     const float* w, const float* u, const float* b, const float* bn,
                                     const float* xs, const float* h0, const float* c0, float* hs, float* c_last,
                                     float* saved);

WATTCAST_EXPORT int wattcast_backward(int cell, int64_t time, int64_t batch, int64_t inputs, int64_t hidden,
                                      const float* w, const float* u, const float* xs, const float* h0,
                                      const float* c0, const float* hs, const float* saved, const float* d_hs,
                                      const float* dh_last, const float* dc_last, float* dw, float* du, float* db,
                                      float* dbn, float* dx, float* dh0, float* dc0);

// A layer ready for single steps: its weights are copied and packed once. Null for lack of memory or a bad size.
// It never changes, so any number of threads may step it at once; freed by wattcast_layer_free (null is allowed).
typedef struct wattcast_layer wattcast_layer;
WATTCAST_EXPORT wattcast_layer* wattcast_layer_new(int cell, int64_t inputs, int64_t hidden, const float* w,
                                                   const float* u, const float* b, const float* bn);
WATTCAST_EXPORT void wattcast_layer_free(wattcast_layer* layer);

// One step on this thread: x [B, I]; h [B, H] and c [B, H] (LSTM; else null) are read and overwritten.
WATTCAST_EXPORT int wattcast_layer_step(const wattcast_layer* layer, int64_t batch, const float* x, float* h,
                                        float* c);

#ifdef __cplusplus
}
#endif
