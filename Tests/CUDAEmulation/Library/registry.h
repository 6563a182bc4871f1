// The kernels by name, as the driver finds them in a module.
#pragma once

#include <functional>
#include <string>
#include <tuple>
#include <utility>

namespace emulation {

/// A kernel with its parameters taken, ready to be called by every thread.
using bound_kernel = std::function<void()>;

/// One kernel: how it takes its parameters from the array that a launch gets.
struct kernel_entry {
    /// The source that it comes from.
    const char *file;
    std::function<bound_kernel(void **)> bind;
};

template <typename... Parameters>
kernel_entry make_entry(const char *file, void (*kernel)(Parameters...)) {
    return {file, [kernel](void **parameters) -> bound_kernel {
                return [&]<size_t... index>(std::index_sequence<index...>) -> bound_kernel {
                    std::tuple<Parameters...> taken(*static_cast<Parameters *>(parameters[index])...);
                    return [kernel, taken] { std::apply(kernel, taken); };
                }(std::index_sequence_for<Parameters...>());
            }};
}

/// The kernel of a name, or null.
const kernel_entry *find_kernel(const std::string &name);

}  // namespace emulation
