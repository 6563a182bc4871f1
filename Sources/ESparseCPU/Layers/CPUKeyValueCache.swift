// Keys and values of past tokens in the CPU's memory.

import CESparseCPU
import ESparseCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Keys (turned to their rotary positions) and values of past tokens; one a session.
///
/// A value type: copies share memory until one of them is changed, so a common prompt can be processed once and its cache
/// copied; then only written positions are copied. Elements are F32 or BF16, laid out
/// `[layer, sequence, key/value head, position, channel]`, rows padded with zeros to a multiple of 16 channels.
public struct CPUKeyValueCache: Sendable {
    let layout: Layout
    private var storage: Storage

    /// Makes an empty cache; nothing becomes resident before it is used.
    init(_ description: CacheDescription, isBFloat16: Bool) throws(KernelError) {
        layout = Layout(description, isBFloat16: isBFloat16)
        let extents = [
            description.layerCount, description.sequenceCount, description.keyValueHeadCount, description.capacity,
            layout.rowByteCount,
        ]
        var byteCount = 1
        for extent in extents {
            let (product, overflow) = byteCount.multipliedReportingOverflow(by: extent)
            guard extent >= 0, !overflow else { throw .outOfMemory(purpose: "the key/value cache", byteCount: .max) }
            byteCount = product
        }
        storage = try Storage(byteCount: byteCount)
    }

    /// Bytes of keys and values together.
    public var byteCount: Int { 2 * storage.byteCount }

    /// A cache with memory of its own and the same contents.
    ///
    /// - Throws: when there is no memory for it. A plain copy takes its memory at its first change and would trap there.
    public func copy() throws -> CPUKeyValueCache {
        var copy = self
        copy.storage = try storage.copy(layout)
        return copy
    }

    /// Calls `body` with the bytes of keys and values, to be changed at positions below `positions`; they are copied first
    /// where they are shared.
    mutating func withMutableBytes(
        positions: Int, _ body: (_ keys: UnsafeMutableRawPointer, _ values: UnsafeMutableRawPointer) -> Void
    ) {
        if !isKnownUniquelyReferenced(&storage) {
            do {
                storage = try storage.copy(layout)
            } catch {
                preconditionFailure("\(error)")
            }
        }
        storage.writtenPositions = max(storage.writtenPositions, positions)
        defer { withExtendedLifetime(storage) {} }
        unsafe body(storage.keys, storage.values)
    }

    /// The layout of keys, and of values.
    struct Layout: Sendable {
        let description: CacheDescription
        let isBFloat16: Bool
        /// Channels from one position to the next.
        let paddedSize: Int

        init(_ description: CacheDescription, isBFloat16: Bool) {
            let padding = Int(esparse_head_padding)
            self.description = description
            self.isBFloat16 = isBFloat16
            paddedSize = (description.headSize + padding - 1) / padding * padding
        }

        /// Bytes of one position of one head.
        var rowByteCount: Int { paddedSize * (isBFloat16 ? 2 : 4) }

        /// Byte offset of position 0 of a head.
        func offset(layer: Int, sequence: Int, head: Int) -> Int {
            precondition(layer < description.layerCount && sequence < description.sequenceCount)
            let index = (layer * description.sequenceCount + sequence) * description.keyValueHeadCount + head
            return index * description.capacity * rowByteCount
        }
    }

    @safe private final class Storage: @unchecked Sendable {
        /// Bytes of the keys, and of the values.
        let byteCount: Int
        let keys: UnsafeMutableRawPointer
        let values: UnsafeMutableRawPointer
        /// Positions of any head that were written. Changed only through the only reference.
        var writtenPositions = 0

        init(byteCount: Int) throws(KernelError) {
            var memory: UnsafeMutableRawPointer?
            guard byteCount <= Int.max / 2, unsafe posix_memalign(&memory, 64, max(2 * byteCount, 64)) == 0,
                let memory = unsafe memory
            else { throw .outOfMemory(purpose: "the key/value cache", byteCount: byteCount) }
            self.byteCount = byteCount
            unsafe keys = memory
            unsafe values = memory + byteCount
        }

        deinit { unsafe free(keys) }

        func copy(_ layout: Layout) throws(KernelError) -> Storage {
            let copy = try Storage(byteCount: byteCount)
            copy.writtenPositions = writtenPositions
            let headByteCount = layout.description.capacity * layout.rowByteCount
            guard headByteCount > 0 else { return copy }
            for offset in stride(from: 0, to: byteCount, by: headByteCount) {
                let count = writtenPositions * layout.rowByteCount
                unsafe (copy.keys + offset).copyMemory(from: keys + offset, byteCount: count)
                unsafe (copy.values + offset).copyMemory(from: values + offset, byteCount: count)
            }
            return copy
        }
    }
}
