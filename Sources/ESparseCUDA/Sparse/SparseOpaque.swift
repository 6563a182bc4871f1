// Memory of one of cuSPARSELt's opaque structures, which must not move.

import CESparseCUDA

/// Zeroed bytes that hold any of cuSPARSELt's handles, descriptors and plans; who fills them destroys what they hold.
@safe final class SparseOpaque: @unchecked Sendable {
    let start: UnsafeMutableRawPointer

    init() {
        unsafe start = .allocate(byteCount: Int(esparse_sparse_opaque_bytes), alignment: 16)
        unsafe start.initializeMemory(as: UInt8.self, repeating: 0, count: Int(esparse_sparse_opaque_bytes))
    }

    deinit { unsafe start.deallocate() }
}
