// Loads cuSPARSELt and keeps its handle on one device.

import CESparseCUDA

/// cuSPARSELt, loaded.
@safe package final class CUDASparseLibrary: @unchecked Sendable {
    /// The file it was loaded from.
    package var path: String { library.path }
    /// Its version.
    package let version: LibraryVersion
    let functions: SparseFunctions
    private let library: DynamicLibrary

    /// Loads cuSPARSELt.
    ///
    /// - Throws: `CUDAError` when it is missing or its version is not supported.
    package static func load(_ search: LibrarySearch = LibrarySearch()) throws(CUDAError) -> CUDASparseLibrary {
        try search.load(.sparse) { library throws(CUDAError) in try CUDASparseLibrary(library) }
    }

    private init(_ library: DynamicLibrary) throws(CUDAError) {
        self.library = library
        functions = try SparseFunctions(library)
        let status: Int32
        (version, status) = unsafe LibraryVersion.read(functions.getProperty)
        try check(status, "tell its version")
        try library.check(version, driver: nil)
    }

    /// Turns a status into an error with cuSPARSELt's own words; `operation` fits "cannot …".
    func check(_ code: esparse_sparse_status, _ operation: @autoclosure () -> String) throws(CUDAError) {
        guard code != 0 else { return }
        let reason = unsafe functions.getErrorString(code).map { unsafe String(cString: $0) } ?? "unknown error"
        throw .callFailed(operation: operation(), library: .sparse, code: Int(code), reason: reason)
    }
}

/// Products with 2:4 weights on one device.
@safe package final class SparseMultiplier: Sendable {
    /// The device.
    package let device: CUDADevice
    let library: CUDASparseLibrary
    let handle: SparseOpaque

    /// Starts cuSPARSELt on a device.
    ///
    /// - Throws: `CUDAError`, as on a device that it does not know.
    package init(device: CUDADevice, library: CUDASparseLibrary) throws(CUDAError) {
        try device.makeCurrent()
        self.device = device
        self.library = library
        handle = try unsafe SparseOpaque(
            library, "start on \(device.properties.name)", destroy: library.functions.destroy
        ) {
            unsafe library.functions.create($0)
        }
    }

    deinit {
        // The handle is dropped after this.
        device.makeCurrentForRelease()
    }

    /// Compresses a 2:4 weight `[rows, columns]`, row-major and dense on the device; the dense copy is not needed any
    /// more afterwards.
    ///
    /// - Throws: `CUDAError`: `shapeUnsupported`, `notTwoOfFour`, or a failing call.
    package func compress(
        dense: DeviceSlice, rows: Int, columns: Int, type: HalfType
    ) throws(CUDAError) -> SparseWeight {
        try SparseWeight(dense: dense, rows: rows, columns: columns, type: type, multiplier: self)
    }

    /// Prepares a product of one shape: by `algorithm`, or by what cuSPARSELt takes where that is nil.
    ///
    /// - Parameter bias: `[rows]` of the shape's type, for a shape that has one; the product keeps it.
    /// - Throws: `CUDAError`, `productUnsupported` for an algorithm that this version does not have.
    package func product(
        _ shape: SparseProductShape, bias: DeviceSlice? = nil, algorithm: SparseAlgorithm? = nil
    ) throws(CUDAError) -> SparseProduct {
        try SparseProduct(shape, bias: bias, algorithm: algorithm, multiplier: self)
    }
}
