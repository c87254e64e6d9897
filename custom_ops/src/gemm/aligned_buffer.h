// Memory on 64-byte boundaries, as vector loads want it.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <new>

namespace hawx {

template <typename T>
class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  explicit AlignedBuffer(size_t count) { reserve(count); }

  // Makes room for `count` elements; when it has to grow, the contents become 0.
  void reserve(size_t count) {
    if (count <= capacity_) return;
    data_.reset();
    capacity_ = 0;
    data_.reset(static_cast<T*>(::operator new(count * sizeof(T), kAlignment)));
    std::memset(static_cast<void*>(data_.get()), 0, count * sizeof(T));
    capacity_ = count;
  }

  T* data() { return data_.get(); }
  const T* data() const { return data_.get(); }
  size_t capacity() const { return capacity_; }

 private:
  static constexpr std::align_val_t kAlignment{64};
  struct Release {
    void operator()(T* memory) const { ::operator delete(memory, kAlignment); }
  };

  std::unique_ptr<T, Release> data_;
  size_t capacity_ = 0;
};

}  // namespace hawx
