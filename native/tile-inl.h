// Products that keep their sums in registers, and ways to cut a length into tiles. Depths, rows and strides are counted
// in factors (product-inl.h).
namespace wattcast::WATTCAST_NAMESPACE {

// sums[r][From + n] += sum over k of a[r * a_stride + k] * b[k * N * kLanes + n * kLanes]
template <int From, int N, int R, int S>
[[gnu::always_inline]] static inline void multiply(Vec (&sums)[R][S], const float* a, int64_t a_stride,
                                                   const float* b, int64_t depth) {
  for (int64_t k = 0; k < depth; ++k, b += N * kLanes) {
    Vec row[N];
#pragma GCC unroll 16
    for (int n = 0; n < N; ++n) row[n] = load(b + n * kLanes);
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 16
      for (int n = 0; n < N; ++n) sums[r][From + n] = multiply_add(sums[r][From + n], row[n], a[r * a_stride + k]);
    }
  }
}

// sums[f][n] += sum over rows of a[row * a_stride + f] * b[row * b_stride + n * kLanes]
template <int N, int F>
[[gnu::always_inline]] static inline void contract(Vec (&sums)[F][N], const float* a, int64_t a_stride,
                                                   const float* b, int64_t b_stride, int64_t rows) {
  for (int64_t row = 0; row < rows; ++row, a += a_stride, b += b_stride) {
    Vec line[N];
#pragma GCC unroll 16
    for (int n = 0; n < N; ++n) line[n] = load(b + n * kLanes);
#pragma GCC unroll 16
    for (int f = 0; f < F; ++f) {
#pragma GCC unroll 16
      for (int n = 0; n < N; ++n) sums[f][n] = multiply_add(sums[f][n], line[n], a[f]);
    }
  }
}

struct Span {
  int64_t begin, size;
  int64_t end() const { return begin + size; }
};

// `length` in equal tiles of at most `largest`: 8 rows are cut 4 + 4, not 6 + 2, as a tile of 2 waits for its
// own sums.
struct Tiles {
  int64_t length, count;
  Tiles(int64_t length_, int64_t largest) : length(length_), count((length_ + largest - 1) / largest) {}
  Span operator[](int64_t i) const {
    const int64_t size = length / count, more = length % count;
    return {i * size + (i < more ? i : more), size + (i < more ? 1 : 0)};
  }
};

template <int N>
struct Constant {
  static constexpr int value = N;
};

// f(Constant<n>{}) for 1 <= n <= Largest: from a size met at run time to a body compiled for it.
template <int Largest, class F>
[[gnu::always_inline]] static inline void with_constant(int64_t n, F&& f) {
  if constexpr (Largest == 1) {
    f(Constant<1>{});
  } else {
    if (n == Largest) return f(Constant<Largest>{});
    with_constant<Largest - 1>(n, f);
  }
}

static inline int64_t vectors(int64_t units) { return (units + kLanes - 1) / kLanes; }
// Valid lanes of vector p of `units`.
static inline int64_t lanes(int64_t units, int64_t p) { return least(kLanes, units - p * kLanes); }

}  // namespace wattcast::WATTCAST_NAMESPACE
