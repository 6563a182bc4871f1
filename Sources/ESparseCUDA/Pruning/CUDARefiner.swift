// Refinement of masks on the device (`mask_refinement.cu`).

package import ESparseCore

/// The damped Hessian of one site on the device, channels in the site's order.
package struct CUDARefiner: MaskRefiner {
    private let context: CUDAContext
    private let pattern: SparsityPattern
    private let channels: Int
    /// `[channels]` int32; nil where channels keep their order.
    private let order: DeviceBuffer?
    /// `[channels, channels]` f32, both triangles.
    private let hessian: DeviceBuffer
    /// `[channels, M]` f32: the part of each channel's row that lies in its own group.
    private let own: DeviceBuffer

    /// Threads that work on a row.
    private static let threadsPerRow = 128

    /// Makes `H = 2 / T X^T X`: dead channels get the mean of the others on the diagonal, then all of it is damped. Nil where sums
    /// overflowed.
    init?(
        _ products: CUDAProducts, order: Permutation?, pattern: SparsityPattern, context: CUDAContext
    ) throws(CUDAError) {
        precondition(products.tokenCount > 0 && products.channels % pattern.group == 0)
        precondition(order.map { $0.count == products.channels } ?? true)
        self.context = context
        self.pattern = pattern
        channels = products.channels
        self.order = try context.buffer(order)
        let scale = KernelArgument.float(2 / Float(products.tokenCount))
        let stored = try context.device.allocate(4 * channels)
        try context.launch(
            "esparse_product_diagonal", in: .maskRefinement, grid: ((channels + 255) / 256, 1, 1), block: 256,
            [.pointer(products.sums.all), .pointer(self.order?.all), .count(channels), scale, .pointer(stored.all)])
        let found = HessianDiagonal(try stored.all.download(Float.self, count: channels))
        guard let damped = found?.damped(by: RefinementLimits.damping) else { return nil }
        let diagonal = try context.device.buffer(damped)
        hessian = try context.device.allocate(4 * channels * channels)
        own = try context.device.allocate(4 * channels * pattern.group)
        try context.launch(
            "esparse_ordered_products", in: .maskRefinement, grid: (channels, (channels + 255) / 256, 1), block: 256,
            [
                .pointer(products.sums.all), .pointer(self.order?.all), .pointer(diagonal.all), .count(channels),
                scale, .count(pattern.group), .pointer(hessian.all), .pointer(own.all),
            ])
    }

    /// `saliency` holds the weights on the device, so `weight` is not read.
    package func refine(
        _ bits: inout [UInt8], of saliency: CUDASaliency, weight: Tensor, parallel: ParallelLoop
    ) throws -> (before: Double, after: Double) {
        let rows = saliency.rows
        precondition(saliency.columns == channels && bits.count == rows * ((channels + 7) / 8))
        let device = context.device
        let mask = try device.buffer(bits)
        let weight = try device.allocate(4 * rows * channels)
        let response = try device.allocate(4 * rows * channels)
        let errors = try device.allocate(16 * rows)
        try respond(to: saliency, mask, weight: weight, response: response)
        try context.launch(
            "esparse_refine_mask", in: .maskRefinement, grid: (rows, 1, 1), block: Self.threadsPerRow,
            [
                .pointer(weight.all), .pointer(hessian.all), .pointer(own.all), .count(channels),
                .count(pattern.group), .count(pattern.kept), .count(RefinementLimits.rounds),
                .float(RefinementLimits.smallestGain), .pointer(mask.all), .pointer(response.all),
                .pointer(errors.all),
            ])
        bits = try mask.all.download(UInt8.self, count: bits.count)
        let figures = try errors.all.download(UInt64.self, count: 2 * rows).map { Double(bitPattern: $0) }
        var sums = (before: 0.0, after: 0.0)
        for row in 0..<rows {
            sums.before += figures[2 * row]
            sums.after += figures[2 * row + 1]
        }
        return sums
    }

    /// Writes the weights in the site's order, and the product of the dropped ones with the Hessian, in single precision.
    private func respond(
        to saliency: CUDASaliency, _ mask: DeviceBuffer, weight: DeviceBuffer, response: DeviceBuffer
    ) throws(CUDAError) {
        let rows = saliency.rows
        let dropped = try context.device.allocate(4 * rows * channels)
        try context.launch(
            "esparse_dropped", in: .maskRefinement, grid: (rows, (channels + 255) / 256, 1), block: 256,
            [
                .pointer(saliency.weight.all), .pointer(mask.all), .pointer(order?.all), .count(channels),
                .pointer(weight.all), .pointer(dropped.all),
            ])
        let shape = DenseProductShape(tokens: rows, rows: channels, columns: channels)
        try context.product(shape).run(weight: hessian.all, input: dropped.all, output: response.all)
    }
}
