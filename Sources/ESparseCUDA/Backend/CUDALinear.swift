// A linear layer on a device: its weights in the forms that its kernels read, and the product by the chosen kernel.

import ESparseCore
import Synchronization

/// A linear layer `y = x W^T + b`, dense or N:M, ready to run on a device.
package final class CUDALinear: Sendable {
    /// The weights as they lie on the device.
    private enum Weights: Sendable {
        /// `[R, C]`, 16 bits.
        case dense(DeviceBuffer)
        /// Kept values `[R, C * N / M]`, 16 bits, and bits `[R, (C + 7) / 8]`; for cuSPARSELt its own form beside it.
        case sparse(values: DeviceBuffer, bits: DeviceBuffer, keptPerRow: Int, compressed: SparseWeight?)
    }

    /// Where a product goes.
    enum Destination {
        /// Written in 16 bits.
        case halves(DeviceSlice)
        /// Written in single precision.
        case singles(DeviceSlice)
        /// Added to single precision.
        case sum(DeviceSlice)
    }

    /// What the choice of kernel depends on.
    package let traits: CUDALinearTraits
    /// Who chooses the kernel.
    private let selection: KernelSelection<CUDAKernelChoice>
    private let context: CUDAContext
    private let weights: Weights
    private let bias: DeviceBias?
    /// cuSPARSELt's plans by padded number of tokens; they hold this linear's bias.
    private let sparseProducts = Mutex<[Int: SparseProduct]>([:])

    /// Puts weights `[R, C]` and bias `[R]` on the device.
    ///
    /// - Throws: `CUDAWeightError` when a type or shape does not fit; `CUDAError`.
    init(
        _ weight: LinearWeight, bias: Tensor?, traits: CUDALinearTraits, profile: KernelProfile<CUDALinearTraits>?,
        context: CUDAContext
    ) throws {
        switch weight.matrix {
        case .dense(let tensor):
            guard tensor.shape.count == 2, tensor.elementCount > 0 else {
                throw CUDAWeightError.notAMatrix(shape: tensor.shape)
            }
            weights = .dense(try context.halves(of: tensor, role: "a weight"))
        case .sparse(let matrix):
            guard matrix.rows > 0, matrix.columns > 0 else {
                throw CUDAWeightError.notAMatrix(shape: [matrix.rows, matrix.columns])
            }
            let values = try context.halves(of: matrix.values, role: "a weight")
            let bits = try context.device.buffer(bytesOf: matrix.bitmask)
            var compressed: SparseWeight?
            if traits.isCompressed {
                let dense = try context.decompress(
                    values: values, bits: bits, rows: matrix.rows, columns: matrix.columns,
                    keptPerRow: matrix.keptPerRow)
                compressed = try context.sparse.get().compress(
                    dense: dense.all, rows: matrix.rows, columns: matrix.columns, type: context.type)
            }
            weights = .sparse(values: values, bits: bits, keptPerRow: matrix.keptPerRow, compressed: compressed)
        }
        self.bias = try bias.map { try DeviceBias($0, rows: weight.rows, context: context) }
        self.traits = traits
        selection = KernelSelection(profile, for: traits) {
            CUDAKernelChoice(traits.kernel(named: $0.kernel), algorithm: $0.parameter)
        }
        self.context = context
    }

    private init(_ other: CUDALinear, selection: KernelSelection<CUDAKernelChoice>) {
        traits = other.traits
        context = other.context
        weights = other.weights
        bias = other.bias
        self.selection = selection
    }

    /// R: output channels.
    package var rows: Int { traits.rows }
    /// C: input channels.
    package var columns: Int { traits.columns }

    /// Bytes of the weights on the device: what our kernels read, and cuSPARSELt's own form where there is one.
    package var byteCount: (own: Int, compressed: Int) {
        switch weights {
        case .dense(let buffer): (buffer.byteCount, 0)
        case .sparse(let values, let bits, _, let compressed):
            (values.byteCount + bits.byteCount, compressed?.byteCount ?? 0)
        }
    }

    /// The kernel that runs for this many tokens.
    package func kernel(tokens: Int) -> CUDALinearKernel { choice(tokens: tokens).kernel }

    private func choice(tokens: Int) -> CUDAKernelChoice {
        selection.choice(tokens: tokens, rule: CUDAKernelChoice(traits.ruleKernel(tokens: tokens))).kernel
    }

    /// The same linear with one kernel for any number of tokens, one of `traits.possibleKernels`.
    package func using(_ kernel: CUDALinearKernel) -> CUDALinear {
        precondition(traits.possibleKernels.contains(kernel), "\(kernel) cannot run this linear")
        return CUDALinear(self, selection: .fixed(CUDAKernelChoice(kernel)))
    }

    /// Multiplies rows `[T, C]` of 16 bits, of which there is memory for `CUDAActivation.paddedTokens`.
    func multiply(_ input: DeviceSlice, tokens: Int, to destination: Destination) throws(CUDAError) {
        guard tokens > 0 else { return }
        switch (kernel(tokens: tokens), weights) {
        case (.fewTokens, .sparse(let values, let bits, _, _)):
            try multiplyFew(input, tokens: tokens, values: values, bits: bits, to: destination)
        case (.sparseLibrary, .sparse(_, _, _, .some(let compressed))):
            try multiplyCompressed(input, tokens: tokens, compressed, to: destination)
        case (.denseLibrary, .dense), (.decompressed, .sparse):
            try multiplyDense(input, tokens: tokens, denseWeight().all, rows: 0..<rows, to: destination)
        case (.fewTokens, _), (.sparseLibrary, _), (.denseLibrary, _), (.decompressed, _):
            preconditionFailure("\(kernel(tokens: tokens)) cannot run these weights")
        }
    }

    /// The weights as a dense matrix `[R, C]`: themselves, or written out in scratch.
    func denseWeight() throws(CUDAError) -> DeviceBuffer {
        switch weights {
        case .dense(let weight): weight
        case .sparse(let values, let bits, let keptPerRow, _):
            try context.decompress(values: values, bits: bits, rows: rows, columns: columns, keptPerRow: keptPerRow)
        }
    }

    /// By cuBLASLt with some rows of the dense weight; the destination's rows are as long as `range`.
    func multiplyDense(
        _ input: DeviceSlice, tokens: Int, _ weight: DeviceSlice, rows range: Range<Int>, to destination: Destination
    ) throws(CUDAError) {
        let (output, target, accumulates): (ProductOutput, DeviceSlice, Bool) =
            switch destination {
            case .halves(let slice): (.half, slice, false)
            case .singles(let slice): (.float32, slice, false)
            case .sum(let slice): (.float32, slice, true)
            }
        let shape = DenseProductShape(
            tokens: tokens, rows: range.count, columns: columns, type: context.type, output: output,
            hasBias: bias != nil)
        let usedBias = output == .half ? bias?.halves : bias?.singles
        try context.product(shape).run(
            weight: weight.slice(from: 2 * range.lowerBound * columns), input: input,
            bias: usedBias?.slice(from: range.lowerBound * (output == .half ? 2 : 4)), output: target,
            accumulates: accumulates)
    }

    /// By our kernel, 16 tokens at a time.
    private func multiplyFew(
        _ input: DeviceSlice, tokens: Int, values: DeviceBuffer, bits: DeviceBuffer, to destination: Destination
    ) throws(CUDAError) {
        if case .singles(let slice) = destination { try slice.fill() }
        for first in stride(from: 0, to: tokens, by: CUDALinearTraits.fewTokens) {
            let count = min(CUDALinearTraits.fewTokens, tokens - first)
            let (output, residual): (DeviceSlice?, DeviceSlice?) =
                switch destination {
                case .halves(let slice): (slice.slice(from: 2 * first * rows), nil)
                case .singles(let slice), .sum(let slice): (nil, slice.slice(from: 4 * first * rows))
                }
            try context.launch(
                FewTokensLaunch.kernel(tokens: count, type: context.type), in: .sparseFewTokens,
                grid: (FewTokensLaunch.blocks(rows: rows), 1, 1), block: FewTokensLaunch.threads,
                sharedBytes: FewTokensLaunch.sharedBytes,
                [
                    .pointer(values.all), .pointer(bits.all), .pointer(input.slice(from: 2 * first * columns)),
                    .pointer(bias?.singles.all), .count(rows), .count(columns), .count(count), .pointer(output),
                    .pointer(residual),
                ])
        }
    }

    /// By cuSPARSELt, which writes 16 bits; those are then added or widened.
    private func multiplyCompressed(
        _ input: DeviceSlice, tokens: Int, _ weight: SparseWeight, to destination: Destination
    ) throws(CUDAError) {
        let padded = CUDAActivation.paddedTokens(tokens)
        let product = try sparseProduct(tokens: tokens)
        if case .halves(let slice) = destination {
            return try product.run(weight: weight, input: input, output: slice)
        }
        let halves = try context.device.scratch(2 * padded * rows)
        try product.run(weight: weight, input: input, output: halves.all)
        let (name, target) =
            switch destination {
            case .singles(let slice): ("esparse_widen", slice)
            case .sum(let slice), .halves(let slice): ("esparse_add", slice)
            }
        try context.launchElements(
            "\(name)_\(context.type.rawValue)", count: tokens * rows, [.pointer(halves.all)], output: target)
    }

    /// Lets the library that runs this many tokens time its algorithms; `output` is overwritten. Returns cuSPARSELt's choice.
    func searchAlgorithm(
        _ input: DeviceSlice, tokens: Int, output: DeviceSlice
    ) throws(CUDAError) -> SparseAlgorithm? {
        switch (kernel(tokens: tokens), weights) {
        case (.fewTokens, _): return nil
        case (.sparseLibrary, .sparse(_, _, _, .some(let compressed))):
            let product = try sparseProduct(tokens: tokens)
            return try product.search(weight: compressed, input: input, output: output)
        case (.sparseLibrary, _): preconditionFailure("cuSPARSELt has no form of these weights")
        case (.denseLibrary, _), (.decompressed, _):
            let shape = DenseProductShape(
                tokens: tokens, rows: rows, columns: columns, type: context.type, output: .half, hasBias: bias != nil)
            try context.product(shape).search(
                weight: denseWeight().all, input: input, bias: bias?.halves.all, output: output)
            return nil
        }
    }

    private func sparseProduct(tokens: Int) throws(CUDAError) -> SparseProduct {
        let paddedTokens = CUDAActivation.paddedTokens(tokens)
        if let product = sparseProducts.withLock({ $0[paddedTokens] }) { return product }
        let shape = SparseProductShape(
            tokens: paddedTokens, rows: rows, columns: columns, type: context.type, hasBias: bias != nil)
        let product = try context.sparse.get().product(
            shape, bias: bias?.halves.all,
            algorithm: choice(tokens: paddedTokens).algorithm)
        sparseProducts.withLock { $0[paddedTokens] = product }
        return product
    }
}

/// Launch geometry of `sparse_few_tokens.cu`.
package enum FewTokensLaunch {
    static let threads = 256
    static let sharedBytes = 32 << 10

    /// Eight warps of two rows.
    package static func blocks(rows: Int) -> Int { (rows + 15) / 16 }

    /// The kernel for a number of tokens, rounded up to a power of two.
    package static func kernel(tokens: Int, type: HalfType) -> String {
        precondition(tokens >= 1 && tokens <= CUDALinearTraits.fewTokens)
        var rounded = 1
        while rounded < tokens { rounded *= 2 }
        return "esparse_sparse_few_tokens_\(rounded)_\(type.rawValue)"
    }
}

extension CUDAContext {
    /// An N:M matrix written out, `[rows, columns]` of 16 bits, in scratch.
    func decompress(
        values: DeviceBuffer, bits: DeviceBuffer, rows: Int, columns: Int, keptPerRow: Int
    ) throws(CUDAError) -> DeviceBuffer {
        let dense = try device.scratch(2 * rows * columns)
        try launch(
            "esparse_decompress", in: .decompression, grid: (rows, 1, 1), block: 32,
            [.pointer(values.all), .pointer(bits.all), .count(columns), .count(keptPerRow), .pointer(dense.all)])
        return dense
    }
}
