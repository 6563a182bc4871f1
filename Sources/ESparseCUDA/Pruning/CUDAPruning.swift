// The arithmetic of pruning on an NVIDIA GPU: statistics where the activations are, weights scored, shuffled and masked there.

package import ESparseCore

/// Prunes on the device of a backend.
///
/// Moments, histograms, saliencies, masks and gains of swaps have the processor's bits for the same inputs. Sums of products, and the
/// product that a refinement begins with, are single precision in another order. All waits for the device; its failures are
/// `CUDAError`.
package struct CUDAPruning: CalibrationArithmetic, WeightArithmetic {
    let context: CUDAContext

    /// A few, so that one thread's search on the host goes on while the device works for another's.
    package var blocksInStep: Int { 8 }

    package func makeAccumulator(
        channels: Int, bins: LogarithmicBinning?, sumsProducts: Bool
    ) throws -> any ChannelAccumulator<CUDAActivation> {
        try CUDAAccumulator(channels: channels, bins: bins, sumsProducts: sumsProducts, context: context)
    }

    package func scores(of weight: Tensor, factors: [Float]) throws -> any WeightScores {
        precondition(factors.count == weight.columns)
        let values = try context.singles(of: weight)
        let count = weight.elementCount
        let saliency = try context.device.allocate(4 * count)
        try context.launch(
            "esparse_saliency", in: .saliency, grid: ((count + 255) / 256, 1, 1), block: 256,
            [
                .pointer(values.all), .pointer(try context.device.buffer(factors).all), .count(weight.columns),
                .int64(Int64(count)), .pointer(saliency.all),
            ])
        return CUDAScores(
            rows: weight.rows, columns: weight.columns, weight: values, saliency: saliency, context: context)
    }

    package func scores(of weight: Tensor, saliency: [Float]) throws -> any WeightScores {
        precondition(saliency.count == weight.elementCount)
        return CUDAScores(
            rows: weight.rows, columns: weight.columns, weight: try context.singles(of: weight),
            saliency: try context.device.buffer(saliency), context: context)
    }

    package func columnSums(of scores: [any WeightScores]) throws -> [Double] {
        let columns = scores.first?.columns ?? 0
        let sums = try context.device.allocate(8 * columns)
        try sums.all.fill()
        for matrix in scores.map(CUDAScores.own) {
            precondition(matrix.columns == columns)
            try context.launch(
                "esparse_column_sums", in: .saliency, grid: ((columns + 31) / 32, 1, 1), block: 32,
                [.pointer(matrix.saliency.all), .count(matrix.rows), .count(columns), .pointer(sums.all)])
        }
        return try sums.all.download(UInt64.self, count: columns).map { Double(bitPattern: $0) }
    }

    package func swapTable(
        of scores: [any WeightScores], blocks: [[Int32]], pattern: SparsityPattern
    ) throws -> any SwapTable {
        try CUDASwapTable(scores.map(CUDAScores.own), blocks: blocks, pattern: pattern, context: context)
    }

    package func refiner(
        products: any ChannelProducts, order: Permutation?, pattern: SparsityPattern
    ) throws -> (any MaskRefiner)? {
        guard let products = products as? CUDAProducts else {
            preconditionFailure("the products were summed elsewhere")
        }
        return try CUDARefiner(products, order: order, pattern: pattern, context: context)
    }
}

extension CUDABackend {
    /// The arithmetic of pruning on this backend's device.
    package var pruning: CUDAPruning { CUDAPruning(context: context) }
}

extension CUDAContext {
    /// A tensor's elements in single precision on the device.
    ///
    /// - Throws: `CUDAWeightError.elementType` for integers; `CUDAError`.
    func singles(of tensor: Tensor) throws -> DeviceBuffer {
        let stored = try device.buffer(bytesOf: tensor)
        let type: HalfType
        switch tensor.elementType {
        case .float32: return stored
        case .bfloat16: type = .bfloat16
        case .float16: type = .float16
        default: throw CUDAWeightError.elementType(tensor.elementType, role: "a weight")
        }
        let widened = try device.allocate(4 * tensor.elementCount)
        try launchElements(
            "esparse_widen_\(type.rawValue)", count: tensor.elementCount, [.pointer(stored.all)], output: widened.all)
        return widened
    }
}
