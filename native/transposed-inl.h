// The product of backward: slot gradients times W or U transposed, and how these are packed for it.
namespace wattcast::WATTCAST_NAMESPACE {

// One tile of the products with W and U transposed: vectors of columns, and rows.
constexpr int kWide = kRegisters == 32 ? 4 : 2;
constexpr int kTall = kTile / kWide;

// Groups of at most kWide vectors of the `columns` of the result; in a group, for each panel and slot and unit
// of it, the weights that lead from the columns to that slot.
template <class C, int First, int Count>
static float* pack_transposed(const float* weights, int64_t columns, int64_t hidden, float* out) {
  const Tiles groups(vectors(columns), kWide);
  for (int64_t q = 0; q < groups.count; ++q) {
    const int64_t width = groups[q].size * kLanes, column = groups[q].begin * kLanes;
    for (int64_t p = 0; p < vectors(hidden); ++p)
      for (int slot = First; slot < First + Count; ++slot) {
        const int64_t n = lanes(hidden, p);
        const float* in = weights + C::gate(slot) * hidden + p * kLanes;
        for (int64_t j = 0; j < width; ++j) {
          const bool inside = column + j < columns;
          const float* row = inside ? in + (column + j) * C::kGates * hidden : in;
          for (int64_t l = 0; l < n; ++l) out[l * width + j] = inside ? row[l] : 0.0f;
        }
        pair_rows(out, n, width, out);
        out += factors(n) * width;
      }
  }
  return out;
}

// Sums of one tile: slot gradients of R rows from `row` on times one group of transposed weights.
template <class C, int First, int Count, int R, int N>
[[gnu::always_inline]] static inline void transposed_product(const Shape& s, const float* slots, int64_t rows,
                                                             int64_t row, const float* weights,
                                                             Vec (&sums)[R][N]) {
  for (int64_t p = 0; p < vectors(s.hidden); ++p, slots += factors(rows * C::kSlots * kLanes)) {
    const int64_t n = lanes(s.hidden, p), stride = slot_stride<C>(s.hidden, p);
    const float* from = slots + factors((row * C::kSlots + First) * stride);
    if (n == kLanes) {
      multiply<0, N>(sums, from, factors(C::kSlots * kLanes), weights, factors(Count * kLanes));
      weights += factors(Count * kLanes) * N * kLanes;
    } else {
      for (int slot = 0; slot < Count; ++slot, weights += factors(n) * N * kLanes)
        multiply<0, N>(sums, from + factors(slot * stride), factors(C::kSlots * stride), weights, factors(n));
    }
  }
}

}  // namespace wattcast::WATTCAST_NAMESPACE
