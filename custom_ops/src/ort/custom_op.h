// One operator signature as onnxruntime's OrtCustomOp, over a C++ kernel class.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "hawx/ort_abi.h"
#include "ort/runtime.h"

namespace hawx {

// A node ready to run. run() may be called by several threads at once.
class Node {
 public:
  virtual ~Node() = default;
  virtual void run(const RunContext& context) const = 0;
};

struct InputSpec {
  const char* name;
  int type;
  bool optional = false;
};

using NodeFactory = std::unique_ptr<Node> (*)(const NodeInfo& info);

// An operator for one combination of types; several of the same name make an overloaded operator.
// Objects must outlive every session that uses them, at the same address.
class CustomOp : public OrtCustomOp {
 public:
  CustomOp(const char* name, std::vector<InputSpec> inputs, int output_type, NodeFactory create,
           uint32_t api_version);

 private:
  friend struct Callbacks;

  const char* name_;
  std::vector<InputSpec> inputs_;
  int output_type_;
  NodeFactory create_;
};

// Makes an OrtStatus of the text; null only when onnxruntime cannot allocate one.
OrtStatus* make_status(const OrtApi* api, int code, const std::string& text) noexcept;

}  // namespace hawx
