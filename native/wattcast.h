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
// fixed places. What they mean is written in src/wattcast/runtime/record.py, what the network sees of them in
// src/wattcast/features/signals.py.
typedef struct {
  int64_t cell, members, layers, width, meters;           // meters: rows of particulars, or 0
  int64_t features, recent, lags, means, clock, around;   // inputs, and how many of each kind
  int64_t outputs, local, moments, covariates, hinges;    // local: features of one output
  int64_t decoder, params, quantiles;                     // params: raw numbers of the head for an output
  int64_t habits;                                         // 1 where an output is told of more readings of its hour
  int64_t linear_features, linear_meters;                 // of the linear path, 0 without one
  int64_t profile_each, weather_each;                     // readings that make one feature of it
  int64_t between_readings, between_leads;                // of the linear path between two advances, 0 without one
  int64_t stride, day, gap, history, season;              // in readings but season [d]; stride: 1 or a day
  int64_t window, before, after;                          // rows of the rings of readings and of covariates
  int64_t record;                                         // bytes
  double half_life;                                       // of a deviation in a gap, in readings
  double linear_share, between_share;                     // of the median
} wattcast_live_sizes;

typedef struct {  // bytes from the start of a record
  int64_t count, heard, moved, scale, total, age, who, last, off_week, off_day, y, state, output, known;
} wattcast_live_fields;

// Offsets of readings by phase, -1 the last one seen: they and the linear weights are not copied and must outlive the
// network.
typedef struct {
  const int32_t* recent;   // [stride, recent]
  const int32_t* lags;     // [stride, lags]
  const int32_t* targets;  // [stride, outputs]
  const int32_t* moments;  // [stride, outputs, moments]
  const int32_t* around;   // [around] days whose holidays are seen, as readings
  const float* hinges;     // [covariates, hinges]
  const float* linear;     // [linear_meters, linear_features, outputs]
  const float* between;    // [between_readings, between_leads]
} wattcast_live_tables;

// The calendar at one moment, for all meters: pointers to the moment's own row. Rows before and after it are read as far
// as `around` and `targets` reach.
typedef struct {
  int64_t phase, columns;  // readings since the day began; countries
  const float* clock;      // [clock]
  const float* holiday;    // [columns] 1 on a holiday
  const int32_t* alike;    // [columns] days back to the last day of the same kind
  const int64_t* column;   // [count] of each meter; null: column 0
} wattcast_live_moment;

// A network ready to advance them; it never changes. `hidden` [layers]; `arrays`, for each member: embed [F, W],
// embed_bias [W], meters [meters, W], centre [F], spread [F], from_state [H, D], from_input [W, D], from_local
// [local, D], slot [outputs, D], out [D, params], bias [outputs, params], direct [H, outputs, params], skip
// [2, F, outputs], reach [quantiles] (a quantile's distance from the median in widths), then w, u, b, bn of each layer.
// These are copied. Null for lack of memory or sizes that do not fit.
typedef struct wattcast_live wattcast_live;
WATTCAST_EXPORT wattcast_live* wattcast_live_new(const wattcast_live_sizes* sizes, const wattcast_live_fields* fields,
                                                 const wattcast_live_tables* tables, const int64_t* hidden,
                                                 const float* const* arrays);
WATTCAST_EXPORT void wattcast_live_free(wattcast_live* live);

// Takes one reading of each meter (unless `readings` is null; NaN: missing), then advances the network's state of those
// with enough history (unless `moment` is null); records are changed in place, on all threads where they are many.
WATTCAST_EXPORT int wattcast_live_advance(const wattcast_live* live, int64_t count, void* records,
                                          const double* readings, const wattcast_live_moment* moment);

// Advances by what the network sees, given: inputs [steps, count, features], one step after the other.
WATTCAST_EXPORT int wattcast_live_scan(const wattcast_live* live, int64_t steps, int64_t count, void* records,
                                       const float* inputs);

// Forecasts [count, horizon - gap, quantiles] in the meters' units, NaN for one that was never heard; `between`: the
// moment lies between two advances.
WATTCAST_EXPORT int wattcast_live_predict(const wattcast_live* live, int64_t count, const void* records,
                                          const wattcast_live_moment* moment, int between, int64_t horizon,
                                          double* quantiles);

#ifdef __cplusplus
}
#endif
