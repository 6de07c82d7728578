// The kernels as XLA custom calls. The only file that knows XLA; it builds on jaxlib's header-only interface, whose
// C structures carry a version, so that one build serves later versions of jaxlib.
//
// Every operand and result may have leading axes, all of one rank: the members of an ensemble (jax.vmap with
// vmap_method="expand_dims"). An operand's leading axis is 1 where the members share it.
#include <cstdint>
#include <string>
#include <vector>

#include "decoder.h"
#include "sequence.h"
#include "xla/ffi/api/ffi.h"

namespace ffi = xla::ffi;

namespace {

using wattcast::Cell;
using wattcast::Shape;
using Array = ffi::Buffer<ffi::F32>;
using Out = ffi::Result<Array>;
using Dims = ffi::Span<const int64_t>;

// Finds where each member's part of an operand begins, and checks shapes on the way.
class Members {
 public:
  // Leading axes are those of `of` before its last `own`: of a result, as operands may have 1 there.
  Members(Dims of, size_t own) : rank_(of.size() < own ? 0 : of.size() - own), lead_(of.begin(), of.begin() + rank_) {
    if (of.size() < own) fail("an array has too few axes");
    for (const int64_t size : lead_) count *= size;
  }

  // Start of member m's part; null if the part is empty. `want` are the axes after the leading ones.
  const float* at(const Array& array, int64_t m, std::initializer_list<int64_t> want, const char* name) {
    const Dims dims = array.dimensions();
    int64_t part = 1, index = 0, stride = 1;
    if (dims.size() != rank_ + want.size()) return fail(std::string(name) + " has the wrong rank"), nullptr;
    size_t axis = rank_;
    for (const int64_t size : want) {
      if (dims[axis++] != size) return fail(std::string(name) + " has the wrong shape"), nullptr;
      part *= size;
    }
    for (size_t i = rank_; i-- > 0; m /= lead_[i]) {
      if (dims[i] != 1 && dims[i] != lead_[i]) return fail(std::string(name) + " has a wrong leading axis"), nullptr;
      if (dims[i] != 1) index += m % lead_[i] * stride;
      stride *= dims[i];
    }
    return part == 0 ? nullptr : array.typed_data() + index * part;
  }

  float* at(Out& array, int64_t m, std::initializer_list<int64_t> want, const char* name) {
    return const_cast<float*>(at(*array, m, want, name));
  }

  // Length of an operand's axis after the leading ones, 0 if it has none.
  int64_t axis(const Array& array, size_t i) const {
    const Dims dims = array.dimensions();
    return dims.size() > rank_ + i ? dims[rank_ + i] : 0;
  }

  // For axes that must have a length.
  int64_t some(const Array& array, size_t i, const char* name) {
    const int64_t size = axis(array, i);
    if (size < 1) fail(std::string(name) + " is empty or lacks an axis");
    return size;
  }

  int64_t count = 1;
  std::string error;

 private:
  void fail(std::string text) {
    if (error.empty()) error = std::move(text);
  }
  size_t rank_ = 0;
  std::vector<int64_t> lead_;
};

Shape shape_of(Members& members, const Array& hs, const Array& xs) {
  return {members.some(hs, 0, "hs"), members.some(hs, 1, "hs"), members.some(xs, 2, "xs"), members.some(hs, 2, "hs")};
}

bool known(int64_t cell) { return cell >= 0 && cell <= 2; }

ffi::Error answer(const Members& members, bool enough) {
  if (!members.error.empty()) return ffi::Error::InvalidArgument("wattcast: " + members.error);
  return enough ? ffi::Error::Success() : ffi::Error(ffi::ErrorCode::kResourceExhausted, "wattcast: out of memory");
}

ffi::Error forward(int64_t cell, Array w, Array u, Array b, Array bn, Array xs, Array h0, Array c0, Array mask,
                   Out hs, Out c_last, Out saved) {
  if (!known(cell)) return ffi::Error::InvalidArgument("wattcast: unknown cell");
  Members members(hs->dimensions(), 3);
  const Shape shape = shape_of(members, *hs, xs);
  if (!members.error.empty()) return answer(members, true);
  const auto [time, batch, inputs, hidden] = shape;
  const Cell kind = static_cast<Cell>(cell);
  const int64_t gates = (kind == Cell::kElman ? 1 : kind == Cell::kGru ? 3 : 4) * hidden;
  const int64_t reset = kind == Cell::kGru ? hidden : 0, cells = kind == Cell::kLstm ? hidden : 0;
  const int64_t kept = members.axis(*saved, 0) > 0 ? wattcast::saved_floats(kind, shape) : 0;
  const int64_t mask_time = members.axis(mask, 0) > 0 ? time : 0;  // one that is left out has no steps
  std::vector<wattcast::ForwardArrays> arrays;
  for (int64_t m = 0; m < members.count; ++m)
    arrays.push_back({{members.at(w, m, {inputs, gates}, "w"), members.at(u, m, {hidden, gates}, "u"),
                       members.at(b, m, {gates}, "b"), members.at(bn, m, {reset}, "bn")},
                      members.at(xs, m, {time, batch, inputs}, "xs"),
                      members.at(h0, m, {batch, hidden}, "h"),
                      members.at(c0, m, {batch, cells}, "c"),
                      members.at(hs, m, {time, batch, hidden}, "hs"),
                      members.at(c_last, m, {batch, cells}, "last c"),
                      members.at(saved, m, {kept}, "saved"),
                      members.at(mask, m, {mask_time, batch}, "mask")});
  if (!members.error.empty()) return answer(members, true);
  return answer(members, wattcast::forward(kind, shape, arrays.data(), members.count));
}

ffi::Error backward(int64_t cell, Array w, Array u, Array xs, Array h0, Array c0, Array hs, Array saved, Array d_hs,
                    Array dh_last, Array dc_last, Array mask, Out dw, Out du, Out db, Out dbn, Out dx, Out dh0, Out dc0) {
  if (!known(cell)) return ffi::Error::InvalidArgument("wattcast: unknown cell");
  Members members(du->dimensions(), 2);
  const Shape shape = shape_of(members, hs, xs);
  if (!members.error.empty()) return answer(members, true);
  const auto [time, batch, inputs, hidden] = shape;
  const Cell kind = static_cast<Cell>(cell);
  const int64_t gates = (kind == Cell::kElman ? 1 : kind == Cell::kGru ? 3 : 4) * hidden;
  const int64_t reset = kind == Cell::kGru ? hidden : 0, cells = kind == Cell::kLstm ? hidden : 0;
  const int64_t kept = wattcast::saved_floats(kind, shape), mask_time = members.axis(mask, 0) > 0 ? time : 0;
  const int64_t d_time = members.axis(d_hs, 0) > 0 ? time : 0, x_time = members.axis(*dx, 0) > 0 ? time : 0;
  std::vector<wattcast::BackwardArrays> arrays;
  for (int64_t m = 0; m < members.count; ++m)
    arrays.push_back({{members.at(w, m, {inputs, gates}, "w"), members.at(u, m, {hidden, gates}, "u"), nullptr,
                       nullptr},
                      members.at(xs, m, {time, batch, inputs}, "xs"),
                      members.at(h0, m, {batch, hidden}, "h"),
                      members.at(c0, m, {batch, cells}, "c"),
                      members.at(hs, m, {time, batch, hidden}, "hs"),
                      members.at(saved, m, {kept}, "saved"),
                      members.at(d_hs, m, {d_time, batch, hidden}, "gradient of hs"),
                      members.at(dh_last, m, {batch, hidden}, "gradient of the last h"),
                      members.at(dc_last, m, {batch, cells}, "gradient of the last c"),
                      members.at(dw, m, {inputs, gates}, "dw"),
                      members.at(du, m, {hidden, gates}, "du"),
                      members.at(db, m, {gates}, "db"),
                      members.at(dbn, m, {reset}, "dbn"),
                      members.at(dx, m, {x_time, batch, inputs}, "dx"),
                      members.at(dh0, m, {batch, hidden}, "dh"),
                      members.at(dc0, m, {batch, cells}, "dc"),
                      members.at(mask, m, {mask_time, batch}, "mask")});
  if (!members.error.empty()) return answer(members, true);
  return answer(members, wattcast::backward(kind, shape, arrays.data(), members.count));
}

// The decoder's operands in a row, and where members' parts of them begin.
struct DecoderCall {
  Members members;
  wattcast::DecoderShape shape{};
  std::vector<wattcast::DecoderArrays> arrays;

  // `of` is a result with `own` axes beside the leading ones.
  DecoderCall(Dims of, size_t own, const Array& common, const Array& local, const Array& from_local,
              const Array& slot, const Array& out)
      : members(of, own) {
    shape = {members.some(common, 0, "common"), members.some(local, 0, "local"), members.some(slot, 0, "slot"),
             members.some(common, 1, "common"), members.some(out, 1, "out")};
    const auto [rows, inputs, outputs, units, params] = shape;
    for (int64_t m = 0; m < members.count && members.error.empty(); ++m)
      arrays.push_back({members.at(common, m, {rows, units}, "common"),
                        members.at(local, m, {inputs, rows, outputs}, "local"),
                        members.at(from_local, m, {inputs, units}, "from_local"),
                        members.at(slot, m, {outputs, units}, "slot"), members.at(out, m, {units, params}, "out")});
  }
};

ffi::Error decoder_forward(Array common, Array local, Array from_local, Array slot, Array out, Out raw) {
  DecoderCall call(raw->dimensions(), 3, common, local, from_local, slot, out);
  const auto& s = call.shape;
  std::vector<float*> to;
  for (int64_t m = 0; m < call.members.count && call.members.error.empty(); ++m)
    to.push_back(call.members.at(raw, m, {s.rows, s.outputs, s.params}, "raw"));
  if (!call.members.error.empty()) return answer(call.members, true);
  return answer(call.members, wattcast::decoder_forward(s, call.arrays.data(), to.data(), call.members.count));
}

ffi::Error decoder_backward(Array common, Array local, Array from_local, Array slot, Array out, Array d_raw,
                            Out d_common, Out d_from_local, Out d_slot, Out d_out) {
  DecoderCall call(d_common->dimensions(), 2, common, local, from_local, slot, out);
  const auto& s = call.shape;
  Members& members = call.members;
  std::vector<const float*> from;
  std::vector<wattcast::DecoderGradients> to;
  for (int64_t m = 0; m < members.count && members.error.empty(); ++m) {
    from.push_back(members.at(d_raw, m, {s.rows, s.outputs, s.params}, "gradient of raw"));
    to.push_back({members.at(d_common, m, {s.rows, s.units}, "gradient of common"),
                  members.at(d_from_local, m, {s.local, s.units}, "gradient of from_local"),
                  members.at(d_slot, m, {s.outputs, s.units}, "gradient of slot"),
                  members.at(d_out, m, {s.units, s.params}, "gradient of out")});
  }
  if (!members.error.empty()) return answer(members, true);
  return answer(members, wattcast::decoder_backward(s, call.arrays.data(), from.data(), to.data(), members.count));
}

}  // namespace

#pragma GCC visibility push(default)

XLA_FFI_DEFINE_HANDLER_SYMBOL(wattcast_ffi_forward, forward,
                              ffi::Ffi::Bind()
                                  .Attr<int64_t>("cell")
                                  .Arg<Array>()    // w
                                  .Arg<Array>()    // u
                                  .Arg<Array>()    // b
                                  .Arg<Array>()    // bn, [0] but for GRU
                                  .Arg<Array>()    // xs
                                  .Arg<Array>()    // h0
                                  .Arg<Array>()    // c0, [B, 0] but for LSTM
                                  .Arg<Array>()    // mask, [0, B] where none
                                  .Ret<Array>()    // hs
                                  .Ret<Array>()    // c_last, [B, 0] but for LSTM
                                  .Ret<Array>());  // saved, [0] where no gradient follows

XLA_FFI_DEFINE_HANDLER_SYMBOL(wattcast_ffi_backward, backward,
                              ffi::Ffi::Bind()
                                  .Attr<int64_t>("cell")
                                  .Arg<Array>()    // w
                                  .Arg<Array>()    // u
                                  .Arg<Array>()    // xs
                                  .Arg<Array>()    // h0
                                  .Arg<Array>()    // c0
                                  .Arg<Array>()    // hs
                                  .Arg<Array>()    // saved
                                  .Arg<Array>()    // d_hs, [0, B, H] where zero
                                  .Arg<Array>()    // dh_last
                                  .Arg<Array>()    // dc_last
                                  .Arg<Array>()    // mask, [0, B] where none
                                  .Ret<Array>()    // dw
                                  .Ret<Array>()    // du
                                  .Ret<Array>()    // db
                                  .Ret<Array>()    // dbn
                                  .Ret<Array>()    // dx, [0, B, I] where not wanted
                                  .Ret<Array>()    // dh0
                                  .Ret<Array>());  // dc0

XLA_FFI_DEFINE_HANDLER_SYMBOL(wattcast_ffi_decoder_forward, decoder_forward,
                              ffi::Ffi::Bind()
                                  .Arg<Array>()    // common
                                  .Arg<Array>()    // local
                                  .Arg<Array>()    // from_local
                                  .Arg<Array>()    // slot
                                  .Arg<Array>()    // out
                                  .Ret<Array>());  // raw

XLA_FFI_DEFINE_HANDLER_SYMBOL(wattcast_ffi_decoder_backward, decoder_backward,
                              ffi::Ffi::Bind()
                                  .Arg<Array>()    // common
                                  .Arg<Array>()    // local
                                  .Arg<Array>()    // from_local
                                  .Arg<Array>()    // slot
                                  .Arg<Array>()    // out
                                  .Arg<Array>()    // d_raw
                                  .Ret<Array>()    // d_common
                                  .Ret<Array>()    // d_from_local
                                  .Ret<Array>()    // d_slot
                                  .Ret<Array>());  // d_out

#pragma GCC visibility pop
