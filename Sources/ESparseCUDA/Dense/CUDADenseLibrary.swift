// Loads cuBLASLt and keeps its handle on one device.

import CESparseCUDA

/// cuBLASLt, loaded.
@safe package final class CUDADenseLibrary: @unchecked Sendable {
    /// The file it was loaded from.
    package var path: String { library.path }
    /// Its version.
    package let version: LibraryVersion
    let functions: DenseFunctions
    private let library: DynamicLibrary

    /// Loads cuBLASLt, in a version that the driver supports where one is given.
    ///
    /// - Throws: `CUDAError` when it is missing or its version is not supported.
    package static func load(
        _ search: LibrarySearch = LibrarySearch(), driver: LibraryVersion? = nil
    ) throws(CUDAError) -> CUDADenseLibrary {
        try search.load(.dense) { library throws(CUDAError) in try CUDADenseLibrary(library, driver: driver) }
    }

    private init(_ library: DynamicLibrary, driver: LibraryVersion?) throws(CUDAError) {
        self.library = library
        functions = try DenseFunctions(library)
        let status: Int32
        (version, status) = unsafe LibraryVersion.read(functions.getProperty)
        try check(status, "tell its version")
        try library.check(version, driver: driver)
    }

    /// Turns a status into an error with cuBLASLt's own words; `operation` fits "cannot …".
    func check(_ code: esparse_blas_status, _ operation: @autoclosure () -> String) throws(CUDAError) {
        guard code != 0 else { return }
        let reason = unsafe functions.getStatusString(code).map { unsafe String(cString: $0) } ?? "unknown error"
        throw .callFailed(operation: operation(), library: .dense, code: Int(code), reason: reason)
    }
}

/// Dense products on one device; they share a workspace, as they run one after another.
@safe package final class DenseMultiplier: Sendable {
    /// The device.
    package let device: CUDADevice
    let library: CUDADenseLibrary
    let workspace: DeviceBuffer
    nonisolated(unsafe) let handle: esparse_blas_handle

    /// Alignment of operands in bytes.
    static let alignment = 16
    /// Bytes of workspace that algorithms may use, as NVIDIA recommends for compute capability 9.0.
    static let workspaceBytes = 32 << 20

    /// Makes a handle and takes 32 MiB of workspace on a device.
    ///
    /// - Throws: `CUDAError`.
    package init(device: CUDADevice, library: CUDADenseLibrary) throws(CUDAError) {
        workspace = try device.allocate(Self.workspaceBytes)
        try device.makeCurrent()
        var handle: esparse_blas_handle?
        try library.check(unsafe library.functions.create(&handle), "start on \(device.properties.name)")
        guard let handle = unsafe handle else { preconditionFailure("a handle that was made is not null") }
        self.device = device
        self.library = library
        unsafe self.handle = unsafe handle
    }

    deinit {
        device.makeCurrentForRelease()
        _ = unsafe library.functions.destroy(handle)
    }

    /// Prepares a product of one shape with the algorithms that cuBLASLt proposes.
    ///
    /// - Throws: `CUDAError`, `productUnsupported` where it proposes none.
    package func product(_ shape: DenseProductShape) throws(CUDAError) -> DenseProduct {
        try DenseProduct(shape, multiplier: self)
    }
}
