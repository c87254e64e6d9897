// The one exception type of the library; it never leaves it.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace hawx {

// What a user's model or environment got wrong; becomes an OrtStatus at the ABI.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Throws an Error whose text is the arguments put together.
template <typename... Parts>
[[noreturn]] void fail(const Parts&... parts) {
  std::ostringstream text;
  (text << ... << parts);
  throw Error(text.str());
}

// Throws unless `condition` holds.
template <typename... Parts>
void require(bool condition, const Parts&... parts) {
  if (!condition) fail(parts...);
}

}  // namespace hawx
