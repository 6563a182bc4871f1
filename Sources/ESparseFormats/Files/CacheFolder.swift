// The user's cache folder, where kernel profiles and compiled kernels are kept between runs.

import FoundationEssentials

/// The folder for files that can be made again.
package enum CacheFolder {
    /// `$XDG_CACHE_HOME/esparse` or `~/.cache/esparse`, whether it is there or not; nil where the environment names neither.
    package static func path(environment: [String: String] = ProcessInfo.processInfo.environment) -> String? {
        let home = environment["HOME"].map { $0 + "/.cache" }
        // The XDG specification says to ignore paths that are not absolute.
        let candidates = [environment["XDG_CACHE_HOME"], home].compactMap { $0 }.filter { $0.hasPrefix("/") }
        return candidates.first.map { $0 + "/esparse" }
    }
}
