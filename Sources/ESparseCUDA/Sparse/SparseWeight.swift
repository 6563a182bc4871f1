// A 2:4 weight in cuSPARSELt's own compressed form, which fits one kind of device and is never stored.

import CESparseCUDA

/// A compressed weight `[rows, columns]` on a device.
package final class SparseWeight: Sendable {
    /// R: output channels.
    package let rows: Int
    /// C: input channels.
    package let columns: Int
    /// Type of the values.
    package let type: HalfType
    /// Bytes of the compressed form on the device: values, positions and cuSPARSELt's padding.
    package var byteCount: Int { compressed.byteCount }
    let compressed: DeviceBuffer

    init(dense: DeviceSlice, rows: Int, columns: Int, type: HalfType, multiplier: SparseMultiplier) throws(CUDAError) {
        fatalError("to be filled in")
    }
}
