// Saliencies of one linear on the device, and the masks they choose.

import ESparseCore

/// One linear's weights and saliencies in the device's memory.
struct CUDAScores: WeightScores {
    let rows: Int
    let columns: Int
    /// `[rows, columns]` f32
    let weight: DeviceBuffer
    /// `[rows, columns]` f32
    let saliency: DeviceBuffer
    let context: CUDAContext

    /// Scores that this arithmetic made.
    static func own(_ scores: any WeightScores) -> CUDAScores {
        guard let scores = scores as? CUDAScores else { preconditionFailure("the weights were scored elsewhere") }
        return scores
    }

    func values() throws -> [Float] { try saliency.all.download(Float.self, count: rows * columns) }

    func firstNonFinite() throws -> Int? {
        let count = rows * columns
        let place = try context.device.buffer([UInt64.max])
        try context.launch(
            "esparse_first_nonfinite", in: .saliency, grid: ((count + 255) / 256, 1, 1), block: 256,
            [.pointer(saliency.all), .int64(Int64(count)), .pointer(place.all)])
        let found = try place.all.download(UInt64.self, count: 1)[0]
        return found == .max ? nil : Int(found)
    }

    func maskBits(pattern: SparsityPattern, order: Permutation?, parallel: ParallelLoop) throws -> [UInt8] {
        precondition(columns % pattern.group == 0 && order.map { $0.count == columns } ?? true)
        let bits = try context.device.allocate(rows * bytesPerRow)
        let threads = (columns / pattern.group + 7) / 8
        try context.launch(
            "esparse_mask", in: .saliency, grid: (rows, (threads + 63) / 64, 1), block: 64,
            [
                .pointer(saliency.all), .pointer(try context.buffer(order)?.all), .count(columns),
                .count(pattern.group), .count(pattern.kept), .pointer(bits.all),
            ])
        return try bits.all.download(UInt8.self, count: bits.byteCount)
    }

    /// Sums in double precision, row by row and then over the rows.
    func retainedShare(bits: [UInt8], order: Permutation?) throws -> Double? {
        precondition(bits.count == rows * bytesPerRow)
        let sums = try context.device.allocate(16 * rows)
        try context.launch(
            "esparse_retained", in: .saliency, grid: (rows, 1, 1), block: 32,
            [
                .pointer(saliency.all), .pointer(try context.device.buffer(bits).all),
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

    /// Bytes of a row of a mask.
    private var bytesPerRow: Int { (columns + 7) / 8 }
}

extension CUDAContext {
    /// An order on the device; nil where channels keep theirs.
    func buffer(_ order: Permutation?) throws(CUDAError) -> DeviceBuffer? {
        guard let order else { return nil }
        return try device.buffer(order.order)
    }
}
