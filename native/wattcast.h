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

// Held states of many meters: records that lie one behind the other, each of `record` bytes, with the fields below at
// fixed places. What they mean is written in src/wattcast/runtime/record.py.
typedef struct {
  int64_t cell, members, layers, width, meters;     // meters: rows of particulars, or 0
  int64_t features, gathers, means, rest, extra;    // inputs: readings, means of days, calendar, covariates
  int64_t window, day;                              // readings in the ring, readings in a day
  int64_t record;                                   // bytes
  double half_life;                                 // of a deviation in a gap, in readings
} wattcast_live_sizes;

typedef struct {  // bytes from the start of a record; output may be -1
  int64_t count, heard, moved, scale, total, age, who, last, off_week, off_day, y, state, output;
} wattcast_live_fields;

// What is the same for all meters, or for those of a column, at the moment of an advance.
typedef struct {
  const int32_t* offsets;  // [columns, gathers] readings looked at, -1 the last
  const float* rest;       // [columns, rest] calendar
  const int64_t* column;   // [count] of each meter; null: column 0
  const float* extra;      // [count, extra] covariates, or null where extra is 0
} wattcast_live_moment;

// A network ready to advance them; it never changes. `hidden` [layers]; `arrays`, for each member: embed [F, W],
// embed_bias [W], meters [meters, W], centre [F], spread [F], then w, u, b, bn of each layer. All are copied. Null for
// lack of memory or sizes that do not fit.
typedef struct wattcast_live wattcast_live;
WATTCAST_EXPORT wattcast_live* wattcast_live_new(const wattcast_live_sizes* sizes, const wattcast_live_fields* fields,
                                                 const int64_t* hidden, const float* const* arrays);
WATTCAST_EXPORT void wattcast_live_free(wattcast_live* live);

// Takes one reading of each meter (unless `readings` is null; NaN: missing), then advances the network's state (unless
// `moment` is null); records are changed in place, on all threads where they are many.
WATTCAST_EXPORT int wattcast_live_advance(const wattcast_live* live, int64_t count, void* records,
                                          const double* readings, const wattcast_live_moment* moment);

#ifdef __cplusplus
}
#endif
