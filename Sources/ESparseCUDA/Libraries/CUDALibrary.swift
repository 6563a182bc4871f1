// The four libraries of NVIDIA's that ESparse uses: their files, and the versions that are supported.

/// A library that is loaded at run time.
package enum CUDALibrary: String, Sendable, CaseIterable, Codable {
    /// The CUDA driver, which comes with NVIDIA's kernel module.
    case driver
    /// NVRTC, which compiles our kernels for the device found.
    case compiler
    /// cuBLASLt: dense products.
    case dense
    /// cuSPARSELt: products of 2:4 weights.
    case sparse

    /// Its own name.
    package var name: String {
        switch self {
        case .driver: "the CUDA driver"
        case .compiler: "NVRTC"
        case .dense: "cuBLASLt"
        case .sparse: "cuSPARSELt"
        }
    }

    /// File names, the newest version first.
    var fileNames: [String] {
        switch self {
        case .driver: ["libcuda.so.1"]
        case .compiler: ["libnvrtc.so.13", "libnvrtc.so.12"]
        case .dense: ["libcublasLt.so.13", "libcublasLt.so.12"]
        case .sparse: ["libcusparseLt.so.0"]
        }
    }

    /// A function that every version has.
    var knownFunction: String {
        switch self {
        case .driver: "cuDriverGetVersion"
        case .compiler: "nvrtcVersion"
        case .dense: "cublasLtGetProperty"
        case .sparse: "cusparseLtGetProperty"
        }
    }

    /// The supported versions, in words.
    var neededVersion: String {
        switch self {
        case .driver: "12.0 or newer"
        case .compiler, .dense: "12 or 13"
        case .sparse: "0.5.2 or newer"
        }
    }

    /// Whether a version is supported.
    func accepts(_ version: LibraryVersion) -> Bool {
        switch self {
        case .driver: version >= LibraryVersion(12, 0, 0)
        case .compiler, .dense: (12...13).contains(version.major)
        case .sparse: version >= LibraryVersion(0, 5, 2)
        }
    }

    /// How to get it, as the end of a sentence that says it is missing.
    var advice: String {
        switch self {
        case .driver: "install NVIDIA's driver"
        case .compiler: "install it with `pip install nvidia-cuda-nvrtc-cu12` or the CUDA toolkit"
        case .dense: "install it with `pip install nvidia-cublas-cu12` or the CUDA toolkit"
        case .sparse: "install it with `pip install nvidia-cusparselt-cu12`"
        }
    }
}

/// A library's version.
package struct LibraryVersion: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// The first number, which changes when callers must change.
    package let major: Int
    /// The second number.
    package let minor: Int
    /// The third number, 0 where a library has none.
    package let patch: Int

    /// Puts a version together.
    package init(_ major: Int, _ minor: Int, _ patch: Int) {
        self.major = major
        self.minor = minor
        self.patch = patch
    }

    /// Reads a version from a function of cuBLASLt's or cuSPARSELt's that gives one of its numbers, and the status of the first call
    /// that failed, or 0.
    static func read(
        _ property: (Int32, UnsafeMutablePointer<Int32>) -> Int32
    ) -> (version: LibraryVersion, status: Int32) {
        var numbers: [Int32] = [0, 0, 0]
        var status: Int32 = 0
        for index in numbers.indices where status == 0 { status = unsafe property(Int32(index), &numbers[index]) }
        return (LibraryVersion(Int(numbers[0]), Int(numbers[1]), Int(numbers[2])), status)
    }

    /// "12.9.1"
    package var description: String { "\(major).\(minor).\(patch)" }

    /// The order of releases.
    package static func < (left: LibraryVersion, right: LibraryVersion) -> Bool {
        (left.major, left.minor, left.patch) < (right.major, right.minor, right.patch)
    }
}
