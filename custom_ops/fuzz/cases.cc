#include "cases.h"

#include <cmath>
#include <cstring>
#include <functional>
#include <string>

#include "gemm/lookup_table.h"

namespace hawx::fuzz {
namespace {

using Shape = std::vector<int64_t>;

// What an input is for; values and shapes follow from it.
enum class Role { kLeft, kRight, kOne, kPerChannel, kBias, kTables, kTableIndex, kFactors };

std::vector<Role> roles_of(const std::string& op) {
  using R = Role;
  if (op == "ApproxQLinearConv") {
    return {R::kLeft, R::kOne, R::kOne,  R::kRight,  R::kPerChannel, R::kPerChannel,
            R::kOne,  R::kOne, R::kBias, R::kTables, R::kTableIndex, R::kFactors};
  }
  if (op == "ApproxQLinearMatMul") {
    return {R::kLeft, R::kOne, R::kOne,    R::kRight,      R::kPerChannel, R::kPerChannel,
            R::kOne,  R::kOne, R::kTables, R::kTableIndex, R::kFactors};
  }
  if (op == "ApproxConvInteger" || op == "ApproxMatMulInteger") {
    return {R::kLeft, R::kRight, R::kOne, R::kPerChannel, R::kTables, R::kTableIndex, R::kFactors};
  }
  return {R::kTables, R::kFactors, R::kBias};  // DescribeKernels: channels of each table
}

struct Operands {
  Shape left, right;
  int64_t channels;
};

Operands convolution(Reader& in, OrtKernelInfo& info) {
  const int64_t rank = in.between(1, 3);
  const int64_t group = in.chance(64) ? in.between(2, 4) : 1;
  const int64_t group_inputs = in.between(1, 5);
  const int64_t outputs = group * (in.chance(64) ? in.between(8, 40) : in.between(1, 8));
  Operands operands = {{in.between(0, 2), group * group_inputs}, {outputs, group_inputs}, outputs};
  for (int64_t i = 0; i < rank; ++i) {
    operands.left.push_back(rank == 1 ? in.between(0, 150) : in.between(1, 14));
    operands.right.push_back(in.between(1, 3));
  }
  const auto list = [&](const char* name, int64_t length, int64_t low, int64_t high) {
    if (!in.chance(96)) return;
    for (int64_t i = 0; i < length; ++i) info.lists[name].push_back(in.between(low, high));
  };
  list("strides", rank, 1, 3);
  list("dilations", rank, 1, 3);
  list("pads", 2 * rank, 0, 3);
  if (in.chance(64))
    info.lists["kernel_shape"].assign(operands.right.begin() + 2, operands.right.end());
  static const char* const kPads[] = {"NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID", "", "SAME"};
  if (in.chance(96)) info.strings["auto_pad"] = kPads[in.byte() % 6];
  if (group != 1) info.numbers["group"] = group;
  if (in.chance(64)) info.numbers["skip_padding"] = in.between(0, 1);
  return operands;
}

Operands product(Reader& in) {
  const int64_t rows = in.chance(64) ? in.between(0, 200) : in.between(1, 20);
  const int64_t depth = in.between(0, 24);
  const int64_t columns = in.between(0, 40);
  Operands operands = {{rows, depth}, {depth, columns}, columns};
  for (int64_t batch = in.between(0, 2); batch > 0; --batch) {
    const int64_t size = in.between(0, 3);
    if (!in.chance(64)) operands.left.insert(operands.left.begin(), in.chance(64) ? 1 : size);
    if (!in.chance(64)) operands.right.insert(operands.right.begin(), in.chance(64) ? 1 : size);
  }
  return operands;
}

Shape shape_of(Role role, const Operands& operands, Reader& in) {
  switch (role) {
    case Role::kLeft:
      return operands.left;
    case Role::kRight:
      return operands.right;
    case Role::kPerChannel:
      if (in.chance(32)) {
        Shape each(operands.right.begin(), operands.right.end() - 2);
        each.push_back(1);
        each.push_back(operands.channels);
        return each;
      }
      if (in.chance(128)) return {operands.channels};
      [[fallthrough]];
    case Role::kOne:
      return in.chance(128) ? Shape{1} : Shape{};
    default:
      return {operands.channels};
  }
}

// Changes the shape to any other; one that is too large gets a dimension of zero.
void spoil(Shape& shape, Reader& in) {
  const size_t at = shape.empty() ? 0 : in.byte() % shape.size();
  const int how = static_cast<int>(in.between(0, 3));
  if (how == 0) shape.insert(shape.begin() + static_cast<ptrdiff_t>(at), in.between(0, 3));
  if (how == 1 && !shape.empty()) shape.erase(shape.begin() + static_cast<ptrdiff_t>(at));
  if (how == 2 && !shape.empty()) shape[at] = in.between(0, 9);
  if (how == 3 && !shape.empty()) shape[at] = in.whole() & INT64_MAX;
  while (count_elements(shape) < 0) shape[in.byte() % shape.size()] = 0;
}

void spoil_attributes(OrtKernelInfo& info, Reader& in) {
  static const char* const kLists[] = {"strides", "dilations", "pads", "kernel_shape"};
  std::vector<int64_t>& list = info.lists[kLists[in.byte() % 4]];
  if (in.chance(64)) list.resize(in.byte() % 8, 1);
  if (!list.empty()) list[in.byte() % list.size()] = in.whole();
  if (in.chance(64)) info.numbers["group"] = in.whole();
}

template <typename T>
void fill(OrtValue& value, const std::function<T(int64_t)>& element) {
  const int64_t count = count_elements(value.shape);
  for (int64_t i = 0; i < count; ++i) {
    const T number = element(i);
    std::memcpy(value.data.get() + static_cast<size_t>(i) * sizeof(T), &number, sizeof(T));
  }
}

OrtValue make_tensor(int type, Shape shape) {
  OrtValue value{type, std::move(shape), nullptr};
  value.data.reset(
      new uint8_t[static_cast<size_t>(count_elements(value.shape)) * element_size(type)]);
  return value;
}

// Two terms, as rows of the input `factors`: the last table of the pool is their sum.
int32_t factor(int64_t row, int64_t column) {
  if (column < 2) return column == 0 ? 0 : row == 0 ? 1 : -3;
  const int64_t code = (column - 2) % 256;
  return static_cast<int32_t>(column < 258 ? code * (row + 1) % 256 - (row == 0 ? 128 : 0)
                                           : (code >> row) % 200);
}

// Factors that fit the last table, and some that are refused or fit none.
const OrtValue& some_factors(Reader& in) {
  static const std::vector<OrtValue> pool = [] {
    std::vector<OrtValue> made;
    for (const Shape& shape :
         {Shape{2, 514}, Shape{1, 514}, Shape{0, 514}, Shape{2, 513}, Shape{514}, Shape{2, 514}}) {
      made.push_back(make_tensor(ort::kInt32, shape));
      const int32_t more = made.size() == 6 ? 300 : 0;
      fill<int32_t>(made.back(), [&](int64_t i) { return factor(i / 514, i % 514) + more; });
    }
    return made;
  }();
  return in.chance(48) ? pool[in.byte() % pool.size()] : pool[0];
}

// Tables are large, and preparing them takes long: a few serve all cases.
const OrtValue& some_tables(Reader& in) {
  static const std::vector<OrtValue> pool = [] {
    std::vector<OrtValue> made;
    for (const Shape& shape :
         {Shape{1, 256, 256}, Shape{1, 256, 256}, Shape{1, 256, 256}, Shape{0, 256, 256},
          Shape{256, 256}, Shape{2, 3, 256}, Shape{1, 256, 256}}) {
      made.push_back(make_tensor(ort::kInt32, shape));
      uint32_t state = static_cast<uint32_t>(made.size());
      const int shift = made.size() == 1 ? 8 : made.size() == 2 ? 17 : 0;  // any width of entries
      fill<int32_t>(made.back(), [&](int64_t) {
        state = state * 1664525u + 1013904223u;
        return static_cast<int32_t>(state ^ state >> 15) >> shift;
      });
    }
    fill<int32_t>(made.back(), [](int64_t i) {
      return factor(0, 2 + i / 256) * factor(0, 258 + i % 256) -
             3 * factor(1, 2 + i / 256) * factor(1, 258 + i % 256);
    });
    return made;
  }();
  static const auto prepared = [] {  // and stay so
    std::vector<std::shared_ptr<const LookupTable>> all;
    for (const size_t i : {0, 1, 2, 6}) {
      all.push_back(LookupTable::shared(reinterpret_cast<const int32_t*>(pool[i].data.get())));
    }
    return all;
  }();
  if (in.chance(16)) return pool[in.byte() % pool.size()];
  return in.chance(96) ? pool.back() : pool[in.byte() % 3];
}

float some_scale(Reader& in) {
  static const float kScales[] = {0.01f, 1.0f,  0.5f,   3e-5f,    100.0f, 0.0f,
                                  -1.0f, 3e38f, 1e-45f, INFINITY, NAN};
  return in.chance(24) ? kScales[in.byte() % 11] : kScales[in.byte() % 5];
}

void fill_values(OrtValue& value, Role role, Reader& in) {
  uint32_t state = in.byte() * 2654435761u + 1;
  const auto next = [&state] { return (state = state * 1664525u + 1013904223u) >> 16; };
  const uint32_t top = in.chance(64) ? 127 : 255;
  const bool zeros = role != Role::kLeft && role != Role::kRight && in.chance(128);
  if (value.type == ort::kFloat) {
    fill<float>(value, [&](int64_t) { return some_scale(in); });
  } else if (role == Role::kTableIndex) {
    fill<int32_t>(value,
                  [&](int64_t) { return in.chance(2) ? static_cast<int32_t>(in.whole()) : 0; });
  } else if (value.type == ort::kInt32) {
    fill<int32_t>(value, [&](int64_t) { return static_cast<int32_t>(next() << 16 | next()); });
  } else {
    fill<uint8_t>(value, [&](int64_t) {
      return zeros ? uint8_t{0} : static_cast<uint8_t>(next() % (top + 1));
    });
  }
}

}  // namespace

Case make_case(const CustomOp& op, Reader& in) {
  Case made;
  const std::string name = op.GetName(&op);
  const std::vector<Role> roles = roles_of(name);
  const size_t count = op.GetInputTypeCount(&op);
  Operands operands = {{1}, {1}, 1};
  if (roles[0] == Role::kLeft) {
    operands = name.find("Conv") != std::string::npos ? convolution(in, made.info) : product(in);
  }
  const bool sound = in.chance(128);
  if (!sound && in.chance(96)) spoil_attributes(made.info, in);
  for (size_t i = 0; i < count; ++i) {
    const Role role = roles[i];
    if (role == Role::kTables) {
      made.tensors.push_back(some_tables(in));
    } else if (role == Role::kFactors) {
      made.tensors.push_back(some_factors(in));
    } else {
      Shape shape = shape_of(role, operands, in);
      if (!sound && in.chance(32)) spoil(shape, in);
      if (count_elements(shape) < 0) shape.assign(1, 0);
      made.tensors.push_back(make_tensor(op.GetInputType(&op, i), shape));
      fill_values(made.tensors.back(), role, in);
    }
    const bool absent = op.GetInputCharacteristic(&op, i) == ort::kOptional && in.chance(128);
    const OrtValue* value = absent ? nullptr : &made.tensors.back();
    made.context.inputs.push_back(value);
    made.info.constants.push_back(in.chance(128) ? value : nullptr);
  }
  made.context.output.type = op.GetOutputType(&op, 0);
  return made;
}

}  // namespace hawx::fuzz
