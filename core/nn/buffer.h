// The owner of one block of a backend's memory. Views into it are plain pointers.
#pragma once
#include <utility>
#include <vector>

#include "../base/error.h"
#include "kernels.h"

namespace cai {

template <class T>
class Buffer {
  public:
    Buffer() = default;
    Buffer(const Kernels& kernels, size_t count) : kernels_(&kernels), count_(count) {
        if (count) data_ = static_cast<T*>(kernels.allocate(count * sizeof(T)));
    }
    Buffer(Buffer&& other) noexcept { swap(other); }
    Buffer& operator=(Buffer&& other) noexcept {
        swap(other);
        return *this;
    }
    ~Buffer() {
        if (data_) kernels_->release(data_);
    }

    T* data() const { return data_; }
    size_t size() const { return count_; }

    void set_zero() { kernels_->set_zero(data_, count_ * sizeof(T)); }
    void upload(const T* host, size_t count) {
        expects(count <= count_, "upload of ", count, " elements into a buffer of ", count_);
        if (count) kernels_->upload(data_, host, count * sizeof(T));
    }
    void upload(const std::vector<T>& host) { upload(host.data(), host.size()); }
    std::vector<T> download(size_t count) const {
        expects(count <= count_, "download of ", count, " elements from a buffer of ", count_);
        std::vector<T> host(count);
        if (count) kernels_->download(host.data(), data_, count * sizeof(T));
        return host;
    }
    std::vector<T> download() const { return download(count_); }

  private:
    void swap(Buffer& other) {
        std::swap(kernels_, other.kernels_);
        std::swap(data_, other.data_);
        std::swap(count_, other.count_);
    }
    const Kernels* kernels_ = nullptr;
    T* data_ = nullptr;
    size_t count_ = 0;
};

// A copy of the host's numbers in the backend's memory.
template <class T>
Buffer<T> uploaded(const Kernels& kernels, const std::vector<T>& host) {
    Buffer<T> buffer(kernels, host.size());
    buffer.upload(host);
    return buffer;
}

}  // namespace cai
