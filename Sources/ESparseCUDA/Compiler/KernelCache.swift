// Compiled kernels in the user's cache folder, so that only the first run on a machine compiles.

import ESparseFormats
import FoundationEssentials

/// A folder of machine code by what it was compiled from.
package struct KernelCache: Sendable {
    /// The folder; made when first written to.
    package let folder: String

    /// Uses a folder.
    package init(folder: String) { self.folder = folder }

    /// `esparse/cuda` in the user's cache folder; nil where the environment names none.
    package static func standard(
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) -> KernelCache? {
        let home = environment["HOME"].map { $0 + "/.cache" }
        let parents = [environment["XDG_CACHE_HOME"], home].compactMap { $0 }.filter { $0.hasPrefix("/") }
        return parents.first.map { KernelCache(folder: $0 + "/esparse/cuda") }
    }
}
