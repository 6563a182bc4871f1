// NVIDIA's libraries, emulated on the host (Tests/CUDAEmulation), put where a loader finds them.

import FoundationEssentials

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The emulated libraries of this build.
package enum EmulatedCUDA {
    /// The library cannot be used.
    package struct Failure: Error, CustomStringConvertible {
        package let description: String
    }

    /// The environment in which a search finds the emulated libraries; it must not ask the system's loader, which may know real ones.
    ///
    /// - Throws: `Failure`.
    package static func environment() throws -> [String: String] { try shared.get() }

    private static let shared: Result<[String: String], Failure> = Result { () throws(Failure) in
        let library = try path()
        let folder = "\(FileManager.default.temporaryDirectory.path)/esparse-emulated-cuda-\(getpid())"
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            for name in ["libcuda.so.1", "libnvrtc.so.12", "libcublasLt.so.12", "libcusparseLt.so.0"] {
                // A process of the same number may have left its folder behind.
                try? FileManager.default.removeItem(atPath: "\(folder)/\(name)")
                try FileManager.default.createSymbolicLink(
                    atPath: "\(folder)/\(name)", withDestinationPath: library)
            }
        } catch {
            throw Failure(description: "\(folder) cannot be filled: \(error)")
        }
        return ["LD_LIBRARY_PATH": folder]
    }

    /// Where the build put the library: beside the program that runs.
    private static func path() throws(Failure) -> String {
        var bytes = [CChar](repeating: 0, count: 4096)
        let count = unsafe readlink("/proc/self/exe", &bytes, bytes.count - 1)
        let program = String(decoding: bytes.prefix(max(count, 0)).map(UInt8.init(bitPattern:)), as: UTF8.self)
        // `swift test` may run a helper that loads the tests, whose path is among its arguments.
        for file in [program] + CommandLine.arguments {
            let folder = file.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
            let candidate = folder + "/libESparseEmulatedCUDA.so"
            if FileManager.default.fileExists(atPath: candidate) { return candidate }
        }
        throw Failure(description: "libESparseEmulatedCUDA.so is not beside \(program); build the whole package")
    }
}
