// The gradient of a layer over a sequence, for some rows of the batch, last step first.
//
// A step's slot gradients come from the next step's by one product with U transposed, gates worked out as the
// sums leave the registers. They go to a ring of a few steps that stays in the second-level cache; when a chunk
// of time is full, dW, dU and db (one product more, summed over rows and steps) and dx are taken from it. So the
// slot gradients of the whole sequence are never written to memory. Where a step's do not fit there for all rows, the
// sequence is gone through for some rows after the other.
namespace wattcast::WATTCAST_NAMESPACE {

constexpr int64_t kLine = 16;            // floats in a line of the cache
constexpr int64_t kRing = 64 * 1024;     // floats of slot gradients in one chunk: a quarter of a 1 MB second level
constexpr int64_t kChunkRows = 64;       // fewer rows than this do not pay for loading and storing dW and dU
constexpr int64_t kSlabRows = 32;        // nor these for fetching U anew

template <class C>
struct Backward {
  using Columns = Forward<C>;  // shares of dW, dU, db lie as the packed weights do

  static int64_t panels(const Shape& s) { return vectors(s.hidden); }
  static int64_t step_floats(const Shape& s, int64_t rows) { return factors(panels(s) * rows * C::kSlots * kLanes); }
  static int64_t chunk(const Shape& s, int64_t rows) {
    const int64_t fits = kRing / step_floats(s, rows), enough = (kChunkRows + rows - 1) / rows;
    return least(s.time, fits > enough ? fits : enough);
  }
  // Rows worked on at a time, at most.
  static int64_t slab(const Shape& s, int64_t rows) {
    const int64_t fits = kRing / step_floats(s, 1);
    return least(rows, fits > kSlabRows ? fits : kSlabRows);
  }
  // What is carried from step to step, and the ring.
  static int64_t state(const Shape& s, int64_t all_rows) {
    const int64_t rows = slab(s, all_rows);
    return 2 * panels(s) * rows * kLanes + (chunk(s, rows) + 1) * step_floats(s, rows);
  }
  static int64_t scratch(const Shape& s, int64_t all_rows) {
    const int64_t rows = slab(s, all_rows);
    return chunk(s, rows) * rows_room(rows, s.inputs + s.hidden + C::kSlots * kLanes);
  }
  // A part of the units is whole groups of the recurrent product.
  static int64_t unit_parts(const Shape& s) { return Tiles(panels(s), kWide).count; }
  static Span own_panels(const BackwardJob& job) {
    const Tiles groups(panels(job.shape), kWide);
    const Span own = part_of(job.units, groups.count);
    const int64_t begin = groups[own.begin].begin;
    return {begin, groups[own.end()].begin - begin};
  }
  static int64_t gradient_floats(const Shape& s) { return Columns::packed(s); }
  // Packed weights that lead to `columns`.
  static int64_t packed_floats(const Shape& s, int64_t columns, int count) {
    return vectors(columns) * kLanes * factors(s.hidden) * count;
  }
  static int64_t packed_u(const Shape& s) { return packed_floats(s, s.hidden, C::kHiddenCount); }
  // One panel's more: while it is packed, it takes the room it has as f32.
  static int64_t packed(const Shape& s) {
    return packed_u(s) + packed_floats(s, s.inputs, C::kInputCount) + (kPaired ? kLanes * kWide * kLanes : 0);
  }

  static void pack(const Shape& s, const Weights& weights, float* out) {
    out = pack_transposed<C, C::kHiddenFirst, C::kHiddenCount>(weights.u, s.hidden, s.hidden, out);
    pack_transposed<C, C::kInputFirst, C::kInputCount>(weights.w, s.inputs, s.hidden, out);
  }

  // One step of the recurrence, or the one before the first (t = -1), whose result is dh0.
  struct Step {
    const BackwardJob& job;
    int64_t t, rows;
    const float* next;   // slot gradients of t + 1, [panels][rows][kSlots] vectors, as factors; null at the last step
    float* slots;        // those of t, to be written
    float* carry;        // [panels][rows] vectors
    float* held;         // the same: gradient of h that held steps pass on; null without a mask
  };

  // Starts the way from memory for what finish() will read: it arrives while the product runs. The rows' arrays are
  // read backwards in time, which the machine does not foresee.
  [[gnu::always_inline]] static inline void fetch(const Step& step, int64_t p, int64_t row, int64_t rows) {
    const Shape& s = step.job.shape;
    const BackwardArrays& a = step.job.arrays;
    if (step.t < 0) return;
    row += step.job.row_begin;
    if (C::kSaved > 0) {
      const float* saved = a.saved + Columns::saved_at(s, step.t, p, row);
      const int64_t floats = rows * C::kSaved * slot_stride<C>(s.hidden, p);
      for (int64_t i = 0; i < floats; i += kLine) __builtin_prefetch(saved + i);
    }
    if (a.d_hs == nullptr) return;
    const float* d_hs = a.d_hs + (step.t * s.batch + row) * s.hidden + p * kLanes;
    for (int64_t r = 0; r < rows; ++r) __builtin_prefetch(d_hs + r * s.hidden);
  }

  template <int R, int N>
  static void recurrent_tile(const Step& step, const float* weights, int64_t p, int64_t row) {
    for (int n = 0; n < N; ++n) fetch(step, p + n, row, R);
    Vec sums[R][N] = {};
    transposed_product<C, C::kHiddenFirst, C::kHiddenCount>(step.job.shape, step.next, step.rows, row, weights, sums);
    Vec held[R][N];
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 16
      for (int n = 0; n < N; ++n) held[r][n] = sums[r][n];
    finish(step, p, N, row, R, held[0]);
  }

  // Gates of `rows` rows from `row` (of this job) and `wide` panels from `p`; dh lies [rows][wide].
  [[gnu::noinline]] static void finish(const Step& step, int64_t p, int wide, int64_t row, int rows, const Vec* dh) {
    for (int n = 0; n < wide; ++n)
      if (step.t < 0) {
        first_state(step, p + n, row, rows, dh + n, wide);
      } else if (folded<C>(step.job.shape.hidden, p + n)) {
        gates<kLanes / 2>(step, p + n, row, rows, dh + n, wide);
      } else {
        gates<kLanes>(step, p + n, row, rows, dh + n, wide);
      }
  }

  static void first_state(const Step& step, int64_t p, int64_t row, int rows, const Vec* dh, int wide) {
    const int64_t hidden = step.job.shape.hidden;
    float* at = step.job.arrays.dh0 + (step.job.row_begin + row) * hidden + p * kLanes;
    for (int r = 0; r < rows; ++r) {
      const Vec carry = load(step.carry + (p * step.rows + row + r) * kLanes);
      Vec sum = C::kHasCell ? dh[r * wide] : dh[r * wide] + carry;
      if (step.held != nullptr) sum += load(step.held + (p * step.rows + row + r) * kLanes);
      store(at + r * hidden, sum, lanes(hidden, p));
    }
  }

  // Addresses first, as in Forward::finish.
  template <int stride>
  static void gates(const Step& step, int64_t p, int64_t row, int rows, const Vec* dh_at, int wide) {
    const Shape& s = step.job.shape;
    const BackwardArrays& a = step.job.arrays;
    const int64_t hidden = s.hidden, n = lanes(hidden, p), t = step.t, whole_row = step.job.row_begin + row;
    const int64_t at = whole_row * hidden + p * kLanes, one = s.batch * hidden;
    const float* d_hs = a.d_hs ? a.d_hs + t * one + at : nullptr;
    const float* h_at = a.hs + t * one + at;
    const float* h_before_at = (t ? h_at - one : a.h0 + at);
    const float* saved_row = C::kSaved ? a.saved + Columns::saved_at(s, t, p, whole_row) : nullptr;
    // The cell value is the last of what is saved.
    const float* c_before_at = !C::kHasCell ? nullptr : t == 0 ? a.c0 + at
        : a.saved + Columns::saved_at(s, t - 1, p, whole_row) + (C::kSaved - 1) * stride;
    const int64_t c_stride = t ? C::kSaved * stride : hidden, c_lanes = t ? stride : n;
    float* carry_at = step.carry + (p * step.rows + row) * kLanes;
    float* held_at = step.held ? step.held + (p * step.rows + row) * kLanes : nullptr;
    const float* mask = a.mask ? a.mask + t * s.batch + whole_row : nullptr;
    float* slots = step.slots + factors((p * step.rows * kLanes + row * stride) * C::kSlots);
    for (int r = 0; r < rows; ++r) {
      Vec saved[C::kSaved + 1], h_before{}, h{}, c_before{}, d[C::kSlots] = {}, carry = load(carry_at + r * kLanes);
      Vec dh = dh_at[r * wide];
      if (d_hs != nullptr) dh += load(d_hs + r * hidden, n);
      for (int i = 0; i < C::kSaved; ++i) saved[i] = load(saved_row + (r * C::kSaved + i) * stride, stride);
      if (C::kReadsHidden) h_before = load(h_before_at + r * hidden, n);
      if (C::kSaved == 0) h = load(h_at + r * hidden, n);
      if (C::kHasCell) c_before = load(c_before_at + r * c_stride, c_lanes);
      const bool hold = mask != nullptr && mask[r] == 0.0f;
      if (held_at != nullptr) {
        dh += load(held_at + r * kLanes);
        store(held_at + r * kLanes, hold ? dh : Vec{});
      }
      if (!hold) C::gradient(saved, h_before, c_before, h, dh, carry, d);
      store(carry_at + r * kLanes, carry);
      for (int i = 0; i < C::kSlots; ++i) store_factors(slots + factors((r * C::kSlots + i) * stride), d[i], stride, n);
    }
  }

  static void recurrence(const Step& step) {
    const Shape& s = step.job.shape;
    if (step.next == nullptr) {
      const Span own = own_panels(step.job);
      for (int64_t p = own.begin; p < own.end(); ++p)
        for (int64_t row = 0; row < step.rows; ++row) {
          const int64_t at = (step.job.row_begin + row) * s.hidden + p * kLanes;
          const Vec dh = load(step.job.arrays.dh_last + at, lanes(s.hidden, p));
          finish(step, p, 1, row, 1, &dh);
        }
      return;
    }
    const Tiles groups(panels(s), kWide), tiles(step.rows, kTall);
    const Span own = part_of(step.job.units, groups.count);
    for (int64_t q = own.begin; q < own.end(); ++q)
      for (int64_t i = 0; i < tiles.count; ++i)
        with_constant<kTall>(tiles[i].size, [&](auto r) {
          with_constant<kWide>(groups[q].size, [&](auto n) {
            recurrent_tile<decltype(r)::value, decltype(n)::value>(
                step, step.job.packed + packed_floats(s, groups[q].begin * kLanes, C::kHiddenCount), groups[q].begin,
                tiles[i].begin);
          });
        });
  }

  template <int R, int N>
  static void input_tile(const Step& step, const float* weights, int64_t column, int64_t row) {
    const Shape& s = step.job.shape;
    Vec sums[R][N] = {};
    transposed_product<C, C::kInputFirst, C::kInputCount>(s, step.slots, step.rows, row, weights, sums);
    float* dx = step.job.arrays.dx + (step.t * s.batch + step.job.row_begin + row) * s.inputs + column;
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 16
      for (int n = 0; n < N; ++n)
        store(dx + r * s.inputs + n * kLanes, sums[r][n], least(kLanes, s.inputs - column - n * kLanes));
  }

  static void inputs(const Step& step) {
    const Shape& s = step.job.shape;
    const Tiles groups(vectors(s.inputs), kWide), tiles(step.rows, kTall);
    const float* weights = step.job.packed + packed_u(s);
    const Span own = part_of(step.job.units, groups.count);
    for (int64_t q = own.begin; q < own.end(); ++q)
      for (int64_t i = 0; i < tiles.count; ++i)
        with_constant<kTall>(tiles[i].size, [&](auto r) {
          with_constant<kWide>(groups[q].size, [&](auto n) {
            input_tile<decltype(r)::value, decltype(n)::value>(
                step, weights + packed_floats(s, groups[q].begin * kLanes, C::kInputCount), groups[q].begin * kLanes,
                tiles[i].begin);
          });
        });
  }

  // The slot gradients of steps [begin, end): step t lies at ring + (t % size) * step_floats.
  struct Chunk {
    const BackwardJob& job;
    int64_t rows, begin, end;
    const float* ring;
    int64_t size;
    float* room;  // [chunk] of paired x, of paired h before, of one panel's paired slot gradients
    const float* slots(int64_t t) const { return ring + (t % size) * step_floats(job.shape, rows); }
    const float* x(int64_t t) const {
      return job.arrays.xs + (t * job.shape.batch + job.row_begin) * job.shape.inputs;
    }
    const float* h_before(int64_t t) const {
      const int64_t row = job.row_begin * job.shape.hidden, one = job.shape.batch * job.shape.hidden;
      return (t ? job.arrays.hs + (t - 1) * one : job.arrays.h0) + row;
    }
    // Where `count` numbers a row of step t lie in `room` from `at` on; `otherwise` where they need not be paired.
    const float* paired(const float* otherwise, float* at, int64_t t, int64_t count) const {
      return kPaired ? at + (t - begin) * rows_room(rows, count) : otherwise;
    }
    float* h_room() const { return room + (end - begin) * rows_room(rows, job.shape.inputs); }
    float* slots_room() const { return h_room() + (end - begin) * rows_room(rows, job.shape.hidden); }
  };

  // `share` [count][Count] vectors += features (x or the h before) times slot gradients of one panel, whose rows are
  // `stride` floats apart. f(t) and d(t) are where those of step t begin, [factors(rows), count] and [.., stride].
  template <int First, int Count, class F, class D>
  static float* features(const Chunk& c, int64_t stride, int64_t count, float* share, F f, D d) {
    constexpr int kFeatures = kTile / Count < 12 ? kTile / Count : 12;
    const Tiles tiles(count, kFeatures);
    for (int64_t i = 0; i < tiles.count; ++i)
      with_constant<kFeatures>(tiles[i].size, [&](auto size) {
        constexpr int kSize = decltype(size)::value;
        float* out = share + tiles[i].begin * Count * kLanes;
        Vec sums[kSize][Count];
#pragma GCC unroll 32
        for (int k = 0; k < kSize * Count; ++k) sums[k / Count][k % Count] = load(out + k * kLanes);
        for (int64_t t = c.begin; t < c.end; ++t)
          contract<Count>(sums, f(t) + tiles[i].begin, count, d(t) + First * kLanes, stride, factors(c.rows));
#pragma GCC unroll 32
        for (int k = 0; k < kSize * Count; ++k) store(out + k * kLanes, sums[k / Count][k % Count]);
      });
    return share + count * Count * kLanes;
  }

  template <int Vectors, int InputFirst, int InputCount, int HiddenFirst, int HiddenCount>
  static void panel_weights(const Chunk& c, int64_t p, float* share) {
    const Shape& s = c.job.shape;
    const int64_t stride = Vectors * kLanes;
    const auto stored = [&](int64_t t) { return c.slots(t) + factors(p * c.rows * C::kSlots * kLanes); };
    const auto slots = [&](int64_t t) { return c.paired(stored(t), c.slots_room(), t, stride); };
    for (int64_t t = c.begin; kPaired && t < c.end; ++t)
      pair_stored_rows(stored(t), c.rows, stride, c.slots_room() + (t - c.begin) * rows_room(c.rows, stride));
    Vec sums[Vectors];
    for (int v = 0; v < Vectors; ++v) sums[v] = load(share + v * kLanes);
    const float one = factor_of_ones();
    for (int64_t t = c.begin; t < c.end; ++t)
      for (int64_t r = 0; r < factors(c.rows); ++r)
        for (int v = 0; v < Vectors; ++v)
          sums[v] = multiply_add(sums[v], load(slots(t) + r * stride + v * kLanes), one);
    for (int v = 0; v < Vectors; ++v) store(share + v * kLanes, sums[v]);
    share += Vectors * kLanes;
    share = features<InputFirst, InputCount>(
        c, stride, s.inputs, share, [&](int64_t t) { return c.paired(c.x(t), c.room, t, s.inputs); }, slots);
    features<HiddenFirst, HiddenCount>(
        c, stride, s.hidden, share, [&](int64_t t) { return c.paired(c.h_before(t), c.h_room(), t, s.hidden); }, slots);
  }

  static void weights(const Chunk& c) {
    constexpr int kHalf = (C::kSlots + 1) / 2;
    const Shape& s = c.job.shape;
    for (int64_t t = c.begin; kPaired && t < c.end; ++t) {
      pair_rows(c.x(t), c.rows, s.inputs, c.room + (t - c.begin) * rows_room(c.rows, s.inputs));
      pair_rows(c.h_before(t), c.rows, s.hidden, c.h_room() + (t - c.begin) * rows_room(c.rows, s.hidden));
    }
    const Span own = own_panels(c.job);
    for (int64_t p = own.begin; p < own.end(); ++p) {
      float* share = c.job.gradient + p * Columns::panel_floats(s);
      if (folded<C>(s.hidden, p)) {
        panel_weights<kHalf, 0, kHalf, 0, kHalf>(c, p, share);
      } else {
        panel_weights<C::kSlots, C::kInputFirst, C::kInputCount, C::kHiddenFirst, C::kHiddenCount>(c, p, share);
      }
    }
  }

  static void run(BackwardJob job) {
    const Shape& s = job.shape;
    const Span own = own_panels(job);
    std::memset(job.gradient + own.begin * Columns::panel_floats(s), 0,
                static_cast<size_t>(own.size * Columns::panel_floats(s)) * sizeof(float));
    const int64_t begin = job.row_begin, rows = job.row_end - begin;
    const Tiles slabs(rows, slab(s, rows));
    for (int64_t i = 0; i < slabs.count; ++i) {
      job.row_begin = begin + slabs[i].begin;
      job.row_end = begin + slabs[i].end();
      if (!run_slab(job)) return;
      if (i + 1 < slabs.count && !goes_on(job.units)) return;  // the next slab's ring lies where this one's lay
    }
  }

  // False where another part of the units has taken this one's over.
  static bool run_slab(BackwardJob& job) {
    const Shape& s = job.shape;
    const BackwardArrays& a = job.arrays;
    const int64_t rows = job.row_end - job.row_begin, size = chunk(s, rows) + 1;
    float* carry = job.state;
    float* held = a.mask ? carry + panels(s) * rows * kLanes : nullptr;
    float* ring = carry + 2 * panels(s) * rows * kLanes;
    const auto each_carry = [&](auto f) {
      const Span own = own_panels(job);
      for (int64_t p = own.begin; p < own.end(); ++p)
        for (int64_t r = 0; r < rows; ++r)
          f(carry + (p * rows + r) * kLanes, (job.row_begin + r) * s.hidden + p * kLanes, lanes(s.hidden, p));
    };
    each_carry([&](float* at, int64_t where, int64_t n) {
      store(at, C::kHasCell ? load(a.dc_last + where, n) : Vec{});
      if (held) store(held + (at - carry), Vec{});
    });
    const float* next = nullptr;
    for (int64_t end = s.time, begin; end > 0; end = begin) {
      begin = end > size - 1 ? end - (size - 1) : 0;
      for (int64_t t = end - 1; t >= begin; --t) {
        float* slots = ring + (t % size) * step_floats(s, rows);
        const Step step{job, t, rows, next, slots, carry, held};
        recurrence(step);
        if (!goes_on(job.units)) return false;
        if (a.dx != nullptr) inputs(step);
        next = slots;
      }
      weights(Chunk{job, rows, begin, end, ring, size, job.scratch});
    }
    recurrence(Step{job, -1, rows, next, nullptr, carry, held});
    if (C::kHasCell) each_carry([&](float* at, int64_t where, int64_t n) { store(a.dc0 + where, load(at), n); });
    return true;
  }

  static void collect(const Shape& s, const float* gradients, int64_t jobs, const BackwardArrays& a) {
    for (int64_t p = 0; p < panels(s); ++p) {
      const float* in = gradients + p * Columns::panel_floats(s);
      const int64_t n = lanes(s.hidden, p);
      Columns::each_packed(s, p, a.dw, a.du, a.db, a.dbn, [&](float* array, int64_t at, int64_t stride) {
        if (array != nullptr) {
          Vec sum = load(in, n);
          for (int64_t j = 1; j < jobs; ++j) sum += load(in + j * gradient_floats(s), n);
          store(array + at, sum, n);
        }
        in += stride;
      });
    }
  }
};

}  // namespace wattcast::WATTCAST_NAMESPACE
