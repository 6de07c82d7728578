// A layer over a sequence, for some rows of the batch: all steps in one go, no other thread is waited for.
//
// Weights are packed by vector of units ("panel"): bias [kSlots], then [I][kInputCount], then [H][kHiddenCount]
// vectors. A panel stays in the first-level cache while all rows pass over it, and a tile of rows holds all
// slots of its units, so that gates and state are worked out before the sums leave the registers.
namespace wattcast::WATTCAST_NAMESPACE {

template <class C>
struct Forward {
  static int64_t panel_floats(const Shape& s) {
    return kLanes * (C::kSlots + s.inputs * C::kInputCount + s.hidden * C::kHiddenCount);
  }
  static int64_t packed(const Shape& s) { return vectors(s.hidden) * panel_floats(s); }
  static int64_t saved_per_unit() { return C::kSaved; }
  // The running cell values, one vector for each panel and row.
  static int64_t scratch(const Shape& s, int64_t rows) {
    return C::kHasCell ? vectors(s.hidden) * rows * kLanes : 0;
  }

  static void pack(const Shape& s, const Weights& weights, float* out) {
    const int64_t columns = C::kGates * s.hidden;
    for (int64_t p = 0; p < vectors(s.hidden); ++p) {
      const int64_t unit = p * kLanes, n = lanes(s.hidden, p);
      const auto put = [&](const float* row) {
        store(out, load(row + unit, n));
        out += kLanes;
      };
      for (int slot = 0; slot < C::kSlots; ++slot) {
        const bool input_side = slot >= C::kInputFirst && slot < C::kInputFirst + C::kInputCount;
        put(input_side ? weights.b + C::gate(slot) * s.hidden : weights.bn);
      }
      for (int64_t k = 0; k < s.inputs; ++k)
        for (int slot = C::kInputFirst; slot < C::kInputFirst + C::kInputCount; ++slot)
          put(weights.w + k * columns + C::gate(slot) * s.hidden);
      for (int64_t k = 0; k < s.hidden; ++k)
        for (int slot = C::kHiddenFirst; slot < C::kHiddenFirst + C::kHiddenCount; ++slot)
          put(weights.u + k * columns + C::gate(slot) * s.hidden);
    }
  }

  // Where one step reads and writes.
  struct Step {
    Shape shape;
    const float* x;         // [B, I]
    const float* h_before;  // [B, H]
    float* h;               // [B, H]
    float* cell;            // [panels][rows] vectors, from row_begin on
    float* saved;           // [panels][B][kSaved] vectors, or null
    int64_t row_begin, rows;
  };

  template <int R>
  static void tile(const Step& s, const float* panel, int64_t p, int64_t row) {
    Vec sums[R][C::kSlots];
#pragma GCC unroll 16
    for (int slot = 0; slot < C::kSlots; ++slot) {
      const Vec bias = load(panel + slot * kLanes);
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) sums[r][slot] = bias;
    }
    const int64_t inputs = s.shape.inputs, hidden = s.shape.hidden;
    const float* w = panel + C::kSlots * kLanes;
    const float* u = w + inputs * C::kInputCount * kLanes;
    multiply<C::kInputFirst, C::kInputCount>(sums, s.x + row * inputs, inputs, w, inputs);
    multiply<C::kHiddenFirst, C::kHiddenCount>(sums, s.h_before + row * hidden, hidden, u, hidden);
    // Through memory, so that the gates are compiled once and not once a row: the same speed, a tenth of the code.
    Vec held[R][C::kSlots];
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 16
      for (int slot = 0; slot < C::kSlots; ++slot) held[r][slot] = sums[r][slot];
    finish(s, p, row, R, held[0]);
  }

  [[gnu::noinline]] static void finish(const Step& s, int64_t p, int64_t row, int rows, const Vec* sums) {
    const int64_t unit = p * kLanes, n = lanes(s.shape.hidden, p);
    for (int r = 0; r < rows; ++r, ++row, sums += C::kSlots) {
      Vec before{};
      Vec saved[C::kSaved + 1];
      if (C::kReadsHidden) before = load(s.h_before + row * s.shape.hidden + unit, n);
      float* cell = C::kHasCell ? s.cell + (p * s.rows + row - s.row_begin) * kLanes : nullptr;
      Vec c{};
      if (C::kHasCell) c = load(cell);
      const Vec h = C::step(sums, before, c, saved);
      store(s.h + row * s.shape.hidden + unit, h, n);
      if (C::kHasCell) store(cell, c);
      if (s.saved != nullptr)
        for (int i = 0; i < C::kSaved; ++i)
          store(s.saved + ((p * s.shape.batch + row) * C::kSaved + i) * kLanes, saved[i]);
    }
  }

  static void run(const ForwardJob& job) {
    const Shape& s = job.shape;
    const ForwardArrays& a = job.arrays;
    const int64_t panels = vectors(s.hidden), panel_size = panel_floats(s);
    const int64_t rows = job.row_end - job.row_begin;
    const Tiles tiles(rows, kRows<C>);
    if (C::kHasCell) each_cell(job, [&](int64_t row, int64_t p, int64_t n, float* cell) {
      store(cell, load(a.c0 + row * s.hidden + p * kLanes, n));
    });
    for (int64_t t = 0; t < s.time; ++t) {
      const int64_t saved_at = t * panels * s.batch * C::kSaved * kLanes;
      const Step step{s, a.xs + t * s.batch * s.inputs, t ? a.hs + (t - 1) * s.batch * s.hidden : a.h0,
                      a.hs + t * s.batch * s.hidden, job.scratch, a.saved ? a.saved + saved_at : nullptr,
                      job.row_begin, rows};
      for (int64_t p = 0; p < panels; ++p)
        for (int64_t i = 0; i < tiles.count; ++i) {
          const Span span = tiles[i];
          with_constant<kRows<C>>(span.size, [&](auto r) {
            tile<decltype(r)::value>(step, job.packed + p * panel_size, p, job.row_begin + span.begin);
          });
        }
    }
    if (C::kHasCell) each_cell(job, [&](int64_t row, int64_t p, int64_t n, float* cell) {
      store(a.c_last + row * s.hidden + p * kLanes, load(cell), n);
    });
  }

  // f(row, panel, lanes, the running cell values there)
  template <class F>
  static void each_cell(const ForwardJob& job, F f) {
    const int64_t rows = job.row_end - job.row_begin;
    for (int64_t p = 0; p < vectors(job.shape.hidden); ++p)
      for (int64_t row = 0; row < rows; ++row)
        f(job.row_begin + row, p, lanes(job.shape.hidden, p), job.scratch + (p * rows + row) * kLanes);
  }
};

}  // namespace wattcast::WATTCAST_NAMESPACE
