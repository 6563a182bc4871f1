// Keys and values of past tokens in a device's memory.

package import ESparseCore

/// Keys (turned to their rotary positions) and values of past tokens; one a session.
///
/// A value type: a copy shares memory until one of the two is changed. Elements have 16 bits and lie
/// `[layer, sequence, key/value head, position, channel]`.
package struct CUDAKeyValueCache: Sendable {
    let description: CacheDescription
    private var storage: Storage

    private final class Storage: Sendable {
        let keys: DeviceBuffer
        let values: DeviceBuffer

        init(byteCount: Int, device: CUDADevice) throws(CUDAError) {
            keys = try device.allocate(byteCount)
            values = try device.allocate(byteCount)
        }
    }

    /// Takes memory for an empty cache.
    ///
    /// - Throws: `CUDAError.outOfMemory`.
    init(_ description: CacheDescription, device: CUDADevice) throws(CUDAError) {
        guard let layerBytes = Self.layerByteCount(description) else {
            throw .outOfMemory(byteCount: .max, device: device.properties.name)
        }
        let (byteCount, overflow) = layerBytes.multipliedReportingOverflow(by: description.layerCount)
        guard !overflow, byteCount <= Int.max / 2 else {
            throw .outOfMemory(byteCount: .max, device: device.properties.name)
        }
        self.description = description
        storage = try Storage(byteCount: byteCount, device: device)
    }

    /// Bytes of the keys of one layer; nil where the product overflows.
    package static func layerByteCount(_ description: CacheDescription) -> Int? {
        var product = 2
        for extent in [
            description.sequenceCount, description.keyValueHeadCount, description.capacity, description.headSize,
        ] {
            let (next, overflow) = product.multipliedReportingOverflow(by: extent)
            guard extent >= 0, !overflow else { return nil }
            product = next
        }
        return product
    }

    /// Bytes of one sequence's keys in a layer.
    var sequenceByteCount: Int { 2 * description.keyValueHeadCount * description.capacity * description.headSize }

    /// One layer's keys and values, to be changed; all are copied first where another cache shares them.
    mutating func mutableLayer(_ layer: Int) throws(CUDAError) -> (keys: DeviceSlice, values: DeviceSlice) {
        precondition(layer >= 0 && layer < description.layerCount, "the cache has no such layer")
        try makeUnique()
        let size = storage.keys.byteCount / description.layerCount
        return (
            storage.keys.slice(from: layer * size, byteCount: size),
            storage.values.slice(from: layer * size, byteCount: size)
        )
    }

    /// Copies keys and values where another cache shares them. Returns the keys' address, which tells this cache from all others that are
    /// in memory.
    @discardableResult
    mutating func makeUnique() throws(CUDAError) -> UInt64 {
        if !isKnownUniquelyReferenced(&storage) {
            let copy = try Storage(byteCount: storage.keys.byteCount, device: storage.keys.device)
            try copy.keys.all.copy(from: storage.keys.all)
            try copy.values.all.copy(from: storage.values.all)
            storage = copy
        }
        return storage.keys.address
    }
}
