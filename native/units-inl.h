// Part of the hidden units, while other threads work on the others.
namespace wattcast::WATTCAST_NAMESPACE {

// What falls to these units' job of `count` panels, or groups of them.
static inline Span part_of(const Units& units, int64_t count) {
  const int64_t begin = count * units.part / units.parts;
  return {begin, count * (units.part + 1) / units.parts - begin};
}

// To be asked after every step: waits for the other parts. If one came too late (pool.h), the first part gets all
// units from then on and the others are done: false.
static inline bool goes_on(Units& units) {
  if (meet(units.barrier)) return true;
  if (units.part > 0) return false;
  units = Units{};
  return true;
}

}  // namespace wattcast::WATTCAST_NAMESPACE
