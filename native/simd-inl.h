// One vector of floats, as wide as the instruction set allows. With product-inl.h the only file that has intrinsics or
// feature tests.
#include <cstdint>
#include <cstring>

#if defined(__AVX512F__) || defined(__AVX2__)
#include <immintrin.h>
#endif

namespace wattcast::WATTCAST_NAMESPACE {

#if defined(__AVX512F__)
constexpr int kLanes = 16;
constexpr int kRegisters = 32;
#elif defined(__AVX2__)
constexpr int kLanes = 8;
constexpr int kRegisters = 16;
#else
constexpr int kLanes = 4;
#if defined(__aarch64__)
constexpr int kRegisters = 32;
#else
constexpr int kRegisters = 16;
#endif
#endif

// Sums held in registers by one tile; the rest is for a row of weights and a broadcast value.
constexpr int kTile = kRegisters == 32 ? 24 : 12;

typedef float Vec __attribute__((vector_size(kLanes * 4)));
typedef uint32_t Bits __attribute__((vector_size(kLanes * 4)));
typedef float Unaligned __attribute__((vector_size(kLanes * 4), aligned(4), may_alias));

static inline Vec load(const float* p) { return *reinterpret_cast<const Unaligned*>(p); }
static inline void store(float* p, Vec v) { *reinterpret_cast<Unaligned*>(p) = v; }
static inline Vec fill(float x) { return Vec{} + x; }

#if defined(__AVX512F__)
static inline __mmask16 first(int64_t n) { return static_cast<__mmask16>((1u << n) - 1u); }
#endif

// The first n <= kLanes floats; the other lanes are zero and their memory is not touched.
static inline Vec load(const float* p, int64_t n) {
  if (n >= kLanes) return load(p);
#if defined(__AVX512F__)
  return _mm512_maskz_loadu_ps(first(n), p);
#else
  Vec v{};
  std::memcpy(&v, p, static_cast<size_t>(n) * sizeof(float));
  return v;
#endif
}

static inline void store(float* p, Vec v, int64_t n) {
  if (n >= kLanes) return store(p, v);
#if defined(__AVX512F__)
  _mm512_mask_storeu_ps(p, first(n), v);
#else
  std::memcpy(p, &v, static_cast<size_t>(n) * sizeof(float));
#endif
}

// 1/x for positive normal x, within 1.5 units in the last place.
static inline Vec reciprocal(Vec x) {
#if defined(__AVX512F__)
  const Vec y = _mm512_maskz_rcp14_ps(0xffff, x);  // the plain form warns in GCC 12
  return y + y * (1.0f - x * y);
#else
  return 1.0f / x;
#endif
}

static inline int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

static inline float lane_sum(Vec v) {
  float total = 0.0f;
  for (int i = 0; i < kLanes; ++i) total += v[i];
  return total;
}

static inline Bits bits(Vec v) { return reinterpret_cast<Bits>(v); }
static inline Vec floats(Bits b) { return reinterpret_cast<Vec>(b); }
// a where the mask's lane is all ones, b where it is zero.
static inline Vec chosen(Bits mask, Vec a, Vec b) { return floats((bits(a) & mask) | (bits(b) & ~mask)); }

// NaN stays NaN: of two operands the machine's least and greatest give the second where one is NaN.
static inline Vec clamp(Vec x, float low, float high) {
#if defined(__AVX512F__)
  return _mm512_maskz_min_ps(0xffff, fill(high), _mm512_maskz_max_ps(0xffff, fill(low), x));  // as in reciprocal
#elif defined(__AVX2__)
  return _mm256_min_ps(fill(high), _mm256_max_ps(fill(low), x));
#else
  x = x < low ? fill(low) : x;
  return x > high ? fill(high) : x;
#endif
}

}  // namespace wattcast::WATTCAST_NAMESPACE
