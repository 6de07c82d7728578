// The threads of this library, and memory they keep.
#pragma once

#include <cstdint>

namespace wattcast {

// How many threads a call may use, the caller's own included: WATTCAST_THREADS, else the smaller of what the
// process's affinity and its control group allow. Read once; use_threads changes it.
int threads();
void use_threads(int count);

// Below this many multiply-adds a second thread costs more than it takes over (a hand-over is about 5 us).
constexpr double kWorthAThread = 2e5;

// Runs work(data, i) for 0 <= i < count, each i once, on this thread and those of the pool, and returns when all
// are done. Job i goes to thread i % threads, so that a block of rows finds its own cache again in the next call.
// If another call holds the pool, this one runs all of its jobs itself: two layers that XLA runs side by side
// then take a thread each, instead of waiting for each other.
void parallel(int64_t count, void (*work)(void* data, int64_t i), void* data);

template <class F>
void parallel(int64_t count, F&& f) {
  parallel(count, [](void* data, int64_t i) { (*static_cast<F*>(data))(i); }, &f);
}

// Runs work(data, i, n, barrier) for 0 <= i < n, on n threads at the same time, which may meet() as often as all of
// them do. n is `count`, or 1 (and the barrier null) where another call holds the pool or the machine is busy.
class Barrier;
void together(int count, void (*work)(void* data, int i, int n, Barrier* barrier), void* data);

template <class F>
void together(int count, F&& f) {
  together(
      count, [](void* data, int i, int n, Barrier* barrier) { (*static_cast<F*>(data))(i, n, barrier); }, &f);
}

// Waits for the other threads; true at once for null. False for all of them where one came so late that its processor
// must have been taken: thread 0 is then to go on alone and the others to return.
bool meet(Barrier* barrier);

// Memory of this thread that outlives the call, so that its pages are faulted in once and not once a call.
// One piece for the call, one for a job (the caller of parallel() also runs jobs). Contents are undefined;
// aligned to 64 bytes; null if there is not enough.
float* call_scratch(int64_t floats);
float* job_scratch(int64_t floats);

// The next number of floats at which a piece of such memory is aligned to 64 bytes again. Static, as target.cc compiles it
// for several instruction sets.
static inline int64_t aligned(int64_t floats) { return (floats + 15) / 16 * 16; }

// Tells glibc, for the whole process, to keep freed memory and to use one arena for all threads. XLA allocates a
// call's results anew each time; as glibc comes, it gives arrays of this size back to the system, and touching them
// again took a quarter of a training step (hidden 64, 2 layers: 3300 page faults, 7.7 of 26 ms of processor time).
void keep_memory();

// Asks for large pages under an array about to be written for the first time.
void expect_writes(void* start, int64_t bytes);

}  // namespace wattcast
