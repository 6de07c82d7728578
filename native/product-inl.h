// What products multiply. A factor takes the room of one float: it is one f32, or, where WATTCAST_BF16 is defined, two
// numbers rounded to bf16 whose two products are added to one f32 sum (AVX512-BF16), at twice the speed.
//
// sum += a b over k takes its numbers two by two along k: of `a` (values, slot gradients) they lie side by side in a
// row, pair_columns; of `b` (weights) in two rows, pair_rows. dW sums over rows of the batch: there both are
// pair_rows. With f32 nothing is to be done, and both give back what they were given.
namespace wattcast::WATTCAST_NAMESPACE {

#if defined(WATTCAST_BF16)

constexpr int kPerFactor = 2;

// No arithmetic on `a`: as an f32 a pair may be subnormal, and be taken for zero.
static inline Vec multiply_add(Vec sum, Vec row, float a) {
  return _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(row), reinterpret_cast<__m512bh>(_mm512_set1_ps(a)));
}

// The first n lanes; the others are zero, also where they hold NaN.
static inline __m256i rounded(Vec v, int64_t n) {
  return reinterpret_cast<__m256i>(_mm512_maskz_cvtneps_pbh(first(n), v));
}

static inline Vec paired(__m256i low, __m256i high) {
  const __m512i shifted = _mm512_maskz_slli_epi32(0xffff, _mm512_maskz_cvtepu16_epi32(0xffff, high), 16);
  return reinterpret_cast<Vec>(_mm512_maskz_or_epi32(0xffff, _mm512_maskz_cvtepu16_epi32(0xffff, low), shifted));
}

static inline void store_factors(float* p, Vec v, int64_t stride, int64_t n) {
  const auto count = static_cast<__mmask8>((1u << (stride / kPerFactor)) - 1u);
  _mm256_mask_storeu_epi32(p, count, rounded(v, least(n, kLanes)));
}

#else

constexpr int kPerFactor = 1;
static inline Vec multiply_add(Vec sum, Vec row, float a) { return sum + row * a; }
static inline void store_factors(float* p, Vec v, int64_t stride, int64_t) { store(p, v, stride); }

#endif

constexpr bool kPaired = kPerFactor > 1;

// Factors that hold n numbers.
constexpr int64_t factors(int64_t n) { return (n + kPerFactor - 1) / kPerFactor; }

// A factor of ones: by it a row of paired rows is summed.
static inline float factor_of_ones() {
  float one = 1.0f;
#if defined(WATTCAST_BF16)
  constexpr uint32_t kOnes = 0x3f803f80u;
  std::memcpy(&one, &kOnes, sizeof one);
#endif
  return one;
}

// Room that pair_columns or pair_rows needs, in floats.
static inline int64_t columns_room(int64_t rows, int64_t count) { return kPaired ? rows * factors(count) : 0; }
static inline int64_t rows_room(int64_t rows, int64_t count) { return kPaired ? factors(rows) * count : 0; }

// [rows][count] numbers to [rows][factors(count)]; an odd last number is paired with zero.
static inline const float* pair_columns(const float* in, int64_t rows, int64_t count, float* room) {
#if defined(WATTCAST_BF16)
  float* out = room;
  for (int64_t r = 0; r < rows; ++r, in += count, out += factors(count))
    for (int64_t j = 0; j < count; j += kLanes) {
      const int64_t n = least(kLanes, count - j);
      store_factors(out + j / kPerFactor, load(in + j, n), n + n % kPerFactor, n);
    }
  return room;
#else
  (void)rows, (void)count, (void)room;
  return in;
#endif
}

// [rows][count] numbers to [factors(rows)][count]; an odd last row is paired with zeros. `room` may be `in`, or begin
// before it.
static inline const float* pair_rows(const float* in, int64_t rows, int64_t count, float* room) {
#if defined(WATTCAST_BF16)
  for (int64_t r = 0; r < rows; r += kPerFactor)
    for (int64_t j = 0; j < count; j += kLanes) {
      const int64_t n = least(kLanes, count - j);
      const float* at = in + r * count + j;
      const Vec next = r + 1 < rows ? load(at + count, n) : Vec{};
      store(room + r / kPerFactor * count + j, paired(rounded(load(at, n), n), rounded(next, n)), n);
    }
  return room;
#else
  (void)rows, (void)count, (void)room;
  return in;
#endif
}

// The same from rows that store_factors wrote, `count` a multiple of kLanes.
static inline const float* pair_stored_rows(const float* in, int64_t rows, int64_t count, float* room) {
#if defined(WATTCAST_BF16)
  const auto half = [](const float* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); };
  const int64_t stride = factors(count);
  for (int64_t r = 0; r < rows; r += kPerFactor)
    for (int64_t j = 0; j < count; j += kLanes) {
      const float* at = in + r * stride + j / kPerFactor;
      const __m256i next = r + 1 < rows ? half(at + stride) : __m256i{};
      store(room + r / kPerFactor * count + j, paired(half(at), next));
    }
  return room;
#else
  (void)rows, (void)count, (void)room;
  return in;
#endif
}

}  // namespace wattcast::WATTCAST_NAMESPACE
