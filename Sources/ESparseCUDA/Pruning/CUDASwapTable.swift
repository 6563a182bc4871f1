// Saliencies of some blocks of channels on the device, and what swaps inside them gain (`channel_swaps.cu`).

package import ESparseCore

/// Blocks one after the other, place by place; a place holds its channel's saliencies in all rows of the site's linears.
package struct CUDASwapTable: SwapTable {
    package typealias Failure = CUDAError

    private let context: CUDAContext
    private let pattern: SparsityPattern
    /// First place of each block, then the number of all places.
    private let firstPlaces: [Int]
    /// Rows of all linears, rounded up to a whole number of lanes.
    private let stride: Int
    /// `[places, stride]` f32
    private let values: DeviceBuffer

    /// Rows over which sums run in single precision, and the lanes of those sums.
    private static let chunkRows = 1024
    private static let lanes = 16
    /// Channels that a block of threads handles.
    private static let placesPerBlock = 16

    init(
        _ saliencies: [CUDASaliency], blocks: [[Int32]], pattern: SparsityPattern
    ) throws(CUDAError) {
        guard let context = saliencies.first?.context else { preconditionFailure("no saliencies") }
        self.context = context
        self.pattern = pattern
        let places = blocks.reduce(0) { $0 + $1.count }
        firstPlaces = blocks.reduce(into: [0]) { $0.append(($0.last ?? 0) + $1.count) }
        let rows = max(saliencies.reduce(0) { $0 + $1.rows }, 1)
        stride = (rows + Self.lanes - 1) / Self.lanes * Self.lanes
        values = try context.device.allocate(4 * places * stride)
        try values.all.fill()
        let channels = try context.device.buffer(blocks.flatMap { $0 })
        var firstRow = 0
        for matrix in saliencies {
            try context.launch(
                "esparse_swap_gather", in: .channelSwaps, grid: ((matrix.rows + 31) / 32, (places + 31) / 32, 1),
                block: 256,
                [
                    .pointer(matrix.values.all), .count(matrix.rows), .count(matrix.columns),
                    .pointer(channels.all), .count(places), .count(firstRow), .count(stride), .pointer(values.all),
                ])
            firstRow += matrix.rows
        }
    }

    package func refresh(_ blocks: inout [SwapGains]) throws(CUDAError) {
        let group = pattern.group
        let stale = blocks.indices.flatMap { index in blocks[index].stale.map { (index: index, group: Int($0)) } }
        guard !stale.isEmpty else { return }
        let requests = try context.device.buffer(stale.flatMap { request($0.group, of: blocks[$0.index]) })
        let count = stale.count
        let chunks = (stride + Self.chunkRows - 1) / Self.chunkRows
        // Upper and lower thresholds and flags, `[3, requests, stride]`.
        let limits = try context.device.allocate(12 * count * stride)
        let bases = try context.device.allocate(8 * count * chunks * (group + 1))
        let thresholds = (0..<3).map { KernelArgument.pointer(limits.slice(from: $0 * 4 * count * stride)) }
        try context.launch(
            "esparse_swap_limits", in: .channelSwaps, grid: (count, chunks, 1), block: 256,
            [
                .pointer(values.all), .count(stride), .pointer(requests.all), .count(group), .count(pattern.kept),
            ] + thresholds + [.pointer(bases.all)])
        if blocks.contains(where: { !$0.gains.isEmpty }) {
            try readGains(of: stale, requests, thresholds, bases, into: &blocks)
        }
        let totals = try bases.all.download(UInt64.self, count: count * chunks * (group + 1))
        for (request, place) in stale.enumerated() {
            blocks[place.index].totals[place.group] = (0..<chunks).reduce(0) { sum, chunk in
                sum + Double(bitPattern: totals[(request * chunks + chunk) * (group + 1) + group])
            }
        }
        for index in blocks.indices { blocks[index].stale = [] }
    }

    private func readGains(
        of stale: [(index: Int, group: Int)], _ requests: DeviceBuffer, _ thresholds: [KernelArgument],
        _ bases: DeviceBuffer, into blocks: inout [SwapGains]
    ) throws(CUDAError) {
        let group = pattern.group
        let most = stale.map { blocks[$0.index].order.count }.max() ?? 0
        let gains = try context.device.allocate(8 * stale.count * group * most)
        try context.launch(
            group <= 4 ? "esparse_swap_gains_4" : "esparse_swap_gains_8", in: .channelSwaps,
            grid: (stale.count, (most + Self.placesPerBlock - 1) / Self.placesPerBlock, 1), block: 256,
            [
                .pointer(values.all), .count(stride), .pointer(requests.all), .count(group), .count(most),
            ] + thresholds + [.pointer(bases.all), .pointer(gains.all)])
        let found = try gains.all.download(UInt64.self, count: stale.count * group * most)
        for (request, place) in stale.enumerated() {
            let count = blocks[place.index].order.count
            for slot in 0..<group {
                let (source, target) = ((request * group + slot) * most, (place.group * group + slot) * count)
                for channel in 0..<count {
                    blocks[place.index].gains[target + channel] = Double(bitPattern: found[source + channel])
                }
            }
        }
    }

    /// What the kernels are told about a group: first place and number of places of its block, then its members' places.
    private func request(_ group: Int, of block: SwapGains) -> [Int32] {
        let first = firstPlaces[block.block]
        let members = block.order[(group * pattern.group)..<((group + 1) * pattern.group)]
        return [Int32(first), Int32(firstPlaces[block.block + 1] - first)] + members.map { Int32(first) + $0 }
    }
}
