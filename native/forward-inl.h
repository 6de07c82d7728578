// A layer over a sequence, for some rows of the batch: all steps in one go. No other thread is waited for, unless the
// rows are so few that threads share the hidden units (units-inl.h).
//
// Weights are packed by vector of units ("panel"): bias [kSlots], then [I][kInputCount], then [H][kHiddenCount]
// vectors; in a folded panel (cells-inl.h) kSlots / 2 vectors each. A panel stays in the
// first-level cache while all rows pass over it, and a tile of rows holds all slots of its units, so that gates and
// state are worked out before the sums leave the registers.
namespace wattcast::WATTCAST_NAMESPACE {

template <class C>
struct Forward {
  static int64_t panel_floats(const Shape& s) {
    return kLanes * (C::kSlots + s.inputs * C::kInputCount + s.hidden * C::kHiddenCount);
  }
  static int64_t packed(const Shape& s) { return vectors(s.hidden) * panel_floats(s); }
  static int64_t saved_per_unit() { return C::kSaved; }
  // Where what is saved of a step, panel and row begins: [T][panels][B] rows of kSaved slots.
  static int64_t saved_at(const Shape& s, int64_t t, int64_t p, int64_t row) {
    return ((t * vectors(s.hidden) + p) * s.batch * kLanes + row * slot_stride<C>(s.hidden, p)) * C::kSaved;
  }
  // The running cell values, one vector for each panel and row.
  static int64_t state(const Shape& s, int64_t rows) { return C::kHasCell ? vectors(s.hidden) * rows * kLanes : 0; }
  // x and h of one step as factors.
  static int64_t scratch(const Shape& s, int64_t rows) {
    return columns_room(rows, s.inputs) + columns_room(rows, s.hidden);
  }

  static constexpr bool takes_input(int slot) {
    return slot >= C::kInputFirst && slot < C::kInputFirst + C::kInputCount;
  }
  static constexpr bool takes_hidden(int slot) {
    return slot >= C::kHiddenFirst && slot < C::kHiddenFirst + C::kHiddenCount;
  }

  // Ones in the lanes of vector v of a folded panel whose slots a product feeds.
  static Bits fed(int v, bool (*takes)(int slot)) {
    Bits mask{};
    for (int l = 0; l < kLanes; ++l) mask[l] = takes((v * kLanes + l) / (kLanes / 2)) ? ~uint32_t{0} : 0;
    return mask;
  }

  // A product; where Mixed, in a folded panel that it feeds in part, the other slots' sums are put back after it: an
  // infinity times their zero weights is NaN.
  template <bool Mixed, int R, int V, class F>
  [[gnu::always_inline]] static inline void multiply_fed(Vec (&sums)[R][V], bool (*takes)(int slot), F product) {
    Vec before[R][V];
    if constexpr (Mixed) std::memcpy(before, sums, sizeof before);
    product();
    if constexpr (Mixed) {
      for (int v = 0; v < V; ++v)
        for (int r = 0; r < R; ++r) sums[r][v] = chosen(fed(v, takes), sums[r][v], before[r][v]);
    }
  }

  // Calls f(array, start of the units in it, floats packed for them), in packed order; array is null for the zeros
  // of a folded panel. Packing and collecting dW, dU and db go the same way.
  template <class Float, class F>
  static void each_packed(const Shape& s, int64_t p, Float* w, Float* u, Float* b, Float* bn, F f) {
    const int64_t columns = C::kGates * s.hidden, stride = slot_stride<C>(s.hidden, p);
    const bool fold = folded<C>(s.hidden, p);
    Float* none = nullptr;
    for (int slot = 0; slot < C::kSlots; ++slot)
      f(takes_input(slot) ? b : bn, takes_input(slot) ? C::gate(slot) * s.hidden + p * kLanes : p * kLanes, stride);
    for (int64_t k = 0; k < s.inputs; ++k)
      for (int slot = 0; slot < C::kSlots; ++slot)
        if (fold || takes_input(slot))
          f(takes_input(slot) ? w : none, k * columns + C::gate(slot) * s.hidden + p * kLanes, stride);
    for (int64_t k = 0; k < s.hidden; ++k)
      for (int slot = 0; slot < C::kSlots; ++slot)
        if (fold || takes_hidden(slot))
          f(takes_hidden(slot) ? u : none, k * columns + C::gate(slot) * s.hidden + p * kLanes, stride);
  }

  static void pack(const Shape& s, const Weights& weights, float* packed_weights) {
    for (int64_t p = 0; p < vectors(s.hidden); ++p) {
      float* out = packed_weights + p * panel_floats(s);
      const int64_t n = lanes(s.hidden, p);
      each_packed(s, p, weights.w, weights.u, weights.b, weights.bn,
                  [&](const float* array, int64_t at, int64_t stride) {
                    store(out, array ? load(array + at, n) : Vec{}, stride);
                    out += stride;
                  });
      const bool fold = folded<C>(s.hidden, p);
      const int64_t half = C::kSlots / 2 * kLanes;
      const int64_t w_width = fold ? half : C::kInputCount * kLanes, u_width = fold ? half : C::kHiddenCount * kLanes;
      float* w = packed_weights + p * panel_floats(s) + C::kSlots * slot_stride<C>(s.hidden, p);
      pair_rows(w, s.inputs, w_width, w);
      pair_rows(w + s.inputs * w_width, s.hidden, u_width, w + factors(s.inputs) * w_width);
    }
  }

  // Where one step reads and writes.
  struct Step {
    Shape shape;
    const float* x;         // [rows][factors(I)], from row_begin on
    const float* past;      // [rows][factors(H)]: h_before for the product
    const float* h_before;  // [B, H]
    float* h;               // [B, H]
    float* cell;            // [panels][rows] vectors, from row_begin on
    float* saved;           // of all steps, or null
    int64_t t;
    int64_t row_begin, rows;
    const float* mask;      // [B], or null
  };

  // Sums of R rows: Vectors of them a row, from the products' first vector on.
  template <int R, int Vectors, int InputFirst, int InputCount, int HiddenFirst, int HiddenCount>
  static void tile(const Step& s, const float* panel, int64_t p, int64_t row) {
    Vec sums[R][Vectors];
#pragma GCC unroll 16
    for (int v = 0; v < Vectors; ++v) {
      const Vec bias = load(panel + v * kLanes);
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) sums[r][v] = bias;
    }
    const int64_t inputs = factors(s.shape.inputs), hidden = factors(s.shape.hidden), own_row = row - s.row_begin;
    const float* w = panel + Vectors * kLanes;
    const float* u = w + inputs * InputCount * kLanes;
    multiply_fed<Vectors < C::kSlots && C::kInputCount < C::kSlots>(sums, takes_input, [&] {
      multiply<InputFirst, InputCount>(sums, s.x + own_row * inputs, inputs, w, inputs);
    });
    multiply_fed<Vectors < C::kSlots && C::kHiddenCount < C::kSlots>(sums, takes_hidden, [&] {
      multiply<HiddenFirst, HiddenCount>(sums, s.past + own_row * hidden, hidden, u, hidden);
    });
    // Through memory, so that the gates are compiled once and not once a row: the same speed, a tenth of the code.
    float held[R * Vectors * kLanes];
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 16
      for (int v = 0; v < Vectors; ++v) store(held + (r * Vectors + v) * kLanes, sums[r][v]);
    finish<Vectors * kLanes / C::kSlots>(s, p, row, R, held);
  }

  static void tiles(const Step& s, const float* panel, int64_t p, const Tiles& cut) {
    for (int64_t i = 0; i < cut.count; ++i)
      with_constant<kRows<C>>(cut[i].size, [&](auto r) {
        constexpr int R = decltype(r)::value, kHalf = (C::kSlots + 1) / 2;
        if (folded<C>(s.shape.hidden, p)) {
          tile<R, kHalf, 0, kHalf, 0, kHalf>(s, panel, p, s.row_begin + cut[i].begin);
        } else {
          tile<R, C::kSlots, C::kInputFirst, C::kInputCount, C::kHiddenFirst, C::kHiddenCount>(
              s, panel, p, s.row_begin + cut[i].begin);
        }
      });
  }

  // A stride known when compiled spares a test at each load and store: a tenth of forward at hidden 64.
  template <int stride>
  [[gnu::noinline]] static void finish(const Step& s, int64_t p, int64_t row, int rows, const float* held) {
    // All addresses first: a store may alias anything, so what stands in the loop is worked out after each of them.
    const int64_t hidden = s.shape.hidden, n = lanes(hidden, p);
    const float* before_at = s.h_before + row * hidden + p * kLanes;
    float* h_at = s.h + row * hidden + p * kLanes;
    float* cell = C::kHasCell ? s.cell + (p * s.rows + row - s.row_begin) * kLanes : nullptr;
    const float* mask = s.mask ? s.mask + row : nullptr;
    float* saved_row = s.saved ? s.saved + saved_at(s.shape, s.t, p, row) : nullptr;
    for (int r = 0; r < rows; ++r, held += C::kSlots * stride) {
      Vec before{}, c{}, sums[C::kSlots], saved[C::kSaved + 1];
      for (int slot = 0; slot < C::kSlots; ++slot) sums[slot] = load(held + slot * stride, stride);
      if (C::kReadsHidden || mask != nullptr) before = load(before_at + r * hidden, n);
      if (C::kHasCell) c = load(cell + r * kLanes);
      const Vec c_before = c;
      Vec h = C::step(sums, before, c, saved);
      if (mask != nullptr && mask[r] == 0.0f) {
        h = before;
        c = c_before;
        if (C::kHasCell) saved[C::kSaved - 1] = c;
      }
      store(h_at + r * hidden, h, n);
      if (C::kHasCell) store(cell + r * kLanes, c);
      if (saved_row == nullptr) continue;
      for (int i = 0; i < C::kSaved; ++i) store(saved_row + i * stride, saved[i], stride);
      saved_row += C::kSaved * stride;
    }
  }

  static void run(const ForwardJob& job) {
    const Shape& s = job.shape;
    const ForwardArrays& a = job.arrays;
    const int64_t panel_size = panel_floats(s), rows = job.row_end - job.row_begin;
    Units units = job.units;
    Span own = part_of(units, vectors(s.hidden));
    const Tiles cut(rows, kRows<C>);
    float* past_room = job.scratch + columns_room(rows, s.inputs);
    if (C::kHasCell) each_cell(job, own, [&](int64_t row, int64_t p, int64_t n, float* cell) {
      store(cell, load(a.c0 + row * s.hidden + p * kLanes, n));
    });
    for (int64_t t = 0; t < s.time; ++t) {
      const float* h_before = t ? a.hs + (t - 1) * s.batch * s.hidden : a.h0;
      const float* x = pair_columns(a.xs + (t * s.batch + job.row_begin) * s.inputs, rows, s.inputs, job.scratch);
      const float* past = pair_columns(h_before + job.row_begin * s.hidden, rows, s.hidden, past_room);
      const Step step{s, x, past, h_before, a.hs + t * s.batch * s.hidden, job.state, a.saved, t, job.row_begin,
                      rows, a.mask ? a.mask + t * s.batch : nullptr};
      for (int64_t p = own.begin; p < own.end(); ++p)
        tiles(step, job.packed + p * panel_size, p, cut);
      if (!goes_on(units)) return;
      own = part_of(units, vectors(s.hidden));
    }
    if (C::kHasCell) each_cell(job, own, [&](int64_t row, int64_t p, int64_t n, float* cell) {
      store(a.c_last + row * s.hidden + p * kLanes, load(cell), n);
    });
  }

  // f(row, panel, lanes, the running cell values there)
  template <class F>
  static void each_cell(const ForwardJob& job, Span own, F f) {
    const int64_t rows = job.row_end - job.row_begin;
    for (int64_t p = own.begin; p < own.end(); ++p)
      for (int64_t row = 0; row < rows; ++row)
        f(job.row_begin + row, p, lanes(job.shape.hidden, p), job.state + (p * rows + row) * kLanes);
  }
};

}  // namespace wattcast::WATTCAST_NAMESPACE
