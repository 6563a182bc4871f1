// Saliencies of one linear on the device, and the masks they choose.

package import ESparseCore

/// One linear's weights and saliencies in the device's memory.
package struct CUDASaliency: WeightSaliency {
    package typealias Failure = CUDAError

    package let rows: Int
    package let columns: Int
    /// `[rows, columns]` f32
    let weight: DeviceBuffer
    /// `[rows, columns]` f32
    let values: DeviceBuffer
    let context: CUDAContext

    /// More than one a thread, so that a search goes on on the host while the device works for another thread.
    package static var blocksInStep: Int { 8 }

    package func hostValues() throws(CUDAError) -> [Float] {
        try values.all.download(Float.self, count: rows * columns)
    }

    package func firstNonFinite() throws(CUDAError) -> Int? {
        let count = rows * columns
        let place = try context.device.buffer([UInt64.max])
        try context.launch(
            "esparse_first_nonfinite", in: .saliency, grid: ((count + 255) / 256, 1, 1), block: 256,
            [.pointer(values.all), .int64(Int64(count)), .pointer(place.all)])
        let found = try place.all.download(UInt64.self, count: 1)[0]
        return found == .max ? nil : Int(found)
    }

    package func maskBits(
        pattern: SparsityPattern, order: Permutation?, parallel: ParallelLoop
    ) throws(CUDAError) -> [UInt8] {
        precondition(columns % pattern.group == 0 && order.map { $0.count == columns } ?? true)
        let bits = try context.device.allocate(rows * bytesPerRow)
        let threads = (columns / pattern.group + 7) / 8
        try context.launch(
            "esparse_mask", in: .saliency, grid: (rows, (threads + 63) / 64, 1), block: 64,
            [
                .pointer(values.all), .pointer(try context.buffer(order)?.all), .count(columns),
                .count(pattern.group), .count(pattern.kept), .pointer(bits.all),
            ])
        return try bits.all.download(UInt8.self, count: bits.byteCount)
    }

    /// Sums in double precision, row by row and then over the rows.
    package func retainedShare(bits: [UInt8], order: Permutation?) throws(CUDAError) -> Double? {
        precondition(bits.count == rows * bytesPerRow)
        let sums = try context.device.allocate(16 * rows)
        try context.launch(
            "esparse_retained", in: .saliency, grid: (rows, 1, 1), block: 32,
            [
                .pointer(values.all), .pointer(try context.device.buffer(bits).all),
                .pointer(try context.buffer(order)?.all), .count(columns), .pointer(sums.all),
            ])
        let figures = try sums.all.download(UInt64.self, count: 2 * rows).map { Double(bitPattern: $0) }
        var (kept, all) = (0.0, 0.0)
        for row in 0..<rows {
            kept += figures[2 * row]
            all += figures[2 * row + 1]
        }
        return all > 0 ? kept / all : nil
    }

    package static func columnSums(of saliencies: [CUDASaliency]) throws(CUDAError) -> [Double] {
        guard let first = saliencies.first else { preconditionFailure("no saliencies") }
        let (columns, context) = (first.columns, first.context)
        let sums = try context.device.allocate(8 * columns)
        try sums.all.fill()
        for matrix in saliencies {
            precondition(matrix.columns == columns)
            try context.launch(
                "esparse_column_sums", in: .saliency, grid: ((columns + 31) / 32, 1, 1), block: 32,
                [.pointer(matrix.values.all), .count(matrix.rows), .count(columns), .pointer(sums.all)])
        }
        return try sums.all.download(UInt64.self, count: columns).map { Double(bitPattern: $0) }
    }

    package static func swapTable(
        of saliencies: [CUDASaliency], blocks: [[Int32]], pattern: SparsityPattern
    ) throws(CUDAError) -> CUDASwapTable {
        try CUDASwapTable(saliencies, blocks: blocks, pattern: pattern)
    }

    /// Bytes of a row of a mask.
    private var bytesPerRow: Int { (columns + 7) / 8 }
}

extension CUDAContext {
    /// Copies an order to the device; nil where channels keep theirs.
    func buffer(_ order: Permutation?) throws(CUDAError) -> DeviceBuffer? {
        guard let order else { return nil }
        return try device.buffer(order.order)
    }
}
