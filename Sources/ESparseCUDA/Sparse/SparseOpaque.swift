// One of cuSPARSELt's opaque structures: its memory, which must not move, and how it is destroyed.

import CESparseCUDA

/// A handle, descriptor, selection or plan; dropping it destroys it.
@safe final class SparseOpaque: @unchecked Sendable {
    /// The structure, for cuSPARSELt alone.
    let start: UnsafeMutableRawPointer
    private let library: CUDASparseLibrary
    private let destroy: esparse_cusparseLtDestroy?

    /// Lets cuSPARSELt fill a structure.
    ///
    /// - Parameters:
    ///   - operation: fits "cannot …".
    ///   - destroy: what ends the structure's life; nil where nothing needs to.
    /// - Throws: `CUDAError.callFailed`.
    init(
        _ library: CUDASparseLibrary, _ operation: @autoclosure () -> String, destroy: esparse_cusparseLtDestroy?,
        initialise: (UnsafeMutableRawPointer) -> esparse_sparse_status
    ) throws(CUDAError) {
        let byteCount = Int(esparse_sparse_opaque_bytes)
        let start = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: 16)
        unsafe start.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
        do {
            try library.check(unsafe initialise(start), operation())
        } catch {
            unsafe start.deallocate()
            throw error
        }
        unsafe self.start = unsafe start
        self.library = library
        unsafe self.destroy = unsafe destroy
    }

    deinit {
        if let destroy = unsafe destroy { _ = unsafe destroy(start) }
        unsafe start.deallocate()
    }
}
