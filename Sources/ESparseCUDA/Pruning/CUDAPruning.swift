// Pruning's arithmetic on a GPU: statistics are gathered and weights scored and masked where they are.

package import ESparseCore

/// The GPU of a backend.
///
/// For the same inputs, moments, histograms, saliencies, masks and gains of swaps are the processor's bit for bit. Sums of products,
/// and the product that a refinement begins with, are added up in another order, in single precision. Every call that returns
/// figures waits for the device; its failures are `CUDAError`.
package struct CUDAPruning: PruningDevice {
    let context: CUDAContext

    package func makeAccumulator(
        channels: Int, bins: LogarithmicBinning?, sumsProducts: Bool
    ) throws -> CUDAAccumulator {
        try CUDAAccumulator(channels: channels, bins: bins, sumsProducts: sumsProducts, context: context)
    }

    package func saliency(of weight: Tensor, factors: [Float]) throws -> CUDASaliency {
        precondition(factors.count == weight.columns)
        let singles = try context.singles(of: weight)
        let count = weight.elementCount
        let values = try context.device.allocate(4 * count)
        try context.launch(
            "esparse_saliency", in: .saliency, grid: ((count + 255) / 256, 1, 1), block: 256,
            [
                .pointer(singles.all), .pointer(try context.device.buffer(factors).all), .count(weight.columns),
                .int64(Int64(count)), .pointer(values.all),
            ])
        return CUDASaliency(
            rows: weight.rows, columns: weight.columns, weight: singles, values: values, context: context)
    }

    package func saliency(of weight: Tensor, values: [Float]) throws -> CUDASaliency {
        precondition(values.count == weight.elementCount)
        return CUDASaliency(
            rows: weight.rows, columns: weight.columns, weight: try context.singles(of: weight),
            values: try context.device.buffer(values), context: context)
    }

    package func refiner(
        products: CUDAProducts, order: Permutation?, pattern: SparsityPattern
    ) throws -> CUDARefiner? {
        try CUDARefiner(products, order: order, pattern: pattern, context: context)
    }
}

extension CUDABackend: PruningBackend {
    /// Pruning's arithmetic on this backend's GPU.
    package var pruning: CUDAPruning { CUDAPruning(context: context) }
    /// The GPU.
    package var pruningDevice: any PruningDevice<CUDAActivation> { pruning }
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
