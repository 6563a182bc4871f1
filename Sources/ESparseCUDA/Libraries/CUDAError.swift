// The errors of NVIDIA's libraries and devices, each with one sentence.

/// An error of the CUDA side.
package enum CUDAError: Error, Sendable, Equatable, CustomStringConvertible {
    /// No file of the library is in any of the usual places.
    case libraryMissing(CUDALibrary, folders: [String])
    /// The library's file is there but cannot be loaded.
    case libraryUnusable(CUDALibrary, path: String, reason: String)
    /// The library lacks a function that every version we can use has.
    case symbolMissing(CUDALibrary, path: String, symbol: String)
    /// The library is too old, or newer than any version that is known to work.
    case versionUnsupported(CUDALibrary, path: String, found: LibraryVersion)
    /// The library is newer than the driver supports.
    case newerThanDriver(CUDALibrary, path: String, found: LibraryVersion, driver: LibraryVersion)
    /// A call failed; `reason` is the library's own text.
    case callFailed(operation: String, library: CUDALibrary, code: Int, reason: String)
    /// The device has too little memory.
    case outOfMemory(byteCount: Int, device: String)
    /// There is no device of this number.
    case deviceMissing(index: Int, count: Int)
    /// The device's compute capability is below 8.0.
    case deviceTooOld(name: String, capability: ComputeCapability)
    /// NVRTC knows no architecture whose code the device runs.
    case architectureUnknown(ComputeCapability, compiler: LibraryVersion)
    /// NVRTC does not compile one of our kernels; `log` is what it says.
    case compilationFailed(file: String, architecture: String, log: String)
    /// cuBLASLt or cuSPARSELt has no algorithm for a product.
    case productUnsupported(CUDALibrary, product: String)
    /// A matrix does not have the shape that the library can take; `rule` says what it wants.
    case shapeUnsupported(CUDALibrary, rows: Int, columns: Int, rule: String)
    /// Four neighbours in a row of a weight hold more than two nonzero elements.
    case notTwoOfFour(rows: Int, columns: Int)

    /// One sentence for the user.
    package var description: String {
        switch self {
        case .libraryMissing(let library, let folders):
            "\(library.name) (\(library.fileNames.joined(separator: " or "))) is neither where the system looks nor in "
                + "\(Self.places(folders)); \(library.advice)"
        case .libraryUnusable(let library, let path, let reason):
            "\(library.name) at \(path) cannot be loaded: \(reason)"
        case .symbolMissing(let library, let path, let symbol):
            "\(library.name) at \(path) has no function \(symbol); version \(library.neededVersion) is needed"
        case .versionUnsupported(let library, let path, let found):
            "\(library.name) at \(path) is version \(found), but \(library.neededVersion) is needed; \(library.advice)"
        case .newerThanDriver(let library, let path, let found, let driver):
            "\(library.name) at \(path) is version \(found), but the driver serves CUDA \(driver.major).\(driver.minor); "
                + "install version \(driver.major) of it, or a newer driver"
        case .callFailed(let operation, let library, let code, let reason):
            "\(library.name) cannot \(operation): \(reason) (code \(code))"
        case .outOfMemory(let byteCount, let device):
            "there is no memory of \(byteCount) bytes on \(device); use a shorter sequence, a smaller batch or a smaller model"
        case .deviceMissing(let index, let count):
            count == 0
                ? "there is no CUDA device"
                : "there is no CUDA device \(index): devices are numbered from 0 to \(count - 1)"
        case .deviceTooOld(let name, let capability):
            "\(name) has compute capability \(capability), but 8.0 or higher is needed"
        case .architectureUnknown(let capability, let compiler):
            "NVRTC \(compiler) knows no architecture for compute capability \(capability); install a newer NVRTC"
        case .compilationFailed(let file, let architecture, let log):
            "NVRTC cannot compile \(file) for \(architecture): \(log)"
        case .productUnsupported(let library, let product):
            "\(library.name) has no algorithm for \(product)"
        case .shapeUnsupported(let library, let rows, let columns, let rule):
            "\(library.name) cannot take a \(rows)x\(columns) weight: \(rule)"
        case .notTwoOfFour(let rows, let columns):
            "a \(rows)x\(columns) weight is not 2:4: some 4 neighbours of a row have more than 2 nonzero elements"
        }
    }

    /// The first folders and how many more there are.
    private static func places(_ folders: [String]) -> String {
        if folders.isEmpty { return "any usual folder" }
        let more = folders.count > 4 ? ["\(folders.count - 3) more"] : []
        let named = Array(folders.prefix(more.isEmpty ? 4 : 3)) + more
        return named.count == 1 ? named[0] : named.dropLast().joined(separator: ", ") + " and " + named[named.count - 1]
    }
}
